//! Two words to two standard normals (Box and Muller, "A note on the generation of random normal deviates", 1958).
//! Twin: shaders/box_muller.wgsl.
//!
//! The exact form uses only f32 additions, subtractions and multiplications, and integer operations. Rust neither fuses
//! nor regroups them; the shader needs barriers. A product that is exact may be fused with a sum, and the code uses
//! that on CPUs: scales are chosen so that a factor of two falls into such a product.
//!
//! Precision is kept as follows:
//!
//! - `w + 1/2` has 33 bits. It is the exact sum of two f32, and so is its distance from the nearest power of two, 2^k.
//! - `(w + 1/2) 2^-32 = (1 + f / 2 + f_low / 2) 2^-e`, with f and f_low that distance times 2^(1 - k). Words near 2^32
//!   (e = 0, small f) lose nothing.
//! - `-2 ln = 2 e ln2 - f - q`. Only the small `q` is rounded; `e ln2_high` and `f` enter exactly.
//! - The square root starts from a bit trick and one Newton step, `1 / r = 4 y` (the shader's `y / 2`). `s = r` cut to
//!   12 bits has an exact square, so `r^2 - s^2` keeps its last bits, and `r = s + (r^2 - s^2) / (r + s)`, where the
//!   division is one Newton step from y.
//! - Factors of two round nothing, so they are merged into the constants.
//!
//! The error of a normal is at most r * 2^-22.49 over all pairs of words. `cargo run --release -p seedtensors-tools
//! --bin accuracy` measures it.

use super::simd::Simd;
use super::vector::{Floats, Words};

pub(crate) const LN2_HIGH: f32 = 0.693_145_75; // ln 2 rounded to 15 bits: e * LN2_HIGH is exact
/// ln 2 minus `LN2_HIGH`.
pub(crate) const LN2_LOW: f32 = 1.428_606_8e-6;
/// 2 ln(1 + f / 2) = f + f^2 (LOG[0] + LOG[1] f + ...) on [-2/3, 2/3]; scripts/generate/minimax.py.
pub(crate) const LOG: [f32; 9] = [
    -0.250_000_06,
    0.083_332_97,
    -0.031_248_419,
    0.012_507_444,
    -0.005_221_534,
    0.002_184_816_9,
    -0.000_928_648_3,
    0.000_550_425_8,
    -0.000_272_768_84,
];
/// Kadlec's constants for the reciprocal square root, the second one doubled. The guess and one step are good to 2^-10.
pub(crate) const RSQRT_MAGIC: u32 = 0x5F37_6908;
/// Newton's step has 3 here; the optimised constant is a little larger.
pub(crate) const RSQRT_STEP: f32 = 3.001_757_9;
/// sin(pi x / 2) = x (SIN[0] + SIN[1] x^2 + ...) on [-1/2, 1/2]; scripts/generate/minimax.py.
#[expect(clippy::approx_constant, reason = "the best coefficient is not the f32 nearest to pi / 2")]
pub(crate) const SIN: [f32; 4] = [1.570_796_3, -0.645_961_05, 0.079_659_864, -0.004_554_165];
/// cos(pi x / 2) = 1 + x^2 (COS[0] + COS[1] x^2 + ...) on [-1/2, 1/2]; scripts/generate/minimax.py.
pub(crate) const COS: [f32; 4] = [-1.233_700_5, 0.253_668_52, -0.020_855_254, 0.000_893_572_17];

/// Horner's rule, the highest coefficient first.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn polynomial<U: Simd, const N: usize>(x: Floats<U>, coefficients: &[f32; N]) -> Floats<U> {
    // the order of the operations is part of the values: the shader has the same
    let mut sum = x.all(coefficients[N - 1]);
    for &coefficient in coefficients[..N - 1].iter().rev() {
        sum = sum * x + coefficient;
    }
    sum
}

/// The power of two that a positive n is within a third of.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn nearest_power<U: Simd>(n: Floats<U>) -> Floats<U> {
    // adds a fraction of 2/3: from 4/3 of a power on it carries into the exponent, and the mask drops the fraction
    ((n.bits() + 0x0055_5555) & 0xff80_0000).as_f32()
}

/// The low 16 bits of `w`, plus one half.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn low_and_half<U: Simd>(w: Words<U>) -> Floats<U> {
    // an f32 from 2^23 on has the unit 1, so the bits of w are its fraction, and the difference is exact:
    // 2^23 + w
    ((w & 0xffff) | 0x4b00_0000).as_f32() - 8_388_607.5
}

/// The square root `r` of `2 e ln2 - 2 ln(1 + f / 2 + f_low / 2)`, computed in four steps.
///
/// The steps form one chain of dependent operations. They are separate so that a caller can run other work between
/// them. The fields of a later step hold the polynomial until that step has run.
pub(crate) struct Root<U: Simd> {
    /// Twice the distance of the argument from its nearest power of two, in units of that power: from -2/3 to 2/3.
    f: Floats<U>,
    /// Two factors whose product is `f_low`. The second is a power of two.
    f_low: [Floats<U>; 2],
    /// `e` times the high bits of 2 ln 2, exactly.
    e_ln2: Floats<U>,
    /// `e` times the rest of 2 ln 2, rounded.
    e_ln2_low: Floats<U>,
    /// The logarithm's polynomial in f.
    log: Floats<U>,
    /// The rounded rest: `r^2 = e_ln2 - f - q`.
    q: Floats<U>,
    /// An eighth of the shader's y: `1 / r` is about `4 y`.
    y: Floats<U>,
    /// `r^2`, rounded.
    square: Floats<U>,
    /// A quarter of s, which is r cut to 12 bits.
    s: Floats<U>,
    /// `r^2 - s^2`.
    rest: Floats<U>,
    /// Half of `1 / (r + s)`, then r itself: one variable fewer to hold in registers saves a tenth of the time.
    result: Floats<U>,
}

