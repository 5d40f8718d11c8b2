//! AVX-512 and AVX2.
//!
//! A vector unit multiplies 32-bit words in 64-bit lanes. Those of a `Wide` lie in two vectors; its low words side by side,
//! those of the first vector in the even lanes and those of the second in the odd ones, make a `Vector`. The order of the
//! numbers in a `Wide` is the one that `weave` undoes with the fewest steps: it transposes four columns within each 128 bits.

use std::arch::x86_64::{__m256i, __m512i, __mmask16, _CMP_LT_OQ, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT};

use pulp::x86::{V3, V4};

use super::Unit;

const TO_NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

impl Unit for V4 {
    const LANES: usize = 16;
    type Vector = __m512i;
    type Mask = __mmask16;
    type Wide = [__m512i; 2];

    #[inline(always)]
    fn splat(self, word: u32) -> __m512i {
        self.avx512f._mm512_set1_epi32(word.cast_signed())
    }

    #[inline(always)]
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        self.avx512f._mm512_add_epi32(a, b)
    }

    #[inline(always)]
    fn sub(self, a: __m512i, b: __m512i) -> __m512i {
        self.avx512f._mm512_sub_epi32(a, b)
    }

    #[inline(always)]
    fn mul_wide(self, a: __m512i, b: __m512i) -> [__m512i; 2] {
        let [even, odd] = [
            self.avx512f._mm512_mul_epu32(a, b),
            self.avx512f._mm512_mul_epu32(self.high([a; 2])[0], self.high([b; 2])[0]),
        ];
        [self.narrow([even, odd]), self.narrow(self.high([even, odd]))]
    }

    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        self.avx512f._mm512_and_si512(a, b)
    }

    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        self.avx512f._mm512_or_si512(a, b)
    }

    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        self.avx512f._mm512_xor_si512(a, b)
    }

    #[inline(always)]
    fn shl(self, a: __m512i, bits: u32) -> __m512i {
        self.avx512f._mm512_sllv_epi32(a, self.splat(bits))
    }

    #[inline(always)]
    fn shr(self, a: __m512i, bits: u32) -> __m512i {
        self.avx512f._mm512_srlv_epi32(a, self.splat(bits))
    }

    #[inline(always)]
    fn shr_signed(self, a: __m512i, bits: u32) -> __m512i {
        self.avx512f._mm512_srav_epi32(a, self.splat(bits))
    }

    #[inline(always)]
    fn at_least(self, a: __m512i, b: __m512i) -> __mmask16 {
        self.avx512f._mm512_cmpge_epu32_mask(a, b)
    }

    #[inline(always)]
    fn select(self, mask: __mmask16, yes: __m512i, no: __m512i) -> __m512i {
        self.avx512f._mm512_mask_blend_epi32(mask, no, yes)
    }

    #[inline(always)]
    fn add_f32(self, a: __m512i, b: __m512i) -> __m512i {
        self.avx512f._mm512_castps_si512(
            self.avx512f._mm512_add_ps(self.avx512f._mm512_castsi512_ps(a), self.avx512f._mm512_castsi512_ps(b)),
        )
    }

    #[inline(always)]
    fn sub_f32(self, a: __m512i, b: __m512i) -> __m512i {
        self.avx512f._mm512_castps_si512(
            self.avx512f._mm512_sub_ps(self.avx512f._mm512_castsi512_ps(a), self.avx512f._mm512_castsi512_ps(b)),
        )
    }

    #[inline(always)]
    fn mul_f32(self, a: __m512i, b: __m512i) -> __m512i {
        self.avx512f._mm512_castps_si512(
            self.avx512f._mm512_mul_ps(self.avx512f._mm512_castsi512_ps(a), self.avx512f._mm512_castsi512_ps(b)),
        )
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
    fn count_from(self, first: u64) -> [__m512i; 2] {
        let first = self.avx512f._mm512_set1_epi64(first.cast_signed());
        let (even, odd): ([u64; 8], [u64; 8]) = ([0, 8, 1, 9, 2, 10, 3, 11], [4, 12, 5, 13, 6, 14, 7, 15]);
        [
            self.avx512f._mm512_add_epi64(first, bytemuck::cast(even)),
            self.avx512f._mm512_add_epi64(first, bytemuck::cast(odd)),
        ]
    }

    #[inline(always)]
    fn wide(self, numbers: &[u64]) -> [__m512i; 2] {
        let (numbers, _) = numbers.as_chunks::<8>();
        let (low, high) = (bytemuck::cast(numbers[0]), bytemuck::cast(numbers[1]));
        let (even, odd): ([u64; 8], [u64; 8]) = ([0, 8, 1, 9, 2, 10, 3, 11], [4, 12, 5, 13, 6, 14, 7, 15]);
        [
            self.avx512f._mm512_permutex2var_epi64(low, bytemuck::cast(even), high),
            self.avx512f._mm512_permutex2var_epi64(low, bytemuck::cast(odd), high),
        ]
    }

    #[inline(always)]
    fn zero(self) -> [__m512i; 2] {
        [self.splat(0); 2]
    }

    #[inline(always)]
    fn mul_low(self, a: [__m512i; 2], b: u32) -> [__m512i; 2] {
        let b = self.avx512f._mm512_set1_epi64(b.into());
        [self.avx512f._mm512_mul_epu32(a[0], b), self.avx512f._mm512_mul_epu32(a[1], b)]
    }

    #[inline(always)]
    fn xor_high(self, a: [__m512i; 2], word: __m512i, b: [__m512i; 2]) -> [__m512i; 2] {
        let b = self.high(b);
        [self.xor(self.xor(a[0], word), b[0]), self.xor(self.xor(a[1], word), b[1])]
    }

    #[inline(always)]
    fn high(self, a: [__m512i; 2]) -> [__m512i; 2] {
        [self.avx512f._mm512_srli_epi64::<32>(a[0]), self.avx512f._mm512_srli_epi64::<32>(a[1])]
    }

    #[inline(always)]
    fn narrow(self, [even, odd]: [__m512i; 2]) -> __m512i {
        let odd = self.avx512f._mm512_slli_epi64::<32>(odd);
        self.avx512f._mm512_mask_blend_epi32(0xaaaa, even, odd)
    }

    #[inline(always)]
    fn weave(self, [a, b, c, d]: [__m512i; 4], out: &mut [u8]) {
        let unit = self.avx512f;
        let (ab_low, ab_high) = (unit._mm512_unpacklo_epi32(a, b), unit._mm512_unpackhi_epi32(a, b));
        let (cd_low, cd_high) = (unit._mm512_unpacklo_epi32(c, d), unit._mm512_unpackhi_epi32(c, d));
        let rows = [
            unit._mm512_unpacklo_epi64(ab_low, cd_low),
            unit._mm512_unpackhi_epi64(ab_low, cd_low),
            unit._mm512_unpacklo_epi64(ab_high, cd_high),
            unit._mm512_unpackhi_epi64(ab_high, cd_high),
        ];
        out.copy_from_slice(bytemuck::bytes_of(&rows));
    }

    #[inline(always)]
    fn weave_halves(self, [a, b]: [__m512i; 2], out: &mut [u8]) {
        let unit = self.avx512f;
        let rows = [unit._mm512_unpacklo_epi32(a, b), unit._mm512_unpackhi_epi32(a, b)];
        let order = bytemuck::cast([0_u64, 2, 4, 6, 1, 3, 5, 7]);
        let rows = [unit._mm512_permutexvar_epi64(order, rows[0]), unit._mm512_permutexvar_epi64(order, rows[1])];
        out.copy_from_slice(bytemuck::bytes_of(&rows));
    }
}

