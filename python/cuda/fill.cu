// Entry points; no other file has any. Twin: shaders/fill.wgsl. Host: python/seedtensors/_cuda.py. `build` compiles it.
//
// `fill_slots_*` write 16 bytes per thread. Every 16 bytes begin a block of the tensor, and are consecutive there.
// `fill_elements_*` write any other selection to any address, four elements per thread.

#include "dtype.cuh"
#include "shard.cuh"

// The values of the block at a block's index in the tensor, in a dtype.
template <Kind KIND, Dtype DTYPE>
DEVICE Words values(const Params &p, u64 block) {
    const Words v = sample<KIND>(philox4x32_10(p.offset + block, p.seed), p.coefficients);
    return {round_to<DTYPE>(v.x), round_to<DTYPE>(v.y), round_to<DTYPE>(v.z), round_to<DTYPE>(v.w)};
}

// One of four values. An array would be in memory, which is slow.
DEVICE u32 element_of(const Words &v, u32 i) {
    const u32 even = (i & 2) ? v.z : v.x;
    const u32 odd = (i & 2) ? v.w : v.y;
    return (i & 1) ? odd : even;
}

// Writes those of a block's elements that are before the end.
template <Dtype DTYPE>
DEVICE void store_first(const Params &p, u64 position, const Words &v) {
    for (u32 i = 0; i < 4; i++) {
        if (position + i < p.count) {
            store<DTYPE>(p.out, position + i, element_of(v, i));
        }
    }
}

template <Kind KIND, Dtype DTYPE>
DEVICE void fill_slots(const Params &p) {
    const u64 slot = p.origin + thread_number();
    const u64 position = slot * elements_in_slot<DTYPE>();
    if (position >= p.count) {
        return;
    }
    const u64 block = locate(p, p.start + position) >> 2;
    const Words a = values<KIND, DTYPE>(p, block);
    const bool whole = p.count - position >= elements_in_slot<DTYPE>();
    if (DTYPE == F32) {
        if (whole) {
            ((uint4 *)p.out)[slot] = {a.x, a.y, a.z, a.w};
        } else {
            store_first<DTYPE>(p, position, a);
        }
    } else {
        const Words b = values<KIND, DTYPE>(p, block + 1);
        if (whole) {
            ((uint4 *)p.out)[slot] = {a.x | a.y << 16, a.z | a.w << 16, b.x | b.y << 16, b.z | b.w << 16};
        } else {
            store_first<DTYPE>(p, position, a);
            store_first<DTYPE>(p, position + 4, b);
        }
    }
}

template <Kind KIND, Dtype DTYPE>
DEVICE void fill_elements(const Params &p) {
    const u64 thread = p.origin + thread_number();
    // no block has this index, as a tensor's elements fit in 64 bits
    u64 block = ~0ull;
    Words v = {0, 0, 0, 0};
    // Not unrolled: the code of a block's values is in the loop. Elements that are contiguous in the tensor are all of
    // one block, thanks to the lead.
#pragma unroll 1
    for (u32 i = 0; i < 4; i++) {
        // elements before the first one wrap, and are then not below the count either
        const u64 position = 4 * thread + i - p.lead;
        if (position < p.count) {
            const u64 index = locate(p, p.start + position);
            if (index >> 2 != block) {
                block = index >> 2;
                v = values<KIND, DTYPE>(p, block);
            }
            store<DTYPE>(p.out, position, element_of(v, (u32)index & 3));
        }
    }
}

// `__grid_constant__` leaves the argument where it is; without it, an index into `dims` would copy it to memory.
#define ENTRY(path, kind, KIND, dtype, DTYPE)                                                                          \
    extern "C" __global__ void __launch_bounds__(256) path##_##kind##_##dtype(const __grid_constant__ Params p) {      \
        path<KIND, DTYPE>(p);                                                                                          \
    }
#define ENTRIES(kind, KIND, dtype, DTYPE)                                                                              \
    ENTRY(fill_slots, kind, KIND, dtype, DTYPE)                                                                        \
    ENTRY(fill_elements, kind, KIND, dtype, DTYPE)
#define DTYPES(kind, KIND)                                                                                             \
    ENTRIES(kind, KIND, f32, F32)                                                                                      \
    ENTRIES(kind, KIND, f16, F16)                                                                                      \
    ENTRIES(kind, KIND, bf16, BF16)

// words are integers of 32 bits, not values
ENTRIES(words, WORDS, f32, F32)
DTYPES(constant, CONSTANT)
DTYPES(uniform, UNIFORM)
DTYPES(normal, NORMAL)
DTYPES(truncated, TRUNCATED)
DTYPES(truncated_narrow, TRUNCATED_NARROW)
DTYPES(truncated_central, TRUNCATED_CENTRAL)
DTYPES(truncated_skewed, TRUNCATED_SKEWED)
DTYPES(truncated_far, TRUNCATED_FAR)
DTYPES(normal_centred, NORMAL_CENTRED)
