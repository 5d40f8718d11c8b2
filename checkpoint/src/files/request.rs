//! The options of [`write()`](crate::write()), its errors, and the progress that it reports.

use std::io;
use std::path::PathBuf;

use crate::files::backend::Backend;
use crate::plan::{PlannedFile, Rank};

/// The options of [`write()`](crate::write()).
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The processor or device that fills the tensors.
    pub backend: &'a Backend,
    /// The rank whose files are written. Rank 0 writes the index and `config.json`, too.
    pub rank: Rank,
    /// The bytes of a directory's `config.json`; none writes no such file.
    pub config: Option<&'a [u8]>,
    /// Whether files of the same names are replaced, and other files of a checkpoint of that directory removed.
    pub force: bool,
    /// Whether files that are there already, whole and of the same plan, are left as they are.
    pub resume: bool,
}

impl<'a> Write<'a> {
    /// Every file, none replaced.
    #[must_use]
    pub const fn new(backend: &'a Backend) -> Self {
        // the careful choice: nothing that exists is touched
        Self { backend, rank: Rank::ALONE, config: None, force: false, resume: false }
    }
}

/// The reason why not every file was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// There is a file of that name.
    #[error("{0} exists and is kept")]
    Exists(PathBuf),
    /// There is a directory of that name.
    #[error("{0} is a directory, and no file replaces it")]
    Directory(PathBuf),
    /// There is a file of that name, and no run of the same plan wrote it.
    #[error("{0} exists and is of another recipe, seed, dtype or shard size")]
    Different(PathBuf),
    /// There is a file of another checkpoint, which would be taken for a part of this one.
    #[error("{0} is of another checkpoint, and is kept")]
    Stale(PathBuf),
    /// Another run has the file, or the directory, locked.
    #[error("another run is writing {0}")]
    Busy(PathBuf),
    /// The disk has not enough room.
    #[error("the disk of {folder} has {free} bytes free, and {needed} are to be written")]
    NoSpace {
        /// The directory.
        folder: PathBuf,
        /// The bytes that it has free.
        free: u64,
        /// The bytes that are needed.
        needed: u64,
    },
    /// The file system refused.
    #[error("cannot write {path}")]
    Io {
        /// The file's name.
        path: PathBuf,
        /// The reason.
        source: io::Error,
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
    #[error("interrupted: {whole} of {files} files are whole")]
    Interrupted {
        /// Files that are there under their final names.
        whole: usize,
        /// Files that this rank writes.
        files: usize,
    },
}

/// The progress since the last report.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A file was there already, whole.
    Kept(&'a PlannedFile),
    /// This number of bytes of values was written, or compared.
    Bytes(u64),
    /// The last bytes of a tensor were written; some of its others may still be under way.
    Tensor,
    /// A file is whole, on the disk, and under its final name.
    File(&'a PlannedFile),
}
