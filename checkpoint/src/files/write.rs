//! Writes a plan's files: `survey` compares the plan with the directory, `files` fills the large files beside their final
//! names, and the renames come last.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::files::large_files::write_files;
use crate::files::partial_file::{PartialFile, lock_folder, sync_folder};
use crate::files::request::{Progress, Write, WriteError};
use crate::files::survey::{Survey, is_complete, stale, survey};
use crate::plan::Plan;

/// Writes the plan's files of this rank beside their final names, then renames each: on an error a name is as it
/// was, or its file is whole. `report` is called from several threads; the work stops when it says `false` to
/// [`Bytes`](Progress::Bytes) or [`Tensor`](Progress::Tensor). The bytes depend on the recipe, the seed and the
/// arithmetic, and where that is exact on nothing else.
///
/// With `force`, files that replace others wait under the names of their parts until all of this rank are whole, are
/// then renamed one right after the other, and files of the old checkpoint that would be left over are removed last:
/// wherever a run is killed, the old checkpoint is whole or the new one is, but for the moment between the first and
/// the last of these renames. With several ranks that holds for each rank's files. A part is locked while it is
/// written, and one that a killed run left is written anew.
///
/// # Errors
///
/// Every [`WriteError`].
pub fn write(plan: &Plan, how: &Write<'_>, report: &(dyn Fn(Progress<'_>) -> bool + Sync)) -> Result<(), WriteError> {
    // before the directory is made: a run that is refused leaves no trace
    how.check(plan)?;
    let folder = plan.folder();
    let io = |source| WriteError::Io { path: folder.to_owned(), source };
    if plan.is_directory() {
        fs::create_dir_all(folder).map_err(io)?;
    }
    // ranks share the directory, and so do runs that each write one file by its name
    let alone = plan.is_directory() && how.rank.world_size == 1;
    let lock = lock_folder(folder, alone)?;
    // again, under the lock: the files may have changed since the check
    let Survey { missing, small } = survey(plan, how)?;
    let mine = || plan.files.iter().filter(|file| file.rank == how.rank.rank);
    for file in mine().filter(|file| !missing.contains(file)) {
        report(Progress::Kept(file));
    }
    // only a locked directory makes up for the lock of each part
    let unlock = alone && lock.is_some();
    // 1. large files: those that replace nothing get their names at once, the others wait
    let written = write_files(plan, &missing, how, unlock, report)?;
    if written.stopped {
        let files = mine().count();
        return Err(WriteError::Interrupted { whole: files - missing.len() + written.whole, files });
    }
    // 2. the small files, as parts
    let mut last = Vec::new();
    for (name, bytes) in small {
        let path = folder.join(name);
        let part = PartialFile::open(path.clone())?;
        part.file().write_all(bytes).map_err(|source| WriteError::Io { path, source })?;
        last.push(part.finish(unlock)?);
    }
    // 3. the renames, one right after the other. Index and config come last: an index must not name a file of this rank
    // that is not there yet
    let mut renamed = Vec::with_capacity(written.waiting.len());
    for (file, part) in written.waiting {
        part.rename(true)?;
        renamed.push(file);
    }
    // with `resume` the survey found these very bytes under that name, or no file
    last.into_iter().try_for_each(|part| part.rename(how.force || how.resume))?;
    // the names are on the disk before a file is reported as whole, and before an old one is removed
    sync_folder(folder)?;
    for file in renamed {
        report(Progress::File(file));
    }
    // 4. old files. The rank that finds all ranks' files whole removes them
    if how.force && plan.is_directory() && is_complete(plan) {
        for path in stale(plan).map_err(io)? {
            remove(path)?;
        }
        sync_folder(folder)?;
    }
    Ok(())
}

/// Removes a file, which another rank may have removed already.
fn remove(path: PathBuf) -> Result<(), WriteError> {
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(WriteError::Io { path, source }),
        _ => Ok(()),
    }
}

impl Write<'_> {
    /// Refuses what [`write()`] would refuse before it writes anything.
    ///
    /// # Errors
    ///
    /// [`WriteError::Exists`], [`WriteError::Directory`], [`WriteError::Different`], [`WriteError::Stale`], [`WriteError::NoSpace`], [`WriteError::Io`].
    pub fn check(&self, plan: &Plan) -> Result<(), WriteError> {
        survey(plan, self).map(drop)
    }
}
