// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11). Twin:
// shaders/philox.wgsl.

#pragma once

#include "device.cuh"

// The paper's multipliers and key steps.
constexpr u32 PHILOX_M0 = 0xD2511F53u;
constexpr u32 PHILOX_M1 = 0xCD9E8D57u;
constexpr u32 PHILOX_W0 = 0x9E3779B9u;
constexpr u32 PHILOX_W1 = 0xBB67AE85u;

// Four words: of a block, or of four values as the bits of f32.
struct Words {
    u32 x, y, z, w;
};

// The words of the block with this counter. The upper half of Philox's counter is 0.
DEVICE Words philox4x32_10(u64 counter, u64 seed) {
    Words c = {(u32)counter, (u32)(counter >> 32), 0, 0};
    u32 key_0 = (u32)seed;
    u32 key_1 = (u32)(seed >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++) {
        // one wide multiply has both halves
        const u64 p0 = multiply_wide(PHILOX_M0, c.x);
        const u64 p1 = multiply_wide(PHILOX_M1, c.z);
        c = {(u32)(p1 >> 32) ^ c.y ^ key_0, (u32)p1, (u32)(p0 >> 32) ^ c.w ^ key_1, (u32)p0};
        key_0 += PHILOX_W0;
        key_1 += PHILOX_W1;
    }
    return c;
}
