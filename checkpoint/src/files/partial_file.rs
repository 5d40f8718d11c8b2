//! The part of a file: a temporary file beside the final name, written by one run at a time. POSIX replaces a name in
//! one step when a file of the same file system is renamed to it, so a reader sees the old file or the new one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::TempPath;

use crate::files::request::WriteError;

/// The most bytes of a file's name on the usual file systems.
const LONGEST_NAME: usize = 255;

/// A file without its final name, locked, and removed unless it gets the name.
#[derive(Debug)]
pub(crate) struct PartialFile {
    // fields are dropped in this order: the lock is held until the part is removed. Otherwise another run could lock
    // the part, and lose it
    part: TempPath,
    /// The open file. Closing it unlocks it, and so does the end of the process, however it ends.
    file: File,
    /// The final path.
    name: PathBuf,
}

/// A part that is whole, and on the disk.
#[derive(Debug)]
pub(crate) struct FinishedFile {
    // fields are dropped in this order, as above
    part: TempPath,
    /// The open file, if the lock is still wanted.
    _lock: Option<File>,
    /// The final path.
    name: PathBuf,
}

impl PartialFile {
    /// Opens the part of the file of this name, empty. One that a killed run left is taken over.
    pub(crate) fn open(name: PathBuf) -> Result<Self, WriteError> {
        let path = part_path(&name);
        let io = |source| WriteError::Io { path: name.clone(), source };
        let file = locked(&path).map_err(io)?.ok_or_else(|| WriteError::Busy(name.clone()))?;
        let part = TempPath::try_from_path(path).map_err(io)?;
        Ok(Self { part, file, name })
    }

    /// The open file, for the header and the values.
    pub(crate) const fn file(&self) -> &File {
        &self.file
    }

    /// Brings it to the disk. `unlock` closes the file, too, for a run that has the directory for itself: open files
    /// are few.
    pub(crate) fn finish(self, unlock: bool) -> Result<FinishedFile, WriteError> {
        let Self { part, file, name } = self;
        // before the rename: after a crash the name must not lead to a file whose data never reached the disk
        file.sync_all().map_err(|source| WriteError::Io { path: name.clone(), source })?;
        Ok(FinishedFile { part, _lock: (!unlock).then_some(file), name })
    }
}

impl FinishedFile {
    /// Gives it its final name.
    pub(crate) fn rename(self, replace: bool) -> Result<(), WriteError> {
        // the lock is held until the part has its name
        let Self { part, _lock, name } = self;
        // without `replace` the name is taken only where it is free: another program may have taken it since the
        // survey
        let renamed = if replace { part.persist(&name) } else { part.persist_noclobber(&name) };
        renamed.map_err(|refused| match refused.error.kind() {
            io::ErrorKind::AlreadyExists => WriteError::Exists(name),
            _ => WriteError::Io { path: name, source: refused.error },
        })
    }
}

/// The part's path. No other program uses such a name, and a file always has the same one, so that the next run finds
/// it.
fn part_path(name: &Path) -> PathBuf {
    let file = name.file_name().unwrap_or_default();
    let mut part = std::ffi::OsString::from(".");
    part.push(file);
    part.push(".seedtensors.part");
    // the file name fits, the part name does not: a hash of the name is as unique, and shorter
    if part.len() > LONGEST_NAME {
        let digest = Sha256::digest(file.as_encoded_bytes());
        let digits: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        part = format!(".{digits}.seedtensors.part").into();
    }
    name.with_file_name(part)
}

/// The file of this path, made where there is none, locked and empty; none where another run has locked it.
fn locked(path: &Path) -> io::Result<Option<File>> {
    loop {
        // open, lock, look again: between the first two, the file that was opened can be renamed or removed
        let (file, is_new) = open_or_create(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            // a file system without locks: a file that this run has created belongs to this run
            Err(TryLockError::Error(_)) if is_new => return Ok(Some(file)),
            Err(TryLockError::Error(_)) => {
                let message = "is there, and cannot be locked: remove it if no run is writing it";
                return Err(io::Error::other(format!("{} {message}", path.display())));
            }
        }
        // emptied only now: before the lock, or under its final name, the bytes are another run's
        if is_at(&file, path)? {
            file.set_len(0)?;
            return Ok(Some(file));
        }
    }
}

/// A file for reading and writing, and whether it is new. Nothing is emptied, and no link is followed.
fn open_or_create(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    loop {
        // O_EXCL: one of several runs creates it, and a link of this name is not followed
        match options.clone().create_new(true).open(path) {
            Ok(file) => return Ok((file, true)),
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) => {}
        }
        // a pipe of this name would keep `open` waiting
        match fs::symlink_metadata(path).map(|found| found.is_file()) {
            Ok(true) => match options.open(path) {
                // removed meanwhile: try again
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => return opened.map(|file| (file, false)),
            },
            Ok(false) => return Err(io::Error::other(format!("{} is no regular file", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether an open file still has this path.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
        #[cfg(unix)]
        Ok(found) => {
            use std::os::unix::fs::MetadataExt as _;
            let opened = file.metadata()?;
            // device and inode identify a file on Unix
            Ok((opened.dev(), opened.ino()) == (found.dev(), found.ino()))
        }
        #[cfg(not(unix))]
        // std has no stable way to compare: a file of this path is taken for the same
        Ok(_) => file.metadata().map(|_| true),
    }
}

/// The bytes that a killed run left of a file, which its next run takes over.
pub(crate) fn left_bytes(name: &Path) -> u64 {
    fs::symlink_metadata(part_path(name)).map_or(0, |part| part.len())
}

/// Locks a directory: for one run alone, or for runs that write different files of it. None where directories cannot
/// be locked; the locks of the parts then do.
pub(crate) fn lock_folder(folder: &Path, alone: bool) -> Result<Option<File>, WriteError> {
    let Ok(file) = File::open(folder) else { return Ok(None) };
    // several ranks share the directory, and each locks its own parts; a run alone locks all others out
    match if alone { file.try_lock() } else { file.try_lock_shared() } {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(WriteError::Busy(folder.to_owned())),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Brings a directory's names to the disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), WriteError> {
    // a directory that cannot be opened, as on Windows, cannot be synced either
    let Ok(file) = File::open(folder) else { return Ok(()) };
    match file.sync_all() {
        // some file systems cannot sync a directory: nothing more can be done there
        Err(error) if !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Err(WriteError::Io { path: folder.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}
