//! Reads AMD's instructions of shared memory.

use anyhow::{Result, bail};

use super::decode::{number, words_of};
use super::instruction::{Instruction, SharedAccess, SharedPart};
use super::line::Line;

impl Line<'_> {
    /// `ds_read_b128 v[4:7], v0 offset:16`, `ds_write2_b32 v0, v1, v2 offset0:1 offset1:3`. RDNA3 has other names.
    pub(super) fn shared(&self) -> Result<Instruction> {
        let (rest, store) = match (
            self.name.strip_prefix("ds_write").or_else(|| self.name.strip_prefix("ds_store")),
            self.name.strip_prefix("ds_read").or_else(|| self.name.strip_prefix("ds_load")),
        ) {
            (Some(rest), _) => (rest, true),
            (_, Some(rest)) => (rest, false),
            _ => bail!("an unknown instruction"),
        };
        // two parts have offsets in their width, or in 64 times it
        let (scale, suffix) = match rest.split_once('_') {
            Some(("", suffix)) if !suffix.contains('_') => (0, suffix),
            Some(("2", suffix)) => (1, suffix),
            Some(("2st64", suffix)) => (64, suffix),
            _ => match (rest.strip_prefix("_2addr_stride64_"), rest.strip_prefix("_2addr_")) {
                (Some(suffix), _) => (64, suffix),
                (_, Some(suffix)) => (1, suffix),
                _ => bail!("an unknown instruction"),
            },
        };
        let words = words_of(suffix)?;
        let mut offsets = [0; 2];
        for modifier in &self.modifiers {
            let (name, value) = modifier.split_once(':').unwrap_or((modifier, ""));
            match (name, scale) {
                ("offset", 0) => offsets[0] = number(value)?,
                ("offset0", 1..) => offsets[0] = scale * 4 * u32::from(words) * number(value)?,
                ("offset1", 1..) => offsets[1] = scale * 4 * u32::from(words) * number(value)?,
                _ => bail!("unknown modifier `{modifier}`"),
            }
        }
        let parts = if scale == 0 { 1 } else { 2 };
        self.expect(if store { 1 + parts } else { 2 })?;
        let address = self.vector_register(usize::from(!store))?;
        let mut found = [None; 2];
        for (part, (found, offset)) in found.iter_mut().zip(offsets).take(parts).enumerate() {
            // a load has one range of registers for both parts
            let data =
                if store { self.vector_register(1 + part)? } else { self.vector_register(0)? + words * part as u8 };
            *found = Some(SharedPart { data, offset });
        }
        Ok(Instruction::Shared(SharedAccess { store, address, words, parts: found }))
    }
}
