//! The host half of the npm package, compiled to WebAssembly: keys, shapes, the steps of fills for WebGPU, and fills on
//! the CPU. web/src/ calls it. Every number and every message of the package comes from the library.
//!
//! Functions throw a string that names the rule and the value. web/src/core.ts makes an error of it.

pub mod bytes;
pub mod digest;
pub mod fill;
pub mod key;
pub mod step;

use wasm_bindgen::prelude::*;

/// The text of the shaders, in the form that every device can run and that every compiler keeps exact.
#[wasm_bindgen(js_name = shaderSource)]
#[must_use]
pub fn shader_source() -> String {
    step::FORM.source()
}

/// The version of the definition of every value.
#[wasm_bindgen(js_name = valuesVersion)]
#[must_use]
pub fn values_version() -> u32 {
    seedtensors::VALUES_VERSION
}
