//! A model's config or a recipe in a browser: the plan of its safetensors files, their headers, the fills of its
//! tensors for a GPU, and the bytes that the CPU computes. The files are those of `seedtensors init`, to the byte.
//!
//! wasm-bindgen makes the JavaScript. The types of its plain objects are in `types.d.ts`.

mod model;
mod object;
mod options;
mod tensor;

use js_sys::Array;
use wasm_bindgen::prelude::*;

pub use model::Model;

use crate::object::{object, texts};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("types.d.ts");

/// Every model family that has a template, by its model type.
#[must_use]
#[wasm_bindgen(unchecked_return_type = "Family[]")]
pub fn families() -> Array {
    let family = |family: seedtensors_checkpoint::Family| {
        // a family without a list has every style
        let every = || seedtensors_checkpoint::styles().map(|style| style.name).collect();
        object([
            ("model_type", family.model_type.into()),
            ("about", family.about.into()),
            ("architectures", texts(&family.architectures)),
            ("source", family.source.into()),
            ("styles", texts(&family.styles.unwrap_or_else(every))),
        ])
    };
    seedtensors_checkpoint::families().map(family).collect()
}

/// Every style of initialisation.
#[must_use]
#[wasm_bindgen(unchecked_return_type = "Style[]")]
pub fn styles() -> Array {
    let style =
        |style: seedtensors_checkpoint::Style| object([("name", style.name.into()), ("about", style.about.into())]);
    seedtensors_checkpoint::styles().map(style).collect()
}
