"""The functions of one value: exponential, logistic, softplus, activations."""

from __future__ import annotations

from uhd.export.c.source import Kernel

FUNCTIONS = (
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
)