impl<U: Simd> Root<U> {
    /// Evaluates the logarithm's polynomial. `2 e ln2` comes in two parts; the result must be above 2^-16.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn new(f: Floats<U>, f_low: [Floats<U>; 2], e_ln2: Floats<U>, e_ln2_low: Floats<U>) -> Self {
        let log = polynomial(f, &LOG);
        // the fields of the later steps need some value; this one is in a register
        Self { f, f_low, e_ln2, e_ln2_low, log, q: log, y: log, square: log, s: log, rest: log, result: log }
    }

    /// The square, and a first guess of its reciprocal root.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn guess(&mut self) {
        self.q = self.f_low[0].exact_mul_add(self.f_low[1], self.f * self.f * self.log) - self.e_ln2_low;
        // for words near 2^32 e is 0 and f is small, and this difference is exactly -f
        self.square = (self.e_ln2 - self.f) - self.q;
        // the constants are halved and quartered, so that y comes out as an eighth
        let seed = ((RSQRT_MAGIC - 0x0080_0000) - (self.square.bits() >> 1)).as_f32();
        self.y = seed * (RSQRT_STEP / 4.0 - self.square * seed * seed);
    }

    /// Splits the root into s, whose square is exact, and a small rest.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn split(&mut self) {
        // r^2 / (4 r) is a quarter of r; the mask leaves 12 bits, so that the square of s has 24
        self.s = ((self.square * self.y).bits() & 0xffff_f000).as_f32();
        // -16 times the square of a quarter of s; the large parts are subtracted before the small q, so the rest keeps
        // its last bits
        self.rest = (self.s.exact_mul_add(self.s * -16.0, self.e_ln2) - self.f) - self.q;
    }

    /// The inverse of `r + s`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn invert(&mut self) {
        // half of r + s
        let middle = self.s.exact_mul_add(self.s.all(4.0), self.rest * self.y);
        // one Newton step for the reciprocal, with the factors of two merged in
        self.result = self.y * (middle * self.y).exact_mul_add(self.y.all(-8.0), self.y.all(4.0));
    }

    /// The root: `s + rest / (r + s)`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn finish(&mut self) {
        self.result = self.s.exact_mul_add(self.s.all(4.0), self.rest * self.result);
    }

    /// The root, after the four steps.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn value(&self) -> Floats<U> {
        self.result
    }

    /// Runs the four steps.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn solve(mut self) -> Floats<U> {
        self.guess();
        self.split();
        self.invert();
        self.finish();
        self.value()
    }
}

/// The radius `sqrt(-2 ln((w + 1/2) 2^-32))` as a root whose steps are still to run. It lies between 2^-16 and 6.77,
/// with an error of at most 1.15 * 2^-24 of it.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn radius<U: Simd>(w: Words<U>) -> Root<U> {
    // two halves of 16 and 17 bits: f32 has 24, and w + 1/2 has 33
    let w_high = (w >> 16).to_f32();
    let w_low = low_and_half(w);
    // only the exponent of this sum is used, so its rounding does no harm
    let power = nearest_power(w_high.exact_mul_add(w_high.all(65536.0), w_low));
    // w + 1/2 - 2^k = rest + rest_low, exactly
    let below = w_high.exact_mul_add(w_high.all(-65536.0), power);
    let rest = w_low - below;
    let rest_low = w_low - (rest + below);
    // 2^(1 - k), by the exponent's bits
    let scale = (0x7f80_0000 - power.bits()).as_f32();
    // 32 - k, times 2^23
    let e = (0x4f80_0000 - power.bits()).to_f32();
    // exact but for the last: a power of two rounds nothing, and e has 6 bits beside the 15 of LN2_HIGH
    Root::new(rest * scale, [rest_low, scale], e * (LN2_HIGH / 4_194_304.0), e * (LN2_LOW / 4_194_304.0))
}

/// The angle's remainder in (-1/2, 1/2) quarter turns.
#[cfg_attr(not(debug_assertions), inline(always))]
fn quarter_turns<U: Simd>(w: Words<U>) -> Floats<U> {
    // 4 w + 2 modulo 2^32: the shift drops the quadrant, and the sign makes it the nearest one
    ((w << 2) | 2).to_f32() * (1.0 / 4_294_967_296.0)
}

/// `[cos t, sin t]` of `t = 2 pi (w + 1/2) 2^-32`, each with an error of at most 1.47 * 2^-24.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn cos_sin<U: Simd>(w: Words<U>) -> [Floats<U>; 2] {
    let x = quarter_turns(w);
    let xx = x * x;
    // both polynomials for every angle: vectors have no branches
    let c = polynomial(xx, &COS) * xx + 1.0;
    let s = polynomial(xx, &SIN) * x;
    // the highest bits of v are the quadrant
    let v = w + 0x2000_0000;
    // in odd quadrants cosine and sine trade their polynomials; the quadrant gives the signs as well
    let odd = v.bit(30);
    let cos_bits = odd.floats(s, c).bits() ^ ((v + 0x4000_0000) & 0x8000_0000);
    let sin_bits = odd.floats(c, s).bits() ^ (v & 0x8000_0000);
    [cos_bits.as_f32(), sin_bits.as_f32()]
}
