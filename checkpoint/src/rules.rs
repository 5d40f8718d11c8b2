//! The rules of [`like()`](crate::like()): read from TOML, and matched with tensors. A single one is in `rule`.

use toml::{Table, Value};

use crate::config::Config;
use crate::expression::Names;
use crate::glob::{GlobError, Globs};
use crate::header::Entry;
use crate::rule::{Outcome, Rule, RulesError};

/// The rules where none are given: by model type first, and then by name alone. The first rule that is for a tensor
/// counts, so the special ones come before the general ones.
pub const DEFAULT_RULES: &str = concat!(
    include_str!("../recipes/like_models.toml"),
    include_str!("../recipes/like_unknown.toml"),
    include_str!("../recipes/like.toml")
);

/// Rules for a configuration, in their order.
pub(crate) struct Rules {
    /// The rules, in the order in which they count.
    rules: Vec<Rule>,
    /// The globs of all rules, matched at once: a checkpoint may have millions of names.
    globs: Globs,
    /// The index of the rule of each glob, ascending.
    owners: Vec<usize>,
}

impl Rules {
    /// Reads rules. Those that are not for this configuration, or these names, are read, and dropped.
    pub(crate) fn parse<'a>(
        text: &str,
        config: &Config,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<Self, RulesError> {
        let mut rules = Vec::new();
        if read(text, config, &mut rules)? {
            read(DEFAULT_RULES, config, &mut rules)?;
        }
        // only now, since it looks at every name; `when` was checked rule by rule
        let rules = beside(rules, names)?;
        let globs = rules.iter().flat_map(|rule| rule.globs.iter().map(String::as_str));
        let owners = rules.iter().enumerate().flat_map(|(i, rule)| vec![i; rule.globs.len()]);
        Ok(Self { globs: Globs::new(globs)?, owners: owners.collect(), rules })
    }

    /// The first rule that is for a tensor, and its number. `found` is memory that is used again.
    pub(crate) fn first(&self, entry: &Entry, found: &mut Vec<usize>) -> Option<(usize, &Rule)> {
        self.globs.matches_into(&entry.name, found);
        let dims = entry.shape.len();
        // the indices of globs ascend, and with them those of rules: the first that fits is the first rule
        let mut owners = found.iter().map(|&glob| self.owners[glob]);
        let owner = owners.find(|&owner| self.rules[owner].dims.as_ref().is_none_or(|list| list.contains(&dims)))?;
        Some((owner, &self.rules[owner]))
    }
}

/// The rules whose `beside` matches one of the names, and those that have none.
fn beside<'a>(rules: Vec<Rule>, names: impl Iterator<Item = &'a str>) -> Result<Vec<Rule>, GlobError> {
    let wanted = Globs::new(rules.iter().filter_map(|rule| rule.beside.as_deref()))?;
    let (mut found, mut is_there) = (Vec::new(), vec![false; rules.len()]);
    // most rules have no `beside`: the pass over all names is then saved
    if rules.iter().any(|rule| rule.beside.is_some()) {
        for name in names {
            wanted.matches_into(name, &mut found);
            found.iter().for_each(|&glob| is_there[glob] = true);
        }
    }
    // `||` takes the next mark only for a rule that has a `beside`: marks and such rules have the same order
    let mut globs = is_there.into_iter();
    Ok(rules.into_iter().filter(|rule| rule.beside.is_none() || globs.next() == Some(true)).collect())
}

/// Adds a text's rules; says whether the default ones follow.
fn read(text: &str, config: &Config, into: &mut Vec<Rule>) -> Result<bool, RulesError> {
    let mut table: Table =
        text.parse().map_err(|error: toml::de::Error| RulesError::syntax(format!("the rules: {error}")))?;
    let defaults = match table.remove("defaults") {
        None => false,
        Some(Value::Boolean(defaults)) => defaults,
        Some(other) => return Err(RulesError::syntax(format!("the rules: defaults is true or false, not {other}"))),
    };
    let rules = match table.remove("rule") {
        Some(Value::Array(rules)) if table.is_empty() => rules,
        None if table.is_empty() && defaults => Vec::new(),
        _ => {
            let message = "rules are a list of [[rule]] tables, and nothing else but defaults = true";
            return Err(RulesError::syntax(message));
        }
    };
    for value in rules {
        into.extend(rule(value, config)?);
    }
    Ok(defaults)
}

