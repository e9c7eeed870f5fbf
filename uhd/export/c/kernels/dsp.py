"""The inner loops of the integer convolutions in the instructions of ARMv7E-M (Cortex-M4, M7), equal to portable C.

Two products of 16 bits at a time: https://arm-software.github.io/acle/main/acle.html#32-bit-simd-intrinsics
"""

from __future__ import annotations

# Chooses between the two; UHD_PORTABLE asks for portable C.
PRELUDE = """
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__ARM_BIG_ENDIAN) && !defined(UHD_PORTABLE)
#include <arm_acle.h>
#define DSP 1

INLINE uint32_t four(const void *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* Bytes 0 and 2, or 1 and 3, as two numbers of 16 bits. */
#define EVEN(x) ((int16x2_t)__uxtb16(x))
#define EVEN_SIGNED(x) __sxtb16((int8x4_t)(x))
INLINE int16x2_t odd(uint32_t x)
{
    int16x2_t out;
    __asm__("uxtb16 %0, %1, ror #8" : "=r"(out) : "r"(x));
    return out;
}
INLINE int16x2_t odd_signed(uint32_t x)
{
    int16x2_t out;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(out) : "r"(x));
    return out;
}
#else
#define DSP 0
#endif
"""
DOTS = """
/* The products of two rows of weights with `rows` pixels, four values at a time. */
INLINE void dots_of_two(int rows, const uint8_t *restrict p, const uint8_t *restrict q, int k,
                        const int8_t *restrict w, int32_t (*restrict sum)[16])
{
    const int8_t *restrict v = w + k;
    int32_t a0 = 0, a1 = 0, b0 = 0, b1 = 0;
    int i;
    for (i = 0; i + 4 <= k; i += 4) {
        const uint32_t x = four(p + i), y = rows > 1 ? four(q + i) : 0, m = four(w + i), n = four(v + i);
        a0 = __smlad(odd(x), odd_signed(m), __smlad(EVEN(x), EVEN_SIGNED(m), a0));
        a1 = __smlad(odd(x), odd_signed(n), __smlad(EVEN(x), EVEN_SIGNED(n), a1));
        if (rows > 1) {
            b0 = __smlad(odd(y), odd_signed(m), __smlad(EVEN(y), EVEN_SIGNED(m), b0));
            b1 = __smlad(odd(y), odd_signed(n), __smlad(EVEN(y), EVEN_SIGNED(n), b1));
        }
    }
    for (; i < k; i++) {
        a0 += p[i] * w[i];
        a1 += p[i] * v[i];
        if (rows > 1) {
            b0 += q[i] * w[i];
            b1 += q[i] * v[i];
        }
    }
    sum[0][0] = a0;
    sum[0][1] = a1;
    if (rows > 1) {
        sum[1][0] = b0;
        sum[1][1] = b1;
    }
}

INLINE void dots(int rows, const uint8_t *restrict in, int in_step, int k, const int8_t *restrict w,
                 int32_t (*restrict sum)[16])
{
    const uint8_t *q = in + (rows - 1) * in_step;
    dots_of_two(rows, in, q, k, w, sum);
    dots_of_two(rows, in, q, k, w + 2 * k, (int32_t(*)[16])(sum[0] + 2));
}
"""
WINDOW = """
    for (i = 0; i + 4 <= n; i += 4) {
        const int8_t *w = l->weight + first + i;
        int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
        for (t = 0; t < count; t++, w += c) {
            const uint32_t x = taps[t] ? four(taps[t] + first + i) : (uint32_t)l->zero_in * 0x01010101u, m = four(w);
            const int16x2_t even = EVEN(x), even_m = EVEN_SIGNED(m), odd_x = odd(x), odd_m = odd_signed(m);
            a0 = __smlabb(even, even_m, a0);
            a1 = __smlabb(odd_x, odd_m, a1);
            a2 = __smlatt(even, even_m, a2);
            a3 = __smlatt(odd_x, odd_m, a3);
        }
        sum[i] = a0;
        sum[i + 1] = a1;
        sum[i + 2] = a2;
        sum[i + 3] = a3;
    }
    for (; i < n; i++) {
        sum[i] = 0;
        for (t = 0; t < count; t++)
            sum[i] += (taps[t] ? taps[t][first + i] : l->zero_in) * l->weight[t * c + first + i];
    }
"""
