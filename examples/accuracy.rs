//! Counts the error of the exact normals against double precision.
//!
//! `cargo run --release --example accuracy` goes through all 2^32 words of the radius and all 2^32 of the
//! angle, bounds the error of every pair of them, and counts 2^32 pairs. It takes about five minutes on two
//! cores. tests/accuracy.rs counts 2^24 pairs with the same code.
#![allow(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "words are cut on purpose, an example prints"
)]

use std::f64::consts::PI;

use rayon::prelude::*;
use seedtensors::{box_muller, cos_sin, radius};

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
    let largest = |cells: &Cells| cells.iter().flatten().copied().fold(0.0, f64::max);
    let print =
        |what: &str, error: f64| println!("{what}: {:.4} * 2^-24 = 2^{:.4}", error * 2f64.powi(24), error.log2());
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
