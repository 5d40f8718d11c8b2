//! Vectors of words and of f32. The CPU's arithmetic is written once with these types. [`Simd`] is implemented for AVX-512
//! and AVX2 (simd/x86.rs), for one lane (simd/scalar.rs), and for two vectors at a time (simd/pair.rs).

mod pair;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::{Add, BitAnd, BitOr, BitXor, Mul, Shl, Shr, Sub};

pub(crate) use scalar::Scalar;
pub(crate) use pair::Pair;

/// A vector unit. It works on `LANES` 32-bit words at a time, taken as integers (unsigned, wrapping) or as f32 (each operation
/// rounded once, never fused).
///
/// Every method must be inlined into the function that is compiled for the unit's instructions. Closures are not inlined
/// there, nor are functions that take closures, so this code uses no `map` and no `from_fn` on vectors.
pub(crate) trait Simd: Copy {
    const LANES: usize;
    /// Whether `to_f16` converts. cpu/dtype.rs rounds by integer operations where it does not.
    const CONVERTS_F16: bool;
    type Vector: Copy;
    type Mask: Copy;
    /// As many 64-bit words, in an order that the unit chooses.
    type U64s: Copy;

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
    /// The arithmetic shift of signed words.
    fn shr_signed(self, a: Self::Vector, bits: u32) -> Self::Vector;
    fn at_least(self, a: Self::Vector, b: Self::Vector) -> Self::Mask;
    /// Lanes where a bit is 1. Bit 0 is the lowest.
    fn bit(self, a: Self::Vector, bit: u32) -> Self::Mask;
    fn select(self, mask: Self::Mask, yes: Self::Vector, no: Self::Vector) -> Self::Vector;

    fn add_f32(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn sub_f32(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn mul_f32(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b + c` where the product is exact, so that the result is the same whether the unit fuses the two or not.
    fn exact_mul_add_f32(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    fn below_f32(self, a: Self::Vector, b: Self::Vector) -> Self::Mask;
    /// Signed words to f32, to nearest, ties to even.
    fn to_f32(self, a: Self::Vector) -> Self::Vector;
    /// f32 (no NaN) to f16, to nearest, ties to even. Called only where `CONVERTS_F16` is true.
    fn to_f16(self, a: Self::Vector) -> Self::Vector;

    /// `first`, `first + 1` and so on, modulo 2^64.
    fn count_from(self, first: u64) -> Self::U64s;
    /// Loads `LANES` numbers.
    fn load_u64s(self, numbers: &[u64]) -> Self::U64s;
    fn zero(self) -> Self::U64s;
    /// The products of the low words with one word.
    fn mul_low(self, a: Self::U64s, b: u32) -> Self::U64s;
    /// The low words, xor `word`, xor the high words of `b`. `word` is in every lane of its vector. The high words of the
    /// result are undefined.
    fn xor_high(self, a: Self::U64s, word: Self::Vector, b: Self::U64s) -> Self::U64s;
    /// The high words, moved to the low ones.
    fn high(self, a: Self::U64s) -> Self::U64s;
    /// The low words, in the unit's order.
    fn narrow(self, a: Self::U64s) -> Self::Vector;
    /// The high words, in the unit's order.
    fn narrow_high(self, a: Self::U64s) -> Self::Vector;

    /// Writes four columns in the unit's order as rows of four words: `16 * LANES` bytes.
    fn transpose(self, columns: [Self::Vector; 4], out: &mut [u8]);
    /// Writes two columns in the unit's order as rows of four 16-bit numbers: `8 * LANES` bytes. Each lane of a column holds
    /// two numbers, the first in the low half.
    fn transpose_halves(self, columns: [Self::Vector; 2], out: &mut [u8]);
}

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
    #[inline(always)]
    pub(crate) fn pair(first: Words<U>, second: Words<U>) -> Self {
        Self(Pair(first.0), [first.1, second.1])
    }

    #[inline(always)]
    pub(crate) fn halves(self) -> [Words<U>; 2] {
        let Self(Pair(simd), [first, second]) = self;
        [Words(simd, first), Words(simd, second)]
    }
}

impl<U: Simd> Floats<Pair<U>> {
    #[inline(always)]
    pub(crate) fn halves(self) -> [Floats<U>; 2] {
        let [first, second] = self.bits().halves();
        [first.as_f32(), second.as_f32()]
    }
}

impl<U: Simd> Words<U> {
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

    /// Converts f32 bits to f16 bits, in the low halves. See [`Simd::to_f16`].
    #[inline(always)]
    pub(crate) fn to_f16(self) -> Self {
        Self(self.0, self.0.to_f16(self.1))
    }

    /// Converts signed words to f32.
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

    /// Lanes where a bit is 1. Bit 0 is the lowest.
    #[inline(always)]
    pub(crate) fn bit(self, bit: u32) -> Mask<U> {
        Mask(self.0, self.0.bit(self.1, bit))
    }
}

impl<U: Simd> Floats<U> {
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

impl<U: Simd> Mask<U> {
    #[inline(always)]
    pub(crate) fn words(self, yes: Words<U>, no: Words<U>) -> Words<U> {
        Words(self.0, self.0.select(self.1, yes.1, no.1))
    }

    #[inline(always)]
    pub(crate) fn floats(self, yes: Floats<U>, no: Floats<U>) -> Floats<U> {
        Floats(self.0, self.0.select(self.1, yes.1, no.1))
    }
}

/// A word as a vector of one lane.
#[inline(always)]
pub(crate) const fn lane(word: u32) -> Words<Scalar> {
    Words(Scalar, word)
}

/// The value of a vector of one lane.
#[inline(always)]
pub(crate) const fn value(lane: Floats<Scalar>) -> f32 {
    f32::from_bits(lane.1)
}

/// An operator between two vectors, and between a vector and a value for every lane.
macro_rules! operator {
    ($vector:ident, $lane:ty, $trait:ident, $name:ident, $of_simd:ident) => {
        impl<U: Simd> $trait for $vector<U> {
            type Output = Self;

            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                Self(self.0, self.0.$of_simd(self.1, other.1))
            }
        }

        impl<U: Simd> $trait<$lane> for $vector<U> {
            type Output = Self;

            #[inline(always)]
            fn $name(self, other: $lane) -> Self {
                self.$name(self.all(other))
            }
        }

        impl<U: Simd> $trait<$vector<U>> for $lane {
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

impl<U: Simd> Shl<u32> for Words<U> {
    type Output = Self;

    #[inline(always)]
    fn shl(self, bits: u32) -> Self {
        Self(self.0, self.0.shl(self.1, bits))
    }
}

impl<U: Simd> Shr<u32> for Words<U> {
    type Output = Self;

    #[inline(always)]
    fn shr(self, bits: u32) -> Self {
        Self(self.0, self.0.shr(self.1, bits))
    }
}
