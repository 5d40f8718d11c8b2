//! Two vectors at a time. Two independent chains of operations then run side by side, which hides their latency.

use super::{Simd, compress_by_bits};

/// Two vectors of a unit as one vector of twice the lanes. The first vector holds the first half.
#[derive(Clone, Copy)]
pub(crate) struct Pair<U>(pub(crate) U);

/// Methods that do the same to both vectors.
// a macro, because a function that takes a closure would not be inlined into the code for the vector unit
macro_rules! on_both {
    ($($name:ident($($pair:ident: $Type:ident),+ $(; $word:ident)?) -> $Result:ident,)+) => {$(
        #[inline(always)]
        fn $name(self, $($pair: Self::$Type,)+ $($word: u32)?) -> Self::$Result {
            [self.0.$name($($pair[0],)+ $($word)?), self.0.$name($($pair[1],)+ $($word)?)]
        }
    )+};
}

impl<U: Simd> Simd for Pair<U> {
    const LANES: usize = 2 * U::LANES;
    const INTERLEAVES: bool = U::INTERLEAVES;
    const COMPRESSES: bool = U::COMPRESSES;
    type Vector = [U::Vector; 2];
    type Mask = [U::Mask; 2];
    type U64s = [U::U64s; 2];

    on_both! {
        add(a: Vector, b: Vector) -> Vector,
        sub(a: Vector, b: Vector) -> Vector,
        and(a: Vector, b: Vector) -> Vector,
        or(a: Vector, b: Vector) -> Vector,
        xor(a: Vector, b: Vector) -> Vector,
        shl(a: Vector; bits) -> Vector,
        shr(a: Vector; bits) -> Vector,
        shr_signed(a: Vector; bits) -> Vector,
        at_least(a: Vector, b: Vector) -> Mask,
        bit(a: Vector; bit) -> Mask,
        select(mask: Mask, yes: Vector, no: Vector) -> Vector,
        add_f32(a: Vector, b: Vector) -> Vector,
        sub_f32(a: Vector, b: Vector) -> Vector,
        mul_f32(a: Vector, b: Vector) -> Vector,
        exact_mul_add_f32(a: Vector, b: Vector, c: Vector) -> Vector,
        below_f32(a: Vector, b: Vector) -> Mask,
        to_f32(a: Vector) -> Vector,
        to_f16(a: Vector) -> Vector,
        mul_low(a: U64s, b: Vector) -> U64s,
        xor_high(a: U64s, word: Vector, b: U64s) -> U64s,
        high(a: U64s) -> U64s,
        narrow(a: U64s) -> Vector,
        narrow_high(a: U64s) -> Vector,
    }

    #[inline(always)]
    fn splat(self, word: u32) -> Self::Vector {
        [self.0.splat(word); 2]
    }

    #[inline(always)]
    fn factor(self, word: u32) -> Self::Vector {
        // one, not two: both vectors read the same register
        [self.0.factor(word); 2]
    }

    #[inline(always)]
    fn load(self, words: &[u32]) -> Self::Vector {
        let (first, second) = words.split_at(U::LANES);
        [self.0.load(first), self.0.load(second)]
    }

    #[inline(always)]
    fn store(self, a: Self::Vector, out: &mut [u32]) {
        let (first, second) = out.split_at_mut(U::LANES);
        self.0.store(a[0], first);
        self.0.store(a[1], second);
    }

    #[inline(always)]
    fn mask_bits(self, mask: Self::Mask) -> u64 {
        self.0.mask_bits(mask[0]) | (self.0.mask_bits(mask[1]) << U::LANES)
    }

    #[inline(always)]
    fn compress(self, [a, b]: [Self::Vector; 2], mask: Self::Mask, [to_a, to_b]: [&mut [u32]; 2]) -> usize {
        if !U::COMPRESSES {
            // one loop over both
            return compress_by_bits(self, [a, b], mask, [to_a, to_b]);
        }
        let count = self.0.compress([a[0], b[0]], mask[0], [&mut *to_a, &mut *to_b]);
        count + self.0.compress([a[1], b[1]], mask[1], [&mut to_a[count..], &mut to_b[count..]])
    }

    #[inline(always)]
    fn count_from(self, first: u64) -> Self::U64s {
        // the second vector continues where the first ends
        [self.0.count_from(first), self.0.count_from(first.wrapping_add(U::LANES as u64))]
    }

    #[inline(always)]
    fn load_u64s(self, numbers: &[u64]) -> Self::U64s {
        [self.0.load_u64s(&numbers[..U::LANES]), self.0.load_u64s(&numbers[U::LANES..])]
    }

    #[inline(always)]
    fn zero(self) -> Self::U64s {
        [self.0.zero(); 2]
    }

    #[inline(always)]
    fn transpose(self, [a, b, c, d]: [Self::Vector; 4], out: &mut [u8]) {
        // a row of four words takes 16 bytes
        let (first, second) = out.split_at_mut(16 * U::LANES);
        self.0.transpose([a[0], b[0], c[0], d[0]], first);
        self.0.transpose([a[1], b[1], c[1], d[1]], second);
    }

    #[inline(always)]
    fn transpose_halves(self, [a, b]: [Self::Vector; 2], out: &mut [u8]) {
        // a row of four 16-bit numbers takes 8 bytes
        let (first, second) = out.split_at_mut(8 * U::LANES);
        self.0.transpose_halves([a[0], b[0]], first);
        self.0.transpose_halves([a[1], b[1]], second);
    }
}
