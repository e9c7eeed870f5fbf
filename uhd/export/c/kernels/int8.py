"""Integer kernels: maps are uint8 with a step and a zero point each, weights int8, sums int32.

A sum becomes a byte again by a 32-bit fixed-point factor of its channel. Maps are height x width x channels; ``step``
among the arguments is the distance of two pixels in values.
"""

from __future__ import annotations

from uhd.export.c.kernels import dsp
from uhd.export.c.source import Kernel

TYPES = """
/* A convolution: out = zero_out + (sum + bias) * multiplier * 2^left / 2^(32 + shift) for each channel, clamped. */
typedef struct {
    const int8_t *weight;
    const int32_t *bias, *multiplier;
    const uint8_t *shift;
    const float *factor; /* of a float result, instead of the two before */
    int zero_in, zero_out, left, low, high;
    const uint8_t *table; /* of the activation, or none */
} convolution;
"""

_STORE = Kernel(
    "store",
    """
static inline int32_t scaled(int32_t x, int32_t multiplier, int shift)
{
    const int32_t product = (int32_t)(((int64_t)x * multiplier) >> 32);
    return (product + ((int32_t)1 << (shift - 1))) >> shift;
}

static inline uint8_t clamped(int32_t v, int32_t low, int32_t high)
{
    v = v < low ? low : v;
    return (uint8_t)(v > high ? high : v);
}

/* The sums of n channels from `first` on, as bytes. */
INLINE void store(const int32_t *restrict sum, int n, const convolution *l, int first, uint8_t *restrict out)
{
    const int32_t *restrict bias = l->bias + first, *restrict multiplier = l->multiplier + first;
    const uint8_t *restrict shift = l->shift + first;
    const int32_t zero = l->zero_out, unit = (int32_t)1 << l->left, low = l->low, high = l->high;
    int i;
    for (i = 0; i < n; i++)
        out[i] = clamped(zero + scaled((sum[i] + bias[i]) * unit, multiplier[i], shift[i]), low, high);
    if (l->table)
        for (i = 0; i < n; i++)
            out[i] = l->table[out[i]];
}
""",
)
_STORE_FLOAT = Kernel(
    "store_float",
    """
INLINE void store_float(const int32_t *restrict sum, int n, const convolution *l, int first, float *restrict out)
{
    int i;
    for (i = 0; i < n; i++)
        out[i] = (float)(sum[i] + l->bias[first + i]) * l->factor[first + i];
}
""",
)
_DOTS = Kernel(
    "dots",
    f"\n#if DSP{dsp.DOTS}#else"
    """
/* The products of `rows` pixels with four rows of weights, k values long. */
INLINE void dots(int rows, const uint8_t *restrict in, int in_step, int k, const int8_t *restrict w,
                 int32_t (*restrict sum)[16])
{
    const uint8_t *p = in, *q = in + (rows - 1) * in_step;
    const int8_t *w1 = w + k, *w2 = w1 + k, *w3 = w2 + k;
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
    int i;
    for (i = 0; i < k; i++) {
        a0 += p[i] * w[i];
        a1 += p[i] * w1[i];
        a2 += p[i] * w2[i];
        a3 += p[i] * w3[i];
        if (rows > 1) {
            b0 += q[i] * w[i];
            b1 += q[i] * w1[i];
            b2 += q[i] * w2[i];
            b3 += q[i] * w3[i];
        }
    }
    sum[0][0] = a0;
    sum[0][1] = a1;
    sum[0][2] = a2;
    sum[0][3] = a3;
    if (rows > 1) {
        sum[1][0] = b0;
        sum[1][1] = b1;
        sum[1][2] = b2;
        sum[1][3] = b3;
    }
}
#endif
""",
    ("dsp",),
)
_POINTWISE = """
/* 1 x 1 convolution, two pixels at a time. Weights are n x k, n filled up to a multiple of 16. */
static void pointwise@SUFFIX@(const uint8_t *restrict in, int in_step, int pixels, int k, const convolution *l, int n,
                      @OUT@ *restrict out, int out_step@MORE@)
{
    int first, p, i;
    for (first = 0; first < n; first += 16) {
        const int m = n - first < 16 ? n - first : 16;
        const int8_t *w = l->weight + first * k;
        for (p = 0; p < pixels; p += 2) {
            const int rows = pixels - p < 2 ? 1 : 2;
            int32_t sum[2][16];
            for (i = 0; i < m; i += 4)
                if (rows == 2)
                    dots(2, in + p * in_step, in_step, k, w + i * k, (int32_t(*)[16])(sum[0] + i));
                else
                    dots(1, in + p * in_step, in_step, k, w + i * k, (int32_t(*)[16])(sum[0] + i));
            for (i = 0; i < rows; i++) {
                @OUT@ *to = out + (p + i) * out_step + first;
                store@SUFFIX@(sum[i], m, l, first, to);@FINISH@
            }
        }
    }
}
"""
_DENSE = """
/* k x k convolution: the bytes under the filter of one row of outputs, then a matrix product. */
static void dense@SUFFIX@(const uint8_t *restrict in, int in_step, int h, int w, int c, int kh, int kw, int sy, int sx,
                  int dy, int dx, int top, int left, const convolution *l, int n, @OUT@ *restrict out,
                  int out_step, int oh, int ow, uint8_t *restrict row@MORE@)
{
    int y, x, i, j;
    for (y = 0; y < oh; y++) {
        uint8_t *t = row;
        for (x = 0; x < ow; x++)
            for (i = 0; i < kh; i++)
                for (j = 0; j < kw; j++, t += c) {
                    const int iy = y * sy - top + i * dy, ix = x * sx - left + j * dx;
                    if (iy < 0 || iy >= h || ix < 0 || ix >= w)
                        memset(t, l->zero_in, (size_t)c);
                    else
                        memcpy(t, in + (iy * w + ix) * in_step, (size_t)c);
                }
        pointwise@SUFFIX@(row, kh * kw * c, ow, kh * kw * c, l, n, out + y * ow * out_step, out_step@NAMES@);
    }
}
"""
_DEPTHWISE = """
/* n channels (at most 64) of one pixel of a depthwise convolution. */
static inline void window@SUFFIX@(const uint8_t *const *taps, int count, int c, int first, int n, const convolution *l,
                   @OUT@ *restrict out)
{
    int32_t sum[64];
    int i, t;
#if DSP@DSP@#else
    for (i = 0; i < n; i++)
        sum[i] = 0;
    for (t = 0; t < count; t++) {
        const uint8_t *restrict from = taps[t] ? taps[t] + first : 0;
        const int8_t *restrict w = l->weight + t * c + first;
        if (from)
            for (i = 0; i < n; i++)
                sum[i] += from[i] * w[i];
        else
            for (i = 0; i < n; i++)
                sum[i] += l->zero_in * w[i];
    }
#endif
    store@SUFFIX@(sum, n, l, first, out);
}

/* Depthwise convolution. Weights are kh x kw x c. */
static void depthwise@SUFFIX@(const uint8_t *restrict in, int in_step, int h, int w, int c, int kh, int kw, int sy,
                      int sx, int dy, int dx, int top, int left, const convolution *l, @OUT@ *restrict out,
                      int out_step, int oh, int ow@MORE@)
{
    int y, x, i, j, first;
    for (y = 0; y < oh; y++)
        for (x = 0; x < ow; x++, out += out_step) {
            const uint8_t *taps[@TAPS@];
            for (i = 0; i < kh; i++)
                for (j = 0; j < kw; j++) {
                    const int iy = y * sy - top + i * dy, ix = x * sx - left + j * dx;
                    const int inside = iy >= 0 && iy < h && ix >= 0 && ix < w;
                    taps[i * kw + j] = inside ? in + (iy * w + ix) * in_step : 0;
                }
            for (first = 0; first < c; first += 64)
                window@SUFFIX@(taps, kh * kw, c, first, c - first < 64 ? c - first : 64, l, out + first);@FINISH_ALL@
        }
}
"""


