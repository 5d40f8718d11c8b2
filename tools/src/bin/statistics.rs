//! Statistical tests of words, uniforms and normals, and of generators that are bad on purpose, which must fail.
//!
//! `cargo run --release -p seedtensors-tools --bin statistics -- 28` runs every test on 2^28 words of each stream and
//! prints a table of p-values in Markdown. Without a number it takes 2^22 words, as tests/statistics.rs does with the
//! same code.
//!
//! Every p-value is of a test whose false-positive rate is that p-value: a test fails below [`ALARM`]. A maximum over
//! many is corrected for their number (Bonferroni). Keys are fixed, so that a result is the same on every run.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    reason = "words are cut on purpose, a tool prints"
)]

use half::{bf16, f16};
use rayon::prelude::*;
use seedtensors::reference::{philox_bump, philox_round};
use seedtensors::{Element, Fill, Key, Result, Sampler, cpu};

/// The false-positive rate of each test.
pub(crate) const ALARM: f64 = 1e-6;

/// The outcome of a test.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// The test, and the stream or dtype that it tested.
    pub(crate) test: &'static str,
    pub(crate) of: String,
    /// The number of words or values.
    pub(crate) count: usize,
    pub(crate) statistic: f64,
    pub(crate) p: f64,
}

impl Outcome {
    pub(crate) fn fails(&self) -> bool {
        self.p < ALARM
    }
}

// Distributions

fn upper_normal(z: f64) -> f64 {
    0.5 * libm::erfc(z / 2f64.sqrt())
}

fn two_sided(z: f64) -> f64 {
    (2.0 * upper_normal(z.abs())).min(1.0)
}

/// Both tails of chi-square by Wilson and Hilferty's cube root.
fn chi_square_p(statistic: f64, degrees: f64) -> f64 {
    let spread = 2.0 / (9.0 * degrees);
    two_sided(((statistic / degrees).cbrt() - (1.0 - spread)) / spread.sqrt())
}

/// Kolmogorov's distribution.
fn kolmogorov_p(distance: f64, count: f64) -> f64 {
    let root = count.sqrt();
    let lambda = (root + 0.12 + 0.11 / root) * distance;
    let term = |k: i32| (if k % 2 == 1 { 2.0 } else { -2.0 }) * (-2.0 * f64::from(k * k) * lambda * lambda).exp();
    (1..=100).map(term).sum::<f64>().clamp(0.0, 1.0)
}

/// The upper tail of Anderson and Darling's statistic: Marsaglia and Marsaglia's fit ("Evaluating the Anderson-Darling
/// distribution", 2004), and beyond it the leading term of the tail.
fn anderson_darling_p(z: f64) -> f64 {
    if z > 8.0 {
        return 3f64.sqrt() * (-z).exp() / (std::f64::consts::PI * z).sqrt();
    }
    let below = if z < 2.0 {
        let series =
            2.000_12 + (0.247_105 - (0.064_982_1 - (0.034_796_2 - (0.011_672 - 0.001_686_91 * z) * z) * z) * z) * z;
        (-1.233_714_1 / z).exp() / z.sqrt() * series
    } else {
        let series = 1.077_6 - (2.306_95 - (0.434_24 - (0.082_433 - (0.008_056 - 0.000_314_6 * z) * z) * z) * z) * z;
        (-series.exp()).exp()
    };
    1.0 - below
}

// Tests of words

/// Ones among all bits.
fn monobit(words: &[u32]) -> (f64, f64) {
    let ones: u64 = words.par_iter().map(|word| u64::from(word.count_ones())).sum();
    let bits = 32.0 * words.len() as f64;
    let z = (ones as f64 - bits / 2.0) / (bits / 4.0).sqrt();
    (z, two_sided(z))
}

/// Bits that differ from the one before them, low bits first.
fn runs(words: &[u32]) -> (f64, f64) {
    let changes = |pair: &[u32]| u64::from((pair[0] ^ (pair[0] >> 1 | pair[1] << 31)).count_ones());
    let changes: u64 = words.par_windows(2).map(changes).sum();
    let places = 32.0 * (words.len() - 1) as f64;
    let z = (changes as f64 - places / 2.0) / (places / 4.0).sqrt();
    (z, two_sided(z))
}

