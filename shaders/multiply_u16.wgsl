// 64-bit products of words from four products of 16-bit halves, for devices without 64-bit integers.

// The high word of a product.
fn mul_high(a: vec4<u32>, b: vec4<u32>) -> vec4<u32> {
    let a_low = a & vec4(0xffffu);
    let a_high = a >> vec4(16u);
    let b_low = b & vec4(0xffffu);
    let b_high = b >> vec4(16u);
    let low_high = a_low * b_high;
    let high_low = a_high * b_low;
    // the sum of what falls on bits 16 to 31: three terms below 2^16, so it does not wrap
    let middle = ((a_low * b_low) >> vec4(16u)) + (low_high & vec4(0xffffu)) + (high_low & vec4(0xffffu));
    return a_high * b_high + (low_high >> vec4(16u)) + (high_low >> vec4(16u)) + (middle >> vec4(16u));
}

fn multiply(a: vec4<u32>, b: vec4<u32>) -> Product {
    return Product(a * b, mul_high(a, b));
}
