//! Vectors of words and of f32 with operators. The CPU's arithmetic is written once with these types.

use std::ops::{Add, BitAnd, BitOr, BitXor, Mul, Shl, Shr, Sub};

use super::simd::{Pair, Scalar, Simd};

// Each vector has its unit beside it: a unit proves that its instructions exist on this processor, and has no size.
/// A vector of words.
#[derive(Clone, Copy)]
pub(crate) struct Words<U: Simd>(pub(crate) U, pub(crate) U::Vector);

/// A vector of f32.
#[derive(Clone, Copy)]
pub(crate) struct Floats<U: Simd>(pub(crate) U, pub(crate) U::Vector);

/// A selection of lanes.
#[derive(Clone, Copy)]
pub(crate) struct Mask<U: Simd>(U, U::Mask);

impl<U: Simd> Words<Pair<U>> {
    /// Two vectors as one of twice the lanes.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn pair(first: Words<U>, second: Words<U>) -> Self {
        Self(Pair(first.0), [first.1, second.1])
    }

    /// The two vectors of a pair.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn halves(self) -> [Words<U>; 2] {
        let Self(Pair(simd), [first, second]) = self;
        [Words(simd, first), Words(simd, second)]
    }
}

impl<U: Simd> Words<Pair<Pair<U>>> {
    /// Four vectors as one of four times the lanes.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn four([a, b, c, d]: [Words<U>; 4]) -> Self {
        Self::pair(Words::pair(a, b), Words::pair(c, d))
    }

    /// The four vectors.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn quarters(self) -> [Words<U>; 4] {
        let [first, second] = self.halves();
        let ([a, b], [c, d]) = (first.halves(), second.halves());
        [a, b, c, d]
    }
}

// a pair's f32 have the same bits as its words, so the words' method does
impl<U: Simd> Floats<Pair<U>> {
    /// The two vectors of a pair.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn halves(self) -> [Floats<U>; 2] {
        let [first, second] = self.bits().halves();
        [first.as_f32(), second.as_f32()]
    }
}

impl<U: Simd> Mask<Pair<U>> {
    /// The two masks of a pair.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn halves(self) -> [Mask<U>; 2] {
        let Self(Pair(simd), [first, second]) = self;
        [Mask(simd, first), Mask(simd, second)]
    }
}

impl<U: Simd> Words<U> {
    /// A word in every lane.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn all(self, word: u32) -> Self {
        Self(self.0, self.0.splat(word))
    }

    /// The f32 with these bits.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn as_f32(self) -> Floats<U> {
        Floats(self.0, self.1)
    }

    /// Loads words, one for each lane.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn load(simd: U, words: &[u32]) -> Self {
        Self(simd, simd.load(words))
    }

    /// Stores the words.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn store(self, words: &mut [u32]) {
        self.0.store(self.1, words);
    }

    /// Stores the lanes of a mask, one after the other, and those of another vector. See [`Simd::compress`].
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn compress(self, other: Self, mask: Mask<U>, out: [&mut [u32]; 2]) -> usize {
        self.0.compress([self.1, other.1], mask.1, out)
    }

    /// Converts f32 bits to f16 bits, in the low halves. See [`Simd::to_f16`].
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn to_f16(self) -> Self {
        Self(self.0, self.0.to_f16(self.1))
    }

    /// Converts signed words to f32.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn to_f32(self) -> Floats<U> {
        Floats(self.0, self.0.to_f32(self.1))
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn shr_signed(self, bits: u32) -> Self {
        Self(self.0, self.0.shr_signed(self.1, bits))
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn at_least(self, other: Self) -> Mask<U> {
        Mask(self.0, self.0.at_least(self.1, other.1))
    }

    /// Lanes where a bit is 1. Bit 0 is the lowest.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn bit(self, bit: u32) -> Mask<U> {
        Mask(self.0, self.0.bit(self.1, bit))
    }
}

