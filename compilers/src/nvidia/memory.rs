//! The storage buffer, which all workgroups write concurrently, and the source, which they read.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use anyhow::{Context, Result, ensure};

use crate::machine::Output;

/// The buffer's address. Offsets carry into the upper word, as they may on a device: a shader that drops the carry
/// fails.
const BASE: u64 = 0x1_ffff_f000;
/// The address of the source, behind every storage buffer that fits into a binding.
const SOURCE: u64 = 0x3_ffff_f000;

/// The width of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    U8,
    I8,
    U16,
    I16,
    B32,
    B64,
    B128,
}

impl Width {
    pub(super) const fn bytes(self) -> u64 {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::B32 => 4,
            Self::B64 => 8,
            Self::B128 => 16,
        }
    }

    /// The registers that it takes.
    pub(super) const fn registers(self) -> u16 {
        match self {
            Self::B64 => 2,
            Self::B128 => 4,
            _ => 1,
        }
    }
}

// atomics, because workgroups run on several threads; relaxed ones, because no lane reads what another writes
pub(super) struct Memory<'a> {
    words: Vec<AtomicU32>,
    written: Vec<AtomicBool>,
    source: Option<&'a [u32]>,
}

impl<'a> Memory<'a> {
    pub(super) fn new(output: &mut Output, source: Option<&'a [u32]>) -> Self {
        Self {
            words: std::mem::take(&mut output.words).into_iter().map(AtomicU32::new).collect(),
            written: std::mem::take(&mut output.written).into_iter().map(AtomicBool::new).collect(),
            source,
        }
    }

    pub(super) fn into_output(self, output: &mut Output) {
        output.words = self.words.into_iter().map(AtomicU32::into_inner).collect();
        output.written = self.written.into_iter().map(AtomicBool::into_inner).collect();
    }

    /// The descriptors of the buffers, as NVK lays them out: the address, the size in bytes, and 0.
    pub(super) fn descriptors(&self) -> Vec<u32> {
        let descriptor = |base: u64, words: usize| {
            let [low, high] = halves(base);
            [low, high, halves(4 * words as u64)[0], 0]
        };
        let source = self.source.map(|source| descriptor(SOURCE, source.len()));
        [Some(descriptor(BASE, self.words.len())), source].into_iter().flatten().flatten().collect()
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
        if let (Some(source), Some(offset)) = (self.source, address.checked_sub(SOURCE)) {
            // the source is of single words
            ensure!(width == Width::B32 && offset.is_multiple_of(4), "the source must be read word by word");
            let word = source.get(usize::try_from(offset / 4)?);
            into[0] = *word.with_context(|| format!("address {address:#x} must be in the source"))?;
            return Ok(());
        }
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
