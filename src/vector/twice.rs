//! Two vectors of a unit as one, so that two chains of steps that wait for each other are under way at once.

use super::Unit;

/// Twice the lanes, the first half before the second.
#[derive(Clone, Copy)]
pub(crate) struct Twice<U>(pub(crate) U);

type Pair<T> = [T; 2];

impl<U: Unit> Unit for Twice<U> {
    const LANES: usize = 2 * U::LANES;
    type Vector = Pair<U::Vector>;
    type Mask = Pair<U::Mask>;
    type Wide = Pair<U::Wide>;

    #[inline(always)]
    fn splat(self, word: u32) -> Self::Vector {
        [self.0.splat(word); 2]
    }

    #[inline(always)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        [self.0.add(a[0], b[0]), self.0.add(a[1], b[1])]
    }

    #[inline(always)]
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        [self.0.sub(a[0], b[0]), self.0.sub(a[1], b[1])]
    }

    #[inline(always)]
    fn and(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        [self.0.and(a[0], b[0]), self.0.and(a[1], b[1])]
    }

    #[inline(always)]
    fn or(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        [self.0.or(a[0], b[0]), self.0.or(a[1], b[1])]
    }

    #[inline(always)]
    fn xor(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        [self.0.xor(a[0], b[0]), self.0.xor(a[1], b[1])]
    }

    #[inline(always)]
    fn add_f32(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        [self.0.add_f32(a[0], b[0]), self.0.add_f32(a[1], b[1])]
    }

    #[inline(always)]
    fn sub_f32(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        [self.0.sub_f32(a[0], b[0]), self.0.sub_f32(a[1], b[1])]
    }

    #[inline(always)]
    fn mul_f32(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        [self.0.mul_f32(a[0], b[0]), self.0.mul_f32(a[1], b[1])]
    }

    #[inline(always)]
    fn mul_wide(self, a: Self::Vector, b: Self::Vector) -> [Self::Vector; 2] {
        let ([low_0, high_0], [low_1, high_1]) = (self.0.mul_wide(a[0], b[0]), self.0.mul_wide(a[1], b[1]));
        [[low_0, low_1], [high_0, high_1]]
    }

    #[inline(always)]
    fn shl(self, a: Self::Vector, bits: u32) -> Self::Vector {
        [self.0.shl(a[0], bits), self.0.shl(a[1], bits)]
    }

    #[inline(always)]
    fn shr(self, a: Self::Vector, bits: u32) -> Self::Vector {
        [self.0.shr(a[0], bits), self.0.shr(a[1], bits)]
    }

    #[inline(always)]
    fn shr_signed(self, a: Self::Vector, bits: u32) -> Self::Vector {
        [self.0.shr_signed(a[0], bits), self.0.shr_signed(a[1], bits)]
    }

    #[inline(always)]
    fn at_least(self, a: Self::Vector, b: Self::Vector) -> Self::Mask {
        [self.0.at_least(a[0], b[0]), self.0.at_least(a[1], b[1])]
    }

    #[inline(always)]
    fn below_f32(self, a: Self::Vector, b: Self::Vector) -> Self::Mask {
        [self.0.below_f32(a[0], b[0]), self.0.below_f32(a[1], b[1])]
    }

    #[inline(always)]
    fn select(self, mask: Self::Mask, yes: Self::Vector, no: Self::Vector) -> Self::Vector {
        [self.0.select(mask[0], yes[0], no[0]), self.0.select(mask[1], yes[1], no[1])]
    }

    #[inline(always)]
    fn to_f32(self, a: Self::Vector) -> Self::Vector {
        [self.0.to_f32(a[0]), self.0.to_f32(a[1])]
    }

    #[inline(always)]
    fn count_from(self, first: u64) -> Self::Wide {
        [self.0.count_from(first), self.0.count_from(first.wrapping_add(U::LANES as u64))]
    }

    #[inline(always)]
    fn wide(self, numbers: &[u64]) -> Self::Wide {
        [self.0.wide(&numbers[..U::LANES]), self.0.wide(&numbers[U::LANES..])]
    }

    #[inline(always)]
    fn zero(self) -> Self::Wide {
        [self.0.zero(); 2]
    }

    #[inline(always)]
    fn mul_low(self, a: Self::Wide, b: u32) -> Self::Wide {
        [self.0.mul_low(a[0], b), self.0.mul_low(a[1], b)]
    }

    #[inline(always)]
    fn xor_high(self, a: Self::Wide, word: Self::Vector, b: Self::Wide) -> Self::Wide {
        [self.0.xor_high(a[0], word[0], b[0]), self.0.xor_high(a[1], word[1], b[1])]
    }

    #[inline(always)]
    fn high(self, a: Self::Wide) -> Self::Wide {
        [self.0.high(a[0]), self.0.high(a[1])]
    }

    #[inline(always)]
    fn narrow(self, a: Self::Wide) -> Self::Vector {
        [self.0.narrow(a[0]), self.0.narrow(a[1])]
    }

    #[inline(always)]
    fn weave(self, [a, b, c, d]: [Self::Vector; 4], out: &mut [u8]) {
        let (first, second) = out.split_at_mut(16 * U::LANES);
        self.0.weave([a[0], b[0], c[0], d[0]], first);
        self.0.weave([a[1], b[1], c[1], d[1]], second);
    }

    #[inline(always)]
    fn weave_halves(self, [a, b]: [Self::Vector; 2], out: &mut [u8]) {
        let (first, second) = out.split_at_mut(8 * U::LANES);
        self.0.weave_halves([a[0], b[0]], first);
        self.0.weave_halves([a[1], b[1]], second);
    }
}