/// The largest of the correlations with the words 1 to 128 later.
fn lags(words: &[u32]) -> (f64, f64) {
    let centred = |word: u32| f64::from(word) / 2f64.powi(32) - 0.5;
    let correlation = |lag: usize| {
        let pairs = words[..words.len() - lag].par_chunks(1 << 16).zip(words[lag..].par_chunks(1 << 16));
        let sum: f64 = pairs.map(|(a, b)| a.iter().zip(b).map(|(&a, &b)| centred(a) * centred(b)).sum::<f64>()).sum();
        12.0 * sum / ((words.len() - lag) as f64).sqrt()
    };
    let z = (1..=128).map(correlation).fold(0.0, |most: f64, z| if z.abs() > most.abs() { z } else { most });
    (z, (128.0 * two_sided(z)).min(1.0))
}

/// The top bits of `N` consecutive words as a cell of a cube.
fn cube<const N: usize>(words: &[u32], bits: u32) -> (f64, f64) {
    let cell = |group: &[u32]| group.iter().fold(0, |cell, word| cell << bits | (word >> (32 - bits)) as usize);
    chi_square(words.par_chunks_exact(N).map(cell), 1 << (bits * N as u32))
}

fn chi_square(cells: impl IndexedParallelIterator<Item = usize>, count: usize) -> (f64, f64) {
    let total = cells.len() as f64;
    let add = |mut counts: Vec<u32>, cell: usize| {
        counts[cell] += 1;
        counts
    };
    let merge = |mut a: Vec<u32>, b: Vec<u32>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    };
    let counts = cells.with_min_len(1 << 20).fold(|| vec![0; count], add).reduce(|| vec![0; count], merge);
    let expected = total / count as f64;
    let statistic = counts.iter().map(|&found| (f64::from(found) - expected).powi(2) / expected).sum();
    (statistic, chi_square_p(statistic, (count - 1) as f64))
}

