//! The window of a truncated normal, in standard deviations. It is computed on the host in f64 by additions,
//! subtractions, multiplications and divisions alone, so that every host gets the same numbers.

/// Windows whose width times `max(1, |middle|)`, in standard deviations, is at most this are narrow.
const NARROW: f64 = 1.0 / 16.0;
/// A window whose nearer end has a smaller probability beyond it is far out.
const FAR: f64 = 1.0 / 16.0;
/// The smallest probability of a window: f32's smallest normal number.
const LEAST_MASS: f64 = f32::MIN_POSITIVE as f64;

/// The way from a window's words to its values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Window {
    /// By the inverse of the distribution function.
    Wide(Wide),
    /// By a series about the window's middle. A value needs more bits there than the quantile has.
    Narrow(Narrow),
}

/// Word `w` stands for the probability of its share, `share` times w to w + 1, and its value is the quantile in the
/// middle of that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Wide {
    /// Part of the line that the window covers.
    pub(crate) reach: Reach,
    /// Probability of a word.
    pub(crate) share: f64,
    /// Probabilities below the middle of the first word, and above the middle of the last.
    pub(crate) base: [f64; 2],
    /// First word above the mean. In windows that hold the mean, it begins at a half: words near the mean are moved by
    /// at most half a word, so that none is nearer to it than half a word.
    pub(crate) zero: u32,
    /// Distance of word `zero` from a half.
    pub(crate) offset: f64,
    /// Whether the window is below the mean: then it is the mirror image of this one.
    pub(crate) mirrored: bool,
}

/// The part of the line that a wide window covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Both sides of the mean equally, within 2 standard deviations of it.
    Central,
    /// Both sides of the mean equally.
    Symmetric,
    /// Any other window, down to a probability of 1/16 beyond it.
    Skewed,
    /// A window that lies farther out.
    Far,
}

/// With `t` in (-1/2, 1/2), `y = start + step t` and `x = middle + y (1 + series[0] y + ...)`, in standard
/// deviations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Narrow {
    /// y in the middle of the words, at t = 0.
    pub(crate) start: f64,
    /// Width of the window in y.
    pub(crate) step: f64,
    /// Coefficients of y to y^4.
    pub(crate) series: [f64; 4],
}

impl Window {
    /// The window `[low, high]` in standard deviations from the mean; none where its probability is below
    /// f32's smallest normal number. Either bound may be infinite.
    pub(crate) fn new(low: f64, high: f64) -> Option<Self> {
        // no number where `low` is infinite; `max` then gives 1, and the window is wide
        let middle = low + (high - low) / 2.0;
        if (high - low) * middle.abs().max(1.0) <= NARROW {
            // in so narrow a window the density hardly changes: width times height is its probability
            return (density(middle) * (high - low) >= LEAST_MASS).then(|| Self::Narrow(Narrow::new(low, high)));
        }
        Wide::new(low, high).map(Self::Wide)
    }
}

impl Wide {
    fn new(low: f64, high: f64) -> Option<Self> {
        // above the mean, so that probabilities beyond the window are small numbers with all their bits
        let mirrored = high <= 0.0;
        let (low, high) = if mirrored { (-high, -low) } else { (low, high) };
        let (below, above) = (probability(low), probability(-high));
        let mass = if low < 0.0 { 1.0 - below - above } else { probability(-low) - above };
        if mass < LEAST_MASS {
            return None;
        }
        let share = mass / TWO_32;
        let reach = if low == -high {
            if high <= CENTRAL { Reach::Central } else { Reach::Symmetric }
        } else if low > 0.0 && probability(-low) < FAR {
            Reach::Far
        } else {
            Reach::Skewed
        };
        // in a symmetric window exactly half of the words
        let zero = if low < 0.0 { nearest_word(from_half(-low) / share) } else { 0 };
        let offset = if low < 0.0 { 0.0 } else { from_half(low) };
        let base = [below + share / 2.0, above + share / 2.0];
        Some(Self { reach, share, base, zero, offset, mirrored })
    }

    /// The quantiles of the first and the last word, in standard deviations: the smallest and the largest value.
    pub(crate) fn ends(&self) -> [f64; 2] {
        let [first, last] = [quantile(self.base[0]), -quantile(self.base[1])];
        if self.mirrored { [-last, -first] } else { [first, last] }
    }
}

