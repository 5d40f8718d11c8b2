//! AVX-512 and AVX2.
//!
//! These units multiply 32-bit words in 64-bit lanes. `U64s` is two vectors of 64-bit lanes. `narrow` takes the low
//! words of both: those of the first vector go to the even lanes of a `Vector`, those of the second to the odd lanes.
//!
//! The numbers of a `U64s` are not in counting order. `transpose` works within each 128 bits, which is cheap, and the
//! order is chosen so that it comes out right.

use std::arch::x86_64::{__m256i, __m512i, __mmask16, _CMP_LT_OQ, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT};

use pulp::x86::{V3, V4};

use super::Simd;

/// Rounds to nearest, ties to even, whatever mode the processor is in, and raises no exceptions.
const TO_NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

/// A shuffle that copies the low word of each pair to the high word.
const LOW_TO_HIGH: i32 = 0b10_10_00_00;
/// The other way round.
const HIGH_TO_LOW: i32 = 0b11_11_01_01;

/// The order of the numbers of a `U64s`: those in the first vector, then those in the second.
// `narrow` joins the two so that the k-th 128 bits hold the numbers k, k + n, k + 2n, k + 3n, where n is the number of
// 128-bit parts. A transpose within each part then writes 0 to n - 1 first, then n to 2n - 1, and so on.
const ORDER_8: [[u64; 4]; 2] = [[0, 4, 1, 5], [2, 6, 3, 7]];
const ORDER_16: [[u64; 8]; 2] = [[0, 8, 1, 9, 2, 10, 3, 11], [4, 12, 5, 13, 6, 14, 7, 15]];

/// Methods that are one instruction on two vectors of words.
macro_rules! word_ops {
    ($vector:ty, $ext:ident: $($name:ident = $instruction:ident),+) => {$(
        #[inline(always)]
        fn $name(self, a: $vector, b: $vector) -> $vector {
            self.$ext.$instruction(a, b)
        }
    )+};
}

/// Methods that are one instruction on a vector of words and a shift count in every lane.
macro_rules! shift_ops {
    ($vector:ty, $ext:ident: $($name:ident = $instruction:ident),+) => {$(
        #[inline(always)]
        fn $name(self, a: $vector, bits: u32) -> $vector {
            self.$ext.$instruction(a, self.splat(bits))
        }
    )+};
}

/// Methods that are one instruction on vectors of f32. `from` and `to` reinterpret words as f32 and back at no cost.
macro_rules! float_ops {
    (
        $vector:ty, $ext:ident, $from:ident, $to:ident:
        $($name:ident = $instruction:ident),+; $fma_ext:ident: $mul_add:ident
    ) => {
        $(#[inline(always)]
        fn $name(self, a: $vector, b: $vector) -> $vector {
            self.$ext.$to(self.$ext.$instruction(self.$ext.$from(a), self.$ext.$from(b)))
        })+

        #[inline(always)]
        fn exact_mul_add_f32(self, a: $vector, b: $vector, c: $vector) -> $vector {
            let simd = self.$ext;
            simd.$to(self.$fma_ext.$mul_add(simd.$from(a), simd.$from(b), simd.$from(c)))
        }
    };
}

/// Methods on 64-bit lanes, from the instructions that multiply, add, shift right and splat them.
macro_rules! u64_ops {
    ($vector:ty, $ext:ident, $order:ident, $splat_ext:ident: $mul:ident, $add:ident, $shr:ident, $splat:ident) => {
        #[inline(always)]
        fn count_from(self, first: u64) -> [$vector; 2] {
            let first = self.$splat_ext.$splat(first.cast_signed());
            let [even, odd] = $order;
            [self.$ext.$add(first, bytemuck::cast(even)), self.$ext.$add(first, bytemuck::cast(odd))]
        }

        #[inline(always)]
        fn zero(self) -> [$vector; 2] {
            [self.splat(0); 2]
        }

        #[inline(always)]
        fn mul_low(self, [even, odd]: [$vector; 2], b: $vector) -> [$vector; 2] {
            // the instruction reads the low word of each 64 bits
            [self.$ext.$mul(even, b), self.$ext.$mul(odd, b)]
        }

        #[inline(always)]
        fn xor_high(self, [even, odd]: [$vector; 2], word: $vector, b: [$vector; 2]) -> [$vector; 2] {
            // the words above the low ones are not cleared: nothing reads them
            let b = self.high(b);
            [self.xor(self.xor(even, word), b[0]), self.xor(self.xor(odd, word), b[1])]
        }

        #[inline(always)]
        fn high(self, [even, odd]: [$vector; 2]) -> [$vector; 2] {
            [self.$ext.$shr::<32>(even), self.$ext.$shr::<32>(odd)]
        }
    };
}

