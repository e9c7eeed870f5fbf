"""The float kernels. Maps are height x width x channels; ``step`` is the distance of two pixels in values.

Written for the vectoriser: innermost loops run over neighbouring channels, and the matrix product keeps its block of
sums in vector variables of the compiler (GNU C), which become plain floats on any other compiler.
"""

from __future__ import annotations

from uhd.export.c.source import Kernel

BLOCK = 16  # output channels of one packed block of weights

VECTORS = """
/* LANES floats make one vector register; ROWS pixels are computed at once. */
#if defined(__GNUC__) && defined(__AVX512F__)
#define LANES 16
#define ROWS 8
#elif defined(__GNUC__) && defined(__AVX__)
#define LANES 8
#define ROWS 6
#elif defined(__GNUC__) && (defined(__SSE2__) || defined(__ARM_NEON))
#define LANES 4
#define ROWS 4
#else
#define LANES 1
#define ROWS 1
#endif
#if LANES > 1
typedef float vector __attribute__((vector_size(LANES * 4)));
#else
typedef float vector;
#endif
"""

MATH = (
    Kernel(
        "exponential",
        """
/* e^x with a relative error below 3e-7. */
static inline float exponential(float x)
{
    float n, r, p, scale;
    int32_t i;
    uint32_t bits;
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    n = x * 1.44269504f;
    i = (int32_t)(n + (n < 0.0f ? -0.5f : 0.5f));
    n = (float)i;
    r = x - n * 0.693359375f + n * 2.12194440e-4f;
    p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    bits = (uint32_t)(i + 127) << 23;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}
""",
    ),
    Kernel(
        "sigmoid",
        """
static inline float sigmoid(float x)
{
    return 1.0f / (1.0f + exponential(-x));
}
""",
        ("exponential",),
    ),
    Kernel(
        "softplus",
        """
/* log(1 + e^x). */
static inline float softplus(float x)
{
    const float e = exponential(x < 0.0f ? x : -x);
    const float z = e / (2.0f + e), s = z * z; /* log(1 + e) = 2 atanh(z), z <= 1/3 */
    float p = 1.0f / 15.0f;
    p = p * s + 1.0f / 13.0f;
    p = p * s + 1.0f / 11.0f;
    p = p * s + 1.0f / 9.0f;
    p = p * s + 1.0f / 7.0f;
    p = p * s + 1.0f / 5.0f;
    p = p * s + 1.0f / 3.0f;
    p = p * s + 1.0f;
    return (x > 0.0f ? x : 0.0f) + 2.0f * z * p;
}
""",
        ("exponential",),
    ),
)

_WINDOWS = """
/* k x k convolution: the values under the filter of one row of outputs, then a matrix product. */
static void @NAME@(const @IN@ *restrict in, int in_step, int h, int w, int c, int kh, int kw, int sy, int sx, int dy,
                  int dx, int top, int left, const float *restrict weight, const float *restrict bias, int n,
                  float *restrict out, int out_step, int oh, int ow, float *restrict row, float low,
                  float high, int function)
{
    int y, x, i, j, k;
    for (y = 0; y < oh; y++) {
        float *t = row;
        for (x = 0; x < ow; x++)
            for (i = 0; i < kh; i++) {
                const int iy = y * sy - top + i * dy;
                for (j = 0; j < kw; j++, t += c) {
                    const int ix = x * sx - left + j * dx;
                    const @IN@ *from = in + (iy * w + ix) * in_step;
                    if (iy < 0 || iy >= h || ix < 0 || ix >= w)
                        for (k = 0; k < c; k++)
                            t[k] = 0.0f;
                    else
                        for (k = 0; k < c; k++)
                            t[k] = from[k];
                }
            }
        pointwise(row, kh * kw * c, ow, kh * kw * c, weight, bias, n, out + y * ow * out_step, out_step, low,
                  high, function);
    }
}
"""

KERNELS = (
    *MATH,
    Kernel(
        "finish",
        """
/* The activation: -1 none, 0 clamps to low .. high, 1 is SiLU, 2 is the logistic function. */
static inline void finish(float *x, int n, float low, float high, int function)
{
    int i;
    if (function == 0)
        for (i = 0; i < n; i++) {
            const float v = x[i] < low ? low : x[i];
            x[i] = v > high ? high : v;
        }
    else if (function == 1)
        for (i = 0; i < n; i++)
            x[i] = x[i] * sigmoid(x[i]);
    else if (function == 2)
        for (i = 0; i < n; i++)
            x[i] = sigmoid(x[i]);
}
""",
        ("sigmoid",),
    ),
    Kernel(
        "block",
        """
/* `rows` pixels times 16 output channels. `w` is k x 16. */
INLINE void block(int rows, const float *restrict in, int in_step, int k, const float *restrict w,
                  const float *restrict bias, float *restrict out, int out_step, int n, float low,
                  float high, int function)
{
    vector sum[ROWS][16 / LANES];
    int i, r, l;
    for (r = 0; r < rows; r++)
        memcpy(sum[r], bias, sizeof sum[r]);
    for (i = 0; i < k; i++, w += 16) {
        vector q[16 / LANES];
        memcpy(q, w, sizeof q);
        for (r = 0; r < rows; r++) {
            const float v = in[r * in_step + i];
            for (l = 0; l < 16 / LANES; l++)
                sum[r][l] += v * q[l];
        }
    }
    for (r = 0; r < rows; r++) {
        float t[16];
        memcpy(t, sum[r], sizeof t);
        finish(t, 16, low, high, function);
        if (n == 16)
            memcpy(out + r * out_step, t, sizeof t);
        else
            memcpy(out + r * out_step, t, (size_t)n * sizeof *t);
    }
}
""",
        ("finish",),
    ),
    Kernel(
        "pointwise",
        """
/* 1 x 1 convolution: a matrix product over the pixels. Weights and bias come in blocks of 16 outputs. */
static void pointwise(const float *restrict in, int in_step, int pixels, int k, const float *restrict w,
                      const float *restrict bias, int n, float *restrict out, int out_step, float low,
                      float high, int function)
{
    int first, p;
    for (first = 0; first < n; first += 16, w += k * 16, bias += 16) {
        const int m = n - first < 16 ? n - first : 16;
        for (p = 0; p + ROWS <= pixels; p += ROWS)
            block(ROWS, in + p * in_step, in_step, k, w, bias, out + p * out_step + first, out_step, m,
                  low, high, function);
#if ROWS > 1
        if (p < pixels && pixels >= ROWS) { /* the last pixels again, together with those left */
            p = pixels - ROWS;
            block(ROWS, in + p * in_step, in_step, k, w, bias, out + p * out_step + first, out_step, m,
                  low, high, function);
            p = pixels;
        }
        for (; p < pixels; p++)
            block(1, in + p * in_step, in_step, k, w, bias, out + p * out_step + first, out_step, m, low,
                  high, function);
#endif
    }
}
""",
        ("block",),
    ),
    Kernel("image", _WINDOWS.replace("@NAME@", "image").replace("@IN@", "uint8_t"), ("pointwise",)),
    Kernel("dense", _WINDOWS.replace("@NAME@", "dense").replace("@IN@", "float"), ("pointwise",)),
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
