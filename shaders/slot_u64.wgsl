// 16 bytes of the output as two 64-bit integers.

alias Slot = vec2<u64>;

fn as_slot(words: vec4<u32>) -> Slot {
    return vec2<u64>(words.xz) | (vec2<u64>(words.yw) << vec2(high_word()));
}