/// `transpose`, from the instructions that interleave 32-bit and 64-bit words within each 128 bits.
macro_rules! transpose {
    ($vector:ty, $ext:ident: $low:ident, $high:ident, $low_64:ident, $high_64:ident) => {
        #[inline(always)]
        fn transpose(self, [a, b, c, d]: [$vector; 4], out: &mut [u8]) {
            let simd = self.$ext;
            // two rounds of interleaving: words to pairs, pairs to rows
            let (ab_low, ab_high) = (simd.$low(a, b), simd.$high(a, b));
            let (cd_low, cd_high) = (simd.$low(c, d), simd.$high(c, d));
            let rows = [
                simd.$low_64(ab_low, cd_low),
                simd.$high_64(ab_low, cd_low),
                simd.$low_64(ab_high, cd_high),
                simd.$high_64(ab_high, cd_high),
            ];
            out.copy_from_slice(bytemuck::bytes_of(&rows));
        }
    };
}

impl Simd for V4 {
    const LANES: usize = 16;
    const COMPRESSES: bool = true;
    type Vector = __m512i;
    type Mask = __mmask16;
    type U64s = [__m512i; 2];

    word_ops! {
        __m512i, avx512f: add = _mm512_add_epi32, sub = _mm512_sub_epi32,
        and = _mm512_and_si512, or = _mm512_or_si512, xor = _mm512_xor_si512
    }
    shift_ops! { __m512i, avx512f: shl = _mm512_sllv_epi32, shr = _mm512_srlv_epi32, shr_signed = _mm512_srav_epi32 }
    float_ops! {
        __m512i, avx512f, _mm512_castsi512_ps, _mm512_castps_si512:
        add_f32 = _mm512_add_ps, sub_f32 = _mm512_sub_ps, mul_f32 = _mm512_mul_ps; avx512f: _mm512_fmadd_ps
    }
    u64_ops! {
        __m512i, avx512f, ORDER_16, avx512f: _mm512_mul_epu32, _mm512_add_epi64, _mm512_srli_epi64, _mm512_set1_epi64
    }
    transpose! {
        __m512i, avx512f: _mm512_unpacklo_epi32, _mm512_unpackhi_epi32, _mm512_unpacklo_epi64, _mm512_unpackhi_epi64
    }

    #[inline(always)]
    fn splat(self, word: u32) -> __m512i {
        self.avx512f._mm512_set1_epi32(word.cast_signed())
    }

    #[inline(always)]
    fn load(self, words: &[u32]) -> __m512i {
        let (words, _) = words.as_chunks::<16>();
        bytemuck::cast(words[0])
    }

    #[inline(always)]
    fn store(self, a: __m512i, out: &mut [u32]) {
        let (out, _) = out.as_chunks_mut::<16>();
        out[0] = bytemuck::cast(a);
    }

    #[inline(always)]
    fn at_least(self, a: __m512i, b: __m512i) -> __mmask16 {
        self.avx512f._mm512_cmpge_epu32_mask(a, b)
    }

    #[inline(always)]
    fn bit(self, a: __m512i, bit: u32) -> __mmask16 {
        self.avx512f._mm512_test_epi32_mask(a, self.splat(1 << bit))
    }

    #[inline(always)]
    fn select(self, mask: __mmask16, yes: __m512i, no: __m512i) -> __m512i {
        // the instruction takes the lanes of the second operand where the mask is 1
        self.avx512f._mm512_mask_blend_epi32(mask, no, yes)
    }

