//! Verifies a checkpoint: pairs each file's tensors with its record, and has `compare` make every value again.

use std::collections::BTreeMap;

use seedtensors::Arithmetic;

use crate::files::backend::Backend;
use crate::files::checkpoint::Checkpoint;
use crate::files::checkpoint_file::CheckpointFile;
use crate::files::compare::compare;
use crate::files::finding::{Finding, Verified, VerifyError};
use crate::files::request::Progress;
use crate::format::stored;
use crate::matrices::check_work;
use crate::recipe::Tensor;
use crate::record::{Record, Whole};

/// A file, the record that its values come from, and its tensors with the offsets of their bytes.
type Work<'a> = (&'a CheckpointFile, &'a Record, Vec<(&'a Tensor, u64)>);

/// Fills every tensor again and compares it bit by bit, by the given record or by those of the files. `report` is as for
/// [`write()`](crate::write()).
///
/// # Errors
///
/// Every [`VerifyError`]. A difference is no error but a [`Finding`].
pub fn verify(
    checkpoint: &Checkpoint,
    record: Option<&Record>,
    backend: &Backend,
    report: &(dyn Fn(Progress<'_>) -> bool + Sync),
) -> Result<Verified, VerifyError> {
    // First the structure, from headers and records alone: files, tensors, shapes. Then bounds on the work, and last
    // the values, file by file.
    let mut verified = Verified { tensors: 0, bytes: 0, seed: 0, of: 0, findings: Vec::new() };
    verified.findings.extend(checkpoint.problems.iter().chain(&checkpoint.doubts).cloned().map(Finding::Files));
    // a record from the caller replaces those of the files, which may have none
    let recorded = if record.is_none() { records(checkpoint)? } else { Vec::new() };
    let work = match record {
        Some(record) => with_record(checkpoint, record, &mut verified),
        None => with_own_records(&recorded, &mut verified),
    };
    check_same_checkpoint(checkpoint, &recorded, &mut verified);
    if work.iter().any(|(_, record, _)| record.arithmetic == Arithmetic::Native) {
        return Err(VerifyError::Native);
    }
    // for every file before the first fill: a hostile file must not cost minutes before it is refused
    for (file, _, pairs) in &work {
        check_work(pairs.iter().map(|(tensor, _)| *tensor))
            .map_err(|error| VerifyError::TooMuchWork { path: file.path.clone(), error })?;
    }
    for (file, record, pairs) in work {
        verified.tensors += pairs.len();
        verified.findings.extend(compare(file, record, &pairs, backend, report)?);
        verified.bytes += pairs.iter().map(|(tensor, _)| tensor.elements() * tensor.dtype.size()).sum::<u64>();
    }
    // no tensor compared is no proof, whatever the files are
    if verified.tensors == 0 && verified.findings.is_empty() {
        verified.findings.push(Finding::Files("there are no tensors: nothing is verified".to_owned()));
    }
    Ok(verified)
}

/// Pairs all files with one record, which the caller gives.
fn with_record<'a>(checkpoint: &'a Checkpoint, record: &'a Record, verified: &mut Verified) -> Vec<Work<'a>> {
    (verified.seed, verified.of) = (record.seed, record.whole.tensors);
    // one record lists the tensors of all files: what no file has is missing
    let mut expected = by_name(record);
    let work = checkpoint.files.iter().map(|file| (file, record, pair(file, &mut expected, verified))).collect();
    verified.findings.extend(expected.into_keys().map(|name| Finding::Missing(name.to_owned())));
    work
}

/// Pairs each file with its own record.
fn with_own_records<'a>(recorded: &'a [(&'a CheckpointFile, Record)], verified: &mut Verified) -> Vec<Work<'a>> {
    let mut work = Vec::new();
    for (file, record) in recorded {
        // each record lists the tensors of its own file
        let mut expected = by_name(record);
        work.push((*file, record, pair(file, &mut expected, verified)));
        verified.findings.extend(expected.into_keys().map(|name| Finding::Missing(name.to_owned())));
    }
    work
}

/// Finds files of different checkpoints, and an incomplete one, by the files' records. A file that was opened alone may be
/// one of several.
fn check_same_checkpoint(checkpoint: &Checkpoint, recorded: &[(&CheckpointFile, Record)], verified: &mut Verified) {
    let Some((_, first)) = recorded.first() else { return };
    (verified.seed, verified.of) = (first.seed, first.whole.tensors);
    for (file, record) in recorded {
        let file = file.path.clone();
        if record.seed != first.seed {
            verified.findings.push(Finding::Seed { expected: first.seed, file, found: record.seed });
        } else if record.whole != first.whole {
            verified.findings.push(Finding::Checkpoint { expected: first.whole, file, found: record.whole });
        }
    }
    // there is no one checkpoint to compare the sum with, and the findings say so
    if recorded.iter().any(|(_, record)| record.whole != first.whole) {
        return;
    }
    // the sum over the records: a file that was removed, from the index too, makes it too small
    let tensors = recorded.iter().flat_map(|(_, record)| &record.recipe.tensors);
    let (found, whole) = (Whole::of(tensors), first.whole);
    let is_part = checkpoint.is_one_file && found.tensors < whole.tensors;
    if found != whole && !is_part {
        let what = if found.tensors == whole.tensors {
            "other tensors than the checkpoint's".to_owned()
        } else {
            format!("{} tensors of the checkpoint's {}", found.tensors, whole.tensors)
        };
        verified.findings.push(Finding::Files(format!("the files' records have {what}")));
    }
}

/// The record of each file.
fn records(checkpoint: &Checkpoint) -> Result<Vec<(&CheckpointFile, Record)>, VerifyError> {
    let mut records = Vec::new();
    for file in &checkpoint.files {
        match Record::read(&file.header.metadata) {
            Ok(Some(record)) => records.push((file, record)),
            Ok(None) => return Err(VerifyError::NoRecord(file.path.clone())),
            Err(error) => return Err(VerifyError::BadRecord { path: file.path.clone(), error }),
        }
    }
    Ok(records)
}

fn by_name(record: &Record) -> BTreeMap<&str, &Tensor> {
    record.recipe.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect()
}

/// The tensors of a file that are in the recipe, in the file's order, with the offsets of their bytes. All others become
/// findings. Tensors that are found are removed from `expected`.
fn pair<'t>(
    file: &CheckpointFile,
    expected: &mut BTreeMap<&str, &'t Tensor>,
    verified: &mut Verified,
) -> Vec<(&'t Tensor, u64)> {
    let mut pairs = Vec::new();
    for entry in &file.header.tensors {
        let Some(tensor) = expected.remove(entry.name.as_str()) else {
            verified.findings.push(Finding::Extra(entry.name.clone()));
            continue;
        };
        // only such a tensor can be compared byte by byte
        if entry.shape == tensor.dims() && Some(entry.dtype) == stored(tensor.dtype) {
            pairs.push((tensor, file.header.values + entry.begin));
        } else {
            verified.findings.push(Finding::Shape {
                tensor: entry.name.clone(),
                expected: format!("{:?} of {}", tensor.dims(), tensor.dtype.name().to_uppercase()),
                found: format!("{:?} of {:?}", entry.shape, entry.dtype),
            });
        }
    }
    pairs
}
