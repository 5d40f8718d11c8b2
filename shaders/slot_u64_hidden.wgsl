// 16 bytes of the output as two 64-bit integers. llvmpipe stores lane by lane, and before a store it computes lane by
// lane whatever it can take apart into lanes. The shift by 32 is hidden from it, so that it cannot.

alias Slot = vec2<u64>;

fn as_slot(words: vec4<u32>) -> Slot {
    return vec2<u64>(words.xz) | (vec2<u64>(words.yw) << vec2(32u + zero));
}
