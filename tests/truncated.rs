//! Truncated normals against their distribution: 2^24 values of each window, with fixed seeds.
//!
//! The Kolmogorov-Smirnov p is asserted above 1e-3 and the std within 4 standard errors. The seeds are fixed, so
//! a correct sampler fails once in 1000 changes of its values for each window's KS, once in 16,000 for its std.
#![allow(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "numbers of a test are known to fit, and those that it found are worth reading"
)]

#[path = "../tools/src/bin/accuracy.rs"]
mod accuracy;

use accuracy::upper;
use half::{bf16, f16};
use seedtensors::{Bounds, Element, Error, Fill, Init, Key, Sampler, Shape, cpu};

const COUNT: usize = 1 << 24;

/// A window: mean, std and the bounds themselves.
type Window = (f32, f32, f32, f32);

const WINDOWS: [Window; 16] = [
    (0.0, 1.0, -2.0, 2.0),
    (0.0, 0.02, -0.04, 0.04),
    (0.0, 0.02, -2.0, 2.0),
    (0.5, 2.0, -1.0, 0.7),
    (0.0, 1.0, 0.0, f32::INFINITY),
    (0.0, 1.0, f32::NEG_INFINITY, 1.0),
    (0.0, 1.0, f32::NEG_INFINITY, f32::INFINITY),
    (0.0, 1.0, 4.0, 6.0),
    (0.0, 1.0, -6.0, -4.0),
    (0.0, 1.0, 8.0, f32::INFINITY),
    (-12.0, 1.0, 0.0, 0.5),
    (0.0, 1.0, -5e-7, 5e-7),
    (-1.0, 1.0, 0.0, 1e-6),
    (3.0, 1.0, 0.0, 0.02),
    (1.0, 4.0, 3.0, 3.2),
    (0.0, 1e-30, -1e-30, 3e-30),
];

fn values<T: Element>((mean, std, low, high): Window, index: u64) -> Vec<T> {
    let key = Key::new(2024).named("truncated").fold_in(index);
    cpu::tensor(&Fill::from_sampler(key, Sampler::TruncatedNormal { mean, std, low, high }, COUNT as u64)).unwrap()
}

/// The distribution function of a window, from the nearer tail: the share at or below x.
fn law((mean, std, low, high): Window) -> impl Fn(f64) -> f64 {
    let in_std = move |x: f64| (x - f64::from(mean)) / f64::from(std);
    let (a, b) = (in_std(low.into()), in_std(high.into()));
    let between = |a: f64, b: f64| {
        if b - a < 1e-3 {
            // where the difference of two probabilities would cancel: Simpson's rule over the density
            let density = |x: f64| (-0.5 * x * x).exp();
            (b - a) / 6.0 * (density(a) + 4.0 * density(0.5 * (a + b)) + density(b))
                / (2.0 * std::f64::consts::PI).sqrt()
        } else if a > 0.0 {
            upper(a) - upper(b)
        } else {
            upper(-b) - upper(-a)
        }
    };
    move |x| (between(a, in_std(x).clamp(a, b)) / between(a, b)).clamp(0.0, 1.0)
}

/// Kolmogorov's p for the distance `d` of n values.
fn kolmogorov_p(d: f64, n: f64) -> f64 {
    let t = d * n.sqrt();
    let sum: f64 =
        (1..100).map(|k: i32| if k % 2 == 1 { 2.0 } else { -2.0 } * (-2.0 * f64::from(k * k) * t * t).exp()).sum();
    if t < 0.2 { 1.0 } else { sum.clamp(0.0, 1.0) }
}

/// The largest distance between the distribution and the sorted values. A value represents everything that rounds to
/// it. So the share below it ends at the midpoint to the dtype's value before it, and the share up to it at the next
/// midpoint.
fn ks(sorted: &[f64], law: &impl Fn(f64) -> f64, middles: impl Fn(f64) -> (f64, f64)) -> f64 {
    let n = sorted.len() as f64;
    let mut worst = 0.0_f64;
    let mut below = 0;
    for group in sorted.chunk_by(|a, b| a == b) {
        let (before, after) = middles(group[0]);
        let up_to = below + group.len();
        worst = worst.max((law(before) - below as f64 / n).abs()).max((law(after) - up_to as f64 / n).abs());
        below = up_to;
    }
    worst
}

