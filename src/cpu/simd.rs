//! The operations of a vector unit. [`Simd`] is implemented for AVX-512 and AVX2 (simd/x86.rs), for NEON
//! (simd/neon.rs), for one lane (simd/scalar.rs), and for two vectors at a time (simd/pair.rs). cpu/vector.rs gives its
//! vectors operators.

#[cfg(target_arch = "aarch64")]
mod neon;
mod pair;
mod scalar;
// processors of other kinds have `Scalar` only
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use pair::Pair;
pub(crate) use scalar::Scalar;

/// A vector unit. It works on `LANES` 32-bit words at a time, taken as integers (unsigned, wrapping) or as f32 (each
/// operation rounded once, never fused).
///
/// Every method must be inlined into the function that is compiled for the unit's instructions. Closures are not
/// inlined there, nor are functions that take closures, so this code uses no `map` and no `from_fn` on vectors.
pub(crate) trait Simd: Copy {
    /// 32-bit words of a vector.
    const LANES: usize;
    /// Whether other work stays between the steps of a square root (see cpu/interleave.rs). Where it does not, the
    /// compiler may move it.
    const INTERLEAVES: bool = true;
    /// `LANES` words, as integers or as the bits of f32.
    type Vector: Copy;
    /// A selection of lanes, in the form that the unit's blend takes.
    type Mask: Copy;
    /// As many 64-bit words, in an order that the unit chooses.
    type U64s: Copy;

    /// A word in every lane.
    fn splat(self, word: u32) -> Self::Vector;
    /// Loads `LANES` words.
    fn load(self, words: &[u32]) -> Self::Vector;
    /// Writes the words to a slice of `LANES` words.
    fn store(self, a: Self::Vector, out: &mut [u32]);
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
    /// Lanes where `a >= b`, as unsigned words.
    fn at_least(self, a: Self::Vector, b: Self::Vector) -> Self::Mask;
    /// Lanes where a bit is 1. Bit 0 is the lowest.
    fn bit(self, a: Self::Vector, bit: u32) -> Self::Mask;
    fn select(self, mask: Self::Mask, yes: Self::Vector, no: Self::Vector) -> Self::Vector;

    // f32 in the same vectors: reinterpreting costs nothing, and the samplers change between the two all the time
    fn add_f32(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn sub_f32(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn mul_f32(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b + c` where the product is exact, so that the result is the same whether the unit fuses the two or not.
    fn exact_mul_add_f32(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// Lanes where `a < b`.
    fn below_f32(self, a: Self::Vector, b: Self::Vector) -> Self::Mask;
    /// Signed words to f32, to nearest, ties to even.
    fn to_f32(self, a: Self::Vector) -> Self::Vector;
    /// f32 (no NaN) to f16, to nearest, ties to even. By integer operations, for units without an instruction for it.
    #[inline(always)]
    fn to_f16(self, a: Self::Vector) -> Self::Vector {
        let x = self.and(a, self.splat(0x7fff_ffff));
        // subtracts 112 << 23, the difference of the two exponents' biases, and adds half a unit less one; the lowest
        // bit that stays adds the rest, so that ties go to even
        let even = self.and(self.shr(x, 13), self.splat(1));
        let normal = self.shr(self.add(self.sub(x, self.splat(0x37ff_f001)), even), 13);
        // 65520 and more round to the bits of infinity or beyond them
        let infinity = self.splat(0x7c00);
        let normal = self.select(self.at_least(normal, infinity), infinity, normal);
        // below 2^-14: units of 2^-24, which are those of an f32 from a half on; the addition rounds to them
        let half = self.splat(0.5_f32.to_bits());
        let subnormal = self.sub(self.add_f32(x, half), self.splat(0x3f00_0000));
        let magnitude = self.select(self.at_least(x, self.splat(0x3880_0000)), normal, subnormal);
        self.or(self.and(self.shr(a, 16), self.splat(0x8000)), magnitude)
    }

    /// `first`, `first + 1` and so on, modulo 2^64.
    // 64-bit words, for Philox alone: its counters, and its products of 32-bit words
    fn count_from(self, first: u64) -> Self::U64s;
    /// Loads `LANES` numbers.
    fn load_u64s(self, numbers: &[u64]) -> Self::U64s;
    /// 0 in every lane.
    fn zero(self) -> Self::U64s;
    /// The products of the low words with one word.
    fn mul_low(self, a: Self::U64s, b: u32) -> Self::U64s;
    /// The low words, xor `word`, xor the high words of `b`. `word` is in every lane of its vector. The high words of
    /// the result are undefined: units may leave there what is cheapest.
    fn xor_high(self, a: Self::U64s, word: Self::Vector, b: Self::U64s) -> Self::U64s;
    /// The high words, moved to the low ones.
    fn high(self, a: Self::U64s) -> Self::U64s;
    /// The low words, in the unit's order.
    fn narrow(self, a: Self::U64s) -> Self::Vector;
    /// The high words, in the unit's order.
    fn narrow_high(self, a: Self::U64s) -> Self::Vector;

    /// Writes four columns in the unit's order as rows of four words: `16 * LANES` bytes.
    // elements of a block are contiguous in memory, but each is in another vector
    fn transpose(self, columns: [Self::Vector; 4], out: &mut [u8]);
    /// Writes two columns in the unit's order as rows of four 16-bit numbers: `8 * LANES` bytes. Each lane of a column
    /// holds two numbers, the first in the low half.
    fn transpose_halves(self, columns: [Self::Vector; 2], out: &mut [u8]);
}