    #[inline(always)]
    fn mask_bits(self, mask: __mmask16) -> u64 {
        mask.into()
    }

    #[inline(always)]
    fn compress(self, [a, b]: [__m512i; 2], mask: __mmask16, [to_a, to_b]: [&mut [u32]; 2]) -> usize {
        // no loop, whose length no processor could predict
        self.store(self.avx512f._mm512_maskz_compress_epi32(mask, a), to_a);
        self.store(self.avx512f._mm512_maskz_compress_epi32(mask, b), to_b);
        mask.count_ones() as usize
    }

    #[inline(always)]
    fn below_f32(self, a: __m512i, b: __m512i) -> __mmask16 {
        self.avx512f
            ._mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.avx512f._mm512_castsi512_ps(a), self.avx512f._mm512_castsi512_ps(b))
    }

    #[inline(always)]
    fn to_f32(self, a: __m512i) -> __m512i {
        self.avx512f._mm512_castps_si512(self.avx512f._mm512_cvtepi32_ps(a))
    }

    #[inline(always)]
    fn to_f16(self, a: __m512i) -> __m512i {
        let halves = self.avx512f._mm512_cvtps_ph::<TO_NEAREST>(self.avx512f._mm512_castsi512_ps(a));
        self.avx512f._mm512_cvtepu16_epi32(halves)
    }

    #[inline(always)]
    fn load_u64s(self, numbers: &[u64]) -> [__m512i; 2] {
        let (numbers, _) = numbers.as_chunks::<8>();
        // one permutation of 16 numbers for each half: its indices are the order itself
        let (low, high) = (bytemuck::cast(numbers[0]), bytemuck::cast(numbers[1]));
        let [even, odd] = ORDER_16;
        [
            self.avx512f._mm512_permutex2var_epi64(low, bytemuck::cast(even), high),
            self.avx512f._mm512_permutex2var_epi64(low, bytemuck::cast(odd), high),
        ]
    }

    #[inline(always)]
    fn narrow(self, [even, odd]: [__m512i; 2]) -> __m512i {
        // bits of the odd lanes: they come from the second vector
        self.avx512f._mm512_mask_shuffle_epi32::<LOW_TO_HIGH>(even, 0xaaaa, odd)
    }

    #[inline(always)]
    fn narrow_high(self, [even, odd]: [__m512i; 2]) -> __m512i {
        self.avx512f._mm512_mask_shuffle_epi32::<HIGH_TO_LOW>(odd, 0x5555, even)
    }

    #[inline(always)]
    fn transpose_halves(self, [a, b]: [__m512i; 2], out: &mut [u8]) {
        let simd = self.avx512f;
        let rows = [simd._mm512_unpacklo_epi32(a, b), simd._mm512_unpackhi_epi32(a, b)];
        // the interleaving leaves the rows of a vector in the order 0, 4, 1, 5, ...; the permutation puts them right
        let order = bytemuck::cast([0_u64, 2, 4, 6, 1, 3, 5, 7]);
        let rows = [simd._mm512_permutexvar_epi64(order, rows[0]), simd._mm512_permutexvar_epi64(order, rows[1])];
        out.copy_from_slice(bytemuck::bytes_of(&rows));
    }
}

impl Simd for V3 {
    const LANES: usize = 8;
    type Vector = __m256i;
    type Mask = __m256i;
    type U64s = [__m256i; 2];

    word_ops! {
        __m256i, avx2: add = _mm256_add_epi32, sub = _mm256_sub_epi32,
        and = _mm256_and_si256, or = _mm256_or_si256, xor = _mm256_xor_si256
    }
    shift_ops! { __m256i, avx2: shl = _mm256_sllv_epi32, shr = _mm256_srlv_epi32, shr_signed = _mm256_srav_epi32 }
    float_ops! {
        __m256i, avx, _mm256_castsi256_ps, _mm256_castps_si256:
        add_f32 = _mm256_add_ps, sub_f32 = _mm256_sub_ps, mul_f32 = _mm256_mul_ps; fma: _mm256_fmadd_ps
    }
    u64_ops! {
        __m256i, avx2, ORDER_8, avx: _mm256_mul_epu32, _mm256_add_epi64, _mm256_srli_epi64, _mm256_set1_epi64x
    }
    transpose! {
        __m256i, avx2: _mm256_unpacklo_epi32, _mm256_unpackhi_epi32, _mm256_unpacklo_epi64, _mm256_unpackhi_epi64
    }

