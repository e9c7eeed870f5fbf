"""Float kernels between maps: depthwise convolution, pooling, sums, products. Maps are height x width x channels.

``step`` is the distance of two pixels in values. Innermost loops run over neighbouring channels, which compilers
vectorise.
"""

from __future__ import annotations

from uhd.export.c.source import Kernel

MAPS = (
    Kernel(
        "depthwise3_pixel",
        """
static inline void depthwise3_pixel(const float **p, int c, const float *restrict weight,
                                    const float *restrict bias, float *restrict out, float low, float high)
{
    const float *p0 = p[0], *p1 = p[1], *p2 = p[2], *p3 = p[3], *p4 = p[4], *p5 = p[5], *p6 = p[6];
    const float *p7 = p[7], *p8 = p[8];
    int i;
    for (i = 0; i < c; i++) {
        float v = bias[i] + p0[i] * weight[i] + p1[i] * weight[c + i] + p2[i] * weight[2 * c + i];
        v += p3[i] * weight[3 * c + i] + p4[i] * weight[4 * c + i] + p5[i] * weight[5 * c + i];
        v += p6[i] * weight[6 * c + i] + p7[i] * weight[7 * c + i] + p8[i] * weight[8 * c + i];
        v = v < low ? low : v;
        out[i] = v > high ? high : v;
    }
}
""",
    ),
    Kernel(
        "depthwise3",
        """
/* 3 x 3 depthwise convolution. `weight` is 9 x c. Outside the map every value is read from `zeros`. */
static void depthwise3(const float *restrict in, int in_step, int h, int w, int c, int stride, int top, int left,
                       const float *restrict weight, const float *restrict bias, float *restrict out,
                       int out_step, int oh, int ow, float low, float high, int function)
{
    int y, x, i;
    for (y = 0; y < oh; y++)
        for (x = 0; x < ow; x++, out += out_step) {
            const float *p[9];
            for (i = 0; i < 9; i++) {
                const int iy = y * stride - top + i / 3, ix = x * stride - left + i % 3;
                p[i] = iy < 0 || iy >= h || ix < 0 || ix >= w ? zeros : in + (iy * w + ix) * in_step;
            }
            depthwise3_pixel(p, c, weight, bias, out, low, high);
            if (function > 0)
                finish(out, c, low, high, function);
        }
}
""",
        ("depthwise3_pixel", "finish"),
    ),
    Kernel(
        "depthwise",
        """
/* Depthwise convolution of any size. `weight` is kh x kw x c. */
static void depthwise(const float *restrict in, int in_step, int h, int w, int c, int kh, int kw, int sy, int sx,
                      int dy, int dx, int top, int left, const float *restrict weight,
                      const float *restrict bias, float *restrict out, int out_step, int oh, int ow, float low,
                      float high, int function)
{
    int y, x, i, j, k;
    for (y = 0; y < oh; y++)
        for (x = 0; x < ow; x++, out += out_step) {
            for (k = 0; k < c; k++)
                out[k] = bias[k];
            for (i = 0; i < kh; i++)
                for (j = 0; j < kw; j++) {
                    const int iy = y * sy - top + i * dy, ix = x * sx - left + j * dx;
                    const float *from = in + (iy * w + ix) * in_step, *q = weight + (i * kw + j) * c;
                    if (iy < 0 || iy >= h || ix < 0 || ix >= w)
                        continue;
                    for (k = 0; k < c; k++)
                        out[k] += from[k] * q[k];
                }
            finish(out, c, low, high, function);
        }
}
""",
        ("finish",),
    ),
    Kernel(
        "larger",
        """
static inline void larger(float *restrict out, const float *restrict in, int c)
{
    int k;
    for (k = 0; k < c; k++)
        out[k] = out[k] > in[k] ? out[k] : in[k];
}
""",
    ),
    Kernel(
        "max_pool",
        """
/* Maximum over a window: down the columns into `row` (w x c), then along it. */
static void max_pool(const float *restrict in, int in_step, int h, int w, int c, int kh, int kw, int sy, int sx,
                     int top, int left, float *restrict out, int out_step, int oh, int ow, float *restrict row)
{
    int y, x, i;
    for (y = 0; y < oh; y++) {
        const int y0 = y * sy - top < 0 ? 0 : y * sy - top;
        const int y1 = y * sy - top + kh > h ? h : y * sy - top + kh;
        for (x = 0; x < w; x++) {
            memcpy(row + x * c, in + (y0 * w + x) * in_step, (size_t)c * sizeof *row);
            for (i = y0 + 1; i < y1; i++)
                larger(row + x * c, in + (i * w + x) * in_step, c);
        }
        for (x = 0; x < ow; x++, out += out_step) {
            const int x0 = x * sx - left < 0 ? 0 : x * sx - left;
            const int x1 = x * sx - left + kw > w ? w : x * sx - left + kw;
            memcpy(out, row + x0 * c, (size_t)c * sizeof *row);
            for (i = x0 + 1; i < x1; i++)
                larger(out, row + i * c, c);
        }
    }
}
""",
        ("larger",),
    ),
    Kernel(
        "sum_rows",
        """
static inline void sum_rows(const float *restrict a, const float *restrict b, float *restrict out, int c)
{
    int k;
    for (k = 0; k < c; k++)
        out[k] = a[k] + b[k];
}
""",
    ),
    Kernel(
        "sum_into",
        """
static inline void sum_into(float *restrict out, const float *restrict b, int c)
{
    int k;
    for (k = 0; k < c; k++)
        out[k] += b[k];
}
""",
    ),
    Kernel(
        "add",
        """
/* Sum; the second map has bh x bw pixels and is repeated to h x w. `out` may be `a`. */
static void add(const float *a, int a_step, const float *b, int b_step, int bh, int bw, float *out, int out_step,
                int h, int w, int c, float low, float high, int function)
{
    int y, x;
    for (y = 0; y < h; y++)
        for (x = 0; x < w; x++) {
            const float *q = b + (y * bh / h * bw + x * bw / w) * b_step;
            const float *p = a + (y * w + x) * a_step;
            float *t = out + (y * w + x) * out_step;
            if (p == t)
                sum_into(t, q, c);
            else
                sum_rows(p, q, t, c);
            finish(t, c, low, high, function);
        }
}
""",
        ("sum_rows", "sum_into", "finish"),
    ),
    Kernel(
        "scale_row",
        """
static inline void scale_row(const float *restrict in, const float *restrict factor, float *restrict out, int c)
{
    int k;
    for (k = 0; k < c; k++)
        out[k] = in[k] * factor[k];
}
""",
    ),
    Kernel(
        "scale_into",
        """
static inline void scale_into(float *restrict out, const float *restrict factor, int c)
{
    int k;
    for (k = 0; k < c; k++)
        out[k] *= factor[k];
}
""",
    ),
    Kernel(
        "gate",
        """
/* Product with one factor for each channel. `out` may be `in`. */
static void gate(const float *in, int in_step, const float *factor, float *out, int out_step, int pixels, int c,
                 float low, float high, int function)
{
    int p;
    for (p = 0; p < pixels; p++, in += in_step, out += out_step) {
        if (in == out)
            scale_into(out, factor, c);
        else
            scale_row(in, factor, out, c);
        finish(out, c, low, high, function);
    }
}
""",
        ("scale_row", "scale_into", "finish"),
    ),
    Kernel(
        "mean",
        """
static void mean(const float *restrict in, int in_step, int pixels, int c, float *restrict out)
{
    int p, k;
    for (k = 0; k < c; k++)
        out[k] = 0.0f;
    for (p = 0; p < pixels; p++, in += in_step)
        for (k = 0; k < c; k++)
            out[k] += in[k];
    for (k = 0; k < c; k++)
        out[k] /= (float)pixels;
}
""",
    ),
    Kernel(
        "copy",
        """
/* Nearest resizing (of the same size: a copy), then the activation. `out` may be `in`. */
static void copy(const float *in, int in_step, int h, int w, float *out, int out_step, int oh, int ow, int c,
                 float low, float high, int function)
{
    int y, x;
    for (y = 0; y < oh; y++)
        for (x = 0; x < ow; x++, out += out_step) {
            memmove(out, in + (y * h / oh * w + x * w / ow) * in_step, (size_t)c * sizeof *out);
            finish(out, c, low, high, function);
        }
}
""",
        ("finish",),
    ),
)