impl Unit for V3 {
    const LANES: usize = 8;
    type Vector = __m256i;
    type Mask = __m256i;
    type Wide = [__m256i; 2];

    #[inline(always)]
    fn splat(self, word: u32) -> __m256i {
        self.avx._mm256_set1_epi32(word.cast_signed())
    }

    #[inline(always)]
    fn add(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_add_epi32(a, b)
    }

    #[inline(always)]
    fn sub(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_sub_epi32(a, b)
    }

    #[inline(always)]
    fn mul_wide(self, a: __m256i, b: __m256i) -> [__m256i; 2] {
        let [even, odd] =
            [self.avx2._mm256_mul_epu32(a, b), self.avx2._mm256_mul_epu32(self.high([a; 2])[0], self.high([b; 2])[0])];
        [self.narrow([even, odd]), self.narrow(self.high([even, odd]))]
    }

    #[inline(always)]
    fn and(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_and_si256(a, b)
    }

    #[inline(always)]
    fn or(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_or_si256(a, b)
    }

    #[inline(always)]
    fn xor(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_xor_si256(a, b)
    }

    #[inline(always)]
    fn shl(self, a: __m256i, bits: u32) -> __m256i {
        self.avx2._mm256_sllv_epi32(a, self.splat(bits))
    }

    #[inline(always)]
    fn shr(self, a: __m256i, bits: u32) -> __m256i {
        self.avx2._mm256_srlv_epi32(a, self.splat(bits))
    }

    #[inline(always)]
    fn shr_signed(self, a: __m256i, bits: u32) -> __m256i {
        self.avx2._mm256_srav_epi32(a, self.splat(bits))
    }