impl<U: Simd> Floats<U> {
    /// A value in every lane of a unit's vector.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn splat(simd: U, value: f32) -> Self {
        Self(simd, simd.splat(value.to_bits()))
    }

    /// Loads as many values as the unit has lanes.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn load(simd: U, values: &[f32]) -> Self {
        Self(simd, simd.load(bytemuck::cast_slice(values)))
    }

    /// Writes the values to a slice of as many.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn store(self, out: &mut [f32]) {
        self.0.store(self.1, bytemuck::cast_slice_mut(out));
    }

    /// A value in every lane.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn all(self, value: f32) -> Self {
        Self(self.0, self.0.splat(value.to_bits()))
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn bits(self) -> Words<U> {
        Words(self.0, self.1)
    }

    /// `self * factor + addend` where the product is exact: the same whether the unit fuses the two or not.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn exact_mul_add(self, factor: Self, addend: Self) -> Self {
        Self(self.0, self.0.exact_mul_add_f32(self.1, factor.1, addend.1))
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn below(self, value: f32) -> Mask<U> {
        Mask(self.0, self.0.below_f32(self.1, self.0.splat(value.to_bits())))
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn above(self, value: f32) -> Mask<U> {
        // a unit compares in one direction only
        Mask(self.0, self.0.below_f32(self.0.splat(value.to_bits()), self.1))
    }
}

impl<U: Simd> Mask<U> {
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn words(self, yes: Words<U>, no: Words<U>) -> Words<U> {
        Words(self.0, self.0.select(self.1, yes.1, no.1))
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn floats(self, yes: Floats<U>, no: Floats<U>) -> Floats<U> {
        Floats(self.0, self.0.select(self.1, yes.1, no.1))
    }
}

/// A word as a vector of one lane.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) const fn lane(word: u32) -> Words<Scalar> {
    Words(Scalar, word)
}

/// The value of a vector of one lane.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) const fn value(lane: Floats<Scalar>) -> f32 {
    f32::from_bits(lane.1)
}

/// An operator between two vectors, and between a vector and a value for every lane.
macro_rules! operator {
    ($vector:ident, $lane:ty, $trait:ident, $name:ident, $of_simd:ident) => {
        impl<U: Simd> $trait for $vector<U> {
            type Output = Self;

            #[cfg_attr(not(debug_assertions), inline(always))]
            fn $name(self, other: Self) -> Self {
                Self(self.0, self.0.$of_simd(self.1, other.1))
            }
        }

        // a number beside a vector means that number in every lane
        impl<U: Simd> $trait<$lane> for $vector<U> {
            type Output = Self;

            #[cfg_attr(not(debug_assertions), inline(always))]
            fn $name(self, other: $lane) -> Self {
                self.$name(self.all(other))
            }
        }

        impl<U: Simd> $trait<$vector<U>> for $lane {
            type Output = $vector<U>;

            #[cfg_attr(not(debug_assertions), inline(always))]
            fn $name(self, other: $vector<U>) -> $vector<U> {
                other.all(self).$name(other)
            }
        }
    };
}

// words wrap, as in WGSL; f32 operations round once each and are never fused
operator!(Words, u32, Add, add, add);
operator!(Words, u32, Sub, sub, sub);
operator!(Words, u32, BitAnd, bitand, and);
operator!(Words, u32, BitOr, bitor, or);
operator!(Words, u32, BitXor, bitxor, xor);
operator!(Floats, f32, Add, add, add_f32);
operator!(Floats, f32, Sub, sub, sub_f32);
operator!(Floats, f32, Mul, mul, mul_f32);

// shift counts are the same in every lane, so shifts are not among the operators above
impl<U: Simd> Shl<u32> for Words<U> {
    type Output = Self;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn shl(self, bits: u32) -> Self {
        Self(self.0, self.0.shl(self.1, bits))
    }
}

impl<U: Simd> Shr<u32> for Words<U> {
    type Output = Self;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn shr(self, bits: u32) -> Self {
        Self(self.0, self.0.shr(self.1, bits))
    }
}
