//! What the values of any safetensors file are like.

use std::io;

use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;
use safetensors::Dtype;

use crate::at::read_exact_at;
use crate::{CheckpointFile, Entry};

/// Bytes that a thread reads at a time.
const PIECE: u64 = 1 << 20;

/// The values of a tensor in numbers; those of its finite values, but for the counts of others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// Finite values.
    pub count: f64,
    mean: f64,
    /// The sum of their squared distances from the mean.
    squares: f64,
    min: f64,
    max: f64,
    /// Those that are 0.
    pub zeros: u64,
    /// Values that are no number.
    pub nans: u64,
    /// Values that are infinite.
    pub infinities: u64,
}

impl Statistics {
    /// Reads a tensor's values; none of dtypes whose values are not one number in whole bytes each.
    ///
    /// # Errors
    ///
    /// Whatever reading gives.
    pub fn read(file: &CheckpointFile, tensor: &Entry) -> io::Result<Option<Self>> {
        if tensor.dtype == Dtype::C64 || !tensor.dtype.bitsize().is_multiple_of(8) {
            return Ok(None);
        }
        let pieces = pieces(file, tensor, Self::of)?;
        Ok(Some(pieces.into_iter().fold(Self::default(), Self::merged)))
    }

    /// The mean of the finite values; none where there are none, or where it is beyond f64.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        self.known(self.mean)
    }

    /// The standard deviation, by the number of values less one, and 0 of one value; none as for the mean.
    #[must_use]
    pub fn std(&self) -> Option<f64> {
        self.known((self.squares / (self.count - 1.0).max(1.0)).sqrt())
    }

    /// The least finite value, if there is one.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        self.known(self.min)
    }

    /// The greatest finite value, if there is one.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        self.known(self.max)
    }

    fn known(&self, value: f64) -> Option<f64> {
        (self.count > 0.0 && value.is_finite()).then_some(value)
    }

    /// Of values that are there at once.
    pub(crate) fn of(values: &[f64]) -> Self {
        if values.iter().all(|value| value.is_finite()) {
            return Self::of_finite(values);
        }
        let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        let nans = values.iter().filter(|value| value.is_nan()).count() as u64;
        let infinities = (values.len() - finite.len()) as u64 - nans;
        Self { nans, infinities, ..Self::of_finite(&finite) }
    }

    /// Twice over, the mean first, in so many sums side by side that the compiler makes vectors of them.
    fn of_finite(values: &[f64]) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let count = values.len() as f64;
        let (chunks, rest) = values.as_chunks::<8>();
        let sums = chunks.iter().fold([0.0; 8], |sums, chunk| std::array::from_fn(|i| sums[i] + chunk[i]));
        let mean = (sums.iter().sum::<f64>() + rest.iter().sum::<f64>()) / count;
        let mut all = [(0.0, f64::INFINITY, f64::NEG_INFINITY, 0_u64); 8];
        let see = |seen: &mut (f64, f64, f64, u64), value: f64| {
            let apart = value - mean;
            seen.0 += apart * apart;
            seen.1 = if value < seen.1 { value } else { seen.1 };
            seen.2 = if value > seen.2 { value } else { seen.2 };
            seen.3 += u64::from(value == 0.0);
        };
        for chunk in chunks {
            all.iter_mut().zip(chunk).for_each(|(seen, &value)| see(seen, value));
        }
        all.iter_mut().zip(rest).for_each(|(seen, &value)| see(seen, value));
        Self {
            count,
            mean,
            squares: all.iter().map(|seen| seen.0).sum(),
            min: all.iter().map(|seen| seen.1).fold(f64::INFINITY, f64::min),
            max: all.iter().map(|seen| seen.2).fold(f64::NEG_INFINITY, f64::max),
            zeros: all.iter().map(|seen| seen.3).sum(),
            ..Self::default()
        }
    }

    /// Of both (Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances").
    fn merged(self, other: Self) -> Self {
        let (nans, infinities) = (self.nans + other.nans, self.infinities + other.infinities);
        if self.count == 0.0 || other.count == 0.0 {
            let some = if self.count == 0.0 { other } else { self };
            return Self { nans, infinities, ..some };
        }
        let count = self.count + other.count;
        let apart = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + apart * other.count / count,
            squares: self.squares + other.squares + apart * apart * self.count * other.count / count,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            zeros: self.zeros + other.zeros,
            nans,
            infinities,
        }
    }
}

/// How many of a tensor's values are in each of `bins` equal parts of `low` to `high`; the parts at both ends take what
/// is outside, too.
///
/// # Errors
///
/// Whatever reading gives.
pub fn histogram(file: &CheckpointFile, tensor: &Entry, low: f64, high: f64, bins: usize) -> io::Result<Vec<u64>> {
    if bins == 0 {
        return Ok(Vec::new());
    }
    let (range, parts) = (high - low, bins as f64);
    let counts = pieces(file, tensor, |values| {
        let mut counts = vec![0; bins];
        for value in values.iter().filter(|value| value.is_finite()) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "negative ones become 0")]
            let bin = ((value - low) / range * parts) as usize;
            counts[bin.min(bins - 1)] += 1;
        }
        counts
    })?;
    let add = |mut sum: Vec<u64>, counts: Vec<u64>| {
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        sum
    };
    Ok(counts.into_iter().fold(vec![0; bins], add))
}

