//! The storage buffer, which all workgroups write concurrently.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use anyhow::{Context, Result, ensure};

use super::instruction::Width;
use crate::machine::Output;

/// The buffer's address. Offsets carry into the upper word, as they may on a device: a shader that drops the carry
/// fails.
const BASE: u64 = 0x1_ffff_f000;

// atomics, because workgroups run on several threads; relaxed ones, because no lane reads what another writes
pub(super) struct Memory {
    words: Vec<AtomicU32>,
    written: Vec<AtomicBool>,
}

impl Memory {
    pub(super) fn new(output: &mut Output) -> Self {
        Self {
            words: std::mem::take(&mut output.words).into_iter().map(AtomicU32::new).collect(),
            written: std::mem::take(&mut output.written).into_iter().map(AtomicBool::new).collect(),
        }
    }

    pub(super) fn into_output(self, output: &mut Output) {
        output.words = self.words.into_iter().map(AtomicU32::into_inner).collect();
        output.written = self.written.into_iter().map(AtomicBool::into_inner).collect();
    }

    /// The descriptor of the buffer, as NVK lays it out: the address, the size in bytes, and 0.
    pub(super) fn descriptor(&self) -> [u32; 4] {
        let [low, high] = halves(BASE);
        [low, high, halves(4 * self.words.len() as u64)[0], 0]
    }

    /// The index of the word that has an address, and the byte in it.
    fn place(&self, address: u64, width: Width) -> Result<(usize, u32)> {
        // an address that is not aligned is a fault, which must not be rounded down
        ensure!(address.is_multiple_of(width.bytes()), "address {address:#x} must be a multiple of {}", width.bytes());
        let size = 4 * self.words.len() as u64;
        // the whole access must be inside: robust access would hide one that is not
        let offset = address.checked_sub(BASE).filter(|offset| offset + width.bytes() <= size);
        let offset =
            offset.with_context(|| format!("address {address:#x} must be in {BASE:#x} and {size} bytes on"))?;
        Ok((usize::try_from(offset / 4)?, halves(offset % 4)[0]))
    }

    /// Reads as many words as the width has.
    pub(super) fn load(&self, address: u64, width: Width, into: &mut [u32]) -> Result<()> {
        let (word, byte) = self.place(address, width)?;
        for (into, word) in into.iter_mut().zip(&self.words[word..]) {
            *into = word.load(Relaxed);
        }
        // widths below a word take their bytes from it; of others `byte` is 0
        let shifted = into[0] >> (8 * byte);
        into[0] = match width {
            Width::U8 => shifted & 0xff,
            Width::I8 => (shifted << 24).cast_signed().wrapping_shr(24).cast_unsigned(),
            Width::U16 => shifted & 0xffff,
            Width::I16 => (shifted << 16).cast_signed().wrapping_shr(16).cast_unsigned(),
            Width::B32 | Width::B64 | Width::B128 => shifted,
        };
        Ok(())
    }

    /// Writes as many words as the width has, or part of a word.
    pub(super) fn store(&self, address: u64, width: Width, from: &[u32]) -> Result<()> {
        let (word, byte) = self.place(address, width)?;
        // the bits of the word that the store replaces
        let part = match width {
            Width::U8 | Width::I8 => 0xff,
            Width::U16 | Width::I16 => 0xffff,
            Width::B32 | Width::B64 | Width::B128 => u32::MAX,
        } << (8 * byte);
        for (at, from) in from.iter().enumerate() {
            let target = &self.words[word + at];
            if part == u32::MAX {
                target.store(*from, Relaxed);
            } else {
                // lanes may write the two halves of one word at the same time, so the other half must stay
                target.fetch_and(!part, Relaxed);
                target.fetch_or((from << (8 * byte)) & part, Relaxed);
            }
            self.written[word + at].store(true, Relaxed);
        }
        Ok(())
    }
}

/// The low and the high word.
#[inline(always)]
pub(super) const fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

/// Two words as one number.
#[inline(always)]
pub(super) const fn joined(low: u32, high: u32) -> u64 {
    (low as u64) | ((high as u64) << 32)
}
