//! A probability to a quantile of the standard normal, one word a value. Twin: shaders/inverse_normal.wgsl.
//! src/window.rs computes the window of a truncated normal.
//!
//! The exact form uses only f32 additions, subtractions and multiplications, and integer operations. A tail probability
//! q below a half is a 64-bit integer. Precision is kept as follows:
//!
//! - Within 0.4 of a half, the distance c from the half is rounded. The quantile is `sqrt(2 pi) c` plus a correction of
//!   at most a fifth: `c^3` times a rational function.
//! - Below 0.1 the quantile is `r - 7/8 - g(r)`, with `r = sqrt(-2 ln q)` as in Box and Muller's radius, and a small
//!   rational function g.
//!
//! A quantile is at most `|x| * 2^-22` from the true one, down to q = 2^-160. `cargo run --release -p seedtensors-tools
//! --bin accuracy` measures it.

use super::box_muller::{LN2_HIGH, LN2_LOW, Root, low_and_half, nearest_power, polynomial};
use super::simd::Simd;
use super::vector::{Floats, Words};

/// sqrt(2 pi), the slope of the quantile at a half.
pub(crate) const SQRT_TAU: f32 = 2.506_628_3;
/// The variable of the rational functions at the centre is `CENTRE_SHIFT - c^2`, so that every term is positive.
pub(crate) const CENTRE_SHIFT: f32 = 0.16;
/// `(x / c - SQRT_TAU) / c^2` as a fraction whose denominator begins with 1; scripts/generate/minimax.py.
pub(crate) const CENTRE_TOP: [f32; 3] = [4.357_816, 41.557_693, 65.263_94];
/// Its denominator, without the 1.
pub(crate) const CENTRE_BOTTOM: [f32; 3] = [14.464_951, 52.925_232, 39.182_93];
/// In the tails the quantile is `r - TAIL_SHIFT` minus a correction, which is near 0 where the quantile is smallest.
pub(crate) const TAIL_SHIFT: f32 = 0.875;
/// The correction for r in [2.14, 15], as such a fraction of r; scripts/generate/minimax.py.
pub(crate) const TAIL_TOP: [f32; 5] = [2.214_398_9, 3.170_874, -1.190_608_7, -0.368_749_17, -0.010_991_786];
/// Its denominator, without the 1.
pub(crate) const TAIL_BOTTOM: [f32; 4] = [4.668_761, 3.467_019_3, 0.504_326_3, 0.012_670_949];
/// A first guess of the reciprocal, within 5.1 %.
pub(crate) const RECIPROCAL_MAGIC: u32 = 0x7EF3_11C3;

/// `top / bottom` for a positive bottom, to one unit in the last place: a cubic step for the reciprocal, then one step
/// for the quotient.
#[inline(always)]
fn quotient<U: Simd>(top: Floats<U>, bottom: Floats<U>) -> Floats<U> {
    let seed = (RECIPROCAL_MAGIC - bottom.bits()).as_f32();
    let error = 1.0 - bottom * seed;
    // 1 / (1 - error) is 1 + error + error^2 and a rest of order 3
    let inverse = seed + seed * (error + error * error);
    let first = top * inverse;
    // the remainder of the first quotient, divided the same way
    first + inverse * (top - bottom * first)
}

/// The smallest x at or above 0 that a standard normal exceeds with probability `(q + 1/2) 2^-exponent`; q is
/// below 2^63, and from `centre` in its high word on it is near a half, where exponent is 64.
#[inline(always)]
pub(crate) fn upper_quantile<U: Simd>(high: Words<U>, low: Words<U>, exponent: f32, centre: u32) -> Floats<U> {
    let central = high.at_least(high.all(centre));
    // (2^63 - 1 - q) + 1/2 is the distance of q + 1/2 from a half, exactly
    let high = central.words(high ^ 0x7fff_ffff, high);
    let low = central.words(low ^ u32::MAX, low);
    // from the lowest on, so that n is rounded only once where it has more than 24 bits
    let half = low_and_half(low);
    let n_low = (low >> 16).to_f32().exact_mul_add(half.all(65536.0), half);
    let n_middle = (high & 0xffff).to_f32().exact_mul_add(half.all(4_294_967_296.0), n_low);
    let n = (high >> 16).to_f32().exact_mul_add(half.all(281_474_976_710_656.0), n_middle);

    // both branches in every lane, because vectors have none; the values are selected at the end
    let c = n * (1.0 / 18_446_744_073_709_551_616.0);
    let cc = c * c;
    let v = CENTRE_SHIFT - cc;
    let centre_top = polynomial(v, &CENTRE_TOP);
    let centre_bottom = polynomial(v, &CENTRE_BOTTOM) * v + 1.0;

    let power = nearest_power(n).bits();
    // twice what n 2^-k is above 1
    let f = n.exact_mul_add((0x7f80_0000 - power).as_f32(), n.all(-2.0));
    // exponent - k, by the exponent's bits: small whole numbers, exact in f32
    let e = (exponent + 127.0) - (power >> 23).to_f32();
    // q has no second part here: n is rounded already, so f_low is 0
    let r = Root::new(f, [f.all(0.0); 2], e * (2.0 * LN2_HIGH), e * (2.0 * LN2_LOW)).solve();
    let tail_top = polynomial(r, &TAIL_TOP);
    let tail_bottom = polynomial(r, &TAIL_BOTTOM) * r + 1.0;

    // one quotient for both branches
    let top = central.floats(centre_top, tail_top);
    let bottom = central.floats(centre_bottom, tail_bottom);
    let main = central.floats(SQRT_TAU * c, r - TAIL_SHIFT);
    let factor = central.floats(c * cc, c.all(-1.0));
    main + factor * quotient(top, bottom)
}

/// The quantile at `(p + 1/2) 2^-exponent`; the top bit of p says that it is above a half.
#[inline(always)]
pub(crate) fn signed_quantile<U: Simd>(high: Words<U>, low: Words<U>, exponent: f32, centre: u32) -> Floats<U> {
    let above = high >> 31;
    // above a half the complement 2^64 - 1 - p is the upper tail: the + 1/2 makes the mirror exact
    let mask = 0 - above;
    let x = upper_quantile(high ^ mask, low ^ mask, exponent, centre);
    // x is not negative, so the or sets its sign
    (x.bits() | ((above ^ 1) << 31)).as_f32()
}
