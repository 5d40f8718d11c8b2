//! Arithmetic of one lane. The functions are inlined, so that a loop over lanes is compiled to vector instructions.

/// A denormal f32 as zero of its sign.
#[inline(always)]
pub(crate) const fn flush(bits: u32) -> u32 {
    // an exponent of 0 means a zero or a denormal
    if bits & 0x7f80_0000 == 0 { bits & 0x8000_0000 } else { bits }
}

/// A result with denormals flushed.
#[inline(always)]
pub(crate) const fn flushed(value: f32) -> u32 {
    flush(value.to_bits())
}

/// Bits as f32, denormals flushed.
#[inline(always)]
pub(crate) const fn float(bits: u32) -> f32 {
    f32::from_bits(flush(bits))
}

/// The high word of a product of words.
#[inline(always)]
pub(crate) const fn mul_high(a: u32, b: u32) -> u32 {
    ((a as u64 * b as u64) >> 32) as u32
}

/// A bit of a lane, as all ones or none.
#[inline(always)]
pub(crate) const fn all_ones(mask: u64, lane: usize) -> u32 {
    // 0 - 1 is all ones: no branch, so that the loop stays one of vectors
    (((mask >> lane) & 1) as u32).wrapping_neg()
}

/// `a` where the mask of a lane is set, else `b`.
#[inline(always)]
pub(crate) const fn blend(mask: u32, a: u32, b: u32) -> u32 {
    (a & mask) | (b & !mask)
}
