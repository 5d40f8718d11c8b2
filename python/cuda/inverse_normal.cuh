// Probabilities to quantiles of the standard normal. Twin: shaders/inverse_normal.wgsl; src/cpu/inverse_normal.rs gives
// the derivation and the error. Operations are rounded one by one and in this order; python/tests/test_cuda.py compares
// the coefficients with the shader's.

#pragma once

#include "box_muller.cuh"

constexpr float SQRT_TAU = 2.5066283f;
constexpr float CENTRE_TOP_0 = 15.285134f;
constexpr float CENTRE_TOP_1 = 2602.228f;
constexpr float CENTRE_TOP_2 = 60632.55f;
constexpr float CENTRE_TOP_3 = 224865.06f;
constexpr float CENTRE_TOP_4 = 29325.777f;
constexpr float CENTRE_BOTTOM_1 = 283.62476f;
constexpr float CENTRE_BOTTOM_2 = 11727.016f;
constexpr float CENTRE_BOTTOM_3 = 103497.3f;
constexpr float CENTRE_BOTTOM_4 = 168316.64f;
constexpr float TAIL = 0.02275f;
constexpr float LOG2_1 = -1.4426941f;
constexpr float LOG2_2 = 0.7213442f;
constexpr float LOG2_3 = -0.48101994f;
constexpr float LOG2_4 = 0.36091906f;
constexpr float LOG2_5 = -0.28458983f;
constexpr float LOG2_6 = 0.2347787f;
constexpr float LOG2_7 = -0.25200307f;
constexpr float LOG2_8 = 0.23161308f;
constexpr float TAIL_TOP_0 = -1.1289943f;
constexpr float TAIL_TOP_1 = 0.5331928f;
constexpr float TAIL_TOP_2 = 0.16421998f;
constexpr float TAIL_TOP_3 = -0.005039137f;
constexpr float TAIL_TOP_4 = -0.0003184611f;
constexpr float TAIL_TOP_5 = -1.3924011e-7f;
constexpr float TAIL_BOTTOM_1 = 0.85105026f;
constexpr float TAIL_BOTTOM_2 = 0.09569751f;
constexpr float TAIL_BOTTOM_3 = 0.0016595781f;
constexpr float FAR_TOP_0 = -2.3766751f;
constexpr float FAR_TOP_1 = -1.1331162f;
constexpr float FAR_TOP_2 = 0.27434865f;
constexpr float FAR_TOP_3 = 0.044833343f;
constexpr float FAR_TOP_4 = 0.0005396359f;
constexpr float FAR_TOP_5 = -1.395175e-5f;
constexpr float FAR_TOP_6 = -8.537063e-8f;
constexpr float FAR_BOTTOM_1 = 1.4823257f;
constexpr float FAR_BOTTOM_2 = 0.34915718f;
constexpr float FAR_BOTTOM_3 = 0.019989291f;
constexpr float FAR_BOTTOM_4 = 0.00029257947f;
constexpr float FAR_BOTTOM_5 = 8.4298864e-7f;
constexpr float FAR_BOTTOM_6 = -5.973806e-11f;
constexpr u32 RECIPROCAL_MAGIC = 0x7EF33400u;
constexpr float RECIPROCAL_STEP = 3.001919f;

// A numerator and a positive denominator.
struct Fraction {
    float top, bottom;
};

// top / bottom
DEVICE float quotient(Fraction fraction) {
    const float seed = from_bits(RECIPROCAL_MAGIC - to_bits(fraction.bottom));
    // about 1
    const float z = fraction.bottom * seed;
    const float inverse = ((z - RECIPROCAL_STEP) * z + RECIPROCAL_STEP) * seed;
    const float first = fraction.top * inverse;
    return inverse * (fraction.top - fraction.bottom * first) + first;
}

// The fraction of the centre, for `v = q - q^2`.
DEVICE Fraction centre_fraction(float v) {
    float top = CENTRE_TOP_4 * v + CENTRE_TOP_3;
    top = top * v + CENTRE_TOP_2;
    top = top * v + CENTRE_TOP_1;
    top = top * v + CENTRE_TOP_0;
    float bottom = CENTRE_BOTTOM_4 * v + CENTRE_BOTTOM_3;
    bottom = bottom * v + CENTRE_BOTTOM_2;
    bottom = bottom * v + CENTRE_BOTTOM_1;
    bottom = bottom * v + 1.0f;
    return {top, bottom};
}

// The quantile over its distance from a half, from the quotient.
DEVICE float centre_factor(float v, float quotient, float quarter) { return (quarter - v) * quotient + SQRT_TAU; }

// -log2 (q 2^-exponent); the exponent comes in the position of an f32's
DEVICE float negative_log2(float q, u32 exponent) {
    const u32 power = nearest_power(q);
    // q 2^-k - 1
    const float f = from_bits(to_bits(q) - power) - 1.0f;
    float p = LOG2_8 * f + LOG2_7;
    p = p * f + LOG2_6;
    p = p * f + LOG2_5;
    p = p * f + LOG2_4;
    p = p * f + LOG2_3;
    p = p * f + LOG2_2;
    p = p * f + LOG2_1;
    return p * f + signed_float(exponent - power) * 0x1p-23f;
}

// The fraction of the tails, for `l = -log2 q`.
DEVICE Fraction tail_fraction(float l) {
    float top = TAIL_TOP_5 * l + TAIL_TOP_4;
    top = top * l + TAIL_TOP_3;
    top = top * l + TAIL_TOP_2;
    top = top * l + TAIL_TOP_1;
    top = top * l + TAIL_TOP_0;
    float bottom = TAIL_BOTTOM_3 * l + TAIL_BOTTOM_2;
    bottom = bottom * l + TAIL_BOTTOM_1;
    bottom = bottom * l + 1.0f;
    return {top, bottom};
}

// The quantile above the mean in a tail, from the quotient.
DEVICE float tail_quantile(float l, float quotient) { return l * 0.25f + quotient; }

// The quantile above the mean that a standard normal exceeds with probability q 2^-exponent, from 1/16 down.
DEVICE float far_quantile(float q, u32 exponent) {
    const float l = negative_log2(q, exponent);
    float top = FAR_TOP_6 * l + FAR_TOP_5;
    top = top * l + FAR_TOP_4;
    top = top * l + FAR_TOP_3;
    top = top * l + FAR_TOP_2;
    top = top * l + FAR_TOP_1;
    top = top * l + FAR_TOP_0;
    float bottom = FAR_BOTTOM_6 * l + FAR_BOTTOM_5;
    bottom = bottom * l + FAR_BOTTOM_4;
    bottom = bottom * l + FAR_BOTTOM_3;
    bottom = bottom * l + FAR_BOTTOM_2;
    bottom = bottom * l + FAR_BOTTOM_1;
    bottom = bottom * l + 1.0f;
    return (l * 0.125f + quotient({top, bottom})) + 1.0f;
}