/// What `each` says of every piece of a tensor, in order.
fn pieces<R: Send>(file: &CheckpointFile, tensor: &Entry, each: impl Fn(&[f64]) -> R + Sync) -> io::Result<Vec<R>> {
    let decoder = Decoder::new(tensor.dtype);
    let count = (tensor.end - tensor.begin).div_ceil(PIECE);
    if count == 0 {
        return Ok(Vec::new());
    }
    let opened = file.open()?;
    let piece = |buffers: &mut (Vec<u8>, Vec<f64>), i: u64| {
        let begin = tensor.begin + i * PIECE;
        buffers.0.resize((tensor.end - begin).min(PIECE) as usize, 0);
        read_exact_at(&opened, &mut buffers.0, file.header.values + begin)?;
        decoder.decode(&buffers.0, &mut buffers.1);
        Ok(each(&buffers.1))
    };
    (0..count).into_par_iter().map_init(Default::default, piece).collect()
}

/// The values of a dtype's bytes.
struct Decoder {
    dtype: Dtype,
    /// Those of dtypes of one byte.
    table: Vec<f64>,
}

impl Decoder {
    fn new(dtype: Dtype) -> Self {
        let of = |of: fn(u8) -> f64| (0..=255).map(of).collect();
        let table = match dtype {
            Dtype::BOOL | Dtype::U8 => of(f64::from),
            Dtype::I8 => of(|byte| f64::from(byte.cast_signed())),
            Dtype::F8_E5M2 => of(|byte| f16::from_bits(u16::from(byte) << 8).to_f64()),
            Dtype::F8_E4M3 => of(|byte| if byte & 0x7f == 0x7f { f64::NAN } else { float8(byte, 3, 7) }),
            Dtype::F8_E4M3FNUZ => of(|byte| if byte == 0x80 { f64::NAN } else { float8(byte, 3, 8) }),
            Dtype::F8_E5M2FNUZ => of(|byte| if byte == 0x80 { f64::NAN } else { float8(byte, 2, 16) }),
            Dtype::F8_E8M0 => of(|byte| if byte == 0xff { f64::NAN } else { 2f64.powi(i32::from(byte) - 127) }),
            _ => Vec::new(),
        };
        Self { dtype, table }
    }

    fn decode(&self, bytes: &[u8], values: &mut Vec<f64>) {
        fn of<const N: usize>(bytes: &[u8], values: &mut Vec<f64>, value: impl Fn([u8; N]) -> f64) {
            values.extend(bytes.as_chunks().0.iter().map(|&bytes| value(bytes)));
        }
        values.clear();
        match self.dtype {
            Dtype::F32 => of(bytes, values, |b| f32::from_le_bytes(b).into()),
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
            Dtype::I64 => of(bytes, values, |b| i64::from_le_bytes(b) as f64),
            Dtype::U64 => of(bytes, values, |b| u64::from_le_bytes(b) as f64),
            _ => {
                values.extend(bytes.iter().map(|&byte| self.table.get(usize::from(byte)).copied().unwrap_or(f64::NAN)))
            }
        }
    }
}

/// A byte of a sign, an exponent with this bias, and a mantissa of so many bits.
fn float8(byte: u8, mantissa_bits: u32, bias: i32) -> f64 {
    let sign = if byte & 0x80 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((byte & 0x7f) >> mantissa_bits);
    let mantissa = f64::from(byte & ((1 << mantissa_bits) - 1)) / f64::from(1 << mantissa_bits);
    let (lead, exponent) = if exponent == 0 { (0.0, 1) } else { (1.0, exponent) };
    sign * (lead + mantissa) * 2f64.powi(exponent - bias)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_merged_are_the_whole() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i % 37) - 11.5).collect();
        let whole = Statistics::of(&values);
        let parts = [&values[..1], &values[1..400], &[][..], &values[400..], &[f64::NAN, f64::INFINITY]];
        let merged = parts.into_iter().map(Statistics::of).fold(Statistics::default(), Statistics::merged);
        assert!(
            (merged.std().unwrap() - whole.std().unwrap()).abs() < 1e-12 && (merged.mean - whole.mean).abs() < 1e-12
        );
        assert_eq!((merged.min, merged.max, merged.count), (-11.5, 24.5, 1000.0));
        assert_eq!((merged.nans, merged.infinities), (1, 1));
    }

    #[test]
    fn numbers_that_values_do_not_have_are_none() {
        for values in [&[][..], &[f64::NAN, f64::INFINITY]] {
            let none = Statistics::of(values);
            assert_eq!([none.mean(), none.std(), none.min(), none.max()], [None; 4]);
        }
        let one = Statistics::of(&[3.0, f64::NAN]);
        assert_eq!([one.mean(), one.std(), one.min(), one.max()], [Some(3.0), Some(0.0), Some(3.0), Some(3.0)]);
        // the sum is beyond f64
        let large = Statistics::of(&[f64::MAX, f64::MAX]);
        assert_eq!([large.mean(), large.std(), large.min()], [None, None, Some(f64::MAX)]);
    }

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
