//! Counts the error of the exact normals, and of the quantiles of truncated ones, against double precision.
//!
//! `cargo run --release -p seedtensors-tools --bin accuracy` goes through all 2^32 words for the radius, the cosine,
//! the sine and the quantiles of four windows. It counts the errors of 2^32 pairs' normals, bounds those of all 2^64
//! pairs, and goes through every f32 that a probability can be. It prints the largest errors, absolute and in units in
//! the last place, with the words that cause them, and how often each error occurs. tests/accuracy.rs counts a part of
//! it with the same code.
//!
//! The reference: `log`, `sin`, `cos`, `exp` of the system's libm and erf, erfc of the crate of that name are within 1
//! ulp of f64. So a reference is within a few times 2^-52 of itself, 2^-26 of the unit that errors are given in. A step
//! of Halley's (or Newton's, near the middle) from a quantile that is off by e finds one that is off by less than x^2
//! e^3 (or x e^2 / 2): below 2^-42 for e = 2^-22. A worse start would show as an error itself. Between quantiles found
//! so, 256 words apart, others are their series, to five terms and below 2^-42 of themselves.
#![allow(clippy::cast_possible_truncation, clippy::print_stdout, reason = "words are cut on purpose, a tool prints")]

use std::f64::consts::PI;

use rayon::prelude::*;
use seedtensors::reference::{box_muller, cos_sin, inverse_normal, radius};
use seedtensors::testing::{far_quantile, tail_quantile, window_quantiles};

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

/// A pair's normals and the true ones, in units of its radius.
pub(crate) fn pair(even: u32, odd: u32) -> [Case; 2] {
    let (a, b) = box_muller(even, odd);
    let r = true_radius(even);
    let (cos, sin) = true_cos_sin(odd);
    [(a, r * cos, r), (b, r * sin, r)]
}

/// The errors of `2^bits` pairs' normals: every high half of the radius word equally often, the angle words
/// spread evenly, so that there are as many of them as pairs; low halves by a multiplicative hash.
pub(crate) fn pairs(bits: u32) -> [Errors; 2] {
    let words = |i: u64| {
        let low = (i.wrapping_mul(0xD134_2543_DE82_EF95) >> 40) as u32 & 0xffff;
        u64::from((i as u32 & 0xffff) << 16 | low) << 32 | u64::from(spread(i, bits))
    };
    Errors::of(bits, words, || |words| pair((words >> 32) as u32, words as u32))
}

/// Word i of 2^bits that are spread evenly, their low bits by a multiplicative hash.
fn spread(i: u64, bits: u32) -> u32 {
    (i << (32 - bits)) as u32 | (i.wrapping_mul(0x9E37_79B9) as u32) & ((1_u64 << (32 - bits)) - 1) as u32
}

/// The errors of something made of one word, over 2^bits words.
pub(crate) fn of_words<const N: usize>(bits: u32, each: impl Fn(u32) -> [Case; N] + Sync) -> [Errors; N] {
    Errors::of(bits, |i| spread(i, bits).into(), || |word| each(word as u32))
}

/// The radius of a word.
pub(crate) fn radius_case(w: u32) -> [Case; 1] {
    let r = true_radius(w);
    [(radius(w), r, r)]
}

/// The cosine and the sine of a word.
pub(crate) fn angle_cases(w: u32) -> [Case; 2] {
    let ((cos, sin), (true_cos, true_sin)) = (cos_sin(w), true_cos_sin(w));
    [(cos, true_cos, 1.0), (sin, true_sin, 1.0)]
}

/// The errors of a window's quantiles over 2^bits words.
pub(crate) fn window(bounds: (f64, f64), bits: u32) -> Errors {
    let (ours, truth) = (window_quantiles(bounds.0, bounds.1).expect("a wide window"), Window::new(bounds));
    let each = || {
        let mut truth = truth.near(&ours);
        let ours = &ours;
        move |word| {
            let true_x = truth(word as u32);
            [(ours(word as u32), true_x, true_x.abs())]
        }
    };
    let [errors] = Errors::of(bits, |i| spread(i, bits).into(), each);
    errors
}

fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

