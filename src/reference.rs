//! The exact functions, one value at a time. They are for tests of other implementations, and for measuring errors.

use crate::bits::words;
// the code of the CPU backend with vectors of one lane: there is no second version that could differ
use crate::cpu::vector::{lane, value};
use crate::cpu::{box_muller as normal, inverse_normal as quantile};
use crate::window::CENTRE;

pub use crate::philox::{philox_bump, philox_round, philox4x32_10};

/// `sqrt(-2 ln((w + 1/2) 2^-32))`, from 2^-16 to 6.77, with an error of at most 1.15 * 2^-24 of it.
#[must_use]
#[inline(always)]
pub fn radius(w: u32) -> f32 {
    value(normal::radius(lane(w)).solve())
}

/// `(cos t, sin t)` of `t = 2 pi (w + 1/2) 2^-32`, each with an error of at most 1.47 * 2^-24.
#[must_use]
#[inline(always)]
pub fn cos_sin(w: u32) -> (f32, f32) {
    normal::cos_sin(lane(w)).map(value).into()
}

/// Two standard normals from two words, the same bits on every device: `r cos t` and `r sin t` with
/// `r = sqrt(-2 ln((w_even + 1/2) 2^-32))` and `t = 2 pi (w_odd + 1/2) 2^-32`.
///
/// Both are finite, between -6.77 and 6.77, and at most `r * 2^-22` from the true value.
///
/// ```
/// let (a, b) = seedtensors::reference::box_muller(0x8000_0000, 0);
/// let r = 2.0_f64.ln().sqrt() * 2.0_f64.sqrt();
/// assert!((a as f64 - r).abs() < 3e-7);
/// assert!((b as f64).abs() < 1e-8);
/// ```
#[must_use]
#[inline(always)]
pub fn box_muller(w_even: u32, w_odd: u32) -> (f32, f32) {
    let (r, (cos, sin)) = (radius(w_even), cos_sin(w_odd));
    // rounded once each; the sampler multiplies by std afterwards
    (r * cos, r * sin)
}

/// The quantile of the standard normal at `(p + 1/2) 2^-64`, the same bits on every device: between -9.13 and
/// 9.13, and at most `|x| * 2^-22` from the true value.
///
/// The sampler of truncated normals takes p from its window. This function takes any p.
///
/// ```
/// use seedtensors::reference::inverse_normal;
///
/// assert!(inverse_normal(1 << 63).abs() < 1e-18);
/// let p = 0.975 * 2f64.powi(64);
/// assert!((inverse_normal(p as u64) - 1.959_964).abs() < 3e-7);
/// assert_eq!(inverse_normal(7), -inverse_normal(!7));
/// ```
#[must_use]
#[inline(always)]
pub fn inverse_normal(p: u64) -> f32 {
    let [low, high] = words(p);
    value(quantile::signed_quantile(lane(high), lane(low), 64.0, CENTRE))
}

/// The quantile at `(q + 1/2) 2^-exponent`, `q` below 2^63.
#[cfg(feature = "gpu")]
pub(crate) fn tail_quantile(q: u64, exponent: f32) -> f32 {
    let [low, high] = words(q);
    // with this centre every probability counts as a tail
    value(quantile::upper_quantile(lane(high), lane(low), exponent, u32::MAX))
}
