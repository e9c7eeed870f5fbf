"""C that turns an image of any size into the network's input, exactly as :mod:`uhd.resize` does."""

from __future__ import annotations

from uhd.resize import input_channels, is_point_sampling

# What a frame holds, in the order of its bytes.
_FORMATS = """
enum { RGB888, RGB565_LOW_FIRST, RGB565_HIGH_FIRST };

/* One pixel of a row as R, G, B; five and six bits become eight so that all ones are 255. */
INLINE void pixel_of(const uint8_t *row, int x, int format, uint8_t *p)
{
    if (format == RGB888)
        memcpy(p, row + 3 * x, 3);
    else {
        const int low = row[2 * x + (format == RGB565_HIGH_FIRST)], high = row[2 * x + (format == RGB565_LOW_FIRST)];
        const int red = high >> 3, green = (high & 7) << 3 | low >> 5, blue = low & 31;
        p[0] = (uint8_t)(red << 3 | red >> 2);
        p[1] = (uint8_t)(green << 2 | green >> 4);
        p[2] = (uint8_t)(blue << 3 | blue >> 2);
    }
}
"""
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
static void prepare(const uint8_t *frame, int format, int width, int height, int stride, uint8_t *to)
{
    int column[@W@], x, y;
    for (x = 0; x < @W@; x++)
        column[x] = source_index(x, @W@, width);
    for (y = 0; y < @H@; y++) {
        const uint8_t *row = frame + (size_t)source_index(y, @H@, height) * (size_t)stride;
        for (x = 0; x < @W@; x++, to += @C@) {
            uint8_t p[3];
            pixel_of(row, column[x], format, p);
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

static void prepare(const uint8_t *frame, int format, int width, int height, int stride, uint8_t *to)
{
    int first[@W@], second[@W@], weight[@W@], x, y, k;
    if (width == @W@ && height == @H@) {
        for (y = 0; y < @H@; y++, frame += stride)
            for (x = 0; x < @W@; x++, to += @C@) {
                uint8_t p[3];
                pixel_of(frame, x, format, p);
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
        const uint8_t *top = frame + (size_t)above * (size_t)stride, *bottom = frame + (size_t)below * (size_t)stride;
        for (x = 0; x < @W@; x++, to += @C@) {
            uint8_t p[3], corner[4][3];
            pixel_of(top, first[x], format, corner[0]);
            pixel_of(top, second[x], format, corner[1]);
            pixel_of(bottom, first[x], format, corner[2]);
            pixel_of(bottom, second[x], format, corner[3]);
            for (k = 0; k < 3; k++) {
                const int a = corner[0][k] * (2048 - weight[x]) + corner[1][k] * weight[x];
                const int b = corner[2][k] * (2048 - weight[x]) + corner[3][k] * weight[x];
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
    """Return the C function ``prepare`` and what it calls; it reads R, G, B bytes or RGB565 in either order of bytes.

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
    return _FORMATS + body
