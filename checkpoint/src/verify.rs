//! The proof: every value of a checkpoint made again from the recipe and the seed that its files record.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use half::{bf16, f16};
use seedtensors::{Arithmetic, Dtype};

use crate::at::read_exact_at;
use crate::matrices::check_whole;
use crate::plan::stored;
use crate::values::{Piece, Values, bytes_of};
use crate::{Checkpoint, CheckpointFile, Progress, Record, Source, Tensor, Whole};

/// What is not as the record says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// The files are not those that the index, their names, or their records promise.
    Files(String),
    /// Files of different checkpoints.
    Checkpoint {
        /// The first file's record.
        expected: Whole,
        /// The file.
        file: PathBuf,
        /// This file's record.
        found: Whole,
    },
    /// Files of one checkpoint with different seeds.
    Seed {
        /// The first file's.
        expected: u64,
        /// The file.
        file: PathBuf,
        /// This file's.
        found: u64,
    },
    /// A tensor of the recipe that is not there.
    Missing(String),
    /// A tensor that is not of the recipe.
    Extra(String),
    /// A tensor of another shape or dtype.
    Shape {
        /// Its name.
        tensor: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A tensor with other values.
    Values {
        /// Its name.
        tensor: String,
        /// How many elements differ.
        count: u64,
        /// The first element that differs, by its index in each dimension.
        element: Vec<u64>,
        /// Its value, and the value's bits.
        expected: String,
        /// What stands there.
        found: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(problem) => f.write_str(problem),
            Self::Checkpoint { expected, file, found } => {
                let of = |whole: &Whole| format!("one of {} tensors and digest {:016x}", whole.tensors, whole.digest);
                write!(
                    f,
                    "{} is of another checkpoint: {}, the files before it of {}",
                    file.display(),
                    of(found),
                    of(expected)
                )
            }
            Self::Seed { expected, file, found } => {
                write!(f, "{} has seed {found}, the files before it {expected}", file.display())
            }
            Self::Missing(tensor) => write!(f, "tensor {tensor:?} is missing"),
            Self::Extra(tensor) => write!(f, "tensor {tensor:?} is not of the recipe"),
            Self::Shape { tensor, expected, found } => write!(f, "tensor {tensor:?} should be {expected}, is {found}"),
            Self::Values { tensor, count, element, expected, found } => {
                write!(f, "tensor {tensor:?} element {element:?} should be {expected}, is {found} ({count} differ)")
            }
        }
    }
}

/// What was compared, and what was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// Tensors whose values were compared.
    pub tensors: usize,
    /// The bytes of their values.
    pub bytes: u64,
    /// The seed.
    pub seed: u64,
    /// The number of tensors of the whole checkpoint. It is larger than `tensors` where one of several files was given.
    pub of: u64,
    /// All that differs, a tensor's values once; nothing where the checkpoint is what its seed says.
    pub findings: Vec<Finding>,
}

