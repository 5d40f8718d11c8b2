// Words to standard normals (Box and Muller, 1958). Twin: shaders/box_muller.wgsl; src/cpu/box_muller.rs gives the
// derivation and the error. Operations are rounded one by one and in this order; python/tests/test_cuda.py compares the
// coefficients with the shader's.

#pragma once

#include "device.cuh"

constexpr float LN2_HIGH = 0.69314575f;
constexpr float LN2_LOW = 1.4286068e-6f;
constexpr float LOG_2 = -0.25000006f;
constexpr float LOG_3 = 0.08333297f;
constexpr float LOG_4 = -0.031248419f;
constexpr float LOG_5 = 0.012507444f;
constexpr float LOG_6 = -0.005221534f;
constexpr float LOG_7 = 0.0021848169f;
constexpr float LOG_8 = -0.0009286483f;
constexpr float LOG_9 = 0.0005504258f;
constexpr float LOG_10 = -0.00027276884f;
constexpr u32 RSQRT_MAGIC = 0x5F376908u;
constexpr float RSQRT_STEP = 3.0017579f;
constexpr float SIN_1 = 1.5707963f;
constexpr float SIN_3 = -0.64596105f;
constexpr float SIN_5 = 0.079659864f;
constexpr float SIN_7 = -0.004554165f;
constexpr float COS_2 = -1.2337005f;
constexpr float COS_4 = 0.25366852f;
constexpr float COS_6 = -0.020855254f;
constexpr float COS_8 = 0.00089357217f;

// An integer below 2^31 in magnitude as f32, rounded to nearest even.
DEVICE float signed_float(u32 bits) { return (float)(int)bits; }

// The power of two that a positive n is within a third of, 2^k, as k << 23.
DEVICE u32 nearest_power(float n) {
    // subtracts the bits of 2/3: the exponent's bias goes with them, and from 4/3 of a power on the next one is reached
    return (to_bits(n) - 0x3f2aaaabu) & 0xff800000u;
}

// sqrt(2 e ln2 - 2 ln(1 + f / 2 + f_low / 2)), 2 e ln2 in two parts
DEVICE float root(float f, float f_low, float e_ln2, float e_ln2_low) {
    // 2 ln(1 + f / 2 + f_low / 2) - f - e_ln2_low
    float p = LOG_10 * f + LOG_9;
    p = p * f + LOG_8;
    p = p * f + LOG_7;
    p = p * f + LOG_6;
    p = p * f + LOG_5;
    p = p * f + LOG_4;
    p = p * f + LOG_3;
    p = p * f + LOG_2;
    const float q = ((f * f) * p + f_low) - e_ln2_low;
    const float square = (e_ln2 - f) - q;

    // y is about 2/r; s is r to 12 bits, so that s * s is exact
    const float seed = from_bits(RSQRT_MAGIC - (to_bits(square) >> 1));
    const float y = seed * (RSQRT_STEP - (square * seed) * seed);
    const float s = 0.5f * from_bits(to_bits(square * y) & 0xfffff000u);

    // an eighth of r^2 - s^2; half of r + s, and four times its inverse
    const float d = 0.125f * (((e_ln2 - s * s) - f) - q);
    const float middle = d * y + s;
    const float inverse = y * (4.0f - middle * y);
    return d * inverse + s;
}

// sqrt(-2 ln((w + 1/2) 2^-32))
DEVICE float radius(u32 w) {
    // halves of 16 bits convert exactly, and so does the product
    const float w_high = signed_float(w >> 16) * 65536.0f;
    const float w_low = signed_float(w & 0xffffu) + 0.5f;
    const u32 power = nearest_power(w_high + w_low);
    // w + 1/2 - 2^k = rest + rest_low, exactly
    const float above = w_high - from_bits(0x3f800000u + power);
    const float rest = above + w_low;
    const float rest_low = w_low - (rest - above);
    // a power of two
    const float scale = from_bits(0x40000000u - power);
    // 32 - k, times 2^23
    const float e = signed_float(0x10000000u - power);
    return root(rest * scale, rest_low * scale, e * (LN2_HIGH * 0x1p-22f), e * (LN2_LOW * 0x1p-22f));
}

// The cosine and the sine of t = 2 pi (w + 1/2) 2^-32.
struct CosSin {
    float cos, sin;
};

DEVICE CosSin cos_sin(u32 w) {
    // the angle's remainder in (-1/2, 1/2) quarter turns; CUDA's conversion rounds 32 bits once, so it needs no halves
    const float x = signed_float((w << 2) | 2u) * 0x1p-32f;
    const float xx = x * x;
    float c = COS_8 * xx + COS_6;
    c = c * xx + COS_4;
    c = c * xx + COS_2;
    c = c * xx + 1.0f;
    float s = SIN_7 * xx + SIN_5;
    s = s * xx + SIN_3;
    s = s * xx + SIN_1;
    s = s * x;
    // an eighth of a turn is added, so that the quadrant, the highest bits of v, is the nearest one
    const u32 v = w + 0x20000000u;
    const bool odd = (v & 0x40000000u) != 0;
    const u32 cos_bits = to_bits(odd ? s : c) ^ ((v + 0x40000000u) & 0x80000000u);
    const u32 sin_bits = to_bits(odd ? c : s) ^ (v & 0x80000000u);
    return {from_bits(cos_bits), from_bits(sin_bits)};
}

// Four values of a block.
struct Floats {
    float x, y, z, w;
};

// The normals of a block: even words give radii, odd words angles.
DEVICE Floats box_muller(u32 w0, u32 w1, u32 w2, u32 w3) {
    const float r = radius(w0);
    const CosSin t = cos_sin(w1);
    const float r2 = radius(w2);
    const CosSin t2 = cos_sin(w3);
    return {r * t.cos, r * t.sin, r2 * t2.cos, r2 * t2.sin};
}
