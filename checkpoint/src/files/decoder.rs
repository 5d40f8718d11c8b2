//! Decodes the values of safetensors' dtypes to f64.

use half::f16;
use half::slice::HalfFloatSliceExt;
use safetensors::Dtype;

/// Decodes the bytes of a dtype.
pub(crate) struct Decoder {
    /// The dtype of the bytes.
    dtype: Dtype,
    /// The 256 values of a dtype of one byte.
    table: Vec<f64>,
}

impl Decoder {
    pub(crate) fn new(dtype: Dtype) -> Self {
        let of = |of: fn(u8) -> f64| (0..=255).map(of).collect();
        let table = match dtype {
            Dtype::BOOL | Dtype::U8 => of(f64::from),
            Dtype::I8 => of(|byte| f64::from(byte.cast_signed())),
            // the upper byte of an f16: the same sign, exponent and bias
            Dtype::F8_E5M2 => of(|byte| f16::from_bits(u16::from(byte) << 8).to_f64()),
            // OCP 8-bit formats: E4M3 has one NaN for each sign, and no infinity
            Dtype::F8_E4M3 => of(|byte| if byte & 0x7f == 0x7f { f64::NAN } else { float8(byte, 3, 7) }),
            // FNUZ: no infinity, and the bit pattern of -0 is the only NaN. The bias is one larger than without it
            Dtype::F8_E4M3FNUZ => of(|byte| if byte == 0x80 { f64::NAN } else { float8(byte, 3, 8) }),
            Dtype::F8_E5M2FNUZ => of(|byte| if byte == 0x80 { f64::NAN } else { float8(byte, 2, 16) }),
            // the scale of a block: an exponent alone, without sign or mantissa
            Dtype::F8_E8M0 => of(|byte| if byte == 0xff { f64::NAN } else { 2f64.powi(i32::from(byte) - 127) }),
            _ => Vec::new(),
        };
        Self { dtype, table }
    }

    /// Replaces `values` by the decoded bytes. Bytes behind the last whole element are ignored.
    pub(crate) fn decode(&self, bytes: &[u8], values: &mut Vec<f64>) {
        fn of<const N: usize>(bytes: &[u8], values: &mut Vec<f64>, value: impl Fn([u8; N]) -> f64) {
            values.extend(bytes.as_chunks().0.iter().map(|&bytes| value(bytes)));
        }
        values.clear();
        match self.dtype {
            Dtype::F32 => of(bytes, values, |b| f32::from_le_bytes(b).into()),
            // the upper half of an f32
            Dtype::BF16 => of(bytes, values, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16).into()),
            Dtype::F16 => {
                let halves: Vec<f16> = bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b)).collect();
                values.resize(halves.len(), 0.0);
                halves.convert_to_f64_slice(values);
            }
            Dtype::F64 => of(bytes, values, f64::from_le_bytes),
            Dtype::I16 => of(bytes, values, |b| i16::from_le_bytes(b).into()),
            Dtype::U16 => of(bytes, values, |b| u16::from_le_bytes(b).into()),
            Dtype::I32 => of(bytes, values, |b| i32::from_le_bytes(b).into()),
            Dtype::U32 => of(bytes, values, |b| u32::from_le_bytes(b).into()),
            // integers above 2^53 are rounded: good enough for statistics
            Dtype::I64 => of(bytes, values, |b| i64::from_le_bytes(b) as f64),
            Dtype::U64 => of(bytes, values, |b| u64::from_le_bytes(b) as f64),
            _ => {
                // a dtype without a table gives NaN: never a wrong number
                values.extend(bytes.iter().map(|&byte| self.table.get(usize::from(byte)).copied().unwrap_or(f64::NAN)))
            }
        }
    }
}

/// The value of a byte of a sign, an exponent with this bias, and a mantissa of this many bits.
fn float8(byte: u8, mantissa_bits: u32, bias: i32) -> f64 {
    let sign = if byte & 0x80 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((byte & 0x7f) >> mantissa_bits);
    let mantissa = f64::from(byte & ((1 << mantissa_bits) - 1)) / f64::from(1 << mantissa_bits);
    // exponent 0 is subnormal: no leading 1, and the exponent of the smallest normal number
    let (lead, exponent) = if exponent == 0 { (0.0, 1) } else { (1.0, exponent) };
    sign * (lead + mantissa) * 2f64.powi(exponent - bias)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_floats_of_their_specifications() {
        // largest, smallest normal, smallest subnormal
        for (dtype, bytes, expected) in [
            (Dtype::F8_E4M3, [0x7e, 0x08, 0x81], [448.0, 2f64.powi(-6), -(2f64.powi(-9))]),
            (Dtype::F8_E5M2, [0x7b, 0x04, 0x81], [57344.0, 2f64.powi(-14), -(2f64.powi(-16))]),
            (Dtype::F8_E4M3FNUZ, [0x7f, 0x08, 0x81], [240.0, 2f64.powi(-7), -(2f64.powi(-10))]),
            (Dtype::F8_E5M2FNUZ, [0x7f, 0x04, 0x81], [57344.0, 2f64.powi(-15), -(2f64.powi(-17))]),
            (Dtype::F8_E8M0, [0xfe, 0x7f, 0x00], [2f64.powi(127), 1.0, 2f64.powi(-127)]),
            (Dtype::I8, [0x7f, 0xff, 0x80], [127.0, -1.0, -128.0]),
        ] {
            let mut values = Vec::new();
            Decoder::new(dtype).decode(&bytes, &mut values);
            assert_eq!(values, expected, "{dtype:?}");
        }
    }
}