/// Why nothing could be said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A file that does not say where its values come from.
    #[error(
        "{0} does not record its recipe and seed; give them: --seed N and a recipe (RECIPE.toml, --config or --like)"
    )]
    NoRecord(PathBuf),
    /// A record that cannot be read.
    #[error("{path}: {message}", path = path.display())]
    BadRecord {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// Values that only the device that made them can make again.
    #[error("the values are native, the device's own: only exact ones can be verified")]
    Native,
    /// A file could not be read.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The library refused a fill.
    #[error("tensor {name:?}")]
    Fill {
        /// The tensor.
        name: String,
        /// Why.
        source: seedtensors::Error,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Makes every tensor again and compares it bit by bit, with the given record or with those of the files. `report`
/// is as for [`write()`](crate::write()).
///
/// # Errors
///
/// Every [`VerifyError`]. What differs is no error but a [`Finding`].
pub fn verify(
    checkpoint: &Checkpoint,
    record: Option<&Record>,
    source: &Source,
    report: &(dyn Fn(Progress<'_>) -> bool + Sync),
) -> Result<Verified, VerifyError> {
    let mut verified = Verified { tensors: 0, bytes: 0, seed: 0, of: 0, findings: Vec::new() };
    verified.findings.extend(checkpoint.problems.iter().chain(&checkpoint.doubts).cloned().map(Finding::Files));
    let mut work = Vec::new();
    if let Some(record) = record {
        (verified.seed, verified.of) = (record.seed, record.whole.tensors);
        let mut expected = by_name(record);
        for file in &checkpoint.files {
            work.push((file, record, pair(file, &mut expected, &mut verified)));
        }
        verified.findings.extend(expected.into_keys().map(|name| Finding::Missing(name.to_owned())));
    }
    let recorded = if record.is_none() { records(checkpoint)? } else { Vec::new() };
    for (file, record) in &recorded {
        let mut expected = by_name(record);
        work.push((file, record, pair(file, &mut expected, &mut verified)));
        verified.findings.extend(expected.into_keys().map(|name| Finding::Missing(name.to_owned())));
    }
    belong_together(checkpoint, &recorded, &mut verified);
    if work.iter().any(|(_, record, _)| record.arithmetic == Arithmetic::Native) {
        return Err(VerifyError::Native);
    }
    for (file, _, pairs) in &work {
        check_whole(pairs.iter().map(|(tensor, _)| *tensor))
            .map_err(|message| VerifyError::BadRecord { path: file.path.clone(), message })?;
    }
    for (file, record, pairs) in work {
        verified.tensors += pairs.len();
        verified.findings.extend(compare(file, record, &pairs, source, report)?);
        verified.bytes += pairs.iter().map(|(tensor, _)| tensor.elements() * tensor.dtype.size()).sum::<u64>();
    }
    if verified.tensors == 0 && verified.findings.is_empty() {
        verified.findings.push(Finding::Files("there are no tensors: nothing is verified".to_owned()));
    }
    Ok(verified)
}

/// Whether files are all those of one checkpoint, by what each records of it. One that was asked for alone may be a
/// part.
fn belong_together(checkpoint: &Checkpoint, recorded: &[(&CheckpointFile, Record)], verified: &mut Verified) {
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
    if recorded.iter().any(|(_, record)| record.whole != first.whole) {
        return;
    }
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

/// What each file says of itself.
fn records(checkpoint: &Checkpoint) -> Result<Vec<(&CheckpointFile, Record)>, VerifyError> {
    let mut records = Vec::new();
    for file in &checkpoint.files {
        match Record::read(&file.header.metadata) {
            Ok(Some(record)) => records.push((file, record)),
            Ok(None) => return Err(VerifyError::NoRecord(file.path.clone())),
            Err(message) => return Err(VerifyError::BadRecord { path: file.path.clone(), message }),
        }
    }
    Ok(records)
}

fn by_name(record: &Record) -> BTreeMap<&str, &Tensor> {
    record.recipe.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect()
}

/// The tensors of a file that are of the recipe, in the file's order, with the place of their bytes; what else there
/// is becomes findings, and what was found leaves `expected`.
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

/// The first element of a tensor that differs, its bytes as they should be and as they are, and how many differ.
struct Difference<'t> {
    tensor: &'t Tensor,
    element: u64,
    expected: [u8; 4],
    found: [u8; 4],
    count: u64,
}

fn compare(
    file: &CheckpointFile,
    record: &Record,
    pairs: &[(&Tensor, u64)],
    source: &Source,
    report: &(dyn Fn(Progress<'_>) -> bool + Sync),
) -> Result<Vec<Finding>, VerifyError> {
    let values = Values { source, seed: record.seed, arithmetic: record.arithmetic };
    let io = |source| VerifyError::Io { path: file.path.clone(), source };
    let opened = file.open().map_err(io)?;
    let differences: Mutex<BTreeMap<u64, Difference<'_>>> = Mutex::new(BTreeMap::new());
    let stop = AtomicBool::new(false);
    let go_on = |progress: Progress<'_>| {
        let go_on = report(progress);
        stop.fetch_or(!go_on, Ordering::Relaxed);
        go_on
    };
    let pieces = values.pieces(pairs.iter().copied());
    values.for_each(pieces, &|| go_on(Progress::Bytes(0)), |buffer, piece| {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        // the values made again, then those of the file
        let half = piece.bytes.next_multiple_of(8);
        let (expected, found) = bytes_of(buffer, 2 * half).split_at_mut(half);
        let (expected, found) = (&mut expected[..piece.bytes], &mut found[..piece.bytes]);
        read_exact_at(&opened, found, piece.offset).map_err(io)?;
        let filled = values.fill(&piece, expected);
        filled.map_err(|source| VerifyError::Fill { name: piece.tensor.name.clone(), source })?;
        if expected != found {
            let difference = difference(&piece, expected, found);
            // where the tensor begins tells tensors apart, and orders them as in the file
            let begin = piece.offset - piece.start * piece.tensor.dtype.size();
            let mut differences = differences.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            differences.entry(begin).and_modify(|first| first.merge(&difference)).or_insert(difference);
        }
        if go_on(Progress::Bytes(piece.bytes as u64)) && piece.is_last() {
            go_on(Progress::Tensor);
        }
        Ok(())
    })?;
    if stop.into_inner() {
        return Err(VerifyError::Interrupted);
    }
    let differences = differences.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(differences.into_values().map(|difference| difference.finding()).collect())
}

fn difference<'t>(piece: &Piece<'t>, expected: &[u8], found: &[u8]) -> Difference<'t> {
    let size = if piece.tensor.dtype == Dtype::F32 { 4 } else { 2 };
    let pairs = expected.chunks_exact(size).zip(found.chunks_exact(size)).enumerate();
    let mut differing = pairs.filter(|(_, (expected, found))| expected != found);
    let mut difference = Difference { tensor: piece.tensor, element: 0, expected: [0; 4], found: [0; 4], count: 0 };
    if let Some((i, (expected, found))) = differing.next() {
        difference.element = piece.start + i as u64;
        difference.expected[..size].copy_from_slice(expected);
        difference.found[..size].copy_from_slice(found);
        difference.count = 1 + differing.count() as u64;
    }
    difference
}

impl Difference<'_> {
    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        if other.element < self.element {
            (self.element, self.expected, self.found) = (other.element, other.expected, other.found);
        }
    }

    fn finding(&self) -> Finding {
        let text = |bytes: [u8; 4]| {
            let ([a, b, ..], word) = (bytes, u32::from_le_bytes(bytes));
            match self.tensor.dtype {
                Dtype::F32 => format!("{} ({word:#010x})", f32::from_bits(word)),
                Dtype::F16 => format!("{} ({word:#06x})", f16::from_le_bytes([a, b])),
                Dtype::BF16 => format!("{} ({word:#06x})", bf16::from_le_bytes([a, b])),
                _ => format!("{word:#x}"),
            }
        };
        let mut rest = self.element;
        let mut element: Vec<u64> = self
            .tensor
            .dims()
            .iter()
            .rev()
            .map(|&dim| {
                let index = rest % dim;
                rest /= dim;
                index
            })
            .collect();
        element.reverse();
        Finding::Values {
            tensor: self.tensor.name.clone(),
            count: self.count,
            element,
            expected: text(self.expected),
            found: text(self.found),
        }
    }
}
