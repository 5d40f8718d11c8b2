//! Statistics and histograms of the values of any safetensors file.

use std::io;

use rayon::prelude::*;
use safetensors::Dtype;

use crate::files::checkpoint_file::CheckpointFile;
use crate::files::decoder::Decoder;
use crate::files::positional_io::read_exact_at;
use crate::header::Entry;

/// The bytes that a thread reads at a time: few enough that the decoded values stay in its cache, and a multiple of the
/// size of every dtype, so that no value is cut.
const PIECE: u64 = 1 << 20;

/// Statistics of a tensor's finite values, and the counts of its others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// Finite values.
    pub count: f64,
    /// Their mean.
    mean: f64,
    /// The sum of their squared distances from the mean.
    squares: f64,
    /// The least of them.
    min: f64,
    /// The greatest of them.
    max: f64,
    /// Values that are 0.
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
    /// The errors of reading the file.
    pub fn read(file: &CheckpointFile, tensor: &Entry) -> io::Result<Option<Self>> {
        // a complex number is two values, and dtypes below a byte are packed: neither is decoded
        if tensor.dtype == Dtype::C64 || !tensor.dtype.bitsize().is_multiple_of(8) {
            return Ok(None);
        }
        // merged in the order of the file, so that the result does not depend on the number of threads
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

    /// The value, unless there are no values, or it is beyond f64.
    fn known(&self, value: f64) -> Option<f64> {
        (self.count > 0.0 && value.is_finite()).then_some(value)
    }

    /// The statistics of a slice of values.
    pub(crate) fn of(values: &[f64]) -> Self {
        // the usual case, without a copy of the values
        if values.iter().all(|value| value.is_finite()) {
            return Self::of_finite(values);
        }
        let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        let nans = values.iter().filter(|value| value.is_nan()).count() as u64;
        let infinities = (values.len() - finite.len()) as u64 - nans;
        Self { nans, infinities, ..Self::of_finite(&finite) }
    }

    /// Two passes, the mean first: from the sum of the squares, a variance that is small beside the mean would be lost
    /// to rounding. Each pass has eight sums, so that the compiler makes vectors of them.
    fn of_finite(values: &[f64]) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let count = values.len() as f64;
        let (chunks, rest) = values.as_chunks::<8>();
        let sums = chunks.iter().fold([0.0; 8], |sums, chunk| std::array::from_fn(|i| sums[i] + chunk[i]));
        let mean = (sums.iter().sum::<f64>() + rest.iter().sum::<f64>()) / count;
        // the sum of squares, the least, the greatest, and the number of zeros
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

    /// The statistics of both (Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    /// variances").
    fn merged(self, other: Self) -> Self {
        let (nans, infinities) = (self.nans + other.nans, self.infinities + other.infinities);
        // an empty one has no mean and no bounds to merge
        if self.count == 0.0 || other.count == 0.0 {
            let some = if self.count == 0.0 { other } else { self };
            return Self { nans, infinities, ..some };
        }
        let count = self.count + other.count;
        // only the difference of the means is squared, so that a large mean does not drown a small variance
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

/// The number of a tensor's values in each of `bins` equal parts of `low` to `high`. The parts at both ends count the
/// values outside, too.
///
/// # Errors
///
/// The errors of reading the file.
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
            // the greatest value is at the end of the last bin, and belongs to it
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

/// The result of `each` for every piece of a tensor, in order.
fn pieces<R: Send>(file: &CheckpointFile, tensor: &Entry, each: impl Fn(&[f64]) -> R + Sync) -> io::Result<Vec<R>> {
    let decoder = Decoder::new(tensor.dtype);
    let count = (tensor.end - tensor.begin).div_ceil(PIECE);
    if count == 0 {
        return Ok(Vec::new());
    }
    let opened = file.open()?;
    // each thread has its own buffers, which it uses for one piece after another
    let piece = |buffers: &mut (Vec<u8>, Vec<f64>), i: u64| {
        let begin = tensor.begin + i * PIECE;
        buffers.0.resize((tensor.end - begin).min(PIECE) as usize, 0);
        read_exact_at(&opened, &mut buffers.0, file.header.values + begin)?;
        decoder.decode(&buffers.0, &mut buffers.1);
        Ok(each(&buffers.1))
    };
    (0..count).into_par_iter().map_init(Default::default, piece).collect()
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
}
