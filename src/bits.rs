//! Helpers on bits that need nothing else of the crate.

/// A 64-bit value as (low, high) words.
#[expect(clippy::cast_possible_truncation, reason = "the two halves are separated")]
pub(crate) const fn words(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

/// Rounds a parameter from f64 to f32. Every parameter is rounded once, here.
#[expect(clippy::cast_possible_truncation, reason = "the function rounds")]
pub(crate) const fn round(value: f64) -> f32 {
    // to nearest, ties to even; a value beyond the range becomes infinite, which the checks of parameters refuse
    value as f32
}

/// 2^exponent for an exponent from -126 to 127. The precision of `powi` depends on the platform, so it is not used.
pub(crate) const fn power_of_two(exponent: i32) -> f32 {
    // the exponent field is biased by 127; another exponent would not fit into the field
    f32::from_bits((127 + exponent).cast_unsigned() << 23)
}

/// Replaces a subnormal or a negative zero with 0.
pub(crate) const fn flush(value: f32) -> f32 {
    // infinities and NaN are not normal either: a caller with an infinite bound keeps it out of here
    if value.is_normal() { value } else { 0.0 }
}
