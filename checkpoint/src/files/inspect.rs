//! Each tensor of a checkpoint: statistics of its values, beside those that its initialiser should give.

use std::collections::HashMap;
use std::io;

use safetensors::Dtype;

use crate::expected::Expected;
use crate::files::checkpoint::Checkpoint;
use crate::files::checkpoint_file::CheckpointFile;
use crate::files::statistics::{Statistics, histogram};
use crate::header::Entry;
use crate::record::Record;

/// The steps of a dtype in a std above which rounding does not show in it. Rounding to steps of width w adds w^2 / 12 to
/// the variance: with 32 steps to a std, 10^-4 of it.
const FINEST: f64 = 32.0;

/// A tensor of a file, and the mean, std and density that its initialiser should give.
#[derive(Clone, Debug)]
pub struct StoredTensor<'a> {
    /// Its file.
    pub file: &'a CheckpointFile,
    /// Its name, shape and dtype.
    pub entry: &'a Entry,
    /// The values that its file's record gives, if it has one.
    pub expected: Option<Expected>,
}

/// Counts of a tensor's values in equal parts of a range; the parts at both ends take what is outside, too.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// The begin of the first part.
    pub low: f64,
    /// The end of the last part.
    pub high: f64,
    /// The counts.
    pub counts: Vec<u64>,
}

/// The tensors of a checkpoint, in the order of the files, and messages about records that cannot be used.
#[must_use]
pub fn stored_tensors(checkpoint: &Checkpoint) -> (Vec<StoredTensor<'_>>, Vec<String>) {
    let (mut stored, mut problems) = (Vec::new(), [&checkpoint.problems[..], &checkpoint.doubts].concat());
    for file in &checkpoint.files {
        // a file without a record, or with a bad one, still has statistics: verifying refuses it, inspecting does not
        let record = Record::read(&file.header.metadata).unwrap_or_else(|error| {
            problems.push(format!("{}: {error}", file.path.display()));
            None
        });
        let recorded = record.iter().flat_map(|record| &record.recipe.tensors);
        let recorded: HashMap<&str, _> = recorded.map(|tensor| (tensor.name.as_str(), tensor)).collect();
        stored.extend(file.header.tensors.iter().map(|entry| {
            // a record of another shape says nothing about these values
            let tensor = recorded.get(entry.name.as_str()).filter(|tensor| tensor.dims() == entry.shape);
            StoredTensor { file, entry, expected: tensor.and_then(|tensor| Expected::of(tensor)) }
        }));
    }
    (stored, problems)
}

impl StoredTensor<'_> {
    /// Reads its values; none of dtypes whose values are not one number in whole bytes each.
    ///
    /// # Errors
    ///
    /// Whatever reading gives.
    pub fn statistics(&self) -> io::Result<Option<Statistics>> {
        Statistics::read(self.file, self.entry)
    }

    /// The distance of the values' std from the expected one, in standard errors. None where none is expected, where values
    /// are not drawn one by one, and where the dtype is too coarse for the expected std: values are rounded to it, and in
    /// f32 and bf16 those below the smallest normal number become 0.
    #[must_use]
    pub fn std_errors(&self, statistics: &Statistics) -> Option<f64> {
        let expected = self.expected?;
        // the values are rounded: their std would differ from the expected one without any fault
        if spacing(self.entry.dtype, expected.mean) > expected.std / FINEST {
            return None;
        }
        // a constant has no standard error to divide by
        let error = expected.std_error(statistics.count).filter(|error| *error > 0.0)?;
        Some((statistics.std()? - expected.std) / error)
    }

    /// Reads its values again; none where they are all the same. The range is the expected mean plus and minus 4
    /// expected std, as far as there are values, or else that of the values.
    ///
    /// # Errors
    ///
    /// Whatever reading gives.
    pub fn histogram(&self, statistics: &Statistics, bins: usize) -> io::Result<Option<Histogram>> {
        let (Some(min), Some(max)) = (statistics.min(), statistics.max()) else { return Ok(None) };
        let (low, high) = match self.expected.filter(|expected| expected.std > 0.0) {
            Some(expected) => {
                ((expected.mean - 4.0 * expected.std).max(min), (expected.mean + 4.0 * expected.std).min(max))
            }
            None => (min, max),
        };
        // one value alone has no range, and a range beyond f64 no parts
        if high <= low || !(high - low).is_finite() {
            return Ok(None);
        }
        let counts = histogram(self.file, self.entry, low, high, bins)?;
        Ok(Some(Histogram { low, high, counts }))
    }
}

/// The distance between neighbouring values of a dtype near a value. f16 alone keeps subnormal values.
fn spacing(dtype: Dtype, value: f64) -> f64 {
    let (smallest, epsilon) = match dtype {
        // the smallest positive value, subnormals included for f16, and the distance from 1 to the next value
        Dtype::F16 => (2f64.powi(-24), 2f64.powi(-10)),
        Dtype::BF16 => (2f64.powi(-126), 2f64.powi(-7)),
        _ => (2f64.powi(-126), 2f64.powi(-23)),
    };
    (value.abs() * epsilon).max(smallest)
}

#[cfg(test)]
mod tests {
    use seedtensors::Arithmetic;

    use super::*;
    use crate::{Backend, Plan, Recipe, Write, write};

    /// The errors of tensors that are written with this dtype and these initialisers.
    fn errors(dtype: &str, inits: &[&str]) -> Vec<Option<f64>> {
        let folder = tempfile::tempdir().unwrap();
        let text = |(i, init)| {
            format!(
                "[[tensor]]\nname = \"t{i}\"\nshape = [512, 512]\ndtype = \"{dtype}\"\ninit = {{ normal = {{ {init} }} }}\n"
            )
        };
        let recipe = Recipe::parse(&inits.iter().enumerate().map(text).collect::<String>()).unwrap();
        let path = folder.path().join("a.safetensors");
        let plan = Plan::new(&recipe, 42, Arithmetic::Exact, &path, 1, 1).unwrap();
        write(&plan, &Write::new(&Backend::Cpu), &|_| true).unwrap();
        let checkpoint = Checkpoint::open(&path).unwrap();
        let (tensors, _) = stored_tensors(&checkpoint);
        let errors = |tensor: &StoredTensor<'_>| tensor.std_errors(&tensor.statistics().unwrap().unwrap());
        tensors.iter().map(errors).collect()
    }

    #[test]
    fn no_errors_are_told_where_the_dtype_is_too_coarse() {
        // rounded to multiples of 2^-24 and 2^-10
        assert_eq!(errors("f16", &["std = 1e-8", "std = 1e-6", "mean = 1, std = 0.001"]), [None; 3]);
        // flushed to 0
        assert_eq!(errors("bf16", &["mean = 1, std = 0.01", "std = 1e-38"]), [None; 2]);
        assert_eq!(errors("f32", &["std = 1e-38", "std = 1e-37"]), [None; 2]);
        // a false alarm in 1.7 million
        for errors in
            [errors("f16", &["std = 0.002", "std = 1e-5", "mean = 1, std = 0.1"]), errors("f32", &["std = 1e-30"])]
        {
            assert!(errors.iter().all(|errors| errors.is_some_and(|errors| errors.abs() < 5.0)), "{errors:?}");
        }
    }
}
