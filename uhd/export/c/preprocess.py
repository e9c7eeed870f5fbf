"""C that turns an image of any size into the network's input, exactly as :mod:`uhd.resize` does."""

from __future__ import annotations

from uhd.resize import input_channels, is_point_sampling

_INDEX = {
    "torch": """
/* The source index of torch's nearest mode. */
static int source_index(int i, int size, int source)
{
    const float scale = (float)source / (float)size;
    const int at = (int)((float)i * scale);
    return at < source ? at : source - 1;
}
""",
    "cv2": """
/* The source index of OpenCV's INTER_NEAREST. */
static int source_index(int i, int size, int source)
{
    const int at = (int)(i * (1.0 / ((double)size / source)));
    return at < source ? at : source - 1;
}
""",
}
_NEAREST = """
static void prepare(const uint8_t *rgb, int width, int height, int stride, uint8_t *to)
{
    int column[@W@], x, y;
    for (x = 0; x < @W@; x++)
        column[x] = 3 * source_index(x, @W@, width);
    for (y = 0; y < @H@; y++) {
        const uint8_t *row = rgb + (size_t)source_index(y, @H@, height) * (size_t)stride;
        for (x = 0; x < @W@; x++, to += @C@) {
            const uint8_t *p = row + column[x];
@STORE@
        }
    }
}
"""
_LINEAR = """
/* A place between two source pixels, and the weight of the second one in 2048ths: OpenCV's INTER_LINEAR. */
static int source_place(int i, int size, int source, int *second, int *weight)
{
    float at = (float)((i + 0.5) * (1.0 / ((double)size / source)) - 0.5);
    const int first = at < 0.0f ? -1 : (int)at;
    at = (at - (float)first) * 2048.0f;
    *weight = (int)(at + 0.5f);
    if ((float)*weight - at == 0.5f) /* halves go to the even neighbour */
        *weight &= ~1;
    *second = first + 1 < source ? first + 1 : source - 1;
    return first < 0 ? 0 : first < source ? first : source - 1;
}

static void prepare(const uint8_t *rgb, int width, int height, int stride, uint8_t *to)
{
    int first[@W@], second[@W@], weight[@W@], x, y, k;
    if (width == @W@ && height == @H@) {
        for (y = 0; y < @H@; y++, rgb += stride)
            for (x = 0; x < @W@; x++, to += @C@) {
                const uint8_t *p = rgb + 3 * x;
@STORE@
            }
        return;
    }
    for (x = 0; x < @W@; x++) {
        first[x] = source_place(x, @W@, width, &second[x], &weight[x]);
        if (first[x] == second[x])
            weight[x] = 0;
    }
    for (y = 0; y < @H@; y++) {
        int below, share;
        const int above = source_place(y, @H@, height, &below, &share);
        const uint8_t *top = rgb + (size_t)above * (size_t)stride, *bottom = rgb + (size_t)below * (size_t)stride;
        for (x = 0; x < @W@; x++, to += @C@) {
            uint8_t p[3];
            for (k = 0; k < 3; k++) {
                const int i = 3 * first[x] + k, j = 3 * second[x] + k;
                const int a = top[i] * (2048 - weight[x]) + top[j] * weight[x];
                const int b = bottom[i] * (2048 - weight[x]) + bottom[j] * weight[x];
                p[k] = (uint8_t)((((2048 - share) * (a >> 4) >> 16) + (share * (b >> 4) >> 16) + 2) >> 2);
            }
@STORE@
        }
    }
}
"""
_LUMA = "(4899 * p[0] + 9617 * p[1] + 1868 * p[2] + 8192) >> 14"
_STORE = {
    "rgb": ["to[0] = p[0];", "to[1] = p[1];", "to[2] = p[2];"],
    "y": [f"to[0] = (uint8_t)({_LUMA});"],
    "bin": [f"to[0] = ({_LUMA}) >= 128 ? 254 : 0;"],
    "tri": [f"const int luma = {_LUMA};", "to[0] = luma >= 170 ? 254 : luma >= 85 ? 127 : 0;"],
    "yuv422": [
        "to[0] = (uint8_t)((4211 * p[0] + 8258 * p[1] + 1606 * p[2] + 8192 + (16 << 14)) >> 14);",
        "if (x % 2) {",
        "    const int r = left[0] + p[0], g = left[1] + p[1], b = left[2] + p[2];",
        "    to[-1] = (uint8_t)((-2424 * r - 4768 * g + 7192 * b + 16384 + (128 << 15)) >> 15);",
        "    to[1] = (uint8_t)((7192 * r - 6030 * g - 1164 * b + 16384 + (128 << 15)) >> 15);",
        "} else",
        "    memcpy(left, p, 3);",
    ],
}


def levels(mode: str) -> int:
    """Return the byte that stands for 1.0 in the network's input."""
    return 254 if mode.endswith(("_bin", "_tri")) else 255


def preprocess(mode: str, size: tuple[int, int]) -> str:
    """Return the C function ``prepare`` and what it calls.

    Args:
        mode: one of the resize modes.
        size: (height, width) of the network.
    """
    colour = mode.rpartition("_")[2]
    store = _STORE.get(colour, _STORE["rgb"])
    if is_point_sampling(mode):
        body, indent = _INDEX["torch" if mode == "torch_nearest" else "cv2"] + _NEAREST, 12
    else:
        body, indent = _LINEAR, 12
    if colour == "yuv422":
        body = body.replace("    int column[@W@]", "    uint8_t left[3] = {0, 0, 0};\n    int column[@W@]")
    lines = "\n".join(" " * indent + line for line in store)
    values = {"@STORE@": lines, "@H@": size[0], "@W@": size[1], "@C@": input_channels(mode)}
    for mark, value in values.items():
        body = body.replace(mark, str(value))
    return body
