//! Reads an index and compares a checkpoint's files with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::file_kind::{JsonError, parse_json};
use crate::files::checkpoint_file::CheckpointFile;
use crate::format::{NameError, check_name};
use crate::json::Once;

/// The most problems of one sort that have a message each; the others are counted.
const MOST_TOLD: usize = 100;

/// The reason why JSON is no index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// Text that is no JSON, or not JSON of an index.
    #[error("the index: {0}")]
    Json(#[from] JsonError),
    /// A name that no tensor can have.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A file outside the index's own directory, or of another ending.
    #[error("the index names {0:?}, a file of its own directory ends in .safetensors")]
    File(String),
}

/// An index as it was found.
#[derive(Deserialize)]
pub(crate) struct FoundIndex {
    /// The totals, which an index may lack.
    metadata: Option<FoundTotals>,
    /// The file of each tensor.
    #[serde(deserialize_with = "once")]
    pub(crate) weight_map: BTreeMap<String, String>,
}

/// Totals as the text of the file has them. They should be whole numbers, but some programs write floats.
#[derive(Default, Deserialize)]
struct FoundTotals {
    /// The bytes of all values.
    total_size: Option<Box<RawValue>>,
    /// The elements of all tensors.
    total_parameters: Option<Box<RawValue>>,
}

/// Refuses a name that is there twice. serde alone would keep the last file.
fn once<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    serde::de::DeserializeSeed::deserialize(Once, deserializer)
}

/// The files by tensor that an index's JSON names.
///
/// # Errors
///
/// An [`IndexError`] for JSON that is no index, a name that is there twice, and a file outside the index's own
/// directory.
pub fn weight_map(json: &[u8]) -> Result<BTreeMap<String, String>, IndexError> {
    FoundIndex::parse(json).map(|index| index.weight_map)
}

impl FoundIndex {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, IndexError> {
        let index: Self = parse_json(json)?;
        for (tensor, file) in &index.weight_map {
            check_name(tensor)?;
            // an index may come from anyone, and must not lead out of its directory. On Windows `c:` is a drive
            let plain = !file.contains(['/', '\\', ':']) && !file.chars().any(char::is_control);
            if !plain || !file.ends_with(".safetensors") {
                return Err(IndexError::File(file.clone()));
            }
        }
        Ok(index)
    }

    /// The files that it names.
    pub(crate) fn files(&self) -> BTreeSet<&str> {
        self.weight_map.values().map(String::as_str).collect()
    }

    /// The tensors that are not where it says, and those that it does not list.
    pub(crate) fn misplaced(&self, files: &[CheckpointFile]) -> Vec<String> {
        let found: HashMap<&str, &CheckpointFile> = files
            .iter()
            .flat_map(|file| file.header.tensors.iter().map(move |tensor| (tensor.name.as_str(), file)))
            .collect();
        // a linear pass over each list: an index may have millions of names
        let named = self.weight_map.iter().filter_map(|(tensor, file)| match found.get(tensor.as_str()) {
            Some(found) if found.name() == file.as_str() => None,
            Some(found) => Some(format!("tensor {tensor:?} is in {}, the index says {file}", found.name())),
            None => Some(format!("tensor {tensor:?} of the index is missing")),
        });
        let mut problems = first_of(named, "tensors are not where the index says");
        let entries = files.iter().flat_map(|file| &file.header.tensors);
        let extra = entries.filter(|entry| !self.weight_map.contains_key(&entry.name));
        let extra = extra.map(|entry| format!("tensor {:?} is not in the index", entry.name));
        problems.extend(first_of(extra, "tensors are not in the index"));
        problems
    }

    /// The totals that differ from those of the files.
    pub(crate) fn totals(&self, files: &[CheckpointFile]) -> Vec<String> {
        let entries = || files.iter().flat_map(|file| &file.header.tensors);
        let bytes = entries().map(|tensor| u128::from(tensor.end - tensor.begin)).sum();
        // in 128 bits, so that a sum over many files cannot overflow
        let elements = entries().map(|tensor| tensor.shape.iter().map(|&dim| u128::from(dim)).product::<u128>()).sum();
        let differs = |key: &str, said: &Option<Box<RawValue>>, found: u128, what: &str| {
            let said = said.as_ref()?.get();
            let is_same = match said.parse::<u128>() {
                Ok(said) => said == found,
                // a float has lost the last bits of a large total: it is compared as a float
                Err(_) => said.parse::<f64>().is_ok_and(|said| said == found as f64),
            };
            // the text may be any JSON, and of any length
            let said = if said.len() > 40 { "no number" } else { said };
            (!is_same).then(|| format!("the index says {key} {said}, its files have {found} {what}"))
        };
        let Some(totals) = &self.metadata else { return Vec::new() };
        let size = differs("total_size", &totals.total_size, bytes, "bytes of values");
        let parameters = differs("total_parameters", &totals.total_parameters, elements, "elements");
        size.into_iter().chain(parameters).collect()
    }
}

/// The first [`MOST_TOLD`] lines, and a line that counts the others.
pub(crate) fn first_of(mut lines: impl Iterator<Item = String>, what: &str) -> Vec<String> {
    let mut told: Vec<String> = lines.by_ref().take(MOST_TOLD).collect();
    // counted and dropped: hostile files can give millions of lines
    let more = lines.count();
    if more > 0 {
        told.push(format!("{more} more {what}"));
    }
    told
}