type WordTest = (&'static str, fn(&[u32]) -> (f64, f64));

const WORD_TESTS: [WordTest; 5] = [
    ("monobit", monobit),
    ("runs", runs),
    ("lags 1 to 128", lags),
    ("chi-square, 2-D, 2^16 cells", |words| cube::<2>(words, 8)),
    ("chi-square, 3-D, 2^15 cells", |words| cube::<3>(words, 5)),
];

pub(crate) fn test_words(of: &str, words: &[u32]) -> Vec<Outcome> {
    let outcome = |(test, run): WordTest| {
        let (statistic, p) = run(words);
        Outcome { test, of: of.to_owned(), count: words.len(), statistic, p }
    };
    WORD_TESTS.into_iter().map(outcome).collect()
}

// Streams of words, as people use them

/// Makes the words of a stream.
type Stream = Box<dyn Fn() -> Vec<u32>>;

fn key_words(key: Key, count: usize) -> Vec<u32> {
    let mut words = vec![0; count];
    cpu::words(key, 0, &mut words);
    words
}

/// 2^bits words of each stream, one stream after another.
pub(crate) fn streams(bits: u32) -> Vec<(&'static str, Stream)> {
    let count = 1_usize << bits;
    let of_keys = move |key: fn(u64) -> Key| {
        let mut words = vec![0; count];
        words.par_chunks_mut(16).enumerate().for_each(|(i, words)| cpu::words(key(i as u64), 0, words));
        words
    };
    vec![
        ("one long tensor", Box::new(move || key_words(Key::new(42).named("long"), count))),
        (
            "4096 tensors by name, interleaved",
            Box::new(move || {
                let each = count / 4096;
                let mut words = vec![0; count];
                words.par_chunks_mut(each).enumerate().for_each(|(i, words)| {
                    cpu::words(Key::new(42).named(&format!("model.layers.{i}.weight")), 0, words);
                });
                (0..count).into_par_iter().map(|i| words[i % 4096 * each + i / 4096]).collect()
            }),
        ),
        ("consecutive seeds, 16 words each", Box::new(move || of_keys(Key::new))),
        ("consecutive fold_in, 16 words each", Box::new(move || of_keys(|i| Key::new(42).fold_in(i)))),
        (
            "both sides of a shard's boundary, 4 columns",
            Box::new(move || {
                // columns 1022 to 1025 of 4099
                let mut words = vec![0; count];
                words.par_chunks_mut(4).enumerate().for_each(|(row, words)| {
                    cpu::words(Key::new(42), 4099 * row as u64 + 1022, words);
                });
                words
            }),
        ),
    ]
}

// Generators that are bad on purpose

/// A linear congruential generator per thread, its seeds apart by a constant, as in burn 0.22's wgpu kernels.
fn threads_of_lcg(count: usize) -> Vec<u32> {
    const THREADS: usize = 1 << 12;
    let word = |i: usize| {
        let mut state = (i % THREADS) as u32;
        state = state.wrapping_mul(1_000_000_007).wrapping_add(42);
        (0..=i / THREADS % 64).fold(state, |state, _| state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
    };
    (0..count).into_par_iter().map(word).collect()
}

fn philox_of_rounds(rounds: u32, count: usize) -> Vec<u32> {
    let block = |i: usize| {
        let (mut counter, mut key) = ([i as u32, 0, 0, 0], [42, 0]);
        for round in 0..rounds {
            key = if round > 0 { philox_bump(key) } else { key };
            counter = philox_round(counter, key);
        }
        counter
    };
    (0..count / 4).into_par_iter().flat_map_iter(block).collect()
}

/// Streams that must not pass.
pub(crate) fn bad_streams(bits: u32) -> [(&'static str, Vec<u32>); 2] {
    let count = 1 << bits;
    [("bad: LCG with a seed a thread", threads_of_lcg(count)), ("bad: Philox of 3 rounds", philox_of_rounds(3, count))]
}

// Tests of values

/// The distribution of values: its distribution function and its moments.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Law {
    Normal,
    Uniform,
}

impl Law {
    fn below(self, x: f64) -> f64 {
        match self {
            Self::Normal => 0.5 * libm::erfc(-x / 2f64.sqrt()),
            Self::Uniform => x.clamp(0.0, 1.0),
        }
    }

    /// The mean of a power of a value's distance from the middle.
    fn moment(self, power: i32) -> f64 {
        match self {
            _ if power % 2 == 1 => 0.0,
            Self::Normal => (1..power).step_by(2).map(f64::from).product(),
            Self::Uniform => 1.0 / (f64::from(power + 1) * 2f64.powi(power)),
        }
    }
}

/// The midpoint between a value of a dtype and the next above it. Below a power of two, values are twice as close.
fn upper(law: Law, step: Step, x: f64) -> f64 {
    if matches!(law, Law::Uniform) && x + step(x) >= 1.0 {
        // a uniform's greatest value represents everything above it, since nothing is rounded to 1
        return 1.0;
    }
    x + if x < 0.0 { step(x * (1.0 - 1e-9)) } else { step(x) } / 2.0
}

/// The probability of being rounded to x.
fn share(law: Law, step: Step, x: f64) -> f64 {
    law.below(upper(law, step, x)) - law.below(lower(step, x))
}

/// The midpoint between a value and the next below it.
fn lower(step: Step, x: f64) -> f64 {
    x - if x > 0.0 { step(x * (1.0 - 1e-9)) } else { step(x) } / 2.0
}

/// The finite values of a 16-bit dtype that the distribution can give.
fn grid(law: Law, value: fn(u16) -> f64) -> Vec<f64> {
    let within = |x: &f64| x.is_finite() && (matches!(law, Law::Normal) || (0.0..1.0).contains(x));
    (0..=u16::MAX).filter(|bits| *bits != 0x8000).map(value).filter(within).collect()
}

/// The tests of values from a distribution, in a dtype whose values are `step(x)` apart near x. If the dtype is coarse,
/// the expected moments are those of `grid`, the dtype's values.
pub(crate) fn test_values(of: &str, law: Law, values: &[f64], step: Step, grid: &[f64]) -> Vec<Outcome> {
    let count = values.len() as f64;
    let middle = if matches!(law, Law::Uniform) { 0.5 } else { 0.0 };
    let mut outcomes = Vec::new();
    let mut add = |test, statistic, p| {
        outcomes.push(Outcome { test, of: of.to_owned(), count: values.len(), statistic, p });
    };

    let moment = |power: i32| {
        let sum: f64 =
            values.par_chunks(1 << 16).map(|c| c.iter().map(|x| (x - middle).powi(power)).sum::<f64>()).sum();
        let expected = |power: i32| match grid {
            [] => law.moment(power),
            grid => grid.iter().map(|&x| share(law, step, x) * (x - middle).powi(power)).sum(),
        };
        let variance = expected(2 * power) - expected(power).powi(2);
        (sum / count - expected(power)) * (count / variance).sqrt()
    };
    let z = (1..=8).map(moment).fold(0.0, |most: f64, z| if z.abs() > most.abs() { z } else { most });
    add("moments 1 to 8", z, (8.0 * two_sided(z)).min(1.0));

    let mut sorted = values.to_vec();
    sorted.par_sort_unstable_by(f64::total_cmp);
    // a value represents everything that is rounded to it
    let rank = |i: usize| {
        let x = sorted[i];
        let last = sorted.get(i + 1).is_none_or(|next| *next > x);
        let first = i == 0 || sorted[i - 1] < x;
        let above = if last { (law.below(upper(law, step, x)) - (i + 1) as f64 / count).abs() } else { 0.0 };
        let under = if first { (law.below(lower(step, x)) - i as f64 / count).abs() } else { 0.0 };
        above.max(under)
    };
    let distance = (0..sorted.len()).into_par_iter().map(rank).reduce(|| 0.0, f64::max);
    add("Kolmogorov-Smirnov", distance * count.sqrt(), kolmogorov_p(distance, count));

    if step(1.0) < 1e-5 {
        // a uniform's values are the lower ends of their steps
        let half = if matches!(law, Law::Uniform) { step(1.0) / 2.0 } else { 0.0 };
        let u = |x: f64| law.below(x + half);
        let sum = |i: usize| {
            let (low, high) = (u(sorted[i]), 1.0 - u(sorted[sorted.len() - 1 - i]));
            (2 * i + 1) as f64 * (low.max(1e-300).ln() + high.max(1e-300).ln())
        };
        let a = -count - (0..sorted.len()).into_par_iter().map(sum).sum::<f64>() / count;
        add("Anderson-Darling", a, anderson_darling_p(a));
        let cells = 1 << 16;
        let cell = |x: &f64| ((u(*x) * f64::from(cells)) as usize).min(cells as usize - 1);
        let (statistic, p) = chi_square(values.par_iter().map(cell), cells as usize);
        add("chi-square, 2^16 equiprobable cells", statistic, p);
        let cell = |x: f64| ((u(x) * 64.0) as usize).min(63);
        let pair = |pair: &[f64]| cell(pair[0]) << 6 | cell(pair[1]);
        let (statistic, p) = chi_square(values.par_chunks_exact(2).map(pair), 1 << 12);
        add("independence of pairs, 64 x 64 cells", statistic, p);
        let square = |x: f64| (x - middle).powi(2) - law.moment(2);
        let spread = law.moment(4) - law.moment(2).powi(2);
        let sum: f64 = values.par_chunks_exact(2).map(|pair| square(pair[0]) * square(pair[1])).sum();
        let z = sum / spread / (count / 2.0).sqrt();
        add("correlation of pairs' squares", z, two_sided(z));
    }
    outcomes
}

/// Values beyond 3 to 6 std, in a dtype whose values are `step(x)` apart near x.
pub(crate) fn test_tails<T: Element + Into<f64>>(of: &str, values: &[T], step: Step) -> Vec<Outcome> {
    let tail = |(test, bound): (&'static str, f64)| {
        // a value that is rounded to the bound itself is not beyond it
        let bound = bound + step(bound) / 2.0;
        let found = values.par_iter().filter(|value| Into::<f64>::into(**value).abs() > bound).count() as f64;
        let p = poisson_p(found, 2.0 * upper_normal(bound) * values.len() as f64);
        Outcome { test, of: of.to_owned(), count: values.len(), statistic: found, p }
    };
    [("tail beyond 3", 3.0), ("tail beyond 4", 4.0), ("tail beyond 5", 5.0), ("tail beyond 6", 6.0)].map(tail).to_vec()
}

/// Both tails of Poisson's distribution. Where many are expected, the normal approximation.
fn poisson_p(found: f64, expected: f64) -> f64 {
    if expected > 1000.0 {
        return two_sided((found - expected) / expected.sqrt());
    }
    let mut term = (-expected).exp();
    let (mut below, mut k) = (0.0, 0.0);
    while k < found {
        below += term;
        k += 1.0;
        term *= expected / k;
    }
    (2.0 * (below + term).min(1.0 - below)).clamp(0.0, 1.0)
}

/// The distance between neighbouring values with `bits` bits of mantissa and `least` as the least exponent.
fn spacing(x: f64, bits: i32, least: i32) -> f64 {
    let exponent = if x == 0.0 { least } else { (x.abs().log2().floor() as i32).max(least) };
    2f64.powi(exponent - bits)
}

/// The distance between a dtype's values near a value.
type Step = fn(f64) -> f64;

const F32: Step = |x| spacing(x, 23, -126);
const F16: Step = |x| spacing(x, 10, -14);
const BF16: Step = |x| spacing(x, 7, -126);
/// A uniform has steps of 2^-24, although f32 has finer ones.
const UNIFORM_F32: Step = |_| 1.0 / 16_777_216.0;

fn f16_value(bits: u16) -> f64 {
    f16::from_bits(bits).into()
}

fn bf16_value(bits: u16) -> f64 {
    bf16::from_bits(bits).into()
}

fn drawn<T: Element>(sampler: Sampler, bits: u32) -> Result<Vec<T>> {
    cpu::tensor(&Fill::from_sampler(Key::new(42).named("values"), sampler, 1 << bits))
}

fn wide<T: Element + Into<f64>>(values: &[T]) -> Vec<f64> {
    values.par_iter().map(|value| (*value).into()).collect()
}

/// Every test of values: of tails with 2^tail_bits values, of others with 2^bits.
pub(crate) fn test_all_values(bits: u32, tail_bits: u32) -> Result<Vec<Outcome>> {
    fn of<T: Element + Into<f64>>(
        dtype: &str,
        (bits, tail_bits): (u32, u32),
        (normal_step, uniform_step): (Step, Step),
        value: Option<fn(u16) -> f64>,
    ) -> Result<Vec<Outcome>> {
        let standard = Sampler::Normal { mean: 0.0, std: 1.0 };
        let name = format!("normal, {dtype}");
        let grid = |law| value.map_or_else(Vec::new, |value| grid(law, value));
        let normals = wide(&drawn::<T>(standard, bits)?);
        let mut outcomes = test_values(&name, Law::Normal, &normals, normal_step, &grid(Law::Normal));
        outcomes.extend(test_tails(&name, &drawn::<T>(standard, tail_bits)?, normal_step));
        let uniforms = wide(&drawn::<T>(Sampler::Uniform { low: 0.0, high: 1.0 }, bits)?);
        let name = format!("uniform, {dtype}");
        outcomes.extend(test_values(&name, Law::Uniform, &uniforms, uniform_step, &grid(Law::Uniform)));
        Ok(outcomes)
    }
    let bits = (bits, tail_bits);
    let tests = [of::<f32>("f32", bits, (F32, UNIFORM_F32), None), of::<f16>("f16", bits, (F16, F16), Some(f16_value))];
    let mut outcomes = tests.into_iter().collect::<Result<Vec<_>>>()?.concat();
    outcomes.extend(of::<bf16>("bf16", bits, (BF16, BF16), Some(bf16_value))?);
    Ok(outcomes)
}

/// Box-Muller in double precision, of any words.
fn box_muller_of(words: &[u32]) -> Vec<f32> {
    let unit = |word: u32| (f64::from(word) + 0.5) / 2f64.powi(32);
    let pair = |pair: &[u32]| {
        let (r, t) = ((-2.0 * unit(pair[0]).ln()).sqrt(), std::f64::consts::TAU * unit(pair[1]));
        [(r * t.cos()) as f32, (r * t.sin()) as f32]
    };
    words.par_chunks_exact(2).flat_map_iter(pair).collect()
}

/// Values that must not pass: of bad words, of words cut to 16 bits, and of another std.
pub(crate) fn bad_values(bits: u32, tail_bits: u32) -> Result<Vec<Outcome>> {
    let normal = |std| Sampler::Normal { mean: 0.0, std };
    let lcg = threads_of_lcg(1 << bits);
    let mut outcomes =
        test_values("bad: normal of an LCG a thread", Law::Normal, &wide(&box_muller_of(&lcg)), F32, &[]);
    let uniforms: Vec<f64> = lcg.iter().map(|word| f64::from(word >> 8) / 2f64.powi(24)).collect();
    outcomes.extend(test_values("bad: uniform of an LCG a thread", Law::Uniform, &uniforms, UNIFORM_F32, &[]));

    let words = key_words(Key::new(42).named("values"), 1 << tail_bits);
    let cut: Vec<u32> = words.iter().map(|word| word & 0xffff_0000 | 0x7fff).collect();
    outcomes.extend(test_tails("bad: Box-Muller of 16-bit words", &box_muller_of(&cut), F32));
    outcomes.extend(test_tails("bad: normal, 30 % too wide", &drawn::<f32>(normal(1.3), tail_bits)?, F32));

    let name = "bad: normal, 1 % too wide";
    outcomes.extend(test_values(name, Law::Normal, &wide(&drawn::<f32>(normal(1.01), bits)?), F32, &[]));
    outcomes.extend(test_values(
        &format!("{name}, f16"),
        Law::Normal,
        &wide(&drawn::<f16>(normal(1.01), bits)?),
        F16,
        &grid(Law::Normal, f16_value),
    ));
    outcomes.extend(test_values(
        &format!("{name}, bf16"),
        Law::Normal,
        &wide(&drawn::<bf16>(normal(1.01), bits)?),
        BF16,
        &grid(Law::Normal, bf16_value),
    ));
    let short = Sampler::Uniform { low: 0.0, high: 0.995 };
    let name = "bad: uniform, half a percent too narrow";
    outcomes.extend(test_values(
        &format!("{name}, f16"),
        Law::Uniform,
        &wide(&drawn::<f16>(short, bits)?),
        F16,
        &grid(Law::Uniform, f16_value),
    ));
    outcomes.extend(test_values(
        &format!("{name}, bf16"),
        Law::Uniform,
        &wide(&drawn::<bf16>(short, bits)?),
        BF16,
        &grid(Law::Uniform, bf16_value),
    ));
    Ok(outcomes)
}

#[allow(dead_code, reason = "the test that shares this file has no use for it")]
fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let bits: u32 = std::env::args().nth(1).map_or(Ok(22), |bits| bits.parse())?;
    println!("| of | test | count | statistic | p | |\n| --- | --- | ---: | ---: | ---: | --- |");
    let show = |outcomes: &[Outcome]| {
        for outcome in outcomes {
            let Outcome { test, of, count, statistic, p } = outcome;
            let verdict = if outcome.fails() { "FAILS" } else { "" };
            println!("| {of} | {test} | 2^{} | {statistic:.4} | {p:.3e} | {verdict} |", count.ilog2());
        }
    };
    for (name, stream) in streams(bits) {
        show(&test_words(name, &stream()));
    }
    show(&test_all_values(bits, bits.max(26))?);
    for (name, words) in bad_streams(bits.min(26)) {
        show(&test_words(name, &words));
    }
    show(&bad_values(22, 26)?);
    Ok(())
}