def _kernel(name: str, text: str, is_float: bool, needs: tuple[str, ...]) -> Kernel:
    suffix = "_float" if is_float else ""
    values = {
        "SUFFIX": suffix, "OUT": "float" if is_float else "uint8_t",
        "MORE": ", float low, float high, int function" if is_float else "",
        "NAMES": ", low, high, function" if is_float else "",
        "FINISH": "\n                finish(to, m, low, high, function);" if is_float else "",
        "FINISH_ALL": "\n            finish(out, c, low, high, function);" if is_float else "",
    }  # fmt: skip
    for mark, value in {**values, "DSP": dsp.WINDOW}.items():
        text = text.replace(f"@{mark}@", value)
    stored = ("store_float", "finish") if is_float else ("store",)
    return Kernel(name + suffix, text, (*stored, *needs))


def convolutions(taps: int) -> tuple[Kernel, ...]:
    """Return the kernels of convolutions whose depthwise filters have at most this many taps."""
    found = [_STORE, _STORE_FLOAT, Kernel("dsp", dsp.PRELUDE), _DOTS]
    for is_float, suffix in ((False, ""), (True, "_float")):
        found += [
            _kernel("pointwise", _POINTWISE, is_float, ("dots",)),
            _kernel("dense", _DENSE, is_float, (f"pointwise{suffix}",)),
            _kernel("depthwise", _DEPTHWISE.replace("@TAPS@", str(max(1, taps))), is_float, ("dsp",)),
        ]
    return tuple(found)