/// The probability that a standard normal is above x.
pub(crate) fn upper(x: f64) -> f64 {
    0.5 * libm::erfc(x * std::f64::consts::FRAC_1_SQRT_2)
}

/// The x above 0 that a standard normal exceeds with probability q, by Halley's step from one nearby.
pub(crate) fn true_tail(q: f64, near: f64) -> f64 {
    let error = (upper(near) - q) / density(near);
    near + error / (1.0 - 0.5 * near * error)
}

/// The x above 0 below which, from 0 on, a standard normal is with probability c, by Newton's step.
pub(crate) fn true_centre(c: f64, near: f64) -> f64 {
    near - (0.5 * libm::erf(near * std::f64::consts::FRAC_1_SQRT_2) - c) / density(near)
}

/// The largest error of a quantile near the middle, in units of it: for 2^bits distances from a half in each of
/// 40 powers of two; 23 bits are every f32.
pub(crate) fn centre_error(bits: u32) -> f64 {
    let error = |(exponent, i): (u32, u64)| {
        let distance = (1 << exponent) + (i << (exponent - bits));
        let c = (distance as f64 + 0.5) / 2f64.powi(64);
        if c > 0.4772 {
            return 0.0;
        }
        let x = f64::from(inverse_normal((1 << 63) + distance));
        // from the nearer end
        let truth = if c < 0.4 { true_centre(c, x) } else { true_tail(0.5 - c, x) };
        (x / truth - 1.0).abs()
    };
    let points = (23..63_u32).into_par_iter().flat_map(|e| (0..1_u64 << bits).into_par_iter().map(move |i| (e, i)));
    points.map(error).reduce(|| 0.0, f64::max)
}

/// The same for tails of windows with a centre, and for those of far windows: 2^bits probabilities between two powers
/// of two. A word's probability is within 3.5 * 2^-24 of itself; the second number of each has the most that this can
/// add.
pub(crate) fn tail_errors(bits: u32) -> [(f64, f64); 2] {
    let largest = |exponents: std::ops::RangeInclusive<u32>, most: f64, quantile: fn(f32, u32) -> f32| {
        let error = |(exponent, i): (u32, u64)| {
            let q = 1.0 + i as f64 / 2f64.powi(bits.cast_signed());
            let probability = q * 2f64.powi(-exponent.cast_signed());
            if probability > most {
                return (0.0, 0.0);
            }
            let x = f64::from(quantile(q as f32, exponent));
            let truth = true_tail(probability, x);
            let error = (x / truth - 1.0).abs();
            (error, error + 3.5 * 2f64.powi(-24) * probability / density(truth) / truth)
        };
        let points = exponents.into_par_iter().flat_map(|e| (0..1_u64 << bits).into_par_iter().map(move |i| (e, i)));
        points.map(error).reduce(|| (0.0, 0.0), |a, b| (a.0.max(b.0), a.1.max(b.1)))
    };
    let scaled = |q: f32, exponent: u32| tail_quantile(q * 2f32.powi(-exponent.cast_signed()));
    [largest(5..=37, 0.022_75, scaled), largest(4..=160, 1.0 / 16.0, far_quantile)]
}

/// Windows in standard deviations: the usual one, all that words reach, and one in the tail.
pub(crate) const WINDOWS: [(f64, f64); 4] =
    [(-2.0, 2.0), (f64::NEG_INFINITY, f64::INFINITY), (4.0, 6.0), (0.0, f64::INFINITY)];

/// The true quantiles of a window, from probabilities of the normal distribution.
pub(crate) struct Window {
    /// The probabilities above the low end, above the high end, below the high end and below the low end.
    tails: [f64; 4],
    /// The probabilities from the middle to the low end and to the high end.
    centre: [f64; 2],
    /// The probability of the window.
    mass: f64,
    /// The words are moved by this many near the mean, so that a word begins there.
    moved: f64,
}

impl Window {
    pub(crate) fn new((low, high): (f64, f64)) -> Self {
        let centre = |x: f64| 0.5 * libm::erf(x * std::f64::consts::FRAC_1_SQRT_2);
        let tails = [upper(low), upper(high), upper(-high), upper(-low)];
        let mass = if low > 0.0 { tails[0] - tails[1] } else { tails[2] - tails[3] };
        let zero = if low < 0.0 { -centre(low) / mass * 2f64.powi(32) } else { 0.0 };
        Self { tails, centre: [centre(low), centre(high)], mass, moved: zero - zero.round() }
    }

