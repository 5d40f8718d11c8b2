//! The errors of reading and writing a safetensors header.

use std::io;

use safetensors::Dtype;

/// The longest header that the safetensors crate reads, and so the longest that is read and written here.
pub(crate) const LARGEST: u64 = 100_000_000;

/// The reason why a file has no safetensors header.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The file could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A file without room for a header's length.
    #[error("no safetensors file, it has {size} bytes")]
    TooShort {
        /// The file's size in bytes.
        size: u64,
    },
    /// A file of another format.
    #[error("no safetensors file but {kind}")]
    OtherFormat {
        /// The format, as [`file_kind`](crate::file_kind()) names it.
        kind: &'static str,
    },
    /// A header longer than readers take.
    #[error("no safetensors file, or a header of {length} bytes: at most {LARGEST} are read")]
    TooLong {
        /// The length in bytes.
        length: u64,
    },
    /// A file that ends within its header.
    #[error("the header ends at byte {values}, the file at byte {size}")]
    Truncated {
        /// The byte at which the values would begin.
        values: u64,
        /// The file's size in bytes.
        size: u64,
    },
    /// Text that is no JSON, or not JSON of the format.
    #[error("the header: {0}")]
    Json(String),
    /// The name of two tensors.
    #[error("the header: {name:?} stands twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// A tensor that ends behind the file's values.
    #[error("tensor {name:?} ends at byte {end}, the file's values at byte {size}")]
    Outside {
        /// The tensor's name.
        name: String,
        /// The end of its bytes.
        end: u64,
        /// The bytes of all values.
        size: u64,
    },
    /// A tensor that overlaps the one before it, or leaves a gap.
    #[error(
        "tensor {name:?} {} before it: it begins at byte {begin}, not {next}",
        if begin < next { "overlaps the tensor" } else { "leaves a gap" }
    )]
    Misplaced {
        /// The tensor's name.
        name: String,
        /// The begin of its bytes.
        begin: u64,
        /// The end of the bytes before it.
        next: u64,
    },
    /// A tensor whose bytes are not those of its shape and dtype.
    #[error("tensor {name:?} has {bytes} bytes, which is not shape {shape:?} of {dtype:?}")]
    Size {
        /// The tensor's name.
        name: String,
        /// The number of its bytes.
        bytes: i128,
        /// Its dimensions.
        shape: Vec<u64>,
        /// Its dtype.
        dtype: Dtype,
    },
    /// Bytes behind the last tensor.
    #[error("the tensors end at byte {end}, the file's values at byte {size}")]
    Rest {
        /// The end of the last tensor.
        end: u64,
        /// The bytes of all values.
        size: u64,
    },
}

impl HeaderError {
    pub(crate) fn json(error: serde_json::Error) -> Self {
        Self::Json(error.to_string())
    }
}
