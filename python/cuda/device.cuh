// The names that CUDA has and C++ has not, so that the same files compile for a GPU and for a CPU (host.cpp).
//
// Values are exact because every f32 operation is rounded once: the build forbids fused multiply-adds and fast math,
// and the code uses no division, square root or other function.

#pragma once

typedef unsigned int u32;
typedef unsigned long long u64;

#ifdef __CUDACC__

#define DEVICE __device__ __forceinline__

DEVICE float from_bits(u32 bits) { return __uint_as_float(bits); }
DEVICE u32 to_bits(float value) { return __float_as_uint(value); }

// The product of two words. In plain C++ the compiler keeps Philox's words in 64 bits, at twice the instructions.
DEVICE u64 multiply_wide(u32 a, u32 b) {
    u64 product;
    asm("mul.wide.u32 %0, %1, %2;" : "=l"(product) : "r"(a), "r"(b));
    return product;
}

// The high half of the product.
DEVICE u64 multiply_high(u64 a, u64 b) { return __umul64hi(a, b); }

// The thread's number in its grid.
DEVICE u64 thread_number() { return (u64)blockIdx.x * blockDim.x + threadIdx.x; }

#else

#include <cstddef>
#include <cstring>

#define DEVICE static inline
#define __global__
#define __grid_constant__
#define __launch_bounds__(threads)

DEVICE float from_bits(u32 bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

DEVICE u32 to_bits(float value) {
    u32 bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

DEVICE u64 multiply_wide(u32 a, u32 b) { return (u64)a * b; }

DEVICE u64 multiply_high(u64 a, u64 b) { return (u64)(((unsigned __int128)a * b) >> 64); }

struct alignas(16) uint4 {
    u32 x, y, z, w;
};

// host.cpp counts it up
static u64 host_thread;

DEVICE u64 thread_number() { return host_thread; }

#endif
