//! Vectors of words and of f32: what the CPU's arithmetic is written in, once for every vector unit and for one lane.

mod one;
mod twice;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::{Add, BitAnd, BitOr, BitXor, Mul, Shl, Shr, Sub};

pub(crate) use one::One;
pub(crate) use twice::Twice;

/// A vector unit: it works on `LANES` words of 32 bits side by side, taken as integers (wrapping, unsigned) or as f32 (each
/// operation rounded once, none fused).
///
/// What it does must be inlined into the function that is compiled for it, which closures are not, nor what takes them: hence
/// no `map` and no `from_fn` where vectors go through.
pub(crate) trait Unit: Copy {
    const LANES: usize;
    type Vector: Copy;
    type Mask: Copy;
    /// As many words of 64 bits, in an order of the unit's own.
    type Wide: Copy;

    fn splat(self, word: u32) -> Self::Vector;
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The low and the high words of the products.
    fn mul_wide(self, a: Self::Vector, b: Self::Vector) -> [Self::Vector; 2];
    fn and(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn or(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn xor(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn shl(self, a: Self::Vector, bits: u32) -> Self::Vector;
    fn shr(self, a: Self::Vector, bits: u32) -> Self::Vector;
    /// Of signed words.
    fn shr_signed(self, a: Self::Vector, bits: u32) -> Self::Vector;
    fn at_least(self, a: Self::Vector, b: Self::Vector) -> Self::Mask;
    /// Where a bit, counted from the lowest, is 1.
    fn bit(self, a: Self::Vector, bit: u32) -> Self::Mask;
    fn select(self, mask: Self::Mask, yes: Self::Vector, no: Self::Vector) -> Self::Vector;

    fn add_f32(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn sub_f32(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn mul_f32(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b + c` where the product is exact, so that it is the same whether the unit fuses the two or not.
    fn exact_mul_add_f32(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    fn below_f32(self, a: Self::Vector, b: Self::Vector) -> Self::Mask;
    /// Signed words as f32, to nearest, ties to even.
    fn to_f32(self, a: Self::Vector) -> Self::Vector;
    /// f32 (no NaN) to f16, to nearest, ties to even.
    fn to_f16(self, a: Self::Vector) -> Self::Vector;

    /// `first` and those that follow it.
    fn count_from(self, first: u64) -> Self::Wide;
    /// `LANES` numbers.
    fn wide(self, numbers: &[u64]) -> Self::Wide;
    fn zero(self) -> Self::Wide;
    /// The products of the low words with one word.
    fn mul_low(self, a: Self::Wide, b: u32) -> Self::Wide;
    /// The low words exclusive or a word exclusive or the high words of `b`; the high words are undefined. The word is
    /// in every lane of its vector.
    fn xor_high(self, a: Self::Wide, word: Self::Vector, b: Self::Wide) -> Self::Wide;
    /// The high words as low ones.
    fn high(self, a: Self::Wide) -> Self::Wide;
    /// The low words, in the unit's order.
    fn narrow(self, a: Self::Wide) -> Self::Vector;
    /// The high words, in the unit's order.
    fn narrow_high(self, a: Self::Wide) -> Self::Vector;

    /// Four columns in the unit's order as rows of four words, `16 * LANES` bytes.
    fn weave(self, columns: [Self::Vector; 4], out: &mut [u8]);
    /// Two columns in the unit's order, each of two 16-bit numbers a lane, the first one low, as rows of four numbers:
    /// `8 * LANES` bytes.
    fn weave_halves(self, columns: [Self::Vector; 2], out: &mut [u8]);
}

/// A vector of words.
#[derive(Clone, Copy)]
pub(crate) struct Words<U: Unit>(pub(crate) U, pub(crate) U::Vector);

/// A vector of f32.
#[derive(Clone, Copy)]
pub(crate) struct Floats<U: Unit>(pub(crate) U, pub(crate) U::Vector);

/// Which lanes.
#[derive(Clone, Copy)]
pub(crate) struct Mask<U: Unit>(U, U::Mask);

impl<U: Unit> Words<Twice<U>> {
    #[inline(always)]
    pub(crate) fn pair(first: Words<U>, second: Words<U>) -> Self {
        Self(Twice(first.0), [first.1, second.1])
    }

    #[inline(always)]
    pub(crate) fn parts(self) -> [Words<U>; 2] {
        let Self(Twice(unit), [first, second]) = self;
        [Words(unit, first), Words(unit, second)]
    }
}

impl<U: Unit> Floats<Twice<U>> {
    #[inline(always)]
    pub(crate) fn parts(self) -> [Floats<U>; 2] {
        let [first, second] = self.bits().parts();
        [first.as_f32(), second.as_f32()]
    }
}

impl<U: Unit> Words<U> {
    /// A word in every lane.
    #[inline(always)]
    pub(crate) fn all(self, word: u32) -> Self {
        Self(self.0, self.0.splat(word))
    }

    /// The f32 with these bits.
    #[inline(always)]
    pub(crate) fn as_f32(self) -> Floats<U> {
        Floats(self.0, self.1)
    }

    /// As f32 to f16, in the low halves.
    #[inline(always)]
    pub(crate) fn to_f16(self) -> Self {
        Self(self.0, self.0.to_f16(self.1))
    }

    /// As signed words to f32.
    #[inline(always)]
    pub(crate) fn to_f32(self) -> Floats<U> {
        Floats(self.0, self.0.to_f32(self.1))
    }

    #[inline(always)]
    pub(crate) fn shr_signed(self, bits: u32) -> Self {
        Self(self.0, self.0.shr_signed(self.1, bits))
    }

    /// The low and the high words of the products with one word.
    #[inline(always)]
    pub(crate) fn mul_wide(self, word: u32) -> [Self; 2] {
        let [low, high] = self.0.mul_wide(self.1, self.0.splat(word));
        [Self(self.0, low), Self(self.0, high)]
    }

    #[inline(always)]
    pub(crate) fn at_least(self, other: Self) -> Mask<U> {
        Mask(self.0, self.0.at_least(self.1, other.1))
    }

    /// Where a bit, counted from the lowest, is 1.
    #[inline(always)]
    pub(crate) fn bit(self, bit: u32) -> Mask<U> {
        Mask(self.0, self.0.bit(self.1, bit))
    }
}

impl<U: Unit> Floats<U> {
    /// A value in every lane.
    #[inline(always)]
    pub(crate) fn all(self, value: f32) -> Self {
        Self(self.0, self.0.splat(value.to_bits()))
    }

    #[inline(always)]
    pub(crate) fn bits(self) -> Words<U> {
        Words(self.0, self.1)
    }

    /// `self * factor + addend` where the product is exact: the same whether the unit fuses the two or not.
    #[inline(always)]
    pub(crate) fn exact_mul_add(self, factor: Self, addend: Self) -> Self {
        Self(self.0, self.0.exact_mul_add_f32(self.1, factor.1, addend.1))
    }

    #[inline(always)]
    pub(crate) fn below(self, value: f32) -> Mask<U> {
        Mask(self.0, self.0.below_f32(self.1, self.0.splat(value.to_bits())))
    }

    #[inline(always)]
    pub(crate) fn above(self, value: f32) -> Mask<U> {
        Mask(self.0, self.0.below_f32(self.0.splat(value.to_bits()), self.1))
    }
}

impl<U: Unit> Mask<U> {
    #[inline(always)]
    pub(crate) fn words(self, yes: Words<U>, no: Words<U>) -> Words<U> {
        Words(self.0, self.0.select(self.1, yes.1, no.1))
    }

    #[inline(always)]
    pub(crate) fn floats(self, yes: Floats<U>, no: Floats<U>) -> Floats<U> {
        Floats(self.0, self.0.select(self.1, yes.1, no.1))
    }
}

/// An operator between two vectors, and between a vector and what is then in every lane.
macro_rules! operator {
    ($vector:ident, $lane:ty, $trait:ident, $name:ident, $of_unit:ident) => {
        impl<U: Unit> $trait for $vector<U> {
            type Output = Self;

            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                Self(self.0, self.0.$of_unit(self.1, other.1))
            }
        }

        impl<U: Unit> $trait<$lane> for $vector<U> {
            type Output = Self;

            #[inline(always)]
            fn $name(self, other: $lane) -> Self {
                self.$name(self.all(other))
            }
        }

        impl<U: Unit> $trait<$vector<U>> for $lane {
            type Output = $vector<U>;

            #[inline(always)]
            fn $name(self, other: $vector<U>) -> $vector<U> {
                other.all(self).$name(other)
            }
        }
    };
}

operator!(Words, u32, Add, add, add);
operator!(Words, u32, Sub, sub, sub);
operator!(Words, u32, BitAnd, bitand, and);
operator!(Words, u32, BitOr, bitor, or);
operator!(Words, u32, BitXor, bitxor, xor);
operator!(Floats, f32, Add, add, add_f32);
operator!(Floats, f32, Sub, sub, sub_f32);
operator!(Floats, f32, Mul, mul, mul_f32);

impl<U: Unit> Shl<u32> for Words<U> {
    type Output = Self;

    #[inline(always)]
    fn shl(self, bits: u32) -> Self {
        Self(self.0, self.0.shl(self.1, bits))
    }
}

impl<U: Unit> Shr<u32> for Words<U> {
    type Output = Self;

    #[inline(always)]
    fn shr(self, bits: u32) -> Self {
        Self(self.0, self.0.shr(self.1, bits))
    }
}