fn neighbours_f32(x: f64) -> (f64, f64) {
    let x = x as f32;
    ((f64::from(x) + f64::from(x.next_down())) / 2.0, (f64::from(x) + f64::from(x.next_up())) / 2.0)
}

fn neighbours_bf16(x: f64) -> (f64, f64) {
    let step = |up: bool| {
        let bits = bf16::from_f64(x).to_bits();
        let away = up == (x > 0.0);
        let next = match bits & 0x7fff {
            0 => {
                if up {
                    0x0080
                } else {
                    0x8080
                }
            }
            _ if away => bits + 1,
            _ => bits - 1,
        };
        bf16::from_bits(next).to_f64()
    };
    ((x + step(false)) / 2.0, (x + step(true)) / 2.0)
}

fn sorted<T: Element>(values: &[T]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().map(|value| f64::from(value.to_f32())).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The mean and the variance of a distribution, by its quantiles' own sums: the integrals of 1 - F over the window.
fn variance(law: &impl Fn(f64) -> f64, low: f64, high: f64) -> f64 {
    const STEPS: i32 = 400_000;
    let width = (high - low) / f64::from(STEPS);
    let (mut first, mut second) = (0.0, 0.0);
    for i in 0..STEPS {
        let y = (f64::from(i) + 0.5) * width;
        let above = 1.0 - law(low + y);
        first += above * width;
        second += 2.0 * y * above * width;
    }
    second - first * first
}

#[test]
fn the_law_the_std_and_the_bounds_of_16_windows() {
    for (index, window) in WINDOWS.into_iter().enumerate() {
        let (mean, std, low, high) = window;
        let values = sorted(&values::<f32>(window, index as u64));
        let (least, greatest) = (values[0], values[COUNT - 1]);
        assert!(least >= f64::from(low) && greatest <= f64::from(high), "{window:?}: {least} to {greatest}");
        let law = law(window);
        let p = kolmogorov_p(ks(&values, &law, neighbours_f32), COUNT as f64);

        // no mass is moved to a bound: what is there is no more than what rounds to it, or lies within the
        // quantile's error of it, and 6 standard errors
        for bound in [low, high].map(f64::from).into_iter().filter(|bound| bound.is_finite()) {
            let found = values.iter().filter(|&&value| value == bound).count() as f64;
            let (before, after) = neighbours_f32(bound);
            let error = (bound - f64::from(mean)).abs() * 2f64.powi(-22);
            let expected = (law(after + error) - law(before - error)) * COUNT as f64;
            assert!(
                found <= expected + 6.0 * expected.sqrt() + 6.0,
                "{window:?}: {found} at {bound}, {expected} expected"
            );
        }

        // infinite bounds end where 2^-40 of the probability is left
        let (m, s) = (f64::from(mean), f64::from(std));
        let start = if low.is_finite() { f64::from(low) } else { m - 7.2 * s };
        let end = if high.is_finite() { f64::from(high).min(start.max(m) + 7.2 * s) } else { start.max(m) + 7.2 * s };
        let expected = variance(&law, start, end);
        let n = COUNT as f64;
        let average = values.iter().sum::<f64>() / n;
        let central = |k: i32| values.iter().map(|value| (value - average).powi(k)).sum::<f64>() / n;
        let (second, fourth) = (central(2), central(4));
        let errors = (second - expected) / ((fourth - second * second) / n).sqrt();
        println!("{window:?}: KS p {p:.4}, std {:.6e}, {errors:+.2} standard errors of the variance", second.sqrt());
        assert!(p > 1e-3, "{window:?}: p {p}");
        assert!(errors.abs() < 4.0, "{window:?}: variance {second:e}, expected {expected:e}, {errors} standard errors");
    }
}

#[test]
fn bf16_keeps_the_law_and_the_bounds() {
    // a window whose bounds bf16 does not have, and a wide one
    for (index, window) in
        [(0.0, 1.0, -1.999, 2.001), (0.0, 0.02, -0.04, 0.04), (0.0, 1.0, 4.0, 6.0)].into_iter().enumerate()
    {
        let (_, _, low, high): Window = window;
        let values = sorted(&values::<bf16>(window, index as u64));
        assert!(values[0] >= f64::from(low) && values[COUNT - 1] <= f64::from(high), "{window:?}");
        // what rounds beyond the last value inside is that value
        let ends = (values[0], values[COUNT - 1]);
        let middles = |x: f64| {
            let (before, after) = neighbours_bf16(x);
            (if x == ends.0 { f64::from(low) } else { before }, if x == ends.1 { f64::from(high) } else { after })
        };
        let p = kolmogorov_p(ks(&values, &law(window), middles), COUNT as f64);
        println!("bf16 {window:?}: KS p {p:.4}");
        assert!(p > 1e-3, "{window:?}: p {p}");
    }
    let halves = values::<f16>((0.0, 1.0, -1.999, 2.001), 9);
    assert!(halves.iter().all(|value| (-1.999..=2.001).contains(&value.to_f64())));
}

/// The test notices a rejected or clamped tail.
#[test]
fn the_test_has_power() {
    let window = WINDOWS[0];
    let normal = Sampler::Normal { mean: 0.0, std: 1.0 };
    let mut clamped: Vec<f32> = cpu::tensor(&Fill::from_sampler(Key::new(1), normal, COUNT as u64)).unwrap();
    clamped.iter_mut().for_each(|value| *value = value.clamp(-2.0, 2.0));
    assert!(kolmogorov_p(ks(&sorted(&clamped), &law(window), neighbours_f32), COUNT as f64) < 1e-9);
    // a window that is 1 % too narrow
    let narrow = values::<f32>((0.0, 1.0, -1.98, 1.98), 0);
    assert!(kolmogorov_p(ks(&sorted(&narrow), &law(window), neighbours_f32), COUNT as f64) < 1e-9);
}

#[test]
fn what_is_no_window_is_refused() {
    let shape = Shape::new(&[1]).unwrap();
    let message = |mean: f64, std: f64, low: f64, high: f64, dtype| {
        let init = Init::TruncatedNormal { mean, std, bounds: Bounds::Absolute { low, high } };
        let error = init.sampler(&shape).and_then(|sampler| sampler.check(dtype)).unwrap_err();
        assert!(matches!(error, Error::BadParameter(_)), "{error:?}");
        error.to_string()
    };
    let f32 = seedtensors::Dtype::F32;
    assert_eq!(message(0.0, 1.0, 1.0, 1.0, f32), "truncated normal's low must be below high, not [1.0, 1.0]");
    assert_eq!(message(0.0, 0.0, 0.0, 1.0, f32), "truncated normal's std must be above 0 (at least 2^-126), not 0.0");
    assert_eq!(
        message(0.0, 1.0, 40.0, 41.0, f32),
        "truncated normal's window must have a probability of at least 2^-126, not [40.0, 41.0] of mean 0.0 and std 1.0"
    );
    assert_eq!(
        message(0.0, 1.0, 1.001, 1.002, seedtensors::Dtype::BF16),
        "truncated normal's window must hold a value of bf16, not [1.001, 1.002]"
    );
    assert!(message(f64::NAN, 1.0, 0.0, 1.0, f32).contains("mean must be finite"));
    assert!(message(0.0, 1.0, f64::NAN, 1.0, f32).contains("low must be finite"));
    // a bound that no value reaches may be one that the dtype does not hold
    let far = Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: -1e26, high: 2.0 };
    far.check(seedtensors::Dtype::F16).unwrap();
    assert!(message(0.0, 1e6, 0.0, 1e6, seedtensors::Dtype::F16).contains("greatest value must be finite in f16"));
}
