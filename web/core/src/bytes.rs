//! Fills on the CPU.

use seedtensors::cpu::{self, Filler};
use seedtensors::{Dtype, Key};
use wasm_bindgen::prelude::*;

use crate::fill::Elements;

/// A fill that was checked for a dtype. Its parameters are computed once.
#[wasm_bindgen]
pub struct CpuFill {
    kind: Kind,
    dtype: Dtype,
    count: u64,
}

#[expect(clippy::large_enum_variant, reason = "one for each fill")]
enum Kind {
    Fill(Filler),
    Words(Key, u64),
}

#[wasm_bindgen]
impl CpuFill {
    /// Checks a fill for a dtype.
    ///
    /// # Errors
    ///
    /// The library's.
    #[wasm_bindgen(constructor)]
    pub fn new(description: JsValue, dtype: &str) -> Result<Self, String> {
        let (elements, dtype) = Elements::read_typed(description, dtype)?;
        let count = elements.count();
        let kind = match elements {
            Elements::Fill(fill) => Kind::Fill(Filler::new(&fill, dtype).map_err(|error| error.to_string())?),
            Elements::Words(key, start, _) => Kind::Words(key, start),
        };
        Ok(Self { kind, dtype, count })
    }

    /// The bytes of `count` elements from one on, little-endian.
    ///
    /// # Errors
    ///
    /// The library's, for elements that the fill does not have, and where the memory does not suffice.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "JavaScript has checked the numbers")]
    pub fn bytes(&self, start: f64, count: f64) -> Result<Vec<u8>, String> {
        let (start, count) = (start as u64, count as u64);
        if start.checked_add(count).is_none_or(|end| end > self.count) {
            return Err(format!("a range must lie inside its {} elements, not {start} + {count}", self.count));
        }
        let size = count * self.dtype.size();
        let no_memory = || format!("no memory for {size} bytes");
        let length = usize::try_from(size).map_err(|_| no_memory())?;
        match &self.kind {
            Kind::Fill(filler) => {
                let mut bytes = Vec::new();
                bytes.try_reserve_exact(length).map_err(|_| no_memory())?;
                bytes.resize(length, 0);
                filler.fill_bytes(start, &mut bytes).map_err(|error| error.to_string())?;
                Ok(bytes)
            }
            Kind::Words(key, first) => {
                let mut words = vec![0; length / 4];
                cpu::words(*key, first + start, &mut words);
                Ok(words.into_iter().flat_map(u32::to_le_bytes).collect())
            }
        }
    }
}