    /// The quantile of `P(low) + (w + 1/2) 2^-32 (P(high) - P(low))` in double precision, from the nearer tail;
    /// `near` is one nearby.
    pub(crate) fn quantile(&self, w: u32, near: f64) -> f64 {
        let share = (f64::from(w) + 0.5) / 2f64.powi(32);
        let [above_low, above_high, below_high, below_low] = self.tails;
        let above = above_high + (1.0 - share) * (above_low - above_high);
        let below = below_low + share * (below_high - below_low);
        if above.min(below) > 0.1 {
            let share = share + self.moved / 2f64.powi(32);
            let c = self.centre[0] * (1.0 - share) + self.centre[1] * share;
            c.signum() * true_centre(c.abs(), near.abs())
        } else if above < below {
            true_tail(above, near)
        } else {
            -true_tail(below, -near)
        }
    }
}

impl Window {
    /// The true quantiles near approximate ones: one of 256 neighbours as above, the others by its series where
    /// they lie within a thousandth of it.
    pub(crate) fn near(&self, approximate: &impl Fn(u32) -> f32) -> impl FnMut(u32) -> f64 {
        let direct = move |w| self.quantile(w, approximate(w).into());
        let anchor = move |at| {
            let m = direct(at);
            (at, m, self.mass / 2f64.powi(32) / density(m))
        };
        let mut known = anchor(0x80);
        move |w| {
            if known.0 != w & !0xff | 0x80 {
                known = anchor(w & !0xff | 0x80);
            }
            let (at, m, each) = known;
            let y = (f64::from(w) - f64::from(at)) * each;
            if y.abs() * m.abs().max(1.0) > 2f64.powi(-10) || y.abs() > m.abs() / 2.0 {
                return direct(w);
            }
            let mm = m * m;
            m + y * (1.0 + y * (m / 2.0 + y * ((2.0 * mm + 1.0) / 6.0 + y * m * (6.0 * mm + 7.0) / 24.0)))
        }
    }
}

/// A value, the true value, and the unit in which its error is promised.
pub(crate) type Case = (f32, f64, f64);

/// The errors of many cases.
#[derive(Clone, Debug)]
pub(crate) struct Errors {
    /// The largest, and its words.
    pub(crate) absolute: (f64, u64),
    /// The largest in the promised unit, and its words.
    pub(crate) promised: (f64, u64),
    /// The largest in units in the last place of f32 at the true value, and its words.
    pub(crate) ulps: (f64, u64),
    /// The number of cases by their error in eighths of a unit in the last place. The last one counts 4 units and more.
    pub(crate) eighths: [u64; 33],
}

impl Errors {
    /// The errors of 2^bits cases made of words. Each piece of them has an `each` of its own and goes through its words
    /// in order.
    fn of<const N: usize, F: FnMut(u64) -> [Case; N]>(
        bits: u32,
        words: impl Fn(u64) -> u64 + Sync,
        each: impl Fn() -> F + Sync,
    ) -> [Self; N] {
        let none = || [const { Self { absolute: (0.0, 0), promised: (0.0, 0), ulps: (0.0, 0), eighths: [0; 33] } }; N];
        let piece = |high: u64| {
            let (mut errors, mut each) = (none(), each());
            for i in (high << (bits - 10))..(high + 1) << (bits - 10) {
                let words = words(i);
                errors.iter_mut().zip(each(words)).for_each(|(errors, case)| errors.add(words, case));
            }
            errors
        };
        let merge = |mut a: [Self; N], b: [Self; N]| {
            a.iter_mut().zip(b).for_each(|(a, b)| a.merge(&b));
            a
        };
        (0..1_u64 << 10).into_par_iter().map(piece).reduce(none, merge)
    }

