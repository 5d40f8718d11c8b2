//! Writing a plan's files: many pieces at once, each beside its final name until it is whole.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::{ScopedJoinHandle, scope};

use tempfile::NamedTempFile;

use crate::at::write_all_at;
use crate::plan::{INDEX, SINGLE, file_name};
use crate::values::{Values, bytes_of};
use crate::{Plan, PlannedFile, Rank, Source};

/// Bytes after which the system is told to bring them to the disk.
const FLUSH: u64 = 128 << 20;

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
/// # Errors
///
/// Every [`Error`].
pub fn write(plan: &Plan, how: &Write<'_>, report: &(dyn Fn(Progress<'_>) -> bool + Sync)) -> Result<(), Error> {
    let Survey { folder, missing, small, stale } = survey(plan, how)?;
    let io = |source| Error::Io { path: folder.to_owned(), source };
    if file_name(&plan.out).is_none() {
        fs::create_dir_all(folder).map_err(io)?;
    }
    // an index of files that are about to be replaced would be wrong from now on
    let index = plan.index.iter().map(|(name, _)| folder.join(name)).filter(|_| how.force && how.rank.rank == 0);
    for path in stale.into_iter().chain(index.filter(|path| path.exists())) {
        fs::remove_file(&path).map_err(|source| Error::Io { path, source })?;
    }
    if how.resume || how.force {
        remove_parts(&missing, folder).map_err(io)?;
    }
    let mine = || plan.files.iter().filter(|file| file.rank == how.rank.rank);
    for file in mine().filter(|file| !missing.contains(file)) {
        report(Progress::Kept(file));
    }
    let whole = write_files(plan, &missing, how, folder, report)?;
    if whole < missing.len() {
        let files = mine().count();
        return Err(Error::Interrupted { whole: files - missing.len() + whole, files });
    }
    for (name, bytes) in small {
        let path = folder.join(name);
        let io = |source| Error::Io { path: path.clone(), source };
        let mut file = temporary(folder, name).map_err(io)?;
        file.write_all(bytes).map_err(io)?;
        finish(file, &path, how.force || how.resume)?;
    }
    Ok(())
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

/// What is there, and what is to be done.
struct Survey<'a> {
    folder: &'a Path,
    missing: Vec<&'a PlannedFile>,
    /// The index and the config.
    small: Vec<(&'a str, &'a [u8])>,
    /// What is to be removed.
    stale: Vec<PathBuf>,
}

fn survey<'a>(plan: &'a Plan, how: &Write<'a>) -> Result<Survey<'a>, Error> {
    let is_directory = file_name(&plan.out).is_none();
    let folder = if is_directory { plan.out.as_path() } else { parent(&plan.out) };
    let io = |source| Error::Io { path: folder.to_owned(), source };
    let leads = is_directory && how.rank.rank == 0;
    let small = plan.index.iter().map(|(name, bytes)| (name.as_str(), &bytes[..]));
    let small = small.chain(how.config.map(|config| ("config.json", config))).filter(|_| leads).collect();
    let stale = if leads && folder.exists() { stale(plan, folder).map_err(io)? } else { Vec::new() };
    let mine = plan.files.iter().filter(|file| file.rank == how.rank.rank);
    let survey = Survey { folder, missing: missing(mine, how, folder)?, small, stale };
    if !how.force {
        if let Some(path) = survey.stale.first() {
            return Err(Error::Stale(path.clone()));
        }
        for (name, bytes) in &survey.small {
            let path = folder.join(name);
            match fs::read(&path) {
                Ok(found) if how.resume && found == *bytes => {}
                Ok(_) => return Err(if how.resume { Error::Different(path) } else { Error::Exists(path) }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(Error::Io { path, source }),
            }
        }
    }
    let needed = survey.missing.iter().map(|file| file.bytes).fold(0, u64::saturating_add);
    // a directory that is to be made will be on the disk of the nearest that is there
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let free = fs4::available_space(there).map_err(io)?;
    if free < needed {
        return Err(Error::NoSpace { folder: there.to_owned(), free, needed });
    }
    Ok(survey)
}

/// The directory of a file.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The files that are not there yet, whole.
fn missing<'p>(
    mine: impl Iterator<Item = &'p PlannedFile>,
    how: &Write<'_>,
    folder: &Path,
) -> Result<Vec<&'p PlannedFile>, Error> {
    let mut missing = Vec::new();
    for file in mine {
        let path = folder.join(&file.name);
        if fs::symlink_metadata(&path).is_err() || how.force {
            missing.push(file);
        } else if !how.resume {
            return Err(Error::Exists(path));
        } else if !is_whole(file, &path).map_err(|source| Error::Io { path: path.clone(), source })? {
            return Err(Error::Different(path));
        }
    }
    Ok(missing)
}

/// Whether a file has this plan's header and length: it got its name when it was whole.
fn is_whole(file: &PlannedFile, path: &Path) -> io::Result<bool> {
    let found = File::open(path)?;
    let same_size = found.metadata()?.len() == file.bytes;
    let mut head = Vec::new();
    found.take(file.head.len() as u64).read_to_end(&mut head)?;
    Ok(same_size && head == file.head)
}