/// A rule, unless it is for other configurations.
fn rule(value: Value, config: &Config) -> Result<Option<Rule>, RulesError> {
    let Value::Table(mut keys) = value else { return Err(RulesError::syntax("a rule is a table: [[rule]]")) };
    let none =
        || RulesError::syntax("a rule needs a name, the glob of its tensors, or a list of them: name = \"*.bias\"");
    let name = keys.remove("name").ok_or_else(none)?;
    let globs = list(name.clone(), |value| value.as_str().map(str::to_owned)).ok_or_else(none)?;
    let refuse = |message: String| RulesError::Rule { rule: name.to_string(), message };
    // every key is checked, also where the rule is for other configurations: a mistake must not wait for one
    let is_met = is_for(&mut keys, config).map_err(refuse)?;
    let dims = dims(&mut keys).map_err(refuse)?;
    let beside = beside_glob(&mut keys).map_err(refuse)?;
    // each rule's globs alone, so that the message names the rule
    let checked = Globs::new(globs.iter().chain(&beside).map(String::as_str));
    checked.map_err(|error| refuse(error.to_string()))?;
    let outcome = outcome(keys).map_err(refuse)?;
    Ok(is_met.then_some(Rule { name, globs, dims, beside, outcome }))
}

// The keys of a rule, each taken out of its table. An error is the message alone: the caller names the rule.

fn dims(keys: &mut Table) -> Result<Option<Vec<usize>>, String> {
    let Some(dims) = keys.remove("dims") else { return Ok(None) };
    let dims = list(dims, |value| value.as_integer().and_then(|dims| usize::try_from(dims).ok()));
    dims.map(Some).ok_or_else(|| "dims is a number of dimensions, or a list: dims = [1, 2]".to_owned())
}

fn is_for(keys: &mut Table, config: &Config) -> Result<bool, String> {
    match keys.remove("when") {
        None => Ok(true),
        Some(Value::Table(when)) => Ok(when.iter().all(|(key, value)| is_met(key, value, config))),
        Some(_) => Err("when is a table of the config's keys: when = { model_type = [\"gemma\"] }".to_owned()),
    }
}

fn beside_glob(keys: &mut Table) -> Result<Option<String>, String> {
    match keys.remove("beside") {
        None => Ok(None),
        Some(Value::String(glob)) => Ok(Some(glob)),
        Some(_) => Err("beside is the glob of a tensor that must be there: beside = \"*.A_log\"".to_owned()),
    }
}

fn outcome(mut keys: Table) -> Result<Outcome, String> {
    let skip = match keys.remove("skip") {
        None => false,
        Some(Value::Boolean(skip)) => skip,
        Some(other) => return Err(format!("skip is true or false, not {other}")),
    };
    let outcome = match keys.remove("refuse") {
        None if skip => Outcome::Skip,
        None => return Ok(Outcome::Make(keys)),
        Some(Value::String(_)) if skip => return Err("a rule has skip or refuse, not both".to_owned()),
        Some(Value::String(reason)) => Outcome::Refuse(reason),
        Some(other) => return Err(format!("refuse is a reason, not {other}")),
    };
    // a key that has no effect is a mistake
    match keys.keys().next() {
        None => Ok(outcome),
        Some(key) => Err(format!("a rule with skip or refuse describes no tensor, so it has no {key}")),
    }
}

/// A value, or each of a list.
fn list<T>(value: Value, of: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    match value {
        Value::Array(values) => values.iter().map(of).collect(),
        value => of(&value).map(|value| vec![value]),
    }
}

/// Whether a key of the configuration has the value, or one of the values.
fn is_met(key: &str, value: &Value, config: &Config) -> bool {
    let names = Names { config, shape: &[] };
    let found = names.value(key);
    let is = |value: &Value| {
        serde_json::to_value(value).is_ok_and(|value| match (&value, found.as_deref()) {
            // 1 and 1.0 are the same number, in TOML and in JSON
            (serde_json::Value::Number(a), Some(serde_json::Value::Number(b))) => a.as_f64() == b.as_f64(),
            (value, found) => found == Some(value),
        })
    };
    match value {
        Value::Array(values) => values.iter().any(is),
        value => is(value),
    }
}
