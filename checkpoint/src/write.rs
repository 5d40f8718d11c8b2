//! Writing a plan's files: many pieces at once, each beside its final name until it is whole.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::files::write_files;
use crate::part::{Part, lock_folder, sync_folder};
use crate::survey::{Survey, is_complete, stale, survey};
use crate::{Plan, PlannedFile, Rank, Source};

/// How a plan is written.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// What fills the tensors.
    pub source: &'a Source,
    /// Which of the files are written: those of this rank. Rank 0 writes the index and `config.json`, too.
    pub rank: Rank,
    /// What `config.json` of a directory holds.
    pub config: Option<&'a [u8]>,
    /// Whether files of the same names are replaced, and other files of a checkpoint of that directory removed.
    pub force: bool,
    /// Whether files that are there already, whole and of the same plan, are left as they are.
    pub resume: bool,
}

impl<'a> Write<'a> {
    /// Every file, none replaced.
    #[must_use]
    pub const fn new(source: &'a Source) -> Self {
        Self { source, rank: Rank::ALONE, config: None, force: false, resume: false }
    }
}

/// Why no file, or not every file, was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is a file of that name.
    #[error("{0} exists and is kept; --force replaces it")]
    Exists(PathBuf),
    /// There is a file of that name, and no run of the same plan wrote it.
    #[error("{0} exists and is of another recipe, seed, dtype or shard size; --force replaces it")]
    Different(PathBuf),
    /// There is a file of another checkpoint, which would be taken for a part of this one.
    #[error("{0} is of another checkpoint, and is kept; --force removes it")]
    Stale(PathBuf),
    /// Another run has the file, or the directory, locked.
    #[error("another run is writing {0}")]
    Busy(PathBuf),
    /// The disk has not enough room.
    #[error("the disk of {folder} has {free} bytes free, and {needed} are to be written")]
    NoSpace {
        /// The directory.
        folder: PathBuf,
        /// What it has.
        free: u64,
        /// What is needed.
        needed: u64,
    },
    /// The file system refused.
    #[error("cannot write {path}")]
    Io {
        /// The file's name.
        path: PathBuf,
        /// Why.
        source: io::Error,
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
    #[error("interrupted: {whole} of {files} files are whole; --resume goes on after them")]
    Interrupted {
        /// Files that are there under their final names.
        whole: usize,
        /// Files that this rank writes.
        files: usize,
    },
}

/// What was done since the last report.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A file was there already, whole.
    Kept(&'a PlannedFile),
    /// So many bytes of values were written.
    Bytes(u64),
    /// The last bytes of a tensor were written; some of its others may still be under way.
    Tensor,
    /// A file is whole, on the disk, and under its final name.
    File(&'a PlannedFile),
}

/// Writes the plan's files of this rank beside their final names, then renames each: on an error a name is as it
/// was, or its file is whole. `report` is called from several threads; the work stops when it says `false`. The
/// bytes depend on the recipe, the seed and the arithmetic, and where that is exact on nothing else.
///
/// With `force`, files that replace others wait under the names of their parts until all of this rank are whole, are
/// then renamed one right after the other, and files of the old checkpoint that would be left over are removed last:
/// wherever a run is killed, the old checkpoint is whole or the new one is, but for the moment between the first and
/// the last of these renames. With several ranks that holds for each rank's files. A part is locked while it is
/// written, and one that a killed run left is written anew.
///
/// # Errors
///
/// Every [`Error`].
pub fn write(plan: &Plan, how: &Write<'_>, report: &(dyn Fn(Progress<'_>) -> bool + Sync)) -> Result<(), Error> {
    how.check(plan)?;
    let folder = plan.folder();
    let io = |source| Error::Io { path: folder.to_owned(), source };
    if plan.is_directory() {
        fs::create_dir_all(folder).map_err(io)?;
    }
    let alone = plan.is_directory() && how.rank.world_size == 1;
    let lock = lock_folder(folder, alone)?;
    // what is there may have changed until now
    let Survey { missing, small } = survey(plan, how)?;
    let mine = || plan.files.iter().filter(|file| file.rank == how.rank.rank);
    for file in mine().filter(|file| !missing.contains(file)) {
        report(Progress::Kept(file));
    }
    let unlock = alone && lock.is_some();
    let written = write_files(plan, &missing, how, unlock, report)?;
    if written.stopped {
        let files = mine().count();
        return Err(Error::Interrupted { whole: files - missing.len() + written.whole, files });
    }
    let mut last = Vec::new();
    for (name, bytes) in small {
        let path = folder.join(name);
        let part = Part::open(path.clone())?;
        part.file().write_all(bytes).map_err(|source| Error::Io { path, source })?;
        last.push(part.finish(unlock)?);
    }
    let mut renamed = Vec::with_capacity(written.waiting.len());
    for (file, part) in written.waiting {
        part.rename(true)?;
        renamed.push(file);
    }
    last.into_iter().try_for_each(|part| part.rename(how.force || how.resume))?;
    sync_folder(folder)?;
    for file in renamed {
        report(Progress::File(file));
    }
    if how.force && plan.is_directory() && is_complete(plan) {
        for path in stale(plan).map_err(io)? {
            remove(path)?;
        }
        sync_folder(folder)?;
    }
    Ok(())
}

/// Removes a file, which another rank may have removed already.
fn remove(path: PathBuf) -> Result<(), Error> {
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Io { path, source }),
        _ => Ok(()),
    }
}

impl Write<'_> {
    /// Refuses what [`write()`] would refuse before it writes anything.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`], [`Error::Different`], [`Error::Stale`], [`Error::NoSpace`], [`Error::Io`].
    pub fn check(&self, plan: &Plan) -> Result<(), Error> {
        survey(plan, self).map(drop)
    }
}
