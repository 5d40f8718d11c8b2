//! Compares a checkpoint's files with its index and with the numbers in the files' names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::CheckpointFile;
use crate::file_kind::parse_json;
use crate::json::Once;

/// Problems of one sort that are told one by one.
const MOST_TOLD: usize = 100;

/// An index as it was found.
#[derive(Deserialize)]
pub(crate) struct FoundIndex {
    metadata: Option<FoundTotals>,
    #[serde(deserialize_with = "once")]
    pub(crate) weight_map: BTreeMap<String, String>,
}

/// Totals as they stand there: whole numbers, some programs write floats.
#[derive(Default, Deserialize)]
struct FoundTotals {
    total_size: Option<Box<RawValue>>,
    total_parameters: Option<Box<RawValue>>,
}

fn once<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    serde::de::DeserializeSeed::deserialize(Once, deserializer)
}

/// The files by tensor that an index's JSON names.
///
/// # Errors
///
/// A message for JSON that is no index, a name that stands twice, and a file outside the index's own directory.
pub fn weight_map(json: &[u8]) -> Result<BTreeMap<String, String>, String> {
    FoundIndex::parse(json).map(|index| index.weight_map)
}

impl FoundIndex {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, String> {
        let index: Self = parse_json(json).map_err(|error| format!("the index: {error}"))?;
        for (tensor, file) in &index.weight_map {
            crate::recipe::check_name(tensor)?;
            let plain = !file.contains(['/', '\\', ':']) && !file.chars().any(char::is_control);
            if !plain || !file.ends_with(".safetensors") {
                return Err(format!("the index names {file:?}, a file of its own directory ends in .safetensors"));
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
        let elements = entries().map(|tensor| tensor.shape.iter().map(|&dim| u128::from(dim)).product::<u128>()).sum();
        let differs = |key: &str, said: &Option<Box<RawValue>>, found: u128, what: &str| {
            let said = said.as_ref()?.get();
            let is_same = match said.parse::<u128>() {
                Ok(said) => said == found,
                Err(_) => said.parse::<f64>().is_ok_and(|said| said == found as f64),
            };
            let said = if said.len() > 40 { "no number" } else { said };
            (!is_same).then(|| format!("the index says {key} {said}, its files have {found} {what}"))
        };
        let Some(totals) = &self.metadata else { return Vec::new() };
        let size = differs("total_size", &totals.total_size, bytes, "bytes of values");
        let parameters = differs("total_parameters", &totals.total_parameters, elements, "elements");
        size.into_iter().chain(parameters).collect()
    }
}

/// So many lines, and how many more there are.
pub(crate) fn first_of(mut lines: impl Iterator<Item = String>, what: &str) -> Vec<String> {
    let mut told: Vec<String> = lines.by_ref().take(MOST_TOLD).collect();
    let more = lines.count();
    if more > 0 {
        told.push(format!("{more} more {what}"));
    }
    told
}

/// The files that the numbers of others promise: `model-00001-of-00003.safetensors` is one of three.
pub(crate) fn missing_numbers<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut groups = BTreeMap::<(&str, &str, usize), BTreeSet<u64>>::new();
    for (stem, number, count) in names.filter_map(numbered) {
        if let Ok(value) = number.parse() {
            groups.entry((stem, count, number.len())).or_default().insert(value);
        }
    }
    let mut problems = Vec::new();
    for ((stem, text, width), numbers) in groups {
        let Ok(count) = text.parse::<u64>() else { continue };
        let name = |number: u64| format!("{stem}-{number:0width$}-of-{text}.safetensors");
        // some programs count from 0
        let first = u64::from(!numbers.contains(&0));
        let last = (first + count).saturating_sub(1);
        let beyond = numbers.iter().filter(|&&number| number > last);
        problems.extend(beyond.map(|&number| format!("file {} has a number above its count", name(number))));
        let mut next = first;
        for &number in numbers.iter().filter(|&&number| number <= last) {
            problems.extend(missing(next, number, &name));
            next = number + 1;
        }
        problems.extend(missing(next, last.saturating_add(1), &name));
    }
    problems
}

/// The stem, the number and the count of a numbered file's name.
fn numbered(name: &str) -> Option<(&str, &str, &str)> {
    let (prefix, count) = name.strip_suffix(".safetensors")?.rsplit_once("-of-")?;
    let (stem, number) = prefix.rsplit_once('-')?;
    let are_digits = |text: &str| (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    (are_digits(number) && are_digits(count)).then_some((stem, number, count))
}

/// The files from one number to before another, in a line.
fn missing<N: Display>(from: u64, to: u64, name: &impl Fn(u64) -> N) -> Option<String> {
    match to.saturating_sub(from) {
        0 => None,
        1 => Some(format!("file {} is missing", name(from))),
        count => Some(format!("{count} files are missing: {} to {}", name(from), name(to - 1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing_of(names: &[&str]) -> Vec<String> {
        missing_numbers(names.iter().copied())
    }

    #[test]
    fn numbers_in_names_promise_the_others() {
        assert_eq!(missing_of(&["a.safetensors", "m-of-x.safetensors", "m-x-of-00002.safetensors"]), [""; 0]);
        assert_eq!(missing_of(&["m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"]), [""; 0]);
        assert_eq!(missing_of(&["m-00000-of-00002.safetensors", "m-00001-of-00002.safetensors"]), [""; 0]);
        assert_eq!(
            missing_of(&["m-1-of-3.safetensors", "m-3-of-3.safetensors"]),
            ["file m-2-of-3.safetensors is missing"]
        );
        let told = [
            "2 files are missing: m-00001-of-00009.safetensors to m-00002-of-00009.safetensors",
            "6 files are missing: m-00004-of-00009.safetensors to m-00009-of-00009.safetensors",
        ];
        assert_eq!(missing_of(&["m-00003-of-00009.safetensors"]), told);
        let told = [
            "file m-00003-of-00002.safetensors has a number above its count",
            "2 files are missing: m-00001-of-00002.safetensors to m-00002-of-00002.safetensors",
        ];
        assert_eq!(missing_of(&["m-00003-of-00002.safetensors"]), told);
    }

    #[test]
    fn as_many_as_names_can_promise_are_told_in_a_few_lines() {
        let names: Vec<String> = (0..60).map(|i| format!("m{i}-50000-of-99999.safetensors")).collect();
        let problems = missing_numbers(names.iter().map(String::as_str));
        assert_eq!(problems.len(), 120);
        let huge = format!("m-{0}-of-{0}.safetensors", "9".repeat(19));
        assert_eq!(missing_of(&[&huge]).len(), 1);
        assert_eq!(missing_of(&[&format!("m-1-of-{}.safetensors", "9".repeat(30))]), [""; 0]);
    }
}
