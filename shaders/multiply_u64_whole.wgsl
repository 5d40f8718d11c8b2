// 64-bit products of words: both halves from one product of 64-bit integers. NVIDIA's compilers make one wide multiply
// of it; on others it is no faster, and on llvmpipe slower.

fn mul_high(a: vec4<u32>, b: vec4<u32>) -> vec4<u32> {
    return vec4<u32>((vec4<u64>(a) * vec4<u64>(b)) >> vec4(32u));
}

fn multiply(a: vec4<u32>, b: vec4<u32>) -> Product {
    let product = vec4<u64>(a) * vec4<u64>(b);
    return Product(vec4<u32>(product), vec4<u32>(product >> vec4(32u)));
}
