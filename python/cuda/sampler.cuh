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
    TRUNCATED_CENTRAL = 8,
    TRUNCATED_SKEWED = 9,
    TRUNCATED_FAR = 10,
};

// The layout of `Coefficients` in src/coefficients.rs, which says what each member means for each sampler.
struct Coefficients {
    float scale, bias, top, bottom;
    u32 scale_exponent, bits, zero, exponent;
    float base[2];
    float share, offset, quarter, residue, shift, start, step;
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
DEVICE float clamped(float value, const Coefficients &c) {
    const float above = value < c.bottom ? c.bottom : value;
    return above > c.top ? c.top : above;
}

// Clamps a value to the window and divides it by the scale.
DEVICE u32 inside(float value, const Coefficients &c) { return flush(clamped(value, c), c.scale_exponent); }

// A word as f32, rounded once.
DEVICE float unsigned_float(u32 n) { return signed_float(n >> 16) * 65536.0f + signed_float(n & 0xffffu); }

// The place of a word in a wide window.
struct Place {
    // the probability of the nearer tail
    float q;
    // the distance from a half, negative below the mean
    float distance;
};

DEVICE Place symmetric_place(u32 w, const Coefficients &c) {
    // the number of words from the nearer end has 31 bits: the upper half of the words is flipped
    const u32 n = w ^ (u32)((int)w >> 31);
    // flipping the top bit subtracts 2^31
    return {signed_float(n) * c.share + c.base[0], (signed_float(w ^ 0x80000000u) + 0.5f) * c.share};
}

DEVICE Place skewed_place(u32 w, const Coefficients &c) {
    const bool above = w >= c.zero;
    // 33 bits with the sign, in two exact parts
    const float high = signed_float((w >> 16) - (c.zero >> 16));
    const float low = signed_float((w & 0xffffu) - (c.zero & 0xffffu)) + 0.5f;
    const float distance = (high * 65536.0f + low) * c.share + c.offset;
    return {unsigned_float(above ? ~w : w) * c.share + (above ? c.base[1] : c.base[0]), distance};
}

DEVICE u32 central_value(u32 w, const Coefficients &c) {
    const Place place = symmetric_place(w, c);
    const float v = place.q - place.q * place.q;
    const float x = place.distance * centre_factor(v, quotient(centre_fraction(v)), c.quarter);
    // no flush: see `KernelKind::TruncatedCentral`
    return to_bits(clamped(x * c.scale + c.bias, c));
}

DEVICE u32 truncated_value(Place place, const Coefficients &c) {
    // both branches for every element: most warps have elements of both
    const float v = place.q - place.q * place.q;
    const float l = negative_log2(place.q, 0u);
    const Fraction centre = centre_fraction(v);
    const Fraction tail = tail_fraction(l);
    const bool is_tail = place.q < TAIL;
    // one quotient for both
    const float fraction = quotient({is_tail ? tail.top : centre.top, is_tail ? tail.bottom : centre.bottom});
    const u32 sign = to_bits(place.distance) & 0x80000000u;
    const float far = from_bits(to_bits(tail_quantile(l, fraction)) | sign);
    const float x = is_tail ? far : place.distance * centre_factor(v, fraction, c.quarter);
    return inside(x * c.scale + c.bias, c);
}

DEVICE u32 far_value(u32 w, const Coefficients &c) {
    const float q = unsigned_float(~w) * c.share + c.base[1];
    return inside(far_quantile(q, c.exponent) * c.scale + c.bias, c);
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
        return {truncated_value(symmetric_place(w.x, c), c), truncated_value(symmetric_place(w.y, c), c),
                truncated_value(symmetric_place(w.z, c), c), truncated_value(symmetric_place(w.w, c), c)};
    case TRUNCATED_CENTRAL:
        return {central_value(w.x, c), central_value(w.y, c), central_value(w.z, c), central_value(w.w, c)};
    case TRUNCATED_SKEWED:
        return {truncated_value(skewed_place(w.x, c), c), truncated_value(skewed_place(w.y, c), c),
                truncated_value(skewed_place(w.z, c), c), truncated_value(skewed_place(w.w, c), c)};
    case TRUNCATED_FAR:
        return {far_value(w.x, c), far_value(w.y, c), far_value(w.z, c), far_value(w.w, c)};
    case TRUNCATED_NARROW:
        return {narrow_value(w.x, c), narrow_value(w.y, c), narrow_value(w.z, c), narrow_value(w.w, c)};
    }
    return w;
}
