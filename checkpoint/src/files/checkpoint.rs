//! Opens an existing checkpoint: one file, a directory, or the files that an index names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::file_kind::{SNIFFED, file_kind};
use crate::files::checkpoint_file::{BadFile, CheckpointFile};
use crate::files::index::{FoundIndex, first_of, weight_map};
use crate::files::numbered_files::missing_numbers;
use crate::files::open_regular::open_regular;
use crate::format::{INDEX, SINGLE};

/// The most bytes of an index that are read. An entry has about 100 bytes, so 2.6 million tensors fit.
const LARGEST_INDEX: u64 = 256 << 20;
/// Endings of files that hold weights in other formats, for the message where no safetensors file is found.
const OTHERS: [&str; 9] = [".bin", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack", ".npz", ".onnx"];

/// The files of a checkpoint, their headers read.
#[derive(Debug)]
pub struct Checkpoint {
    /// The files, in the order of their names.
    pub files: Vec<CheckpointFile>,
    /// Messages about what the index, or the numbers in the files' names, list and the files do not hold.
    pub problems: Vec<String>,
    /// Messages about other contradictions: totals of the index that are wrong, files of the directory that are not read.
    pub doubts: Vec<String>,
    /// Whether one file was asked for, which may be one of several.
    pub is_one_file: bool,
}

impl Checkpoint {
    /// Opens a safetensors file, a directory, or an index (`.json`). Of a directory, as transformers does it,
    /// `model.safetensors`, else what `model.safetensors.index.json` names, else every safetensors file. An index may
    /// name files of its own directory alone.
    ///
    /// # Errors
    ///
    /// The first file that cannot be read, or that is not of its format.
    pub fn open(path: &Path) -> Result<Self, BadFile> {
        if path.is_dir() {
            let (single, index) = (path.join(SINGLE), path.join(INDEX));
            return if single.exists() {
                // transformers reads this one file and ignores the others: name what it ignores
                let read = BTreeSet::from([SINGLE.to_owned()]);
                let doubts = unread(&beside(path), &read, "is not read: model.safetensors stands beside it");
                Ok(Self { doubts, ..Self::of_files(vec![single])? })
            } else if index.exists() {
                Self::of_index(&index)
            } else {
                Self::of_directory(path)
            };
        }
        if path.extension().is_some_and(|extension| extension == "json") {
            return Self::of_index(path);
        }
        Ok(Self { is_one_file: true, ..Self::of_files(vec![path.to_owned()])? })
    }

    /// Reads the headers of files, and refuses a tensor that two of them have.
    fn of_files(paths: Vec<PathBuf>) -> Result<Self, BadFile> {
        let files = paths.into_iter().map(CheckpointFile::read).collect::<Result<Vec<_>, _>>()?;
        // two files with the same tensor contradict each other, and readers differ in which one they take
        let mut names = HashMap::new();
        for file in &files {
            for tensor in &file.header.tensors {
                if let Some(first) = names.insert(&tensor.name, &file.path) {
                    let message = format!("tensor {:?} stands in {}, too", tensor.name, first.display());
                    return Err(BadFile::of(&file.path, message));
                }
            }
        }
        Ok(Self { files, problems: Vec::new(), doubts: Vec::new(), is_one_file: false })
    }

    /// Opens every safetensors file of a directory. Without an index, only the numbers in their names say how many
    /// there are.
    fn of_directory(path: &Path) -> Result<Self, BadFile> {
        let names = names(path).map_err(|error| BadFile::of(path, error))?;
        let paths: Vec<PathBuf> = safetensors(&names).map(|name| path.join(name)).collect();
        if paths.is_empty() {
            let other = other_format(path, &names).map_or_else(String::new, |other| format!("; {other}"));
            return Err(BadFile::of(path, format!("there is no safetensors file in this directory{other}")));
        }
        let problems = missing_numbers(safetensors(&names));
        Ok(Self { problems, ..Self::of_files(paths)? })
    }

    /// Opens the files that an index names. A missing file is a problem, not an error: `verify` reports all of them.
    fn of_index(path: &Path) -> Result<Self, BadFile> {
        let json = read_index(path).map_err(|error| BadFile::of(path, error))?;
        let index = FoundIndex::parse(&json).map_err(|message| BadFile::of(path, message))?;
        // an index names files without a folder: they are beside it
        let folder = path.parent().unwrap_or(Path::new(""));
        let names = index.files();
        let (there, missing): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| folder.join(name).exists());
        let mut checkpoint = Self::of_files(there.into_iter().map(|name| folder.join(name)).collect())?;
        let missing = missing.into_iter().map(|name| format!("file {name} of the index is missing"));
        checkpoint.problems = first_of(missing, "files of the index are missing");
        checkpoint.problems.extend(
            missing_numbers(names.iter().copied()).into_iter().map(|what| format!("the index is not whole: {what}")),
        );
        checkpoint.problems.extend(index.misplaced(&checkpoint.files));
        if names.is_empty() {
            checkpoint.problems.push("the index lists no tensors".to_owned());
        }
        checkpoint.doubts = index.totals(&checkpoint.files);
        // a directory may hold several indexes, such as one for each dtype: their files are no doubt either
        let beside = beside(folder);
        let mut read = listed(folder, beside.iter().filter(|name| path.file_name() != Some(OsStr::new(name))));
        read.extend(names.into_iter().map(str::to_owned));
        checkpoint.doubts.extend(unread(&beside, &read, "is in the directory and not in the index"));
        Ok(checkpoint)
    }
}