    fn add(&mut self, words: u64, (value, truth, unit): Case) {
        let error = (f64::from(value) - truth).abs();
        let exponent = (truth.abs().to_bits() >> 52).max(1023 - 126);
        let ulps = error * f64::from_bits((2046 + 23 - exponent) << 52);
        worse(&mut self.absolute, (error, words));
        worse(&mut self.promised, (error / unit, words));
        worse(&mut self.ulps, (ulps, words));
        self.eighths[((ulps * 8.0) as usize).min(32)] += 1;
    }

    fn merge(&mut self, other: &Self) {
        worse(&mut self.absolute, other.absolute);
        worse(&mut self.promised, other.promised);
        worse(&mut self.ulps, other.ulps);
        self.eighths.iter_mut().zip(other.eighths).for_each(|(a, b)| *a += b);
    }

    fn print(&self, what: &str, unit: &str) {
        println!("{what}");
        let line = |name: &str, (error, at): (f64, u64), digits: usize| {
            println!("    {error:.4e} = 2^{:.4} {name} at {at:#0digits$x}", error.log2());
        };
        let digits = if what.contains("pairs") { 18 } else { 10 };
        line("absolute", self.absolute, digits);
        line(unit, self.promised, digits);
        println!("    {:.4} ulp at {:#0digits$x}", self.ulps.0, self.ulps.1);
        let all: u64 = self.eighths.iter().sum();
        let share = |(eighth, count): (usize, &u64)| {
            let more = if eighth == 32 { " and more" } else { "" };
            format!("{}{more}: {:.2e}", eighth as f64 / 8.0, *count as f64 / all as f64)
        };
        let shares: Vec<_> = self.eighths.iter().enumerate().filter(|(_, count)| **count > 0).map(share).collect();
        println!("    share by ulp, from {}", shares.join(", "));
    }
}

/// Keeps the larger error. Of equal errors it keeps the one of the lower words, so that the result does not depend on
/// threads. NaN is the largest.
fn worse(largest: &mut (f64, u64), other: (f64, u64)) {
    let order = other.0.total_cmp(&largest.0).then(largest.1.cmp(&other.1));
    if order.is_gt() {
        *largest = other;
    }
}

/// Errors by the size of the value: the largest above and below the true value in each cell.
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
    let [errors] = of_words(32, radius_case);
    errors.print("radius, all 2^32 words", "of the radius");
    let [cosine, sine] = of_words(32, angle_cases);
    cosine.print("cosine, all 2^32 words", "of 1");
    sine.print("sine, all 2^32 words", "of 1");
    let [even, odd] = pairs(32);
    even.print("even normal, 2^32 pairs of words", "of the radius");
    odd.print("odd normal, 2^32 pairs of words", "of the radius");
    for (low, high) in WINDOWS {
        let what = format!("quantile within [{low}, {high}] std, all 2^32 words");
        window((low, high), 32).print(&what, "of the quantile");
    }

    let line = |what: &str, error: f64| println!("{what}: {error:.4e} = 2^{:.4}", error.log2());
    line("normal, bound over all 2^64 pairs, of the radius", pairs_bound());
    line("quantile, every distance from a half that f32 has down to 2^-41, of the quantile", centre_error(23));
    let [tails, far] = tail_errors(23);
    line("quantile, every probability that f32 has from 0.0228 to 2^-37, of the quantile", tails.0);
    line("the same with the rounding of probabilities, of the quantile", tails.1);
    line("far quantile, every probability that f32 has from 1/16 to 2^-160, of the quantile", far.0);
    line("the same with the rounding of probabilities, of the quantile", far.1);
}

/// A bound on the error of every pair, in units of its radius, from every word's radius and angle.
#[allow(dead_code, reason = "the test that shares this file has no use for it")]
fn pairs_bound() -> f64 {
    let radii = cells(|w, cells| {
        let r = true_radius(w);
        let mantissa = f64::from_bits(r.to_bits() & ((1 << 52) - 1) | 1023 << 52);
        record(cells, mantissa - 1.0, f64::from(radius(w)) / r - 1.0);
    });
    let cosines = cells(|w, cells| {
        for (value, truth, _) in angle_cases(w) {
            record(cells, truth.abs(), (f64::from(value) - truth) * truth.signum());
        }
    });
    bound(&radii, &cosines)
}
