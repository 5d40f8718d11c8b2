//! Tensors of a checkpoint that no rule makes, and the rules that would.

use std::collections::BTreeMap;

use toml::Value;

use crate::header::Entry;

/// The most rules that are suggested: a reader looks through no more, and the tensors of further ones are counted.
const MOST_RULES: usize = 20;
/// The most letters of a name in a message.
const MOST_LETTERS: usize = 300;

/// Tensors that no rule is for, or that their rules refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no rule is for tensor {name:?} of shape {shape:?}{}{}",
    if reason.is_empty() { String::new() } else { format!(" ({reason})") },
    if *more > 0 { format!(", nor for {more} more") } else { String::new() }
)]
#[non_exhaustive]
pub struct Unmatched {
    /// The name of the first such tensor.
    pub name: String,
    /// Its shape.
    pub shape: Vec<u64>,
    /// The reason, where a rule refuses it; may be empty.
    pub reason: String,
    /// The number of further such tensors.
    pub more: usize,
    /// Rules for all of them, in TOML, each with `init = "?"` to be completed.
    pub rules: String,
}

/// Collects such tensors.
#[derive(Default)]
pub(crate) struct Collector<'a> {
    /// The first such tensor, and the reason.
    first: Option<(&'a Entry, String)>,
    /// The number of all such tensors.
    count: usize,
    /// The number of tensors by the glob of a rule, the shape and the reason.
    groups: BTreeMap<(String, &'a [u64], String), usize>,
    /// The number of tensors of further groups.
    rest: usize,
}

impl<'a> Collector<'a> {
    pub(crate) fn add(&mut self, entry: &'a Entry, reason: &str) {
        self.count += 1;
        self.first.get_or_insert_with(|| (entry, reason.to_owned()));
        // layers of the same shape and reason share a rule: a model has few kinds of tensors
        let key = (glob_of(&entry.name), entry.shape.as_slice(), reason.to_owned());
        // bounded while they are collected: hostile names can all differ
        if self.groups.len() < MOST_RULES || self.groups.contains_key(&key) {
            *self.groups.entry(key).or_default() += 1;
        } else {
            self.rest += 1;
        }
    }

    /// An error where there was any such tensor.
    pub(crate) fn finish(self) -> Result<(), Unmatched> {
        let rules = self.rules();
        let Some((first, reason)) = self.first else { return Ok(()) };
        Err(Unmatched { name: short(&first.name), shape: first.shape.clone(), reason, more: self.count - 1, rules })
    }

    /// The rules that are wanted, as text.
    fn rules(&self) -> String {
        // the text is a whole file of rules: it is completed, not copied into another
        let mut text = "defaults = true\n".to_owned();
        for ((glob, shape, reason), count) in &self.groups {
            let tensors = if *count == 1 { "1 tensor".to_owned() } else { format!("{count} tensors") };
            let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            text += &format!(
                "\n# {tensors} of shape {shape:?}{why}\n[[rule]]\nname = {}\ninit = \"?\"\n",
                Value::from(glob.as_str())
            );
        }
        if self.rest > 0 {
            text += &format!("\n# and {} more tensors\n", self.rest);
        }
        text
    }
}

/// A name without the numbers of its layers, as a glob.
fn glob_of(name: &str) -> String {
    let part = |part: &str| {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        // a name may have characters that mean something in a glob
        if is_number { "*".to_owned() } else { globset::escape(part) }
    };
    short(&name.split('.').map(part).collect::<Vec<_>>().join("."))
}

/// The beginning of a long name, as a glob.
fn short(name: &str) -> String {
    match name.char_indices().nth(MOST_LETTERS) {
        Some((end, _)) => format!("{}*", &name[..end]),
        None => name.to_owned(),
    }
}
