// f32 bits to f16 and bf16, rounded to nearest, ties to even. Twin: shaders/dtype.wgsl.

#pragma once

#include "device.cuh"

// The numbers of `Dtype` in src/dtype.rs.
enum Dtype {
    F32 = 0,
    F16 = 1,
    BF16 = 2,
};

// f32 bits without a NaN to f16 bits. `to_f16` in src/cpu/simd.rs explains the constants.
DEVICE u32 round_f16(u32 bits) {
    const u32 x = bits & 0x7fffffffu;
    const u32 rounded = (x - 0x37fff001u + ((x >> 13) & 1u)) >> 13;
    const u32 normal = rounded < 0x7c00u ? rounded : 0x7c00u;
    // below 2^-14: units of 2^-24, which are those of an f32 from a half on
    const u32 subnormal = to_bits(from_bits(x) + 0.5f) - 0x3f000000u;
    return ((bits >> 16) & 0x8000u) | (x >= 0x38800000u ? normal : subnormal);
}

// f32 bits without a NaN to bf16 bits.
DEVICE u32 round_bf16(u32 bits) { return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16; }

// An element in a dtype: 32 bits, or 16 in the low half.
template <Dtype DTYPE>
DEVICE u32 round_to(u32 bits) {
    return DTYPE == F32 ? bits : DTYPE == F16 ? round_f16(bits) : round_bf16(bits);
}

// The number of elements in 16 bytes.
template <Dtype DTYPE>
DEVICE constexpr u32 elements_in_slot() {
    return DTYPE == F32 ? 4 : 8;
}

// Writes an element.
template <Dtype DTYPE>
DEVICE void store(unsigned char *out, u64 position, u32 element) {
    if (DTYPE == F32) {
        ((u32 *)out)[position] = element;
    } else {
        ((unsigned short *)out)[position] = (unsigned short)element;
    }
}
