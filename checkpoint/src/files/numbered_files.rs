//! The numbers in files' names: `model-00001-of-00003.safetensors` is one of three files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

/// Messages about the files that these names count and that are not among them.
pub(crate) fn missing_numbers<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    // the width is part of the key: m-1-of-3 and m-00001-of-3 are different series
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
        // ranges between the numbers that are there, so that the work depends on the files and not on the count they
        // claim
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
    // from the right: the stem itself may have `-` and `-of-`
    let (stem, number) = prefix.rsplit_once('-')?;
    // 19 digits fit in 64 bits; a longer number is a name like any other
    let are_digits = |text: &str| (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    (are_digits(number) && are_digits(count)).then_some((stem, number, count))
}

/// A message about the files with the numbers from `from` to below `to`.
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
