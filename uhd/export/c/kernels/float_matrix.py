"""Float convolutions as matrix products: a tile of pixels times output channels is summed in vector registers."""

from __future__ import annotations

from uhd.export.c.source import Kernel

BLOCK = 16  # output channels of one packed block of weights

VECTORS = """
/*
 * LANES floats make one vector register. A tile is ROWS pixels by PANELS blocks of 16 output channels: as many sums as
 * there are registers. Compilers without vector types compute the same with plain floats.
 */
#if defined(__GNUC__) && defined(__AVX512F__)
#define LANES 16
#define ROWS 8
#define PANELS 2
#elif defined(__GNUC__) && defined(__AVX__)
#define LANES 8
#define ROWS 6
#define PANELS 1
#elif defined(__GNUC__) && defined(__ARM_NEON)
#define LANES 4
#define ROWS 6
#define PANELS 1
#elif defined(__GNUC__) && defined(__SSE2__)
#define LANES 4
#define ROWS 2
#define PANELS 1
#else
#define LANES 1
#define ROWS 1
#define PANELS 1
#endif
#define VECTORS (16 / LANES) /* in a block */
#if LANES > 1
typedef float vector __attribute__((vector_size(LANES * 4)));
typedef int32_t mask __attribute__((vector_size(LANES * 4)));
#define CHOOSE(condition, a, b) ((vector)(((mask)(a) & (condition)) | ((mask)(b) & ~(condition))))
#else
typedef float vector;
typedef int32_t mask;
#define CHOOSE(condition, a, b) ((condition) ? (a) : (b))
#endif
"""

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
                const int iy = y * sy - top + i * dy, ix = x * sx - left;
                if (iy < 0 || iy >= h) {
                    memset(t, 0, (size_t)(kw * c) * sizeof *t);
                    t += kw * c;
                } else if (in_step == c && dx == 1 && ix >= 0 && ix + kw <= w) {
                    const @IN@ *from = in + (iy * w + ix) * c;
                    for (k = 0; k < kw * c; k++)
                        t[k] = (float)from[k];
                    t += kw * c;
                } else
                    for (j = 0; j < kw; j++, t += c) {
                        const int at = ix + j * dx;
                        for (k = 0; k < c; k++)
                            t[k] = at < 0 || at >= w ? 0.0f : (float)in[(iy * w + at) * in_step + k];
                    }
            }
        pointwise(row, kh * kw * c, ow, kh * kw * c, weight, bias, n, out + y * ow * out_step, out_step, low,
                  high, function);
    }
}
"""

MATRIX = (
    Kernel(
        "tile",
        """
/* `rows` pixels times `panels` blocks of output channels, of which n are written. A block of `w` is k x 16. */
INLINE void tile(int rows, int panels, const float *restrict in, int in_step, int k, const float *restrict w,
                 const float *restrict bias, float *restrict out, int out_step, int n, float low, float high,
                 int function)
{
    vector sum[ROWS][PANELS * VECTORS], q[PANELS * VECTORS];
    const int columns = panels * VECTORS;
    int i, r, l;
    UNROLL for (r = 0; r < rows; r++)
        UNROLL for (l = 0; l < columns; l++)
            memcpy(&sum[r][l], bias + l * LANES, sizeof(vector));
    for (i = 0; i < k; i++, w += 16) {
        UNROLL for (l = 0; l < columns; l++)
            memcpy(&q[l], w + l / VECTORS * k * 16 + l % VECTORS * LANES, sizeof(vector));
        UNROLL for (r = 0; r < rows; r++) {
            const float v = in[r * in_step + i];
            UNROLL for (l = 0; l < columns; l++)
                sum[r][l] += v * q[l];
        }
    }
    UNROLL for (r = 0; r < rows; r++) {
        float *to = out + r * out_step;
        if (function == 0)
            UNROLL for (l = 0; l < columns; l++) {
                const vector none = {0.0f}, least = low - none, most = high - none;
                const vector v = CHOOSE(sum[r][l] < least, least, sum[r][l]);
                sum[r][l] = CHOOSE(v > most, most, v);
            }
        if (n == panels * 16)
            UNROLL for (l = 0; l < columns; l++)
                memcpy(to + l * LANES, &sum[r][l], sizeof(vector));
        else {
            float t[PANELS * 16];
            UNROLL for (l = 0; l < columns; l++)
                memcpy(t + l * LANES, &sum[r][l], sizeof(vector));
            memcpy(to, t, (size_t)n * sizeof *t);
        }
        if (function > 0)
            finish(to, n, low, high, function);
    }
}
""",
        ("finish",),
    ),
    Kernel(
        "columns",
        """
/* All pixels times `panels` blocks. */
INLINE void columns(int panels, const float *restrict in, int in_step, int pixels, int k, const float *restrict w,
                    const float *restrict bias, int n, float *restrict out, int out_step, float low,
                    float high, int function)
{
    int p;
    for (p = 0; p + ROWS <= pixels; p += ROWS)
        tile(ROWS, panels, in + p * in_step, in_step, k, w, bias, out + p * out_step, out_step, n, low, high,
             function);
    if (p < pixels && pixels >= ROWS) { /* the last pixels again, together with those left */
        p = pixels - ROWS;
        tile(ROWS, panels, in + p * in_step, in_step, k, w, bias, out + p * out_step, out_step, n, low, high,
             function);
        p = pixels;
    }
    for (; p < pixels; p++)
        tile(1, panels, in + p * in_step, in_step, k, w, bias, out + p * out_step, out_step, n, low, high, function);
}
""",
        ("tile",),
    ),
    Kernel(
        "pointwise",
        """
/* 1 x 1 convolution: a matrix product over the pixels. Weights and bias come in blocks of 16 outputs. */
static void pointwise(const float *restrict in, int in_step, int pixels, int k, const float *restrict w,
                      const float *restrict bias, int n, float *restrict out, int out_step, float low,
                      float high, int function)
{
    int first = 0, m;
#if PANELS > 1
    for (; n - first > 16; first += 32) {
        m = n - first < 32 ? n - first : 32;
        columns(2, in, in_step, pixels, k, w + first * k, bias + first, m, out + first, out_step, low, high, function);
    }
#endif
    for (; first < n; first += 16) {
        m = n - first < 16 ? n - first : 16;
        columns(1, in, in_step, pixels, k, w + first * k, bias + first, m, out + first, out_step, low, high, function);
    }
}
""",
        ("columns",),
    ),
    Kernel("image", _WINDOWS.replace("@NAME@", "image").replace("@IN@", "uint8_t"), ("pointwise",)),
    Kernel("dense", _WINDOWS.replace("@NAME@", "dense").replace("@IN@", "float"), ("pointwise",)),
)
