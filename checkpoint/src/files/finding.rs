//! The results of verifying a checkpoint: findings, their summary, and errors.

use std::fmt;
use std::path::PathBuf;

use crate::matrices::TooMuchWork;
use crate::record::{RecordError, Whole};

/// A difference between files and their record.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// Files that are not those that the index, their names, or their records list.
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
        /// The shape and dtype that the record says.
        expected: String,
        /// The shape and dtype that the file says.
        found: String,
    },
    /// A tensor with other values.
    Values {
        /// Its name.
        tensor: String,
        /// The number of elements that differ.
        count: u64,
        /// The first element that differs, by its index in each dimension.
        element: Vec<u64>,
        /// Its value, and the value's bits.
        expected: String,
        /// The value in the file, and its bits.
        found: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(problem) => f.write_str(problem),
            Self::Checkpoint { expected, file, found } => {
                // the digest as the metadata has it, so that it can be searched for
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

/// The result of [`verify()`](crate::verify()).
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
    /// Every difference; the values of a tensor are one. Empty where the checkpoint is what its seed gives.
    pub findings: Vec<Finding>,
}

/// The reason why a checkpoint could not be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A file that does not say where its values come from.
    #[error("{0} does not record its recipe and seed")]
    NoRecord(PathBuf),
    /// A record that cannot be read.
    #[error("{path}: {error}", path = path.display())]
    BadRecord {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: RecordError,
    },
    /// A tensor that takes far more work than its file is worth.
    #[error("{path}: {error}", path = path.display())]
    TooMuchWork {
        /// The file.
        path: PathBuf,
        /// The tensor.
        error: TooMuchWork,
    },
    /// Values that only the device that made them can make again.
    #[error("the values are native, the device's own: only exact ones can be verified")]
    Native,
    /// A file could not be read.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The library refused a fill.
    #[error("tensor {name:?}")]
    Fill {
        /// The tensor.
        name: String,
        /// The reason.
        source: seedtensors::Error,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}
