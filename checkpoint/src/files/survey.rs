//! Compares a plan with the files that are there, before anything is written.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::files::partial_file::left_bytes;
use crate::files::request::{Write, WriteError};
use crate::format::{INDEX, SINGLE};
use crate::plan::{Plan, PlannedFile};

/// The files that a run has to write.
pub(crate) struct Survey<'a> {
    /// The files that are not there yet, whole.
    pub(crate) missing: Vec<&'a PlannedFile>,
    /// The index and the config.
    pub(crate) small: Vec<(&'a str, &'a [u8])>,
}

/// Looks at the files of a plan, and refuses what is to be kept.
pub(crate) fn survey<'a>(plan: &'a Plan, how: &Write<'a>) -> Result<Survey<'a>, WriteError> {
    let folder = plan.folder();
    let io = |source| WriteError::Io { path: folder.to_owned(), source };
    // rank 0 alone writes the index and the config, and looks for files of another checkpoint
    let leads = plan.is_directory() && how.rank.rank == 0;
    let small = plan.index.iter().map(|(name, bytes)| (name.as_str(), &bytes[..]));
    let small = small.chain(how.config.map(|config| ("config.json", config))).filter(|_| leads).collect();
    let mine = plan.files.iter().filter(|file| file.rank == how.rank.rank);
    let survey = Survey { missing: missing(plan, mine, how)?, small };
    // such files would be read beside the new ones; `force` removes them at the end
    let stale = if leads && folder.exists() { stale(plan).map_err(io)? } else { Vec::new() };
    for path in stale {
        if is_there(&path)? && !how.force {
            return Err(WriteError::Stale(path));
        }
    }
    for (name, bytes) in &survey.small {
        is_missing(&folder.join(name), bytes.len() as u64, bytes, how)?;
    }
    let needed = survey.missing.iter().map(|file| file.bytes).fold(0, u64::saturating_add);
    // a directory that does not exist yet will be on the disk of its nearest ancestor that does
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    // the parts of a killed run are emptied when they are taken over: their bytes are free
    let left = survey.missing.iter().map(|file| left_bytes(&plan.path(file)));
    let free = left.fold(fs4::available_space(there).map_err(io)?, u64::saturating_add);
    if free < needed {
        return Err(WriteError::NoSpace { folder: there.to_owned(), free, needed });
    }
    Ok(survey)
}

/// Those of the given files that are not there yet, whole.
pub(crate) fn missing<'p>(
    plan: &Plan,
    files: impl Iterator<Item = &'p PlannedFile>,
    how: &Write<'_>,
) -> Result<Vec<&'p PlannedFile>, WriteError> {
    let mut missing = Vec::new();
    for file in files {
        // the header has the recipe, the seed and the dtypes, so that another plan has another header
        if is_missing(&plan.path(file), file.bytes, file.head(), how)? {
            missing.push(file);
        }
    }
    Ok(missing)
}

/// Whether a file is to be written, by its length and its first bytes. An error where another one is to be kept.
fn is_missing(path: &Path, length: u64, head: &[u8], how: &Write<'_>) -> Result<bool, WriteError> {
    if !is_there(path)? || how.force {
        Ok(true)
    } else if !how.resume {
        Err(WriteError::Exists(path.to_owned()))
    } else if is_same(path, length, head)? {
        Ok(false)
    } else {
        Err(WriteError::Different(path.to_owned()))
    }
}

/// Whether there is something of this name that a file can replace.
fn is_there(path: &Path) -> Result<bool, WriteError> {
    // of the name itself: a link is in the way even where it leads nowhere
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Err(WriteError::Directory(path.to_owned())),
        found => Ok(found.is_ok()),
    }
}

/// Whether the file of this name, which is there, has this length and these bytes first.
fn is_same(path: &Path, length: u64, head: &[u8]) -> Result<bool, WriteError> {
    match is_file_of(path, length, head) {
        // a link that leads nowhere
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        found => found.map_err(|source| WriteError::Io { path: path.to_owned(), source }),
    }
}

/// Whether a file has this plan's header and length: it got its name when it was whole.
fn is_whole(file: &PlannedFile, path: &Path) -> io::Result<bool> {
    is_file_of(path, file.bytes, file.head())
}

/// Whether it is a regular file, not a pipe that would never end, of this length and with these bytes first.
fn is_file_of(path: &Path, length: u64, head: &[u8]) -> io::Result<bool> {
    let found = fs::metadata(path)?;
    // the length first: it costs no read
    if !found.is_file() || found.len() != length {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(head.len() as u64).read_to_end(&mut bytes)?;
    Ok(bytes == head)
}

/// Whether every file of the plan is there, whole, and the index too.
pub(crate) fn is_complete(plan: &Plan) -> bool {
    let index = plan.index.iter().map(|(name, bytes)| is_file_of(&plan.folder().join(name), bytes.len() as u64, bytes));
    let files = plan.files.iter().map(|file| is_whole(file, &plan.path(file)));
    index.chain(files).all(|whole| whole.unwrap_or(false))
}

/// Files of a checkpoint that this plan does not have, and that readers would take for a part of it.
pub(crate) fn stale(plan: &Plan) -> io::Result<Vec<PathBuf>> {
    let names: HashSet<&str> = plan.files.iter().map(|file| file.name.as_str()).collect();
    let mut stale = Vec::new();
    for entry in fs::read_dir(plan.folder())? {
        let name = entry?.file_name();
        // the names below are ASCII: another name is none of them
        let Some(name) = name.to_str() else { continue };
        let planned = names.contains(name) || (name == INDEX && plan.index.is_some());
        let shard = name.starts_with("model-") && name.contains("-of-") && name.ends_with(".safetensors");
        if !planned && (shard || name == SINGLE || name == INDEX) {
            stale.push(plan.folder().join(name));
        }
    }
    // the order of a directory is arbitrary, a message should not be
    stale.sort();
    Ok(stale)
}