/// Reads an index, which may come from anyone.
fn read_index(path: &Path) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    // one byte more than allowed tells a longer file apart, without reading all of it
    open_regular(path)?.take(LARGEST_INDEX + 1).read_to_end(&mut json)?;
    if json.len() as u64 > LARGEST_INDEX {
        return Err(io::Error::other(format!("an index has at most {LARGEST_INDEX} bytes")));
    }
    Ok(json)
}

/// The names in a directory, sorted, without hidden files. Bytes that are not UTF-8 are replaced.
fn names(folder: &Path) -> io::Result<BTreeSet<String>> {
    // the parent of a bare file name is an empty path, which `read_dir` refuses
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    // parts of files that are being written begin with a dot: they are no files of a checkpoint yet
    names.filter(|name| !matches!(name, Ok(name) if name.starts_with('.'))).collect()
}

/// The names of safetensors files among these names.
fn safetensors(names: &BTreeSet<String>) -> impl Iterator<Item = &str> {
    names.iter().map(String::as_str).filter(|name| name.ends_with(".safetensors"))
}

/// The names in a directory. None where it cannot be listed: its files may still be read.
fn beside(folder: &Path) -> BTreeSet<String> {
    names(folder).unwrap_or_default()
}

/// The files that the indexes among these names list.
fn listed<'n>(folder: &Path, names: impl Iterator<Item = &'n String>) -> BTreeSet<String> {
    let indexes = names.filter(|name| name.ends_with(".safetensors.index.json"));
    // an index of another checkpoint that cannot be read lists nothing, and is no error of this one
    let maps = indexes.filter_map(|name| weight_map(&read_index(&folder.join(name)).ok()?).ok());
    maps.flat_map(BTreeMap::into_values).collect()
}

/// The safetensors files among the names that are not read.
fn unread(names: &BTreeSet<String>, read: &BTreeSet<String>, what: &str) -> Vec<String> {
    let others = safetensors(names).filter(|name| !read.contains(*name));
    first_of(others.map(|name| format!("file {name} {what}")), "files are not read")
}

/// The first of a directory's files that holds weights in another format, and which format.
fn other_format(folder: &Path, names: &BTreeSet<String>) -> Option<String> {
    let name = names.iter().find(|name| OTHERS.iter().any(|ending| name.ends_with(ending)))?;
    let mut head = Vec::new();
    let read = open_regular(&folder.join(name)).and_then(|file| file.take(SNIFFED as u64).read_to_end(&mut head));
    let kind = file_kind(&head).filter(|_| read.is_ok()).unwrap_or("of another format");
    Some(format!("{name} is {kind}"))
}
