//! SIMD128, the vectors of WebAssembly, in modules that are compiled with `-C target-feature=+simd128`.
//!
//! The layout is NEON's: `U64s` is the low words in one vector and the high words in another, in counting order. A
//! multiplication is two instructions of two lanes each, and two that collect the low words and the high words.
//! Two vectors at a time are 1.1 to 1.2 times as fast as one in V8 on x86-64. Truncated normals with tails are 0.93 times
//! as fast.
//!
//! WebAssembly rounds each f32 operation once, to nearest, ties to even, and keeps subnormal numbers. Relaxed SIMD, whose
//! results depend on the processor, is not used.

use std::arch::wasm32::{
    f32x4_add, f32x4_convert_i32x4, f32x4_lt, f32x4_mul, f32x4_sub, i32x4_bitmask, i32x4_shr, i32x4_shuffle, u32x4_add,
    u32x4_ge, u32x4_shl, u32x4_shr, u32x4_splat, u32x4_sub, u64x2, u64x2_add, u64x2_extmul_high_u32x4,
    u64x2_extmul_low_u32x4, u64x2_splat, v128, v128_and, v128_bitselect, v128_or, v128_xor,
};
use std::hint::black_box;

use super::Simd;

/// The unit. It needs no proof that its instructions exist: an engine without them refuses the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Simd128;

/// Methods that are one instruction on two vectors.
macro_rules! ops {
    ($($name:ident = $instruction:ident),+) => {$(
        #[inline(always)]
        fn $name(self, a: v128, b: v128) -> v128 {
            $instruction(a, b)
        }
    )+};
}

/// Methods that are one instruction on a vector and a shift count.
macro_rules! shift_ops {
    ($($name:ident = $instruction:ident),+) => {$(
        #[inline(always)]
        fn $name(self, a: v128, bits: u32) -> v128 {
            $instruction(a, bits)
        }
    )+};
}

impl Simd for Simd128 {
    const LANES: usize = 4;
    // work that is kept in place takes registers: normals run at 0.6 of the rate in V8 on x86-64, with 16 of them
    const INTERLEAVES: bool = false;
    type Vector = v128;
    type Mask = v128;
    type U64s = [v128; 2];

    ops! { add = u32x4_add, sub = u32x4_sub, and = v128_and, or = v128_or, xor = v128_xor }
    ops! { add_f32 = f32x4_add, sub_f32 = f32x4_sub, mul_f32 = f32x4_mul }
    ops! { at_least = u32x4_ge, below_f32 = f32x4_lt }
    shift_ops! { shl = u32x4_shl, shr = u32x4_shr, shr_signed = i32x4_shr }

    #[inline(always)]
    fn splat(self, word: u32) -> v128 {
        u32x4_splat(word)
    }

    #[inline(always)]
    fn load(self, words: &[u32]) -> v128 {
        let (words, _) = words.as_chunks::<4>();
        bytemuck::cast(words[0])
    }

    #[inline(always)]
    fn store(self, a: v128, out: &mut [u32]) {
        let (out, _) = out.as_chunks_mut::<4>();
        out[0] = bytemuck::cast(a);
    }

    /// Every bit of a lane is the same: the bit is shifted to the highest and from there to all.
    #[inline(always)]
    fn bit(self, a: v128, bit: u32) -> v128 {
        i32x4_shr(u32x4_shl(a, 31 - bit), 31)
    }

    #[inline(always)]
    fn select(self, mask: v128, yes: v128, no: v128) -> v128 {
        v128_bitselect(yes, no, mask)
    }

    #[inline(always)]
    fn mask_bits(self, mask: v128) -> u64 {
        i32x4_bitmask(mask).into()
    }

    #[inline(always)]
    fn exact_mul_add_f32(self, a: v128, b: v128, c: v128) -> v128 {
        f32x4_add(f32x4_mul(a, b), c)
    }

    #[inline(always)]
    fn to_f32(self, a: v128) -> v128 {
        f32x4_convert_i32x4(a)
    }

    #[inline(always)]
    fn count_from(self, first: u64) -> [v128; 2] {
        let first = u64x2_splat(first);
        unzip(u64x2_add(first, u64x2(0, 1)), u64x2_add(first, u64x2(2, 3)))
    }

    #[inline(always)]
    fn load_u64s(self, numbers: &[u64]) -> [v128; 2] {
        let (pairs, _) = numbers.as_chunks::<2>();
        unzip(bytemuck::cast(pairs[0]), bytemuck::cast(pairs[1]))
    }

    #[inline(always)]
    fn zero(self) -> [v128; 2] {
        [self.splat(0); 2]
    }

    // LLVM widens a constant factor when it compiles, and then multiplies 64-bit words. V8 on x86-64 takes nine or ten
    // instructions for that, instead of three. LLVM must see both factors widened, so it must not know this one: normals
    // are 1.4 times as fast, words 1.6 times.
    #[inline(always)]
    fn factor(self, word: u32) -> v128 {
        black_box(self.splat(word))
    }

    #[inline(always)]
    fn mul_low(self, [low, _]: [v128; 2], b: v128) -> [v128; 2] {
        unzip(u64x2_extmul_low_u32x4(low, b), u64x2_extmul_high_u32x4(low, b))
    }

    #[inline(always)]
    fn xor_high(self, [low, high]: [v128; 2], word: v128, b: [v128; 2]) -> [v128; 2] {
        // b comes last: its multiplication takes long, and the other xor need not wait for it
        [v128_xor(v128_xor(low, word), b[1]), high]
    }

    #[inline(always)]
    fn high(self, [_, high]: [v128; 2]) -> [v128; 2] {
        [high, self.splat(0)]
    }

    #[inline(always)]
    fn narrow(self, [low, _]: [v128; 2]) -> v128 {
        low
    }

    #[inline(always)]
    fn narrow_high(self, [_, high]: [v128; 2]) -> v128 {
        high
    }

    #[inline(always)]
    fn transpose(self, [a, b, c, d]: [v128; 4], out: &mut [u8]) {
        // rounds of interleaving: two vectors to pairs, two of those to rows
        let [ac_low, ac_high] = zip(a, c);
        let [bd_low, bd_high] = zip(b, d);
        let rows = [zip(ac_low, bd_low), zip(ac_high, bd_high)];
        out.copy_from_slice(bytemuck::bytes_of(&rows));
    }

    #[inline(always)]
    fn transpose_halves(self, [a, b]: [v128; 2], out: &mut [u8]) {
        // a row of four 16-bit numbers is two words
        out.copy_from_slice(bytemuck::bytes_of(&zip(a, b)));
    }
}

/// The low and the high words of four 64-bit words.
#[inline(always)]
fn unzip(first: v128, second: v128) -> [v128; 2] {
    [i32x4_shuffle::<0, 2, 4, 6>(first, second), i32x4_shuffle::<1, 3, 5, 7>(first, second)]
}

/// The words of two vectors in turn.
#[inline(always)]
fn zip(a: v128, b: v128) -> [v128; 2] {
    [i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b)]
}
