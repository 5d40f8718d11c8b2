//! NEON, which every 64-bit ARM processor has.
//!
//! `U64s` is the low words in one vector and the high words in another, in counting order. A product of 32-bit words
//! has 64 bits, so a multiplication takes two instructions of two lanes each, and two more that collect the low words
//! and the high words. Every other operation then works on whole vectors.
//!
//! These instructions round each f32 operation once, to nearest, ties to even, and keep subnormal numbers: Rust does
//! not change the processor's mode. NEON converts f32 to f16 as well, but pulp has no function for it.

use std::arch::aarch64::{uint32x4_t, uint64x2_t};

use pulp::aarch64::Neon;

use super::Simd;

/// Methods that are one instruction on two vectors of words.
macro_rules! word_ops {
    ($($name:ident = $instruction:ident),+) => {$(
        #[inline(always)]
        fn $name(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
            self.neon.$instruction(a, b)
        }
    )+};
}

/// Methods that are one instruction on two vectors of f32. Words are reinterpreted as f32 and back at no cost.
macro_rules! float_ops {
    ($($name:ident = $instruction:ident),+) => {$(
        #[inline(always)]
        fn $name(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
            let simd = self.neon;
            simd.vreinterpretq_u32_f32(
                simd.$instruction(simd.vreinterpretq_f32_u32(a), simd.vreinterpretq_f32_u32(b)),
            )
        }
    )+};
}

impl Simd for Neon {
    const LANES: usize = 4;
    // Work that is kept in place takes registers: 30.2 instead of 24.7 instructions for a normal. By LLVM's models that
    // costs 12 to 17 % on cores with two vector pipes (Neoverse N1 and N2), nothing on Neoverse V1, and saves 4 % on an
    // Apple core of 2013, which looks less far ahead than later ones.
    const INTERLEAVES: bool = false;
    type Vector = uint32x4_t;
    type Mask = uint32x4_t;
    type U64s = [uint32x4_t; 2];

    word_ops! { add = vaddq_u32, sub = vsubq_u32, and = vandq_u32, or = vorrq_u32, xor = veorq_u32 }
    float_ops! { add_f32 = vaddq_f32, sub_f32 = vsubq_f32, mul_f32 = vmulq_f32 }

    #[inline(always)]
    fn splat(self, word: u32) -> uint32x4_t {
        self.neon.vdupq_n_u32(word)
    }

    #[inline(always)]
    fn load(self, words: &[u32]) -> uint32x4_t {
        let (words, _) = words.as_chunks::<4>();
        bytemuck::cast(words[0])
    }

    #[inline(always)]
    fn store(self, a: uint32x4_t, out: &mut [u32]) {
        let (out, _) = out.as_chunks_mut::<4>();
        out[0] = bytemuck::cast(a);
    }

    #[inline(always)]
    fn shl(self, a: uint32x4_t, bits: u32) -> uint32x4_t {
        self.neon.vshlq_u32(a, self.neon.vdupq_n_s32(bits.cast_signed()))
    }

    // a shift to the right is one to the left by a negative count
    #[inline(always)]
    fn shr(self, a: uint32x4_t, bits: u32) -> uint32x4_t {
        self.neon.vshlq_u32(a, self.neon.vdupq_n_s32(-bits.cast_signed()))
    }

    #[inline(always)]
    fn shr_signed(self, a: uint32x4_t, bits: u32) -> uint32x4_t {
        let simd = self.neon;
        simd.vreinterpretq_u32_s32(simd.vshlq_s32(simd.vreinterpretq_s32_u32(a), simd.vdupq_n_s32(-bits.cast_signed())))
    }

    #[inline(always)]
    fn at_least(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        self.neon.vcgeq_u32(a, b)
    }

    #[inline(always)]
    fn bit(self, a: uint32x4_t, bit: u32) -> uint32x4_t {
        self.neon.vtstq_u32(a, self.splat(1 << bit))
    }

    #[inline(always)]
    fn select(self, mask: uint32x4_t, yes: uint32x4_t, no: uint32x4_t) -> uint32x4_t {
        self.neon.vbslq_u32(mask, yes, no)
    }

    #[inline(always)]
    fn mask_bits(self, mask: uint32x4_t) -> u64 {
        // every bit of a lane is the same
        let [a, b, c, d]: [u32; 4] = bytemuck::cast(self.neon.vandq_u32(mask, bytemuck::cast([1_u32, 2, 4, 8])));
        (a | b | c | d).into()
    }

