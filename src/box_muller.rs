//! Two words to two standard normals (Box and Muller, "A note on the generation of random normal
//! deviates", 1958). Twin: shaders/box_muller.wgsl, where products and sums are pinned; Rust neither
//! fuses nor regroups, so here they need no pin. Where a product is exact a vector unit fuses it with a sum after all,
//! and scales are chosen so that a factor of two falls into such a product: the bits are the same.
//!
//! The exact form uses nothing but f32 add, subtract and multiply, and integers. How it keeps its digits:
//!
//! - `w + 1/2` has 33 bits: it is the exact sum of two f32, and so is what it is above 2^k, the power of two that it
//!   is within a third of.
//! - `(w + 1/2) 2^-32 = (1 + f / 2 + f_low / 2) 2^-e` with f and f_low these two times 2^(1 - k), so that words near
//!   2^32 (e = 0, f tiny) lose nothing.
//! - `-2 ln = 2 e ln2 - f - q`: only the small `q` is rounded, `e ln2_high` and `f` enter exactly.
//! - The square root starts from a bit trick and one Newton step, `1 / r = 4 y` (the twin's `y / 2`). `s = r` cut to 12
//!   bits has an exact square, so `r^2 - s^2` is good to its last bits, and `r = s + (r^2 - s^2) / (r + s)`, the division
//!   by one Newton step from y.
//! - Factors of two, which round nothing, are in the constants.
//!
//! The error of a normal is at most r * 2^-22.49 over all pairs of words; `cargo run --release --example
//! accuracy` counts it.

use crate::vector::{Floats, Unit, Words};
use crate::weft::Weft;

pub(crate) const LN2_HIGH: f32 = 0.693_145_75; // ln 2 to 18 bits: e * LN2_HIGH is exact
pub(crate) const LN2_LOW: f32 = 1.428_606_8e-6;
/// 2 ln(1 + f / 2) = f + f^2 (LOG[0] + LOG[1] f + ...) on [-2/3, 2/3]; scripts/minimax.py.
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
/// Kadlec's constants for the reciprocal square root, the second one doubled: a first guess, then one step to 2^-10.
pub(crate) const RSQRT_MAGIC: u32 = 0x5F37_6908;
pub(crate) const RSQRT_STEP: f32 = 3.001_757_9;
/// sin(pi x / 2) = x (SIN[0] + SIN[1] x^2 + ...) on [-1/2, 1/2]; scripts/minimax.py.
#[expect(clippy::approx_constant, reason = "the best coefficient is not the f32 nearest to pi / 2")]
pub(crate) const SIN: [f32; 4] = [1.570_796_3, -0.645_961_05, 0.079_659_864, -0.004_554_165];
/// cos(pi x / 2) = 1 + x^2 (COS[0] + COS[1] x^2 + ...) on [-1/2, 1/2]; scripts/minimax.py.
pub(crate) const COS: [f32; 4] = [-1.233_700_5, 0.253_668_52, -0.020_855_254, 0.000_893_572_17];

/// Horner's rule, the highest coefficient first.
#[inline(always)]
pub(crate) fn polynomial<U: Unit, const N: usize>(x: Floats<U>, coefficients: &[f32; N]) -> Floats<U> {
    let mut sum = x.all(coefficients[N - 1]);
    for &coefficient in coefficients[..N - 1].iter().rev() {
        sum = sum * x + coefficient;
    }
    sum
}

/// The 2^k that a positive n is within a third of.
#[inline(always)]
pub(crate) fn octave<U: Unit>(n: Floats<U>) -> Floats<U> {
    ((n.bits() + 0x0055_5555) & 0xff80_0000).as_f32()
}

/// 16 bits and a half.
#[inline(always)]
pub(crate) fn and_half<U: Unit>(w: Words<U>) -> Floats<U> {
    // 2^23 + w
    ((w & 0xffff) | 0x4b00_0000).as_f32() - 8_388_607.5
}

