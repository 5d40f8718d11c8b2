// 64-bit products of words: the high half from a product of 64-bit integers, the low half from a 32-bit product of its
// own.

fn mul_high(a: vec4<u32>, b: vec4<u32>) -> vec4<u32> {
    return vec4<u32>((vec4<u64>(a) * vec4<u64>(b)) >> vec4(32u));
}

fn multiply(a: vec4<u32>, b: vec4<u32>) -> Product {
    return Product(a * b, mul_high(a, b));
}
