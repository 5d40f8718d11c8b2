//! f32 bits to the bytes of a dtype's elements, by rounding on bits. Twin: shaders/dtype.wgsl. The rounding to f16 is an
//! operation of the vector unit: `to_f16` in cpu/simd.rs.

use super::simd::{Scalar, Simd};
use super::vector::Words;
use crate::Dtype;

/// f32 bits (no NaN) to bf16 bits, to nearest, ties to even.
#[cfg_attr(not(debug_assertions), inline(always))]
fn round_bf16<U: Simd>(bits: Words<U>) -> Words<U> {
    // half a unit less one, and the lowest bit that stays: ties go to even; a carry goes into the exponent, as it must
    (bits + 0x7fff + ((bits >> 16) & 1)) >> 16
}

/// The size of an element in bytes.
#[expect(clippy::cast_possible_truncation, reason = "at most 4")]
pub(crate) const fn element_size(dtype: Dtype) -> usize {
    dtype.size() as usize
}

/// The size of a block's four elements in bytes.
pub(crate) const fn block_size(dtype: Dtype) -> usize {
    4 * element_size(dtype)
}

/// Writes the elements of a vector of blocks as bytes, each rounded once. They come as f32 bits; none is a NaN.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn store<U: Simd>([a, b, c, d]: [Words<U>; 4], dtype: Dtype, out: &mut [u8]) {
    match dtype {
        Dtype::F32 => a.0.transpose([a.1, b.1, c.1, d.1], out),
        Dtype::F16 => store_halves([a.to_f16(), b.to_f16(), c.to_f16(), d.to_f16()], out),
        Dtype::BF16 => store_halves([round_bf16(a), round_bf16(b), round_bf16(c), round_bf16(d)], out),
    }
}

/// The bytes of one element, which comes as f32 bits. An element of 2 bytes uses the first two.
pub(crate) fn element_bytes(bits: Words<Scalar>, dtype: Dtype) -> [u8; 4] {
    let mut block = [0; 4 * 4];
    store([bits; 4], dtype, &mut block[..block_size(dtype)]);
    [block[0], block[1], block[2], block[3]]
}

/// Writes 16-bit elements, which come in the low halves of words.
#[cfg_attr(not(debug_assertions), inline(always))]
fn store_halves<U: Simd>([a, b, c, d]: [Words<U>; 4], out: &mut [u8]) {
    // elements 0 and 1 of a block in one word, 2 and 3 in another; the first in the low half
    let (ab, cd) = (a | (b << 16), c | (d << 16));
    a.0.transpose_halves([ab.1, cd.1], out);
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;
    use crate::cpu::vector::lane;

    #[test]
    fn rounding_equals_half_for_every_2_to_the_32_over_13th_pattern_and_all_near_ties() {
        // every high half, with low halves at and beside the points where f16 and bf16 round the other way
        let near_ties = (0..=0xffff_u32)
            .flat_map(|high| [0, 1, 0x0fff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001].map(|low| high << 16 | low));
        for bits in (0..=u32::MAX).step_by(8191).chain(near_ties) {
            let value = f32::from_bits(bits);
            if value.is_nan() || value.is_infinite() {
                continue;
            }
            let [f16_bits, bf16_bits] = [lane(bits).to_f16(), round_bf16(lane(bits))].map(|rounded| rounded.1);
            assert_eq!(f16_bits, f16::from_f32(value).to_bits().into(), "f16 of {bits:#x}");
            assert_eq!(bf16_bits, bf16::from_f32(value).to_bits().into(), "bf16 of {bits:#x}");
        }
    }
}
