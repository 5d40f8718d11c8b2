// Probabilities to quantiles of the standard normal. Twin: shaders/inverse_normal.wgsl; src/cpu/inverse_normal.rs gives
// the derivation and the error. Operations are rounded one by one and in this order; python/tests/test_cuda.py compares
// the coefficients with the shader's.

#pragma once

#include "box_muller.cuh"

constexpr float SQRT_TAU = 2.5066283f;
constexpr float CENTRE_SHIFT = 0.16f;
constexpr float CENTRE_TOP_0 = 4.357816f;
constexpr float CENTRE_TOP_1 = 41.557693f;
constexpr float CENTRE_TOP_2 = 65.26394f;
constexpr float CENTRE_BOTTOM_1 = 14.464951f;
constexpr float CENTRE_BOTTOM_2 = 52.925232f;
constexpr float CENTRE_BOTTOM_3 = 39.18293f;
constexpr float TAIL_SHIFT = 0.875f;
constexpr float TAIL_TOP_0 = 2.2143989f;
constexpr float TAIL_TOP_1 = 3.170874f;
constexpr float TAIL_TOP_2 = -1.1906087f;
constexpr float TAIL_TOP_3 = -0.36874917f;
constexpr float TAIL_TOP_4 = -0.010991786f;
constexpr float TAIL_BOTTOM_1 = 4.668761f;
constexpr float TAIL_BOTTOM_2 = 3.4670193f;
constexpr float TAIL_BOTTOM_3 = 0.5043263f;
constexpr float TAIL_BOTTOM_4 = 0.012670949f;
constexpr u32 RECIPROCAL_MAGIC = 0x7EF311C3u;

// top / bottom for a positive bottom
DEVICE float quotient(float top, float bottom) {
    const float seed = from_bits(RECIPROCAL_MAGIC - to_bits(bottom));
    const float error = 1.0f - bottom * seed;
    const float inverse = seed * (error * error + error) + seed;
    const float first = top * inverse;
    return inverse * (top - bottom * first) + first;
}

// The smallest x at or above 0 that a standard normal exceeds with probability (q + 1/2) 2^-exponent; from `centre` on
// in its high word q is near a half, where exponent is 64.
DEVICE float upper_quantile(u64 q, float exponent, u32 centre) {
    const bool central = (u32)(q >> 32) >= centre;
    const u64 distance = central ? q ^ 0x7fffffffffffffffull : q;
    const u32 high = (u32)(distance >> 32);
    const u32 low = (u32)distance;
    // summed from the lowest bits up, so that n is rounded once
    const float n_low = signed_float(low & 0xffffu) + 0.5f;
    const float n_middle = signed_float(low >> 16) * 65536.0f + n_low;
    const float n_high = signed_float(high & 0xffffu) * 4294967296.0f + n_middle;
    const float n = signed_float(high >> 16) * 281474976710656.0f + n_high;

    // both branches for every element: most warps have elements of both
    const float c = n * 0x1p-64f;
    const float cc = c * c;
    const float v = CENTRE_SHIFT - cc;
    const float centre_top = (CENTRE_TOP_2 * v + CENTRE_TOP_1) * v + CENTRE_TOP_0;
    const float centre_bottom = ((CENTRE_BOTTOM_3 * v + CENTRE_BOTTOM_2) * v + CENTRE_BOTTOM_1) * v + 1.0f;

    const u32 power = nearest_power(n);
    // 2 (n 2^-k - 1)
    const float f = 2.0f * (from_bits(to_bits(n) - power) - 1.0f);
    const float e = exponent - (float)((int)power >> 23);
    // f_low is 0: n is rounded already
    const float r = root(f, 0.0f, e * (2.0f * LN2_HIGH), e * (2.0f * LN2_LOW));
    float tail_top = TAIL_TOP_4 * r + TAIL_TOP_3;
    tail_top = tail_top * r + TAIL_TOP_2;
    tail_top = tail_top * r + TAIL_TOP_1;
    tail_top = tail_top * r + TAIL_TOP_0;
    float tail_bottom = TAIL_BOTTOM_4 * r + TAIL_BOTTOM_3;
    tail_bottom = tail_bottom * r + TAIL_BOTTOM_2;
    tail_bottom = tail_bottom * r + TAIL_BOTTOM_1;
    tail_bottom = tail_bottom * r + 1.0f;

    const float top = central ? centre_top : tail_top;
    const float bottom = central ? centre_bottom : tail_bottom;
    const float main = central ? SQRT_TAU * c : r - TAIL_SHIFT;
    const float factor = central ? c * cc : -1.0f;
    return factor * quotient(top, bottom) + main;
}

// The quantile at (p + 1/2) 2^-exponent; the top bit of p says that it is above a half.
DEVICE float signed_quantile(u64 p, float exponent, u32 centre) {
    const u64 above = p >> 63;
    // the complement of a probability above a half is the upper tail
    const float x = upper_quantile(p ^ (0ull - above), exponent, centre);
    return from_bits(to_bits(x) | (((u32)above ^ 1u) << 31));
}
