// 16 bytes of the output as four words.

alias Slot = vec4<u32>;

fn as_slot(words: vec4<u32>) -> Slot {
    return words;
}
