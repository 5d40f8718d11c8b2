//! SHA-256 of what comes a piece at a time. The browser's own needs all bytes at once.

use sha2::{Digest, Sha256 as Hash};
use wasm_bindgen::prelude::*;

/// A SHA-256 that is fed piece by piece.
#[wasm_bindgen]
#[derive(Default)]
pub struct Sha256(Hash);

#[wasm_bindgen]
impl Sha256 {
    /// Begins with no bytes.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of the bytes so far, in hexadecimal.
    #[must_use]
    pub fn hex(&self) -> String {
        self.0.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
