//! The types of a tensor's elements.

use half::{bf16, f16};

use crate::bits::round;
use crate::names::names;

/// The type of a tensor's elements. For f64, fill in f32 and convert. There are no 8-bit floats and no integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dtype {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16, subnormals included; beyond 65504 it is infinite.
    F16,
    /// bfloat16, the upper 16 bits of binary32. Values are rounded to nearest, ties to even, in F16 and BF16.
    BF16,
}

impl Dtype {
    /// Bytes of an element.
    #[must_use]
    pub const fn size(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
        }
    }

    /// A value rounded to this dtype.
    pub(crate) fn rounded(self, value: f64) -> f64 {
        match self {
            Self::F32 => f64::from(round(value)),
            Self::F16 => f16::from_f64(value).to_f64(),
            Self::BF16 => bf16::from_f64(value).to_f64(),
        }
    }

    /// The value of the bits of a half-precision element.
    #[cfg(feature = "gpu")]
    pub(crate) fn half_value(self, bits: u16) -> f32 {
        match self {
            Self::BF16 => bf16::from_bits(bits).to_f32(),
            Self::F32 | Self::F16 => f16::from_bits(bits).to_f32(),
        }
    }

    /// The largest value of this dtype below `high`, as f32; a magnitude below 2^-126 counts as 0.
    pub(crate) fn largest_below(self, high: f32) -> f32 {
        let below = match self {
            // may be subnormal, which the check below takes for 0
            Self::F32 => high.next_down(),
            Self::F16 => next_below(high, f16::from_f32(high).to_bits(), 0x8001, |bits| f16::from_bits(bits).to_f32()),
            // in bf16 the first negative is the first normal one
            Self::BF16 => {
                next_below(high, bf16::from_f32(high).to_bits(), 0x8080, |bits| bf16::from_bits(bits).to_f32())
            }
        };
        if below.is_subnormal() {
            // 0 lies above every negative subnormal, so the one below is the first normal number
            if below < 0.0 && high <= 0.0 { -f32::MIN_POSITIVE } else { 0.0 }
        } else {
            // turns -0.0 into 0.0
            below + 0.0
        }
    }

    /// The largest value of this dtype at or below `high`, as f32, if that is not subnormal. For infinity it is
    /// the largest finite value.
    pub(crate) fn largest_to(self, high: f32) -> f32 {
        // `high` is below the next f32, so it counts if the dtype has it; infinity has none above it
        self.largest_below(high.next_up())
    }
}

names!(Dtype, "dtype", { F32 => "f32", F16 => "f16", BF16 => "bf16" });

/// The largest value below `high` of a 16-bit type: the one that `high` rounds to, or the one before it.
fn next_below(high: f32, rounded: u16, first_negative: u16, value: fn(u16) -> f32) -> f32 {
    // rounded to nearest, so it may be above `high` or equal to it
    if value(rounded) < high {
        return value(rounded);
    }
    value(match rounded {
        // below either zero comes the negative number of least magnitude
        0 | 0x8000 => first_negative,
        // the bits of positive numbers grow with the value, those of negative numbers against it
        _ if rounded & 0x8000 == 0 => rounded - 1,
        _ => rounded + 1,
    })
}

/// An element type that the CPU fills: `f32`, and [`half::f16`] and [`half::bf16`] of the crate `half`, version 2. No
/// other type can implement it.
pub trait Element: bytemuck::Pod + Send + Sync + sealed::Sealed {
    /// The element type's dtype.
    const DTYPE: Dtype;

    /// Its value, exactly.
    #[doc(hidden)]
    fn to_f32(self) -> f32;
}

// no other type can be an element: its bytes would not be those that `Dtype` says
mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for half::f16 {}
    impl Sealed for half::bf16 {}
}

impl Element for f32 {
    const DTYPE: Dtype = Dtype::F32;

    fn to_f32(self) -> f32 {
        self
    }
}

impl Element for f16 {
    const DTYPE: Dtype = Dtype::F16;

    fn to_f32(self) -> f32 {
        self.to_f32()
    }
}

impl Element for bf16 {
    const DTYPE: Dtype = Dtype::BF16;

    fn to_f32(self) -> f32 {
        self.to_f32()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_value_below_is_below_and_next() {
        for &dtype in Dtype::ALL {
            // with numbers that f16 or bf16 must round, and some below their normal range
            for high in [1.0, 0.1, 3.0e-5, 1e5, f32::MIN_POSITIVE, -1.0, -0.1, 1e-30] {
                let below = dtype.largest_below(high);
                assert!(below < high, "{dtype} {high}: {below}");
            }
        }
        assert_eq!(Dtype::F32.largest_below(1.0), 1.0 - f32::EPSILON / 2.0);
        assert_eq!(Dtype::F16.largest_below(1.0), 1.0 - 1.0 / 2048.0);
        assert_eq!(Dtype::BF16.largest_below(1.0), 1.0 - 1.0 / 256.0);
        assert_eq!(Dtype::F16.largest_below(1e6), 65504.0);
        assert_eq!(Dtype::F16.largest_below(0.0), -f16::MIN_POSITIVE_SUBNORMAL.to_f32());
        assert_eq!(Dtype::F32.largest_below(0.0), -f32::MIN_POSITIVE);
        assert_eq!(Dtype::BF16.largest_below(0.0), -f32::MIN_POSITIVE);
        assert_eq!(Dtype::F32.largest_below(f32::MIN_POSITIVE), 0.0);
    }
}
