//! Each tensor of a checkpoint: its values in numbers, beside what its initialiser promises.

use std::collections::HashMap;
use std::io;

use safetensors::Dtype;

use crate::{Checkpoint, CheckpointFile, Entry, Law, Record, Statistics, histogram};

/// Steps of a dtype in a std from which on rounding does not show in it: 10^-5 of the variance is lost at most.
const FINEST: f64 = 32.0;

/// A tensor, and what was promised of it.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// Its file.
    pub file: &'a CheckpointFile,
    /// Its name, shape and dtype.
    pub entry: &'a Entry,
    /// What its file's record promises.
    pub law: Option<Law>,
}

/// Counts of a tensor's values in equal parts of a range; the parts at both ends take what is outside, too.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Where the first part begins.
    pub low: f64,
    /// Where the last part ends.
    pub high: f64,
    /// The counts.
    pub counts: Vec<u64>,
}

/// The tensors of a checkpoint, in the order of the files, and what keeps a file's record from being used, in words.
#[must_use]
pub fn subjects(checkpoint: &Checkpoint) -> (Vec<Subject<'_>>, Vec<String>) {
    let (mut subjects, mut problems) = (Vec::new(), [&checkpoint.problems[..], &checkpoint.doubts].concat());
    for file in &checkpoint.files {
        let record = Record::read(&file.header.metadata).unwrap_or_else(|message| {
            problems.push(format!("{}: {message}", file.path.display()));
            None
        });
        let tensors = record.iter().flat_map(|record| &record.recipe.tensors);
        let laws: HashMap<&str, _> = tensors.map(|tensor| (tensor.name.as_str(), tensor)).collect();
        subjects.extend(file.header.tensors.iter().map(|entry| {
            let tensor = laws.get(entry.name.as_str()).filter(|tensor| tensor.dims() == entry.shape);
            Subject { file, entry, law: tensor.and_then(|tensor| Law::of(tensor)) }
        }));
    }
    (subjects, problems)
}

impl Subject<'_> {
    /// Reads its values; none of dtypes whose values are not one number in whole bytes each.
    ///
    /// # Errors
    ///
    /// Whatever reading gives.
    pub fn statistics(&self) -> io::Result<Option<Statistics>> {
        Statistics::read(self.file, self.entry)
    }

    /// The distance of the values' std from the promised one, in standard errors. None where nothing is promised, where
    /// values are not drawn one by one, and where the dtype is too coarse for the promised std: values are rounded to it,
    /// and in f32 and bf16 those below the smallest normal number become 0.
    #[must_use]
    pub fn std_errors(&self, statistics: &Statistics) -> Option<f64> {
        let law = self.law?;
        if spacing(self.entry.dtype, law.mean) > law.std / FINEST {
            return None;
        }
        let error = law.std_error(statistics.count).filter(|error| *error > 0.0)?;
        Some((statistics.std()? - law.std) / error)
    }

    /// Reads its values again; none where they are all the same. The range is 4 promised std about the mean, as far as
    /// values go, else theirs.
    ///
    /// # Errors
    ///
    /// Whatever reading gives.
    pub fn histogram(&self, statistics: &Statistics, bins: usize) -> io::Result<Option<Histogram>> {
        let (Some(min), Some(max)) = (statistics.min(), statistics.max()) else { return Ok(None) };
        let (low, high) = match self.law.filter(|law| law.std > 0.0) {
            Some(law) => ((law.mean - 4.0 * law.std).max(min), (law.mean + 4.0 * law.std).min(max)),
            None => (min, max),
        };
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
    use crate::{Plan, Recipe, Source, Write, write};

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
        write(&plan, &Write::new(&Source::Cpu), &|_| true).unwrap();
        let checkpoint = Checkpoint::open(&path).unwrap();
        let (subjects, _) = subjects(&checkpoint);
        let errors = |subject: &Subject<'_>| subject.std_errors(&subject.statistics().unwrap().unwrap());
        subjects.iter().map(errors).collect()
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
