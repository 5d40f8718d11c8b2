//! Counts the error of the exact normals, and of the quantiles of truncated ones, against double precision.
//!
//! `cargo run --release --example accuracy` goes through all 2^32 words of the radius and all 2^32 of the
//! angle, bounds the error of every pair of them, and counts 2^32 pairs; then through every f32 that a
//! probability can be, and 2^28 words of four windows. It takes about twelve minutes on two cores; `normals` or
//! `quantiles` behind `--` asks for one half. `words` instead counts the errors of radius, cosine, sine and the
//! quantiles of four windows over all 2^32 words, in absolute numbers and in units in the last place, with the words
//! that cause the largest.
//! tests/accuracy.rs counts a part of it with the same code.
#![allow(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "words are cut on purpose, an example prints"
)]

use std::f64::consts::PI;

use rayon::prelude::*;
use seedtensors::twins::{tail_quantile, window_quantile};
use seedtensors::{box_muller, cos_sin, inverse_normal, radius};

/// `sqrt(-2 ln((w + 1/2) 2^-32))`; near 2^32 by the logarithm of 1 + x.
pub(crate) fn true_radius(w: u32) -> f64 {
    let u = (f64::from(w) + 0.5) / 2f64.powi(32);
    let ln = if w < 1 << 31 { u.ln() } else { (u - 1.0).ln_1p() };
    (-2.0 * ln).sqrt()
}

/// `(cos t, sin t)` of `t = 2 pi (w + 1/2) 2^-32`, reduced to an eighth of a turn without rounding.
pub(crate) fn true_cos_sin(w: u32) -> (f64, f64) {
    let quarters = (f64::from(w) + 0.5) / 2f64.powi(30);
    let quadrant = quarters.round();
    let (sin, cos) = ((quarters - quadrant) * PI / 2.0).sin_cos();
    match quadrant as u32 % 4 {
        0 => (cos, sin),
        1 => (-sin, cos),
        2 => (-cos, -sin),
        _ => (sin, -cos),
    }
}

/// The largest error of a pair's normals, in units of its radius.
pub(crate) fn pair_error(even: u32, odd: u32) -> f64 {
    let (a, b) = box_muller(even, odd);
    let r = true_radius(even);
    let (cos, sin) = true_cos_sin(odd);
    (f64::from(a) - r * cos).abs().max((f64::from(b) - r * sin).abs()) / r
}

/// The largest error over `2^bits` pairs: every high half of the radius word equally often, the angle words
/// spread evenly, so that there are as many of them as pairs; low halves by a multiplicative hash.
pub(crate) fn counted(bits: u32) -> f64 {
    let spread = |i: u64| {
        let angle = (i << (32 - bits)) as u32 | (i.wrapping_mul(0x9E37_79B9) as u32) >> bits.min(31);
        let low = (i.wrapping_mul(0xD134_2543_DE82_EF95) >> 40) as u32 & 0xffff;
        ((i as u32 & 0xffff) << 16 | low, angle)
    };
    (0..1_u64 << bits).into_par_iter().map(spread).map(|(even, odd)| pair_error(even, odd)).reduce(|| 0.0, f64::max)
}

fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

/// The probability that a standard normal is above x.
pub(crate) fn upper(x: f64) -> f64 {
    0.5 * libm::erfc(x * std::f64::consts::FRAC_1_SQRT_2)
}

/// The x above 0 that a standard normal exceeds with probability q, by Halley's steps from one nearby.
pub(crate) fn true_tail(q: f64, near: f64) -> f64 {
    (0..2).fold(near, |x, _| {
        let error = (upper(x) - q) / density(x);
        x + error / (1.0 - 0.5 * x * error)
    })
}

/// The x above 0 below which, from 0 on, a standard normal is with probability c, by Newton's steps.
pub(crate) fn true_centre(c: f64, near: f64) -> f64 {
    (0..2).fold(near, |x, _| x - (0.5 * libm::erf(x * std::f64::consts::FRAC_1_SQRT_2) - c) / density(x))
}

/// The largest error of a quantile near the middle, in units of it: for 2^bits distances from a half in each of
/// 40 powers of two; 23 bits are every f32.
pub(crate) fn centre_error(bits: u32) -> f64 {
    let error = |(exponent, i): (u32, u64)| {
        let distance = (1 << exponent) + (i << (exponent - bits));
        let c = (distance as f64 + 0.5) / 2f64.powi(64);
        if c > 0.3999 {
            return 0.0;
        }
        let x = f64::from(inverse_normal((1 << 63) + distance));
        (x / true_centre(c, x) - 1.0).abs()
    };
    let points = (23..63_u32).into_par_iter().flat_map(|e| (0..1_u64 << bits).into_par_iter().map(move |i| (e, i)));
    points.map(error).reduce(|| 0.0, f64::max)
}

