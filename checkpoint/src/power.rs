//! Powers that are the same on every machine. `f64::powf` is the system's function, whose last bit differs between
//! systems: a recipe would differ with it.

/// 1 / sqrt(x), rounded once. It has the bits that glibc's `pow(x, -0.5)` has, which is rounded correctly but for values
/// next to the middle of two numbers.
pub(crate) fn inverse_sqrt(x: f64) -> f64 {
    // square roots, quotients and fused products are exact to the bit by IEEE 754
    let rounded = 1.0 / x.sqrt();
    let square = rounded * rounded;
    // 0, infinity, what is no number, and what is so small that its square is none
    if !square.is_normal() || !x.is_normal() {
        return rounded;
    }
    // a step of Newton's: the error of both roundings, from the square with its own rounding
    let rest = rounded.mul_add(rounded, -square);
    let error = x.mul_add(-rest, x.mul_add(-square, 1.0));
    rounded.mul_add(0.5 * error, rounded)
}

/// x to the power of y.
pub(crate) fn power(x: f64, y: f64) -> f64 {
    if y == -0.5 { inverse_sqrt(x) } else { libm::pow(x, y) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_roots_are_rounded_correctly() {
        for x in 1..1_u128 << 19 {
            let y = inverse_sqrt(x as f64);
            // y = mantissa 2^-places, with 53 bits of the mantissa
            let places = 1075 - ((y.to_bits() >> 52) & 0x7ff);
            let mantissa = u128::from(y.to_bits() & ((1 << 52) - 1) | 1 << 52);
            // 1 / sqrt(x) is within half a unit: (2 mantissa - 1)^2 x < 2^(2 + 2 places) < (2 mantissa + 1)^2 x
            let one = 1_u128 << (2 + 2 * places);
            assert!((2 * mantissa - 1).pow(2) * x <= one && one <= (2 * mantissa + 1).pow(2) * x, "{x}");
        }
    }

    #[test]
    fn ends_of_the_range_are_those_of_powers() {
        for (x, expected) in [(0.0, f64::INFINITY), (f64::INFINITY, 0.0), (0.25, 2.0), (4e300, 5e-151)] {
            assert_eq!(inverse_sqrt(x), expected);
        }
        assert!(inverse_sqrt(-1.0).is_nan() && inverse_sqrt(5e-324) > 1e161);
        assert_eq!((power(2.0, 9.0), power(9.0, 0.5), power(16.0, -0.5)), (512.0, 3.0, 0.25));
    }
}
