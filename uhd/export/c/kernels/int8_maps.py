"""Integer kernels between maps: pooling, sums, products, copies; see :mod:`uhd.export.c.kernels.int8`."""

from __future__ import annotations

from uhd.export.c.kernels.float_maps import MAPS as _FLOAT_MAPS
from uhd.export.c.source import Kernel

_SHARED = ("larger", "max_pool")

MAPS = (
    *(
        Kernel(kernel.name, kernel.source.replace("float", "uint8_t"), kernel.needs)
        for kernel in _FLOAT_MAPS
        if kernel.name in _SHARED
    ),
    Kernel(
        "add",
        """
/* Sum: zero + (a * a_factor + b * b_factor) / 2^shift; the second map has bh x bw pixels and is repeated to h x w. */
static void add(const uint8_t *a, int a_step, int a_zero, int32_t a_factor, const uint8_t *b, int b_step, int b_zero,
                int32_t b_factor, int bh, int bw, uint8_t *out, int out_step, int h, int w, int c, int shift, int zero,
                int low, int high)
{
    const int32_t start = ((int32_t)1 << (shift - 1)) - a_zero * a_factor - b_zero * b_factor;
    int y, x, k;
    for (y = 0; y < h; y++)
        for (x = 0; x < w; x++) {
            const uint8_t *q = b + (y * bh / h * bw + x * bw / w) * b_step;
            const uint8_t *p = a + (y * w + x) * a_step;
            uint8_t *t = out + (y * w + x) * out_step;
            for (k = 0; k < c; k++)
                t[k] = clamped(zero + ((start + p[k] * a_factor + q[k] * b_factor) >> shift), low, high);
        }
}
""",
        ("store",),
    ),
    Kernel(
        "gate",
        """
/* Product with one factor for each channel: zero + (in * factor) * multiplier * 2^left / 2^(32 + shift). */
static void gate(const uint8_t *in, int in_step, int in_zero, const uint8_t *factor, int factor_zero, uint8_t *out,
                 int out_step, int pixels, int c, int32_t multiplier, int left, int shift, int zero, int low, int high)
{
    int p, k;
    for (p = 0; p < pixels; p++, in += in_step, out += out_step)
        for (k = 0; k < c; k++) {
            const int32_t product = (in[k] - in_zero) * (factor[k] - factor_zero);
            out[k] = clamped(zero + scaled(product * ((int32_t)1 << left), multiplier, shift), low, high);
        }
}
""",
        ("store",),
    ),
    Kernel(
        "mean",
        """
static void mean(const uint8_t *restrict in, int in_step, int in_zero, int pixels, int c, uint8_t *restrict out,
                 int32_t multiplier, int left, int shift, int zero)
{
    int p, k;
    for (k = 0; k < c; k++) {
        int32_t sum = -pixels * in_zero;
        for (p = 0; p < pixels; p++)
            sum += in[p * in_step + k];
        out[k] = clamped(zero + scaled(sum * ((int32_t)1 << left), multiplier, shift), 0, 255);
    }
}
""",
        ("store",),
    ),
    Kernel(
        "copy",
        """
/* Nearest resizing (of the same size: a copy). `out` may be `in`. */
static void copy(const uint8_t *in, int in_step, int h, int w, uint8_t *out, int out_step, int oh, int ow, int c)
{
    int y, x;
    for (y = 0; y < oh; y++)
        for (x = 0; x < ow; x++, out += out_step)
            memmove(out, in + (y * h / oh * w + x * w / ow) * in_step, (size_t)c);
}
""",
    ),
    Kernel(
        "lookup",
        """
/* An activation: every byte through a table. */
static void lookup(uint8_t *out, int out_step, int pixels, int c, const uint8_t *table)
{
    int p, k;
    for (p = 0; p < pixels; p++, out += out_step)
        for (k = 0; k < c; k++)
            out[k] = table[out[k]];
}
""",
    ),
    Kernel(
        "to_float",
        """
static void to_float(const uint8_t *in, int in_step, int h, int w, float *out, int out_step, int oh, int ow, int c,
                     float scale, int zero, float low, float high, int function)
{
    int y, x, k;
    for (y = 0; y < oh; y++)
        for (x = 0; x < ow; x++, out += out_step) {
            const uint8_t *from = in + (y * h / oh * w + x * w / ow) * in_step;
            for (k = 0; k < c; k++)
                out[k] = (float)(from[k] - zero) * scale;
            finish(out, c, low, high, function);
        }
}
""",
        ("finish",),
    ),
)
