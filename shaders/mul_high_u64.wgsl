// The high words of 64-bit products of words, on a device with 64-bit integers. The low words as products of their
// own are faster than cutting them out of these.

fn mul_high(a: vec4<u32>, b: vec4<u32>) -> vec4<u32> {
    return vec4<u32>((vec4<u64>(a) * vec4<u64>(b)) >> vec4(32u));
}

// 16 bytes.
alias Slot = vec2<u64>;

fn as_slot(words: vec4<u32>) -> Slot {
    // a sum of which llvmpipe does not know that it is 32 is one that it does not take apart
    let bits = select(32u, 32u + zero, LLVMPIPE);
    return vec2<u64>(words.xz) | (vec2<u64>(words.yw) << vec2(bits));
}
