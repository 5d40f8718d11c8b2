//! One lane: plain arithmetic, where there is no vector unit that this crate knows.

use super::Simd;
use crate::bits::words;

/// The unit of one lane, on any processor.
#[derive(Clone, Copy)]
pub(crate) struct Scalar;

/// The f32 with these bits.
#[inline(always)]
fn f32(a: u32) -> f32 {
    f32::from_bits(a)
}

impl Simd for Scalar {
    const LANES: usize = 1;
    type Vector = u32;
    type Mask = bool;
    type U64s = u64;

    #[inline(always)]
    fn splat(self, word: u32) -> u32 {
        word
    }

    #[inline(always)]
    fn load(self, words: &[u32]) -> u32 {
        words[0]
    }

    #[inline(always)]
    fn store(self, a: u32, out: &mut [u32]) {
        out[0] = a;
    }

    #[inline(always)]
    fn add(self, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }

    #[inline(always)]
    fn sub(self, a: u32, b: u32) -> u32 {
        a.wrapping_sub(b)
    }

    #[inline(always)]
    fn and(self, a: u32, b: u32) -> u32 {
        a & b
    }

    #[inline(always)]
    fn or(self, a: u32, b: u32) -> u32 {
        a | b
    }

    #[inline(always)]
    fn xor(self, a: u32, b: u32) -> u32 {
        a ^ b
    }

    #[inline(always)]
    fn shl(self, a: u32, bits: u32) -> u32 {
        a << bits
    }

    #[inline(always)]
    fn shr(self, a: u32, bits: u32) -> u32 {
        a >> bits
    }

    #[inline(always)]
    // Rust's `>>` is arithmetic on signed and logical on unsigned integers
    fn shr_signed(self, a: u32, bits: u32) -> u32 {
        (a.cast_signed() >> bits).cast_unsigned()
    }

    #[inline(always)]
    fn at_least(self, a: u32, b: u32) -> bool {
        a >= b
    }

    #[inline(always)]
    fn bit(self, a: u32, bit: u32) -> bool {
        a >> bit & 1 == 1
    }

    #[inline(always)]
    fn select(self, mask: bool, yes: u32, no: u32) -> u32 {
        if mask { yes } else { no }
    }

    #[inline(always)]
    fn mask_bits(self, mask: bool) -> u64 {
        mask.into()
    }

    #[inline(always)]
    fn add_f32(self, a: u32, b: u32) -> u32 {
        (f32(a) + f32(b)).to_bits()
    }

    #[inline(always)]
    fn sub_f32(self, a: u32, b: u32) -> u32 {
        (f32(a) - f32(b)).to_bits()
    }

    #[inline(always)]
    fn mul_f32(self, a: u32, b: u32) -> u32 {
        (f32(a) * f32(b)).to_bits()
    }

    #[inline(always)]
    fn exact_mul_add_f32(self, a: u32, b: u32, c: u32) -> u32 {
        // not `mul_add`: without an instruction for it that is a slow library call, and the product is exact anyway
        (f32(a) * f32(b) + f32(c)).to_bits()
    }

    #[inline(always)]
    fn below_f32(self, a: u32, b: u32) -> bool {
        f32(a) < f32(b)
    }

    #[inline(always)]
    fn to_f32(self, a: u32) -> u32 {
        // `as` rounds to nearest, ties to even
        (a.cast_signed() as f32).to_bits()
    }

    #[inline(always)]
    fn count_from(self, first: u64) -> u64 {
        first
    }

    #[inline(always)]
    fn load_u64s(self, numbers: &[u64]) -> u64 {
        // a vector of one number
        numbers[0]
    }

    #[inline(always)]
    fn zero(self) -> u64 {
        0
    }

    #[inline(always)]
    fn mul_low(self, a: u64, b: u32) -> u64 {
        // the high word may be anything, so it is masked
        (a & 0xffff_ffff) * u64::from(b)
    }

    #[inline(always)]
    fn xor_high(self, a: u64, word: u32, b: u64) -> u64 {
        a ^ u64::from(word) ^ (b >> 32)
    }

    #[inline(always)]
    fn high(self, a: u64) -> u64 {
        a >> 32
    }

    #[inline(always)]
    fn narrow(self, a: u64) -> u32 {
        words(a)[0]
    }

    #[inline(always)]
    fn narrow_high(self, a: u64) -> u32 {
        words(a)[1]
    }

    #[inline(always)]
    fn transpose(self, columns: [u32; 4], out: &mut [u8]) {
        // one row: there is nothing to transpose
        out.copy_from_slice(bytemuck::bytes_of(&columns));
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the halves of a word")]
    fn transpose_halves(self, [a, b]: [u32; 2], out: &mut [u8]) {
        out.copy_from_slice(bytemuck::bytes_of(&[a as u16, (a >> 16) as u16, b as u16, (b >> 16) as u16]));
    }
}
