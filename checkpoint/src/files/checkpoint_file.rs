//! A safetensors file of a checkpoint, its header read.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::files::open_regular::open_regular;
use crate::header::Header;

/// A file of a checkpoint.
#[derive(Clone, Debug)]
pub struct CheckpointFile {
    /// Its path.
    pub path: PathBuf,
    /// Its header.
    pub header: Header,
}

/// A file that cannot be read, or that is not of its format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", path.display())]
pub struct BadFile {
    /// The file.
    pub path: PathBuf,
    /// The reason.
    pub message: String,
}

impl BadFile {
    pub(crate) fn of(path: &Path, message: impl fmt::Display) -> Self {
        Self { path: path.to_owned(), message: message.to_string() }
    }
}

impl CheckpointFile {
    /// Reads a file's header.
    pub(crate) fn read(path: PathBuf) -> Result<Self, BadFile> {
        let read = || {
            // the file is closed again after its header: a checkpoint may have more files than a process may have
            // open
            let file = open_regular(&path)?;
            let size = file.metadata()?.len();
            Header::read(&file, size)
        };
        match read() {
            Ok(header) => Ok(Self { path, header }),
            Err(error) => Err(BadFile::of(&path, error)),
        }
    }

    /// Opens the file for its values. It is closed after the headers are read, because the system limits a process's open
    /// files.
    pub(crate) fn open(&self) -> io::Result<File> {
        open_regular(&self.path)
    }

    /// Its name in its directory.
    pub(crate) fn name(&self) -> std::borrow::Cow<'_, str> {
        self.path.file_name().unwrap_or_default().to_string_lossy()
    }
}
