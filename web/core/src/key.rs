//! Keys: pairs of a seed and an offset.

use seedtensors::Key;
use wasm_bindgen::prelude::*;

/// The four words of a block.
#[wasm_bindgen(js_name = keyBlock)]
#[must_use]
pub fn key_block(seed: u64, offset: u64, block: u64) -> Vec<u32> {
    Key { seed, offset }.block(block).to_vec()
}

/// The seed and the offset of the key that an index derives.
#[wasm_bindgen(js_name = keyFoldIn)]
#[must_use]
pub fn key_fold_in(seed: u64, offset: u64, index: u64) -> Vec<u64> {
    pair(Key { seed, offset }.fold_in(index))
}

/// The seed and the offset of the key of a name.
#[wasm_bindgen(js_name = keyNamed)]
#[must_use]
pub fn key_named(seed: u64, offset: u64, name: &str) -> Vec<u64> {
    pair(Key { seed, offset }.named(name))
}

fn pair(key: Key) -> Vec<u64> {
    vec![key.seed, key.offset]
}