/// Files of a checkpoint that this plan does not have, and that readers would take for a part of it.
fn stale(plan: &Plan, folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut stale = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let Some(name) = name.to_str() else { continue };
        let planned = plan.files.iter().any(|file| file.name == name) || (name == INDEX && plan.index.is_some());
        let shard = name.starts_with("model-") && name.contains("-of-") && name.ends_with(".safetensors");
        if !planned && (shard || name == SINGLE || name == INDEX) {
            stale.push(folder.join(name));
        }
    }
    stale.sort();
    Ok(stale)
}

/// Removes what a killed run left of the files that are to be written.
fn remove_parts(missing: &[&PlannedFile], folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let of = |file: &&PlannedFile| {
            let name = entry.file_name();
            name.to_str().is_some_and(|name| name.starts_with(&part_prefix(&file.name)) && name.ends_with(PART))
        };
        if missing.iter().any(of) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

const PART: &str = ".part";

fn part_prefix(name: &str) -> String {
    format!(".{name}.")
}

/// A file without a final name, removed unless it gets one, with the permissions of any new file.
fn temporary(folder: &Path, name: &str) -> io::Result<NamedTempFile> {
    let prefix = part_prefix(name);
    let mut builder = tempfile::Builder::new();
    builder.prefix(OsStr::new(&prefix)).suffix(PART);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Writes files one after another, each brought to the disk while the next is being filled. Returns how many are
/// whole: fewer than there are where the caller asked to stop.
fn write_files(
    plan: &Plan,
    files: &[&PlannedFile],
    how: &Write<'_>,
    folder: &Path,
    report: &(dyn Fn(Progress<'_>) -> bool + Sync),
) -> Result<usize, Error> {
    scope(|scope| {
        let mut whole = 0;
        let mut finishing: Option<ScopedJoinHandle<'_, Result<(), Error>>> = None;
        let mut join = |finishing: Option<ScopedJoinHandle<'_, Result<(), Error>>>| match finishing.map(|t| t.join()) {
            None => Ok(()),
            Some(Ok(result)) => result.map(|()| whole += 1),
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        };
        for &file in files {
            let path = folder.join(&file.name);
            let part = fill_file(plan, file, how.source, folder, report)?;
            join(finishing.take())?;
            let Some(part) = part else { return Ok(whole) };
            finishing = Some(scope.spawn(move || {
                finish(part, &path, how.force)?;
                report(Progress::File(file));
                Ok(())
            }));
        }
        join(finishing)?;
        Ok(whole)
    })
}

/// A file with all its values but without its final name; none where the caller asked to stop.
fn fill_file(
    plan: &Plan,
    file: &PlannedFile,
    source: &Source,
    folder: &Path,
    report: &(dyn Fn(Progress<'_>) -> bool + Sync),
) -> Result<Option<NamedTempFile>, Error> {
    let path = folder.join(&file.name);
    let io = |source| Error::Io { path: path.clone(), source };
    let mut part = temporary(folder, &file.name).map_err(io)?;
    part.write_all(&file.head).map_err(io)?;
    let out = part.as_file();
    let values = Values { source, seed: plan.seed, arithmetic: plan.arithmetic };
    let mut at = file.head.len() as u64;
    let places = file.recipe.tensors.iter().map(|tensor| {
        let offset = at;
        // the plan has checked that the end of the file fits in 64 bits
        at += tensor.elements() * tensor.dtype.size();
        (tensor, offset)
    });
    let stop = AtomicBool::new(false);
    let written = AtomicU64::new(0);
    scope(|scope| {
        // the disk is kept busy from the beginning, and little is left to be done at the end
        let (sender, receiver) = sync_channel(1);
        let flushing = scope.spawn(move || receiver.into_iter().try_for_each(|()| out.sync_data()));
        let filled = values.for_each(values.pieces(places), |buffer, piece| {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let bytes = bytes_of(buffer, piece.bytes);
            let filled = values.fill(&piece, bytes);
            filled.map_err(|source| Error::Fill { name: piece.tensor.name.clone(), source })?;
            write_all_at(out, bytes, piece.offset).map_err(io)?;
            let count = bytes.len() as u64;
            if written.fetch_add(count, Ordering::Relaxed) % FLUSH + count >= FLUSH {
                // one that is under way will do, and one that has failed says so below
                let _ = sender.try_send(());
            }
            let go_on = report(Progress::Bytes(count)) && (!piece.is_last() || report(Progress::Tensor));
            stop.fetch_or(!go_on, Ordering::Relaxed);
            Ok(())
        });
        drop(sender);
        let flushed = flushing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        filled.and_then(|()| flushed.map_err(io))
    })?;
    Ok((!stop.into_inner()).then_some(part))
}

/// Brings a file to the disk and gives it its final name.
fn finish(file: NamedTempFile, path: &Path, replace: bool) -> Result<(), Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    file.as_file().sync_all().map_err(io)?;
    let persisted = if replace { file.persist(path) } else { file.persist_noclobber(path) };
    match persisted {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(Error::Exists(path.to_owned())),
        Err(error) => Err(io(error.error)),
    }
}
