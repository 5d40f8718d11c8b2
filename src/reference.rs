//! The exact functions, one value at a time. They are for tests of other implementations, and for measuring errors.

use crate::bits::power_of_two;
// the code of the CPU backend with vectors of one lane: there is no second version that could differ
use crate::cpu::vector::{lane, value};
use crate::cpu::{box_muller as normal, inverse_normal as quantile};

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
/// 9.13, and at most `|x| * 2^-21.8` from the true value.
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
pub fn inverse_normal(p: u64) -> f32 {
    let above = p >> 63 == 1;
    // above a half the complement is the upper tail: the + 1/2 makes the mirror exact
    let tail = if above { !p } else { p };
    let unit = power_of_two(-64);
    // an f32 that is below a half: the + 1/2 counts only where it does not round
    let of = |integer: u64| (integer as f32 + 0.5) * unit;
    let q = of(tail);
    let x = if q < quantile::TAIL {
        far_quantile(q * power_of_two(64), 64)
    } else {
        // (2^63 - 1 - q) + 1/2 is the distance of q + 1/2 from a half, exactly
        of(tail ^ (u64::MAX >> 1)) * value(quantile::centre_factor(lane(q.to_bits()).as_f32(), 0.25))
    };
    if above { x } else { -x }
}

/// The quantile above the mean at the tail's probability `q 2^-exponent`, between 2^-160 and 1/16.
pub(crate) fn far_quantile(q: f32, exponent: u32) -> f32 {
    value(quantile::far_quantile(lane(q.to_bits()).as_f32(), exponent << 23))
}

/// The quantile above the mean at the tail's probability `q`, between 2^-37 and 0.0228.
#[cfg(feature = "dispatch")]
pub(crate) fn tail_quantile(q: f32) -> f32 {
    value(quantile::tail_quantile(lane(q.to_bits()).as_f32()))
}