/// The same in the tails, for probabilities from 0.1 to 2^-160, and that error with the most that the rounding
/// of the probability to f32, 1.5 * 2^-24 of it, can add.
pub(crate) fn tail_error(bits: u32) -> (f64, f64) {
    let error = |(octaves, i): (u32, u64)| {
        let q = (1 << 62) + (i << (62 - bits));
        let probability = (q as f64 + 0.5) * 2f64.powi(-octaves.cast_signed());
        if probability > 0.1 {
            return (0.0, 0.0);
        }
        let x = f64::from(tail_quantile(q, octaves));
        let true_x = true_tail(probability, x);
        let error = (x / true_x - 1.0).abs();
        (error, error + 1.5 * 2f64.powi(-24) * probability / density(true_x) / true_x)
    };
    let points = (66..=222_u32).into_par_iter().flat_map(|o| (0..1_u64 << bits).into_par_iter().map(move |i| (o, i)));
    points.map(error).reduce(|| (0.0, 0.0), |a, b| (a.0.max(b.0), a.1.max(b.1)))
}

/// Windows in standard deviations: the usual one, all that words reach, and one in the tail.
pub(crate) const WINDOWS: [(f64, f64); 4] =
    [(-2.0, 2.0), (f64::NEG_INFINITY, f64::INFINITY), (4.0, 6.0), (0.0, f64::INFINITY)];

/// The quantile of `P(low) + (w + 1/2) 2^-32 (P(high) - P(low))` in double precision, from the nearer tail; `near` is
/// one nearby.
pub(crate) fn true_quantile((low, high): (f64, f64), w: u32, near: f64) -> f64 {
    let share = (f64::from(w) + 0.5) / 2f64.powi(32);
    // what lies above x, and the distance from a half
    let above = upper(high) + (1.0 - share) * (upper(low) - upper(high));
    let below = upper(-low) + share * (upper(-high) - upper(-low));
    if above.min(below) > 0.1 {
        let c = 0.5 * (libm::erf(low / 2f64.sqrt()) * (1.0 - share) + libm::erf(high / 2f64.sqrt()) * share);
        c.signum() * true_centre(c.abs(), near.abs())
    } else if above < below {
        true_tail(above, near)
    } else {
        -true_tail(below, -near)
    }
}

/// The largest error of a window's quantiles over 2^bits words spread evenly, in units of them.
pub(crate) fn window_error((low, high): (f64, f64), bits: u32) -> f64 {
    let error = |i: u64| {
        let w = (i << (32 - bits)) as u32 | (i.wrapping_mul(0x9E37_79B9) as u32) >> bits.min(31);
        let x = f64::from(window_quantile(low, high, w));
        (x / true_quantile((low, high), w, x) - 1.0).abs()
    };
    (0..1_u64 << bits).into_par_iter().map(error).reduce(|| 0.0, f64::max)
}

/// The errors of a function over many words.
#[derive(Clone, Debug)]
pub(crate) struct Errors {
    /// The largest, and its word.
    pub(crate) absolute: (f64, u32),
    /// The same in units in the last place that f32 has for the true value.
    pub(crate) ulps: (f64, u32),
    /// How many words have an error of so many eighths of a unit in the last place.
    pub(crate) eighths: [u64; 33],
}

impl Errors {
    /// Of a function's value and the true one over every 2^step-th word; all of them for 0.
    pub(crate) fn of(step: u32, each: impl Fn(u32) -> (f32, f64) + Sync) -> Self {
        let none = || Self { absolute: (0.0, 0), ulps: (0.0, 0), eighths: [0; 33] };
        let worse = |a: (f64, u32), b: (f64, u32)| if b.0 > a.0 { b } else { a };
        let add = |mut errors: Self, i: u32| {
            let word = i << step | (i.wrapping_mul(0x9E37_79B9) & ((1 << step) - 1));
            let (value, truth) = each(word);
            let error = (f64::from(value) - truth).abs();
            let ulps = error / 2f64.powi((truth.abs().log2().floor() as i32).max(-126) - 23);
            errors.absolute = worse(errors.absolute, (error, word));
            errors.ulps = worse(errors.ulps, (ulps, word));
            errors.eighths[((ulps * 8.0) as usize).min(32)] += 1;
            errors
        };
        let merge = |mut a: Self, b: Self| {
            a.eighths.iter_mut().zip(b.eighths).for_each(|(a, b)| *a += b);
            Self { absolute: worse(a.absolute, b.absolute), ulps: worse(a.ulps, b.ulps), ..a }
        };
        let pieces = (0..1_u32 << 10).into_par_iter();
        let last = u32::MAX >> step;
        let piece = |high: u32| {
            let length = (last >> 10) + 1;
            (high * length..=high * length + (length - 1)).fold(none(), add)
        };
        pieces.map(piece).reduce(none, merge)
    }

    fn print(&self, what: &str) {
        let ((absolute, at), (ulps, ulps_at)) = (self.absolute, self.ulps);
        println!(
            "{what}: absolute {absolute:.4e} = 2^{:.3} at {at:#010x}, {ulps:.4} ulp at {ulps_at:#010x}",
            absolute.log2()
        );
        let all: u64 = self.eighths.iter().sum();
        let mut line = String::new();
        for (eighth, count) in self.eighths.iter().enumerate().filter(|(_, count)| **count > 0) {
            let from = eighth as f64 / 8.0;
            line +=
                &format!("  {from}{}: {:.2e}", if eighth == 32 { " and more" } else { "" }, *count as f64 / all as f64);
        }
        println!("   share of the words by ulp, from{line}");
    }
}

