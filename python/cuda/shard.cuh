// The arguments of a fill, and the addressing of shards: an element of a shard to its index in the tensor. Twin:
// shaders/shard.wgsl.
//
// A shard's elements are numbered in row-major order. The number is divided into coordinates, and the index in the
// tensor is the sum of the coordinates times their strides.

#pragma once

#include "sampler.cuh"

// A coordinate of a shard. n / extent is the high word of n * magic, shifted right by `shift`, for n below 2^63. The
// outermost dimension is not divided by; its extent, magic and shift are not read.
struct Dim {
    u64 extent;
    u64 magic;
    // the distance of two neighbours in the tensor
    u64 stride;
    u32 shift;
    u32 unused;
};

// The argument of every entry point, by value. `pack` in python/seedtensors/_cuda.py writes these bytes, little-endian.
//
// | offset | type     | member       |
// | ---    | ---      | ---          |
// | 0      | u64      | out          |
// | 8      | u64      | seed         |
// | 16     | u64      | offset       |
// | 24     | u64      | start        |
// | 32     | u64      | count        |
// | 40     | u64      | first        |
// | 48     | u64      | origin       |
// | 56     | u32      | lead         |
// | 60     | u32      | rank         |
// | 64     | 88 bytes | coefficients |
// | 152    | 8 x 32   | dims         |
struct Params {
    // address of the first element that is written; slots: a multiple of 16
    unsigned char *out;
    // the tensor's key
    u64 seed;
    u64 offset;
    // number, in the shard, of the first element that is written
    u64 start;
    // the number of elements to write
    u64 count;
    // index in the tensor of the shard's element 0
    u64 first;
    // the first thread's number, where a fill takes several grids
    u64 origin;
    // elements: how many of the first thread's four elements come before the first one that is written
    u32 lead;
    // the number of `dims` in use, innermost first; 0 where the elements are contiguous in the tensor
    u32 rank;
    Coefficients coefficients;
    // a run of elements is a dimension of stride 1
    Dim dims[8];
};

static_assert(sizeof(Dim) == 32, "_cuda.py packs another layout");
static_assert(sizeof(Params) == 408, "_cuda.py packs another layout");
#ifndef __CUDACC__
// NVRTC has no offsetof
static_assert(offsetof(Params, origin) == 48, "_cuda.py packs another layout");
static_assert(offsetof(Params, rank) == 60, "_cuda.py packs another layout");
static_assert(offsetof(Params, coefficients) == 64, "_cuda.py packs another layout");
static_assert(offsetof(Params, dims) == 152, "_cuda.py packs another layout");
#endif

// The index in the tensor of the shard's element `number`.
DEVICE u64 locate(const Params &p, u64 number) {
    u64 index = p.first;
    u64 stride = 1;
    if (p.rank > 0) {
        // not unrolled: eight divisions would be most of a kernel's code
#pragma unroll 1
        for (u32 i = 0; i + 1 < p.rank; i++) {
            const Dim &dim = p.dims[i];
            // a division by multiplication: GPUs have no fast integer division
            const u64 quotient = multiply_high(number, dim.magic) >> dim.shift;
            index += (number - quotient * dim.extent) * dim.stride;
            number = quotient;
        }
        stride = p.dims[p.rank - 1].stride;
    }
    return index + number * stride;
}
