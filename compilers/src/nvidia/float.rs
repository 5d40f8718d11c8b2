//! Floats as NVIDIA's PTX defines them: rounded to nearest, with one NaN. With `ftz`, denormal operands and results
//! become zeros of their sign.

use super::instruction::{Compare, Function};

/// The one NaN that PTX's float instructions give.
const NAN: u32 = 0x7fff_ffff;

/// A denormal as a zero of its sign if `flush` is set.
#[inline(always)]
pub(super) const fn flushed(word: u32, flush: bool) -> u32 {
    // an exponent of 0 means a zero or a denormal
    if flush && word & 0x7f80_0000 == 0 { word & 0x8000_0000 } else { word }
}

#[inline(always)]
fn operands<const N: usize>(words: [u32; N], flush: bool) -> [f32; N] {
    words.map(|word| f32::from_bits(flushed(word, flush)))
}

#[inline(always)]
fn result(value: f32, flush: bool) -> u32 {
    if value.is_nan() { NAN } else { flushed(value.to_bits(), flush) }
}

#[inline(always)]
pub(super) fn add(a: u32, b: u32, flush: bool) -> u32 {
    let [a, b] = operands([a, b], flush);
    result(a + b, flush)
}

#[inline(always)]
pub(super) fn multiply(a: u32, b: u32, flush: bool) -> u32 {
    let [a, b] = operands([a, b], flush);
    result(a * b, flush)
}

/// a b + c with one rounding, and all ones where two roundings give something else.
#[inline(always)]
pub(super) fn multiply_add(a: u32, b: u32, c: u32, flush: bool) -> (u32, u32) {
    let [a, b, c] = operands([a, b, c], flush);
    // one rounding, then two: the difference says whether the fusion matters
    let fused = result(a.mul_add(b, c), flush);
    (fused, super::lanes::word(fused != result(a * b + c, flush)))
}

/// The smaller or the larger. Of a number and NaN it is the number; -0 is below 0.
#[inline(always)]
pub(super) fn min_max(a: u32, b: u32, least: bool, flush: bool) -> u32 {
    let [x, y] = operands([a, b], flush);
    // -0 and 0 compare equal, so the sign decides between them
    let below = x < y || (x == y && x.is_sign_negative());
    if x.is_nan() || y.is_nan() {
        return result(if x.is_nan() { y } else { x }, flush);
    }
    (if below == least { x } else { y }).to_bits()
}

#[inline(always)]
pub(super) fn compared(compare: Compare, unordered: bool, a: f32, b: f32) -> bool {
    if a.is_nan() || b.is_nan() {
        return unordered;
    }
    compare.holds(a, b)
}

/// A function that the hardware approximates in a way that NVIDIA does not publish; here it is the f32 nearest to the
/// true value. Native normals use these functions, and their bits are the device's own, so they are not compared.
/// Divisions of integers begin with a reciprocal, and correct what it is off. Angles are in turns.
pub(super) fn approximate(function: Function, word: u32) -> u32 {
    let x = f64::from(f32::from_bits(word));
    let y = match function {
        Function::Cosine => (x * std::f64::consts::TAU).cos(),
        Function::Sine => (x * std::f64::consts::TAU).sin(),
        Function::Exponential2 => x.exp2(),
        Function::Logarithm2 => x.log2(),
        Function::Reciprocal => x.recip(),
        Function::ReciprocalRoot => x.sqrt().recip(),
        Function::Root => x.sqrt(),
    };
    result(y as f32, false)
}