// bisection is slow, but it runs only for windows with an infinite bound, twice a tensor
/// The x at which the distribution function is p, by bisection.
fn quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    // 2^-50 * 80 is far below what a bound's rounding to f32 changes
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if probability(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

impl Narrow {
    /// The series of the quantile about the middle m: x = m + y + m y^2/2 + (2m^2+1) y^3/6 + ..., where y is the
    /// probability from the middle on over the density there, itself a series in the half width h.
    fn new(low: f64, high: f64) -> Self {
        let m = low + (high - low) / 2.0;
        let h = (high - low) / 2.0;
        let mm = m * m;
        // the integral of exp(-m u - u^2/2) from 0 to u, as a series in u, split into its odd and even powers: at the
        // ends of the window, u = -h and h, it is even - odd and even + odd
        let odd = h * (1.0 + h * h * ((mm - 1.0) / 6.0 + h * h * (mm * (mm - 6.0) + 3.0) / 120.0));
        let even = -h * h * m * (0.5 + h * h * ((mm - 3.0) / 24.0 + h * h * (mm * (mm - 10.0) + 15.0) / 720.0));
        Self {
            start: even,
            step: 2.0 * odd,
            series: [
                m / 2.0,
                (2.0 * mm + 1.0) / 6.0,
                m * (6.0 * mm + 7.0) / 24.0,
                (mm * (24.0 * mm + 46.0) + 7.0) / 120.0,
            ],
        }
    }
}

/// sqrt(2 pi), the slope of the quantile at a half.
pub(crate) const SQRT_TAU: f32 = 2.506_628_3;
/// The number of words.
pub(crate) const TWO_32: f64 = 4_294_967_296.0;
/// The largest bound of a window without tails, with room for the rounding of bounds to f32.
const CENTRAL: f64 = 2.000_01;

/// A number of words, rounded to nearest.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 on, and `as` saturates")]
const fn nearest_word(words: f64) -> u32 {
    (words + 0.5) as u32
}

/// The standard normal's distribution function, to 2^-45 of itself below 0.
pub(crate) fn probability(x: f64) -> f64 {
    if x > 0.0 { 1.0 - tail(x) } else { tail(-x) }
}

/// The probability that a standard normal is between 0 and x, for x at or above 0.
fn from_half(x: f64) -> f64 {
    if x >= 2.0 {
        return 0.5 - tail(x);
    }
    // the integral from 0: x + x^3/3 + x^5/(3 5) + ..., times the density (Abramowitz and Stegun 26.2.11)
    let mut term = x;
    let mut sum = 0.0;
    let mut odd = 1.0;
    // a smaller term does not change the sum any more
    while term > sum * 1e-17 {
        sum += term;
        odd += 2.0;
        term *= x * x / odd;
    }
    density(x) * sum
}

/// The probability that a standard normal is above x, for x at or above 0.
fn tail(x: f64) -> f64 {
    // exp(-x^2/2) is then below f64's smallest number
    if x > 40.0 {
        0.0
    } else if x < 2.0 {
        0.5 - from_half(x)
    } else {
        // 1/(x + 1/(x + 2/(x + 3/(x + ...)))), times the density (26.2.14)
        // from the innermost fraction outwards; the test shows that 199 levels suffice from 2 on
        let fraction = (1..200).rev().fold(x, |below, k| x + f64::from(k) / below);
        density(x) / fraction
    }
}

/// The standard normal's density, below 40 standard deviations to 2^-45 of itself.
fn density(x: f64) -> f64 {
    const LN2_HIGH: f64 = 0.693_145_751_953_125; // ln 2 rounded to 15 bits
    // ln 2 minus LN2_HIGH
    const LN2_LOW: f64 = 1.428_606_820_309_417_2e-6;
    // 1 / sqrt(2 pi), the density at 0
    const INVERSE_SQRT_TAU: f64 = 0.398_942_280_401_432_7;
    // no `exp` of the platform: its last bits differ between hosts
    let y = x * x / 2.0;
    if y > 800.0 {
        return 0.0;
    }
    // exp(-y) = 2^-n exp(n ln2 - y)
    // n is the smallest whole number with n ln 2 >= y, so that r is from 0 to ln 2
    let mut n = 0.0;
    let mut scale = INVERSE_SQRT_TAU;
    while n * std::f64::consts::LN_2 < y {
        n += 1.0;
        scale *= 0.5;
    }
    // n has at most 11 bits and LN2_HIGH 15, so their product is exact and the difference loses nothing
    let r = (n * LN2_HIGH - y) + n * LN2_LOW;
    // Taylor's series of exp(r), by Horner's rule
    scale * (1..20).rev().fold(1.0, |sum, k| 1.0 + sum * r / f64::from(k))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of mpmath 1.3.0 at 60 digits: `ncdf(x)`, `npdf(x)`.
    #[test]
    fn the_distribution_function_and_the_density_keep_45_bits() {
        let values = [
            (-0.01, 0.4960106436853684, 0.39892233378608216),
            (-0.5, 0.3085375387259869, 0.35206532676429947),
            (-1.0, 0.15865525393145705, 0.24197072451914334),
            (-2.0, 0.02275013194817921, 0.05399096651318805),
            (-2.99, 0.0013948872354922494, 0.004566589954670144),
            (-3.0, 0.0013498980316300946, 0.0044318484119380075),
            (-4.0, 3.1671241833119924e-05, 0.00013383022576488534),
            (-6.0, 9.86587645037698e-10, 6.075882849823285e-09),
            (-12.0, 1.776482112077679e-33, 2.1463837356630605e-32),
            (-13.5, 7.818807305657891e-42, 1.061268813915216e-40),
            (0.7, 0.758036347776927, 0.31225393336676127),
            (5.0, 0.9999997133484281, 1.4867195147342977e-06),
        ];
        for (x, expected, slope) in values {
            assert!((probability(x) / expected - 1.0).abs() < 2f64.powi(-45), "{x}: {:e}", probability(x));
            assert!((density(x) / slope - 1.0).abs() < 2f64.powi(-45), "{x}: {:e}", density(x));
        }
        assert_eq!(probability(f64::NEG_INFINITY), 0.0);
        assert_eq!(probability(f64::INFINITY), 1.0);
    }
}