    #[inline(always)]
    fn splat(self, word: u32) -> __m256i {
        self.avx._mm256_set1_epi32(word.cast_signed())
    }

    #[inline(always)]
    fn load(self, words: &[u32]) -> __m256i {
        let (words, _) = words.as_chunks::<8>();
        bytemuck::cast(words[0])
    }

    #[inline(always)]
    fn store(self, a: __m256i, out: &mut [u32]) {
        let (out, _) = out.as_chunks_mut::<8>();
        out[0] = bytemuck::cast(a);
    }

    #[inline(always)]
    fn at_least(self, a: __m256i, b: __m256i) -> __m256i {
        // AVX2 compares signed words only: a is at least b where it is the larger of the two
        self.avx2._mm256_cmpeq_epi32(self.avx2._mm256_max_epu32(a, b), a)
    }

    /// A blend reads the highest bit of each lane, so the bit is shifted there.
    #[inline(always)]
    fn bit(self, a: __m256i, bit: u32) -> __m256i {
        self.shl(a, 31 - bit)
    }

    #[inline(always)]
    fn select(self, mask: __m256i, yes: __m256i, no: __m256i) -> __m256i {
        let (mask, yes, no) =
            (self.avx._mm256_castsi256_ps(mask), self.avx._mm256_castsi256_ps(yes), self.avx._mm256_castsi256_ps(no));
        self.avx._mm256_castps_si256(self.avx._mm256_blendv_ps(no, yes, mask))
    }

    #[inline(always)]
    fn mask_bits(self, mask: __m256i) -> u64 {
        // the highest bit of each lane, as a blend reads it
        self.avx._mm256_movemask_ps(self.avx._mm256_castsi256_ps(mask)).cast_unsigned().into()
    }

    #[inline(always)]
    fn below_f32(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx._mm256_castps_si256(
            self.avx._mm256_cmp_ps::<_CMP_LT_OQ>(self.avx._mm256_castsi256_ps(a), self.avx._mm256_castsi256_ps(b)),
        )
    }

    #[inline(always)]
    fn to_f32(self, a: __m256i) -> __m256i {
        self.avx._mm256_castps_si256(self.avx._mm256_cvtepi32_ps(a))
    }

    #[inline(always)]
    fn load_u64s(self, numbers: &[u64]) -> [__m256i; 2] {
        let (n, _) = numbers.as_chunks::<8>();
        // the order is ORDER_8
        // number by number: AVX2 has no permutation of two vectors
        let [a, b, c, d, e, f, g, h] = n[0];
        [bytemuck::cast([a, e, b, f]), bytemuck::cast([c, g, d, h])]
    }

    #[inline(always)]
    fn narrow(self, [even, odd]: [__m256i; 2]) -> __m256i {
        self.avx2._mm256_blend_epi32::<0xaa>(even, self.avx2._mm256_shuffle_epi32::<LOW_TO_HIGH>(odd))
    }

    #[inline(always)]
    fn narrow_high(self, [even, odd]: [__m256i; 2]) -> __m256i {
        self.avx2._mm256_blend_epi32::<0x55>(odd, self.avx2._mm256_shuffle_epi32::<HIGH_TO_LOW>(even))
    }

    #[inline(always)]
    fn transpose_halves(self, [a, b]: [__m256i; 2], out: &mut [u8]) {
        let simd = self.avx2;
        let rows = [simd._mm256_unpacklo_epi32(a, b), simd._mm256_unpackhi_epi32(a, b)];
        let rows = [simd._mm256_permute4x64_epi64::<0xd8>(rows[0]), simd._mm256_permute4x64_epi64::<0xd8>(rows[1])];
        out.copy_from_slice(bytemuck::bytes_of(&rows));
    }
}
