//! A probability to a quantile of the standard normal, one word a value. Twin: shaders/inverse_normal.wgsl.
//! src/window.rs computes the window of a truncated normal.
//!
//! The exact form uses only f32 additions, subtractions and multiplications, and integer operations. The nearer tail has
//! the probability q, the distance from a half is c = 1/2 - q. Precision is kept as follows:
//!
//! - Within 2 standard deviations the quantile is c times a factor. Near a half the factor hardly depends on q, and c
//!   keeps its own digits. Near 2 a rounding of c would count four times in the factor, so it is computed from q:
//!   `sqrt(2 pi) + c^2 R(q - q^2)`, with `c^2 = 1/4 - (q - q^2)` and a rational function R.
//! - Farther out the quantile is a rational function of `-log2 q`.
//!
//! A quantile is at most `|x| * 2^-21.8` from the true one, down to q = 2^-160. `cargo run --release -p seedtensors-tools
//! --bin accuracy` measures it.

use super::box_muller::polynomial;
use super::simd::Simd;
use super::vector::Floats;
use crate::window::SQRT_TAU;

/// `(x / c - SQRT_TAU) / c^2` within 2.001 standard deviations, as a fraction of `q - q^2` whose denominator begins with
/// 1; scripts/generate/minimax.py.
pub(crate) const CENTRE_TOP: [f32; 5] = [15.285_134, 2_602.228, 60_632.55, 224_865.06, 29_325.777];
/// Its denominator, without the 1.
pub(crate) const CENTRE_BOTTOM: [f32; 4] = [283.624_76, 11_727.016, 103_497.3, 168_316.64];
/// Probabilities below this one are tails. It is the last below 2 standard deviations.
pub(crate) const TAIL: f32 = 0.022_75;
/// `-log2(1 + f) / f` on [-1/3, 1/3]; scripts/generate/minimax.py.
pub(crate) const LOG2: [f32; 8] =
    [-1.442_694_1, 0.721_344_2, -0.481_019_94, 0.360_919_06, -0.284_589_83, 0.234_778_7, -0.252_003_07, 0.231_613_08];
/// The quantile less l / 4, for `l = -log2 q` in [5.4, 37], as such a fraction of l; scripts/generate/minimax.py.
pub(crate) const TAIL_TOP: [f32; 6] =
    [-1.128_994_3, 0.533_192_8, 0.164_219_98, -0.005_039_137, -0.000_318_461_1, -1.392_401_1e-7];
/// Its denominator, without the 1.
pub(crate) const TAIL_BOTTOM: [f32; 3] = [0.851_050_26, 0.095_697_51, 0.001_659_578_1];
/// The quantile less l / 8 + 1, for l in [4, 160.5]; scripts/generate/minimax.py.
pub(crate) const FAR_TOP: [f32; 7] =
    [-2.376_675_1, -1.133_116_2, 0.274_348_65, 0.044_833_343, 0.000_539_635_9, -1.395_175e-5, -8.537_063e-8];
/// Its denominator, without the 1.
pub(crate) const FAR_BOTTOM: [f32; 6] =
    [1.482_325_7, 0.349_157_18, 0.019_989_291, 0.000_292_579_47, 8.429_886_4e-7, -5.973_806e-11];
/// A first guess of the reciprocal, within 5.1 %.
pub(crate) const RECIPROCAL_MAGIC: u32 = 0x7EF3_3400;
/// A cubic step has 3 here; with this constant the error is the least, 2^-14.8.
pub(crate) const RECIPROCAL_STEP: f32 = 3.001_919;

/// `top / bottom` for a positive bottom, to one unit in the last place: a cubic step for the reciprocal, then one step
/// for the quotient.
#[cfg_attr(not(debug_assertions), inline(always))]
fn quotient<U: Simd>(top: Floats<U>, bottom: Floats<U>) -> Floats<U> {
    let seed = (RECIPROCAL_MAGIC - bottom.bits()).as_f32();
    // about 1
    let z = bottom * seed;
    let inverse = ((z - RECIPROCAL_STEP) * z + RECIPROCAL_STEP) * seed;
    let first = top * inverse;
    // the remainder of the first quotient, divided the same way
    first + inverse * (top - bottom * first)
}

/// The quantile over its distance c from a half, where q is the probability of the nearer tail: from [`TAIL`] to a half.
/// `quarter` is 1/4, or slightly more or less where the factor is to be slightly larger or smaller.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn centre_factor<U: Simd>(q: Floats<U>, quarter: f32) -> Floats<U> {
    let v = q - q * q;
    let fraction = quotient(polynomial(v, &CENTRE_TOP), polynomial(v, &CENTRE_BOTTOM) * v + 1.0);
    (quarter - v) * fraction + SQRT_TAU
}

/// `-log2 (q 2^-exponent)`; the exponent comes in the position of an f32's.
#[cfg_attr(not(debug_assertions), inline(always))]
fn negative_log2<U: Simd>(q: Floats<U>, exponent: u32) -> Floats<U> {
    // 2^k, the power of two that q is within a third of, as k << 23: the bits of 2/3 go with the exponent's bias
    let power = (q.bits() - 0x3f2a_aaab) & 0xff80_0000;
    // q 2^-k - 1
    let f = (q.bits() - power).as_f32() - 1.0;
    // a whole number of at most 9 bits, exactly
    (exponent - power).to_f32().exact_mul_add(f.all(1.0 / 8_388_608.0), polynomial(f, &LOG2) * f)
}

/// The quantile above the mean that a standard normal exceeds with probability q, from 2^-37 to [`TAIL`].
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn tail_quantile<U: Simd>(q: Floats<U>) -> Floats<U> {
    let l = negative_log2(q, 0);
    // most of the quantile is exact, so the fraction's error counts little
    l.exact_mul_add(l.all(0.25), quotient(polynomial(l, &TAIL_TOP), polynomial(l, &TAIL_BOTTOM) * l + 1.0))
}

/// The same with probability `q 2^-exponent`, from 2^-160 to 1/16.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn far_quantile<U: Simd>(q: Floats<U>, exponent: u32) -> Floats<U> {
    let l = negative_log2(q, exponent);
    let fraction = quotient(polynomial(l, &FAR_TOP), polynomial(l, &FAR_BOTTOM) * l + 1.0);
    l.exact_mul_add(l.all(0.125), fraction) + 1.0
}
