//! The operations of a vector unit. [`Simd`] is implemented for AVX-512 and AVX2 (simd/x86.rs), for NEON
//! (simd/neon.rs), for WebAssembly's SIMD128 (simd/wasm.rs), for one lane (simd/scalar.rs), and for two vectors at a
//! time (simd/pair.rs). cpu/vector.rs gives its vectors operators.

#[cfg(target_arch = "aarch64")]
mod neon;
mod pair;
mod scalar;
mod unit;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use pair::Pair;
pub(crate) use scalar::Scalar;
pub(crate) use unit::Unit;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) use wasm::Simd128;

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
    /// Whether `compress` is an instruction.
    const COMPRESSES: bool = false;
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
    /// The mask as bits, the first lane's the lowest.
    fn mask_bits(self, mask: Self::Mask) -> u64;
    /// Writes the lanes of a mask, of two vectors to two slices, and returns their number. The slices have room for
    /// `LANES` words, and those behind the written ones may change.
    #[inline(always)]
    fn compress(self, vectors: [Self::Vector; 2], mask: Self::Mask, out: [&mut [u32]; 2]) -> usize {
        compress_by_bits(self, vectors, mask, out)
    }

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
    /// A vector that `mul_low` takes many times as its factor `b`. The unit may hide from the compiler what it is.
    #[inline(always)]
    fn factor(self, word: u32) -> Self::Vector {
        self.splat(word)
    }
    /// The products of the low words with a word that is in every lane of `b`.
    fn mul_low(self, a: Self::U64s, b: Self::Vector) -> Self::U64s;
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

/// [`Simd::compress`] by the bits of the mask, for at most 64 lanes.
#[inline(always)]
fn compress_by_bits<U: Simd>(simd: U, [a, b]: [U::Vector; 2], mask: U::Mask, [to_a, to_b]: [&mut [u32]; 2]) -> usize {
    let (mut bits, mut count) = (simd.mask_bits(mask), 0);
    if bits == 0 {
        return 0;
    }
    let [mut all_a, mut all_b] = [[0; 64]; 2];
    simd.store(a, &mut all_a[..U::LANES]);
    simd.store(b, &mut all_b[..U::LANES]);
    while bits != 0 {
        let lane = bits.trailing_zeros() as usize;
        (to_a[count], to_b[count]) = (all_a[lane], all_b[lane]);
        count += 1;
        bits &= bits - 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words at the ends of ranges: of integers, of f32 and of f16, and ties of f16. None is a NaN.
    const WORDS: [u32; 16] = [
        0,
        1,
        0xffff,
        0x0080_0000,
        0x3300_0000,
        0x387f_e000,
        0x3f7f_ffff,
        0x3f80_1000,
        0x4b00_0001,
        0x477f_f000,
        0x7f7f_ffff,
        0x7f80_0000,
        0x8000_0000,
        0x8000_0001,
        0xbf80_3000,
        0xff7f_ffff,
    ];

    /// Words as a vector, in the unit's order.
    fn vector<U: Simd>(simd: U, words: &[u32]) -> U::Vector {
        let wide: Vec<u64> = words.iter().map(|&word| word.into()).collect();
        simd.narrow(simd.load_u64s(&wide))
    }

    /// The words of a vector, in counting order.
    fn lanes<U: Simd>(simd: U, vector: U::Vector) -> Vec<u32> {
        let mut rows = vec![0; 16 * U::LANES];
        simd.transpose([vector; 4], &mut rows);
        rows.chunks_exact(16).map(|row| bytemuck::pod_read_unaligned(&row[..4])).collect()
    }

    /// The results of every operation on words `a` and `b`. Each NaN is replaced by the same one.
    fn results<U: Simd>(simd: U, a: &[u32], b: &[u32]) -> Vec<Vec<u32>> {
        let wide: Vec<u64> = a.iter().zip(b).map(|(&a, &b)| u64::from(b) << 32 | u64::from(a)).collect();
        let wide = simd.load_u64s(&wide);
        let product = simd.mul_low(wide, simd.factor(0xd251_1f53));
        let (a, b) = (vector(simd, a), vector(simd, b));
        let [one, two] = [1.0_f32, 2.0].map(|value| simd.splat(value.to_bits()));
        let chosen = |mask| simd.select(mask, one, two);
        let words = [simd.add(a, b), simd.sub(a, b), simd.and(a, b), simd.or(a, b), simd.xor(a, b)];
        let shifts = [simd.shl(a, 9), simd.shr(a, 9), simd.shr_signed(a, 9), chosen(simd.bit(a, 31))];
        let compared = [chosen(simd.at_least(a, b)), chosen(simd.below_f32(a, b)), chosen(simd.bit(a, 0))];
        let floats = [simd.add_f32(a, b), simd.sub_f32(a, b), simd.mul_f32(a, b), simd.to_f32(a), simd.to_f16(a)];
        let wides = [product, simd.high(wide), simd.xor_high(wide, two, product)];
        let narrowed = wides.map(|wide| simd.narrow(wide));
        let others = [simd.narrow_high(wide), simd.narrow_high(product), simd.exact_mul_add_f32(a, two, one)];
        let vectors = [&words[..], &shifts, &compared, &floats, &narrowed, &others].concat();
        let nan = |word: u32| if f32::from_bits(word).is_nan() { f32::NAN.to_bits() } else { word };
        vectors.into_iter().map(|vector| lanes(simd, vector).into_iter().map(nan).collect()).collect()
    }

    fn check<U: Simd>(simd: U, name: &str) {
        let pairs: Vec<(u32, u32)> = WORDS.iter().flat_map(|&a| WORDS.map(|b| (a, b))).collect();
        // 256 pairs are a multiple of every unit's lanes
        for pairs in pairs.chunks_exact(U::LANES) {
            let (a, b): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
            let found = results(simd, &a, &b);
            let below = simd.below_f32(simd.load(&a), simd.load(&b));
            let bits =
                pairs.iter().rev().fold(0, |bits, &(a, b)| 2 * bits + u64::from(f32::from_bits(a) < f32::from_bits(b)));
            assert_eq!(simd.mask_bits(below), bits, "{name}, the bits of a mask");
            let [mut to_a, mut to_b] = [(); 2].map(|()| vec![0; U::LANES]);
            let count = simd.compress([simd.load(&a), simd.load(&b)], below, [&mut to_a, &mut to_b]);
            let chosen = pairs.iter().filter(|(a, b)| f32::from_bits(*a) < f32::from_bits(*b));
            let chosen: (Vec<u32>, Vec<u32>) = chosen.copied().unzip();
            assert_eq!((&to_a[..count], &to_b[..count]), (&chosen.0[..], &chosen.1[..]), "{name}, compressed");
            for (lane, &(a, b)) in pairs.iter().enumerate() {
                for (i, expected) in results(Scalar, &[a], &[b]).iter().enumerate() {
                    assert_eq!(found[i][lane], expected[0], "{name}, operation {i} of {a:#x} and {b:#x}");
                }
            }
        }
    }

    /// Every operation of this processor's units gives the bits of one lane.
    #[test]
    fn operations_agree() {
        check(Pair(Scalar), "two lanes");
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        check(Pair(pulp::aarch64::Neon::try_new().expect("64-bit ARM has NEON")), "NEON");
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        check(Pair(Simd128), "SIMD128");
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(simd) = pulp::x86::V3::try_new() {
                check(Pair(simd), "AVX2");
            }
            if let Some(simd) = pulp::x86::V4::try_new() {
                check(Pair(simd), "AVX-512");
            }
        }
    }
}
