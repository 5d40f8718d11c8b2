// Words to values, as the bits of f32, for one block. Twin: shaders/sampler.wgsl.

#pragma once

#include "inverse_normal.cuh"
#include "philox.cuh"

// The numbers of `KernelKind` in src/kernel.rs. Number 4, native normals, has no kernel: its bits are not promised.
enum Kind {
    WORDS = 0,
    CONSTANT = 1,
    UNIFORM = 2,
    NORMAL = 3,
    TRUNCATED = 5,
    TRUNCATED_NARROW = 6,
    NORMAL_CENTRED = 7,
};

// The layout of `Coefficients` in src/coefficients.rs, which says what each member means for each sampler.
struct Coefficients {
    float scale, bias, top, bottom;
    u32 scale_exponent, bits, flip, centre;
    u64 base, range;
    float exponent, residue, shift, start, step;
    float series_2, series_3, series_4, series_5;
    u32 end;
};

static_assert(sizeof(Coefficients) == 88, "src/coefficients.rs has another layout");

// The bits of a value divided by its scale, or 0 where that is below 2^-126 in magnitude. The scale's exponent comes in
// the position of an f32's exponent.
DEVICE u32 flush(float value, u32 scale_exponent) {
    const u32 bits = to_bits(value);
    return (bits & 0x7f800000u) > scale_exponent ? bits - scale_exponent : 0u;
}

DEVICE u32 uniform_value(u32 w, const Coefficients &c) {
    const float value = signed_float(w & 0xffffffu) * c.scale + c.bias;
    // the sum may round up to `high`, which is excluded
    return flush(value > c.top ? c.top : value, c.scale_exponent);
}

DEVICE u32 normal_value(float z, const Coefficients &c) { return flush(z * c.scale + c.bias, c.scale_exponent); }

// Clamps a value to the window, which rounding may leave.
DEVICE u32 inside(float value, const Coefficients &c) {
    const float above = value < c.bottom ? c.bottom : value;
    return flush(above > c.top ? c.top : above, c.scale_exponent);
}

DEVICE u32 truncated_value(u32 w, const Coefficients &c) {
    // the probability base + w range 2^-32, whose product has 96 bits
    const u32 flipped = w ^ c.flip;
    const u64 low = multiply_wide(flipped, (u32)c.range);
    const u64 p = c.base + multiply_wide(flipped, (u32)(c.range >> 32)) + (low >> 32);
    return inside(signed_quantile(p, c.exponent, c.centre) * c.scale + c.bias, c);
}

DEVICE u32 narrow_value(u32 w, const Coefficients &c) {
    // t = (w + 1/2) 2^-32 - 1/2
    const float high = (float)((int)(w ^ 0x80000000u) >> 16);
    const float low = signed_float(w & 0xffffu) + 0.5f;
    const float t = (high * 65536.0f + low) * 0x1p-32f;
    const float y = c.step * t + c.start;
    float series = c.series_5 * y + c.series_4;
    series = series * y + c.series_3;
    series = series * y + c.series_2;
    series = series * y + 1.0f;
    const float main = c.scale * t + c.shift;
    // the window's middle comes last: added before, it would cost the smaller summands their low bits
    return inside((main * series + c.residue) + c.bias, c);
}

// The values of a block.
template <Kind KIND>
DEVICE Words sample(Words w, const Coefficients &c) {
    switch (KIND) {
    case WORDS:
        return w;
    case CONSTANT:
        return {c.bits, c.bits, c.bits, c.bits};
    case UNIFORM:
        return {uniform_value(w.x, c), uniform_value(w.y, c), uniform_value(w.z, c), uniform_value(w.w, c)};
    case NORMAL: {
        const Floats z = box_muller(w.x, w.y, w.z, w.w);
        return {normal_value(z.x, c), normal_value(z.y, c), normal_value(z.z, c), normal_value(z.w, c)};
    }
    case NORMAL_CENTRED: {
        // no bias and no flush: see `KernelKind::NormalCentred`
        const Floats z = box_muller(w.x, w.y, w.z, w.w);
        return {to_bits(z.x * c.scale), to_bits(z.y * c.scale), to_bits(z.z * c.scale), to_bits(z.w * c.scale)};
    }
    case TRUNCATED:
        return {truncated_value(w.x, c), truncated_value(w.y, c), truncated_value(w.z, c), truncated_value(w.w, c)};
    case TRUNCATED_NARROW:
        return {narrow_value(w.x, c), narrow_value(w.y, c), narrow_value(w.z, c), narrow_value(w.w, c)};
    }
    return w;
}
