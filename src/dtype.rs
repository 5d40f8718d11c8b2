//! What a value is stored as, and its rounding on bits. Twin: shaders/dtype.wgsl.

use half::{bf16, f16};

use crate::vector::{Unit, Words};

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dtype {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16, subnormals included; beyond 65504 it is infinite.
    F16,
    /// The high half of binary32.
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

    /// The largest value of this dtype below `high`, as f32; a magnitude below 2^-126 counts as 0.
    pub(crate) fn largest_below(self, high: f32) -> f32 {
        let below = match self {
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
            below + 0.0
        }
    }
}

impl Dtype {
    /// The largest value of this dtype at or below `high`, where that is no subnormal; of infinity the largest.
    pub(crate) fn largest_to(self, high: f32) -> f32 {
        self.largest_below(high.next_up())
    }
}

crate::names::names!(Dtype, "dtype", { F32 => "f32", F16 => "f16", BF16 => "bf16" });

/// The largest value below `high` of a 16-bit type: the one that `high` rounds to, or the one before it.
fn next_below(high: f32, rounded: u16, first_negative: u16, value: fn(u16) -> f32) -> f32 {
    if value(rounded) < high {
        return value(rounded);
    }
    value(match rounded {
        0 | 0x8000 => first_negative,
        _ if rounded & 0x8000 == 0 => rounded - 1,
        _ => rounded + 1,
    })
}

/// f32 bits (no NaN) to f16 bits, to nearest, ties to even.
#[inline(always)]
pub(crate) fn round_f16<U: Unit>(bits: Words<U>) -> Words<U> {
    let x = bits & 0x7fff_ffff;
    let normal = (x - 0x37ff_f001 + ((x >> 13) & 1)) >> 13;
    let infinite = normal.at_least(bits.all(0x7c00));
    // below 2^-14: units of 2^-24, which are those of an f32 from a half on
    let subnormal = (x.as_f32() + 0.5).bits() - 0x3f00_0000;
    let normal = infinite.words(bits.all(0x7c00), normal);
    let magnitude = x.at_least(bits.all(0x3880_0000)).words(normal, subnormal);
    ((bits >> 16) & 0x8000) | magnitude
}

/// f32 bits (no NaN) to bf16 bits, to nearest, ties to even.
#[inline(always)]
fn round_bf16<U: Unit>(bits: Words<U>) -> Words<U> {
    (bits + 0x7fff + ((bits >> 16) & 1)) >> 16
}

/// Bytes of a block's four elements.
#[expect(clippy::cast_possible_truncation, reason = "16 at most")]
pub(crate) const fn block_size(dtype: Dtype) -> usize {
    4 * dtype.size() as usize
}

/// Writes a vector of blocks, f32 as bits and none of them a NaN, as bytes of elements, each rounded once.
#[inline(always)]
pub(crate) fn store<U: Unit>([a, b, c, d]: [Words<U>; 4], dtype: Dtype, out: &mut [u8]) {
    match dtype {
        Dtype::F32 => a.0.weave([a.1, b.1, c.1, d.1], out),
        Dtype::F16 => store_halves([a.to_f16(), b.to_f16(), c.to_f16(), d.to_f16()], out),
        Dtype::BF16 => store_halves([round_bf16(a), round_bf16(b), round_bf16(c), round_bf16(d)], out),
    }
}

#[inline(always)]
fn store_halves<U: Unit>([a, b, c, d]: [Words<U>; 4], out: &mut [u8]) {
    let (ab, cd) = (a | (b << 16), c | (d << 16));
    a.0.weave_halves([ab.1, cd.1], out);
}

/// An element type that the CPU fills: `f32`, [`half::f16`], [`half::bf16`].
pub trait Element: bytemuck::Pod + Send + Sync + sealed::Sealed {
    /// The element type's dtype.
    const DTYPE: Dtype;

    /// Its value, exactly.
    #[doc(hidden)]
    fn to_f32(self) -> f32;
}

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
    use crate::scalar::lane;

    #[test]
    fn rounding_equals_half_for_every_2_to_the_32_over_13th_pattern_and_all_near_ties() {
        let near_ties = (0..=0xffff_u32)
            .flat_map(|high| [0, 1, 0x0fff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001].map(|low| high << 16 | low));
        for bits in (0..=u32::MAX).step_by(8191).chain(near_ties) {
            let value = f32::from_bits(bits);
            if value.is_nan() || value.is_infinite() {
                continue;
            }
            let [f16_bits, bf16_bits] = [round_f16(lane(bits)), round_bf16(lane(bits))].map(|rounded| rounded.1);
            assert_eq!(f16_bits, f16::from_f32(value).to_bits().into(), "f16 of {bits:#x}");
            assert_eq!(bf16_bits, bf16::from_f32(value).to_bits().into(), "bf16 of {bits:#x}");
        }
    }

    #[test]
    fn the_largest_value_below_is_below_and_next() {
        for &dtype in Dtype::ALL {
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