/// Errors by where the value lies: the largest above and below the true value in each cell.
type Cells = Vec<[f64; 2]>;

const CELLS: usize = 4096;

fn cells(visit: impl Fn(u32, &mut Cells) + Sync) -> Cells {
    let merge = |mut a: Cells, b: Cells| {
        for (a, b) in a.iter_mut().zip(b) {
            *a = [a[0].max(b[0]), a[1].max(b[1])];
        }
        a
    };
    let run = |high: u32| {
        let mut cells = vec![[0.0; 2]; CELLS];
        (0..1 << 22).for_each(|low| visit(high << 22 | low, &mut cells));
        cells
    };
    (0..1 << 10).into_par_iter().map(run).reduce(|| vec![[0.0; 2]; CELLS], merge)
}

fn record(cells: &mut Cells, at: f64, error: f64) {
    let cell = &mut cells[((at * CELLS as f64) as usize).min(CELLS - 1)][usize::from(error < 0.0)];
    *cell = cell.max(error.abs());
}

/// A bound on the error of every pair, in units of the radius: for each mantissa of the radius and each size
/// of the cosine the worst of both, and half a unit in the last place of their product.
fn bound(radii: &Cells, cosines: &Cells) -> f64 {
    let mut worst = 0.0_f64;
    for (i, r) in radii.iter().enumerate() {
        let (least, most) = (1.0 + i as f64 / CELLS as f64, 1.0 + (i + 1) as f64 / CELLS as f64);
        for (j, c) in cosines.iter().enumerate() {
            let cosine = (j + 1) as f64 / CELLS as f64;
            let half_ulp = 2f64.powi((most * cosine * 1.000_001).log2().floor() as i32 - 24) / least;
            for side in 0..2 {
                worst = worst.max(r[side] * cosine + c[side] + r[side] * c[side] + half_ulp);
            }
        }
    }
    worst
}

#[allow(dead_code, reason = "the test that shares this file has no use for it")]
fn main() {
    let print =
        |what: &str, error: f64| println!("{what}: {:.4} * 2^-24 = 2^{:.4}", error * 2f64.powi(24), error.log2());
    let only = std::env::args().nth(1);
    match only.as_deref() {
        Some("words") => words(0),
        Some("normals") => normals(&print),
        Some("quantiles") => quantiles(&print),
        _ => {
            normals(&print);
            quantiles(&print);
        }
    }
}

/// The errors of what words are turned into, and the words that cause the largest.
#[allow(dead_code, reason = "the test that shares this file has no use for it")]
fn words(step: u32) {
    Errors::of(step, |w| (radius(w), true_radius(w))).print("radius");
    Errors::of(step, |w| (cos_sin(w).0, true_cos_sin(w).0)).print("cosine");
    Errors::of(step, |w| (cos_sin(w).1, true_cos_sin(w).1)).print("sine");
    for (low, high) in WINDOWS {
        let errors = Errors::of(step, |w| {
            let x = window_quantile(low, high, w);
            (x, true_quantile((low, high), w, x.into()))
        });
        errors.print(&format!("quantile within [{low}, {high}]"));
    }
}

#[allow(dead_code, reason = "the test that shares this file has no use for it")]
fn normals(print: &dyn Fn(&str, f64)) {
    let largest = |cells: &Cells| cells.iter().flatten().copied().fold(0.0, f64::max);
    let radii = cells(|w, cells| {
        let r = true_radius(w);
        record(cells, r / 2f64.powi(r.log2().floor() as i32) - 1.0, f64::from(radius(w)) / r - 1.0);
    });
    print("radius, all 2^32 words, of the radius", largest(&radii));
    let cosines = cells(|w, cells| {
        let ((c, s), (cos, sin)) = (cos_sin(w), true_cos_sin(w));
        record(cells, cos.abs(), (f64::from(c) - cos) * cos.signum());
        record(cells, sin.abs(), (f64::from(s) - sin) * sin.signum());
    });
    print("cosine and sine, all 2^32 words, absolute", largest(&cosines));
    print("normal, bound over all 2^64 pairs, of the radius", bound(&radii, &cosines));
    print("normal, counted over 2^32 pairs, of the radius", counted(32));
}

#[allow(dead_code, reason = "the test that shares this file has no use for it")]
fn quantiles(print: &dyn Fn(&str, f64)) {
    print("quantile, every distance from a half that f32 has down to 2^-41, of the quantile", centre_error(23));
    let (counted, bounded) = tail_error(23);
    print("quantile, every probability that f32 has from 0.1 to 2^-160, of the quantile", counted);
    print("the same with the rounding of 64-bit probabilities, of the quantile", bounded);
    for window in WINDOWS {
        print(&format!("quantile, counted over 2^28 words of {window:?}, of the quantile"), window_error(window, 28));
    }
}
