// The 64-bit product of two words as (low, high), on a device with 64-bit integers. The low half as a
// product of its own is faster than cutting it out of the wide one.

fn mul_wide(a: u32, b: u32) -> vec2<u32> {
    return vec2(a * b, u32((u64(a) * u64(b)) >> 32u));
}