    #[inline(always)]
    fn at_least(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx2._mm256_cmpeq_epi32(self.avx2._mm256_max_epu32(a, b), a)
    }

    #[inline(always)]
    fn select(self, mask: __m256i, yes: __m256i, no: __m256i) -> __m256i {
        let (mask, yes, no) =
            (self.avx._mm256_castsi256_ps(mask), self.avx._mm256_castsi256_ps(yes), self.avx._mm256_castsi256_ps(no));
        self.avx._mm256_castps_si256(self.avx._mm256_blendv_ps(no, yes, mask))
    }

    #[inline(always)]
    fn add_f32(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx._mm256_castps_si256(
            self.avx._mm256_add_ps(self.avx._mm256_castsi256_ps(a), self.avx._mm256_castsi256_ps(b)),
        )
    }

    #[inline(always)]
    fn sub_f32(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx._mm256_castps_si256(
            self.avx._mm256_sub_ps(self.avx._mm256_castsi256_ps(a), self.avx._mm256_castsi256_ps(b)),
        )
    }

    #[inline(always)]
    fn mul_f32(self, a: __m256i, b: __m256i) -> __m256i {
        self.avx._mm256_castps_si256(
            self.avx._mm256_mul_ps(self.avx._mm256_castsi256_ps(a), self.avx._mm256_castsi256_ps(b)),
        )
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
    fn count_from(self, first: u64) -> [__m256i; 2] {
        let first = self.avx._mm256_set1_epi64x(first.cast_signed());
        let (even, odd): ([u64; 4], [u64; 4]) = ([0, 4, 1, 5], [2, 6, 3, 7]);
        [
            self.avx2._mm256_add_epi64(first, bytemuck::cast(even)),
            self.avx2._mm256_add_epi64(first, bytemuck::cast(odd)),
        ]
    }

    #[inline(always)]
    fn wide(self, numbers: &[u64]) -> [__m256i; 2] {
        let (n, _) = numbers.as_chunks::<8>();
        let [a, b, c, d, e, f, g, h] = n[0];
        [bytemuck::cast([a, e, b, f]), bytemuck::cast([c, g, d, h])]
    }

    #[inline(always)]
    fn zero(self) -> [__m256i; 2] {
        [self.splat(0); 2]
    }

    #[inline(always)]
    fn mul_low(self, a: [__m256i; 2], b: u32) -> [__m256i; 2] {
        let b = self.avx._mm256_set1_epi64x(b.into());
        [self.avx2._mm256_mul_epu32(a[0], b), self.avx2._mm256_mul_epu32(a[1], b)]
    }

    #[inline(always)]
    fn xor_high(self, a: [__m256i; 2], word: __m256i, b: [__m256i; 2]) -> [__m256i; 2] {
        let b = self.high(b);
        [self.xor(self.xor(a[0], word), b[0]), self.xor(self.xor(a[1], word), b[1])]
    }

    #[inline(always)]
    fn high(self, a: [__m256i; 2]) -> [__m256i; 2] {
        [self.avx2._mm256_srli_epi64::<32>(a[0]), self.avx2._mm256_srli_epi64::<32>(a[1])]
    }

    #[inline(always)]
    fn narrow(self, [even, odd]: [__m256i; 2]) -> __m256i {
        let odd = self.avx2._mm256_slli_epi64::<32>(odd);
        self.avx2._mm256_blend_epi32::<0xaa>(even, odd)
    }

    #[inline(always)]
    fn weave(self, [a, b, c, d]: [__m256i; 4], out: &mut [u8]) {
        let unit = self.avx2;
        let (ab_low, ab_high) = (unit._mm256_unpacklo_epi32(a, b), unit._mm256_unpackhi_epi32(a, b));
        let (cd_low, cd_high) = (unit._mm256_unpacklo_epi32(c, d), unit._mm256_unpackhi_epi32(c, d));
        let rows = [
            unit._mm256_unpacklo_epi64(ab_low, cd_low),
            unit._mm256_unpackhi_epi64(ab_low, cd_low),
            unit._mm256_unpacklo_epi64(ab_high, cd_high),
            unit._mm256_unpackhi_epi64(ab_high, cd_high),
        ];
        out.copy_from_slice(bytemuck::bytes_of(&rows));
    }

    #[inline(always)]
    fn weave_halves(self, [a, b]: [__m256i; 2], out: &mut [u8]) {
        let unit = self.avx2;
        let rows = [unit._mm256_unpacklo_epi32(a, b), unit._mm256_unpackhi_epi32(a, b)];
        let rows = [unit._mm256_permute4x64_epi64::<0xd8>(rows[0]), unit._mm256_permute4x64_epi64::<0xd8>(rows[1])];
        out.copy_from_slice(bytemuck::bytes_of(&rows));
    }
}
