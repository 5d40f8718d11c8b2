// The 64-bit product of two words as (low, high), from four products of 16-bit halves.

fn mul_wide(a: u32, b: u32) -> vec2<u32> {
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let low_high = a_low * b_high;
    let high_low = a_high * b_low;
    let middle = ((a_low * b_low) >> 16u) + (low_high & 0xffffu) + (high_low & 0xffffu);
    let high = a_high * b_high + (low_high >> 16u) + (high_low >> 16u) + (middle >> 16u);
    return vec2(a * b, high);
}
