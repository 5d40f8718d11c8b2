//! The files of a checkpoint that is there already: one, a directory's, or those that an index names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::header::{Header, Once};
use crate::plan::{INDEX, SINGLE};

/// Bytes of an index at most.
const LARGEST_INDEX: u64 = 256 << 20;

/// The files of a checkpoint, their headers read.
#[derive(Debug)]
pub struct Checkpoint {
    /// The files, in the order of their names.
    pub files: Vec<CheckpointFile>,
    /// What the index, or the numbers in the files' names, promise and the files do not hold, in words.
    pub problems: Vec<String>,
}

/// A file of a checkpoint.
#[derive(Debug)]
pub struct CheckpointFile {
    /// Its path.
    pub path: PathBuf,
    /// Its header.
    pub header: Header,
    pub(crate) file: File,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", path.display())]
pub struct BadFile {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub message: String,
}

impl BadFile {
    fn of(path: &Path, message: impl fmt::Display) -> Self {
        Self { path: path.to_owned(), message: message.to_string() }
    }
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
                Self::of_files(vec![single])
            } else if index.exists() {
                Self::of_index(&index)
            } else {
                Self::of_directory(path)
            };
        }
        if path.extension().is_some_and(|extension| extension == "json") {
            return Self::of_index(path);
        }
        Self::of_files(vec![path.to_owned()])
    }

    fn of_files(paths: Vec<PathBuf>) -> Result<Self, BadFile> {
        let files = paths.into_iter().map(CheckpointFile::open).collect::<Result<Vec<_>, _>>()?;
        let mut names = BTreeMap::new();
        for file in &files {
            for tensor in &file.header.tensors {
                if let Some(first) = names.insert(tensor.name.clone(), &file.path) {
                    let message = format!("tensor {:?} stands in {}, too", tensor.name, first.display());
                    return Err(BadFile::of(&file.path, message));
                }
            }
        }
        Ok(Self { files, problems: Vec::new() })
    }

    fn of_directory(path: &Path) -> Result<Self, BadFile> {
        let refuse = |error: &dyn fmt::Display| BadFile::of(path, error);
        let mut paths = Vec::new();
        for entry in fs::read_dir(path).map_err(|error| refuse(&error))? {
            let entry = entry.map_err(|error| refuse(&error))?.path();
            let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with(".safetensors") && !name.starts_with('.') {
                paths.push(entry);
            }
        }
        paths.sort();
        if paths.is_empty() {
            return Err(refuse(&"there is no safetensors file in this directory"));
        }
        let mut checkpoint = Self::of_files(paths)?;
        checkpoint.problems = checkpoint.missing_numbers();
        Ok(checkpoint)
    }

    /// The files that "-of-0000N" promises.
    fn missing_numbers(&self) -> Vec<String> {
        let name = |file: &CheckpointFile| file.path.file_name().map(|name| name.to_string_lossy().into_owned());
        let names: BTreeSet<String> = self.files.iter().filter_map(name).collect();
        let promised = names.iter().filter_map(|name| {
            let (prefix, count) = name.strip_suffix(".safetensors")?.rsplit_once("-of-")?;
            let (stem, _) = prefix.rsplit_once('-')?;
            Some((stem.to_owned(), count.to_owned(), count.parse::<u32>().ok()?.min(99_999)))
        });
        let promised: BTreeSet<_> = promised.collect();
        let all = promised.iter().flat_map(|(stem, text, count)| {
            (1..=*count).map(move |number| format!("{stem}-{number:05}-of-{text}.safetensors"))
        });
        all.filter(|name| !names.contains(name)).map(|name| format!("file {name} is missing")).collect()
    }

    fn of_index(path: &Path) -> Result<Self, BadFile> {
        let refuse = |message: String| BadFile::of(path, message);
        let mut json = Vec::new();
        let file = regular(path)?;
        file.take(LARGEST_INDEX + 1).read_to_end(&mut json).map_err(|error| refuse(error.to_string()))?;
        if json.len() as u64 > LARGEST_INDEX {
            return Err(refuse(format!("an index has at most {LARGEST_INDEX} bytes")));
        }
        let map = weight_map(&json).map_err(refuse)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let names: BTreeSet<&String> = map.values().collect();
        let (there, missing): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| folder.join(name).exists());
        let mut checkpoint = Self::of_files(there.into_iter().map(|name| folder.join(name)).collect())?;
        checkpoint.problems = missing.into_iter().map(|name| format!("file {name} of the index is missing")).collect();
        let mut found = BTreeMap::new();
        for file in &checkpoint.files {
            let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.extend(file.header.tensors.iter().map(|tensor| (tensor.name.clone(), name.clone())));
        }
        for (tensor, file) in &map {
            match found.get(tensor) {
                Some(name) if name == file => {}
                Some(name) => {
                    checkpoint.problems.push(format!("tensor {tensor:?} is in {name}, the index says {file}"));
                }
                None => checkpoint.problems.push(format!("tensor {tensor:?} of the index is missing")),
            }
        }
        let extra = found.keys().filter(|tensor| !map.contains_key(*tensor));
        checkpoint.problems.extend(extra.map(|tensor| format!("tensor {tensor:?} is not in the index")));
        Ok(checkpoint)
    }
}

impl CheckpointFile {
    fn open(path: PathBuf) -> Result<Self, BadFile> {
        let file = regular(&path)?;
        let size = file.metadata().map_err(|error| BadFile::of(&path, error))?.len();
        let header = Header::read(&file, size).map_err(|message| BadFile { path: path.clone(), message })?;
        Ok(Self { path, header, file })
    }
}

/// A file that has an end.
fn regular(path: &Path) -> Result<File, BadFile> {
    let metadata = fs::metadata(path).map_err(|error| BadFile::of(path, error))?;
    if !metadata.is_file() {
        return Err(BadFile::of(path, "this is no regular file"));
    }
    File::open(path).map_err(|error| BadFile::of(path, error))
}

/// The files by tensor that an index's JSON names.
///
/// # Errors
///
/// What is wrong, in words: no index, a name twice, a file that is not of the index's own directory.
pub fn weight_map(json: &[u8]) -> Result<BTreeMap<String, String>, String> {
    #[derive(Deserialize)]
    struct Index {
        #[serde(deserialize_with = "once")]
        weight_map: BTreeMap<String, String>,
    }
    fn once<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
        serde::de::DeserializeSeed::deserialize(Once, deserializer)
    }
    let index: Index = serde_json::from_slice(json).map_err(|error| format!("the index: {error}"))?;
    for (tensor, file) in &index.weight_map {
        crate::recipe::check_name(tensor)?;
        let plain = !file.contains(['/', '\\', ':']) && !file.chars().any(char::is_control);
        if !plain || !file.ends_with(".safetensors") {
            return Err(format!("the index names {file:?}, a file of its own directory ends in .safetensors"));
        }
    }
    Ok(index.weight_map)
}
