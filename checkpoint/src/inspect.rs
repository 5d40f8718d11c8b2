//! Each tensor of a checkpoint: its values in numbers, beside what its initialiser promises.

use std::collections::HashMap;
use std::io;

use crate::{Checkpoint, CheckpointFile, Entry, Law, Record, Statistics, histogram};

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
    let (mut subjects, mut problems) = (Vec::new(), checkpoint.problems.clone());
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

    /// How far the std of its values is from the promised one, in standard errors; none where nothing is promised, or
    /// where values are not drawn one by one.
    #[must_use]
    pub fn std_errors(&self, statistics: &Statistics) -> Option<f64> {
        let law = self.law?;
        let error = law.std_error(statistics.count).filter(|error| *error > 0.0)?;
        Some((statistics.std() - law.std) / error)
    }

    /// Reads its values again; none where they are all the same. The range is 4 promised std about the mean, as far as
    /// values go, else theirs.
    ///
    /// # Errors
    ///
    /// Whatever reading gives.
    pub fn histogram(&self, statistics: &Statistics, bins: usize) -> io::Result<Option<Histogram>> {
        let Statistics { min, max, .. } = *statistics;
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