    #[inline(always)]
    fn exact_mul_add_f32(self, a: uint32x4_t, b: uint32x4_t, c: uint32x4_t) -> uint32x4_t {
        let simd = self.neon;
        let [a, b, c] = [simd.vreinterpretq_f32_u32(a), simd.vreinterpretq_f32_u32(b), simd.vreinterpretq_f32_u32(c)];
        // the instruction adds to its first operand
        simd.vreinterpretq_u32_f32(simd.vfmaq_f32(c, a, b))
    }

    #[inline(always)]
    fn below_f32(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        self.neon.vcltq_f32(self.neon.vreinterpretq_f32_u32(a), self.neon.vreinterpretq_f32_u32(b))
    }

    #[inline(always)]
    fn to_f32(self, a: uint32x4_t) -> uint32x4_t {
        self.neon.vreinterpretq_u32_f32(self.neon.vcvtq_f32_s32(self.neon.vreinterpretq_s32_u32(a)))
    }

    #[inline(always)]
    fn count_from(self, first: u64) -> [uint32x4_t; 2] {
        let (simd, first) = (self.neon, self.neon.vdupq_n_u64(first));
        let [low, high] = [bytemuck::cast([0_u64, 1]), bytemuck::cast([2_u64, 3])];
        unzip(self, simd.vaddq_u64(first, low), simd.vaddq_u64(first, high))
    }

    #[inline(always)]
    fn load_u64s(self, numbers: &[u64]) -> [uint32x4_t; 2] {
        let (pairs, _) = numbers.as_chunks::<2>();
        unzip(self, bytemuck::cast(pairs[0]), bytemuck::cast(pairs[1]))
    }

    #[inline(always)]
    fn zero(self) -> [uint32x4_t; 2] {
        [self.splat(0); 2]
    }

    #[inline(always)]
    fn mul_low(self, [low, _]: [uint32x4_t; 2], b: uint32x4_t) -> [uint32x4_t; 2] {
        let simd = self.neon;
        unzip(self, simd.vmull_u32(simd.vget_low_u32(low), simd.vget_low_u32(b)), simd.vmull_high_u32(low, b))
    }

    #[inline(always)]
    fn xor_high(self, [low, high]: [uint32x4_t; 2], word: uint32x4_t, b: [uint32x4_t; 2]) -> [uint32x4_t; 2] {
        // b comes last: its multiplication takes long, and the other xor need not wait for it
        [self.neon.veorq_u32(self.neon.veorq_u32(low, word), b[1]), high]
    }

    #[inline(always)]
    fn high(self, [_, high]: [uint32x4_t; 2]) -> [uint32x4_t; 2] {
        [high, self.splat(0)]
    }

    #[inline(always)]
    fn narrow(self, [low, _]: [uint32x4_t; 2]) -> uint32x4_t {
        low
    }

    #[inline(always)]
    fn narrow_high(self, [_, high]: [uint32x4_t; 2]) -> uint32x4_t {
        high
    }

    #[inline(always)]
    fn transpose(self, [a, b, c, d]: [uint32x4_t; 4], out: &mut [u8]) {
        // rounds of interleaving: two vectors to pairs, two of those to rows
        let [ac_low, ac_high] = zip(self, a, c);
        let [bd_low, bd_high] = zip(self, b, d);
        let rows = [zip(self, ac_low, bd_low), zip(self, ac_high, bd_high)];
        out.copy_from_slice(bytemuck::bytes_of(&rows));
    }

    #[inline(always)]
    fn transpose_halves(self, [a, b]: [uint32x4_t; 2], out: &mut [u8]) {
        // a row of four 16-bit numbers is two words
        out.copy_from_slice(bytemuck::bytes_of(&zip(self, a, b)));
    }
}

/// The low and the high words of four 64-bit words.
#[inline(always)]
fn unzip(simd: Neon, first: uint64x2_t, second: uint64x2_t) -> [uint32x4_t; 2] {
    let (first, second) = (simd.neon.vreinterpretq_u32_u64(first), simd.neon.vreinterpretq_u32_u64(second));
    [simd.neon.vuzp1q_u32(first, second), simd.neon.vuzp2q_u32(first, second)]
}

/// The words of two vectors in turn.
#[inline(always)]
fn zip(simd: Neon, a: uint32x4_t, b: uint32x4_t) -> [uint32x4_t; 2] {
    [simd.neon.vzip1q_u32(a, b), simd.neon.vzip2q_u32(a, b)]
}