/// `sqrt(2 e ln2 - 2 ln(1 + f / 2 + f_low / 2))` for `2 e ln2` in two parts, where it is above 2^-16; `f_low` is the product
/// of two, of which one is a power of two.
#[inline(always)]
pub(crate) fn root<U: Unit>(
    f: Floats<U>,
    f_low: [Floats<U>; 2],
    e_ln2: Floats<U>,
    e_ln2_low: Floats<U>,
    weft: &mut impl Weft,
) -> Floats<U> {
    let p = polynomial(f, &LOG);
    let (mut q, mut square, mut y, mut m, mut d, mut inverse) = (p, p, p, p, p, p);
    for _ in weft.once() {
        weft.part(0);
        q = f_low[0].exact_mul_add(f_low[1], f * f * p) - e_ln2_low;
        // the twin's guess halved, which makes y an eighth of its
        square = (e_ln2 - f) - q;
        let seed = ((RSQRT_MAGIC - 0x0080_0000) - (square.bits() >> 1)).as_f32();
        y = seed * (RSQRT_STEP / 4.0 - square * seed * seed);
    }
    for _ in weft.once() {
        weft.part(1);
        // a quarter of s, and r^2 - s^2
        m = ((square * y).bits() & 0xffff_f000).as_f32();
        d = (m.exact_mul_add(m * -16.0, e_ln2) - f) - q;
    }
    for _ in weft.once() {
        weft.part(2);
        // half of r + s, and half of its inverse
        let middle = m.exact_mul_add(m.all(4.0), d * y);
        inverse = y * (middle * y).exact_mul_add(y.all(-8.0), y.all(4.0));
    }
    for _ in weft.once() {
        weft.part(3);
        // r itself: a variable more takes registers, which costs a tenth
        inverse = m.exact_mul_add(m.all(4.0), d * inverse);
    }
    inverse
}

/// `sqrt(-2 ln((w + 1/2) 2^-32))`, from 2^-16 to 6.77, with an error of at most 1.15 * 2^-24 of it.
#[inline(always)]
pub(crate) fn radius<U: Unit>(w: Words<U>, weft: &mut impl Weft) -> Floats<U> {
    let w_high = (w >> 16).to_f32();
    let w_low = and_half(w);
    let octave = octave(w_high.exact_mul_add(w_high.all(65536.0), w_low));
    // w + 1/2 - 2^k = rest + rest_low, exactly
    let below = w_high.exact_mul_add(w_high.all(-65536.0), octave);
    let rest = w_low - below;
    let rest_low = w_low - (rest + below);
    let scale = (0x7f80_0000 - octave.bits()).as_f32();
    // 32 - k, times 2^23
    let e = (0x4f80_0000 - octave.bits()).to_f32();
    root(rest * scale, [rest_low, scale], e * (LN2_HIGH / 4_194_304.0), e * (LN2_LOW / 4_194_304.0), weft)
}

/// The angle's remainder in (-1/2, 1/2) quarter turns.
#[inline(always)]
fn quarter_turns<U: Unit>(w: Words<U>) -> Floats<U> {
    ((w << 2) | 2).to_f32() * (1.0 / 4_294_967_296.0)
}

/// `[cos t, sin t]` of `t = 2 pi (w + 1/2) 2^-32`, each with an error of at most 1.47 * 2^-24.
#[inline(always)]
pub(crate) fn cos_sin<U: Unit>(w: Words<U>) -> [Floats<U>; 2] {
    let x = quarter_turns(w);
    let xx = x * x;
    let c = polynomial(xx, &COS) * xx + 1.0;
    let s = polynomial(xx, &SIN) * x;
    // its highest bits are the quadrant
    let v = w + 0x2000_0000;
    let odd = v.bit(30);
    let cos_bits = odd.floats(s, c).bits() ^ ((v + 0x4000_0000) & 0x8000_0000);
    let sin_bits = odd.floats(c, s).bits() ^ (v & 0x8000_0000);
    [cos_bits.as_f32(), sin_bits.as_f32()]
}

/// Two standard normals from two words: `r cos t` and `r sin t` with `r = sqrt(-2 ln((w_even + 1/2) 2^-32))` and
/// `t = 2 pi (w_odd + 1/2) 2^-32`. Both are finite, between -6.77 and 6.77, and at most `r * 2^-22` from the true value.
#[inline(always)]
pub(crate) fn box_muller<U: Unit>(w_even: Words<U>, w_odd: Words<U>, weft: &mut impl Weft) -> [Floats<U>; 2] {
    let [cos, sin] = cos_sin(w_odd);
    let r = radius(w_even, weft);
    [r * cos, r * sin]
}
