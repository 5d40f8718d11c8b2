//! The rules of [`like`](crate::like()): which tensors become what.

use seedtensors::Dtype;
use toml::{Table, Value};

use crate::expression::{Names, evaluate};
use crate::glob::Globs;
use crate::{Config, DEFAULT_RULES, Entry, Recipe, Tensor};

/// The parameters of initialisers that may be expressions.
const NUMBERS: [&str; 6] = ["mean", "std", "low", "high", "value", "scale"];

/// Rules for a configuration, in their order.
pub(crate) struct Rules {
    rules: Vec<Rule>,
    globs: Globs,
    /// The rule of each glob.
    owners: Vec<usize>,
}

/// A rule: the tensors that it is for, and what becomes of them.
pub(crate) struct Rule {
    /// Its globs as they are written, for messages.
    name: Value,
    globs: Vec<String>,
    dims: Option<Vec<usize>>,
    /// A glob of the names that the checkpoint must have, too.
    beside: Option<String>,
    pub(crate) outcome: Outcome,
}

pub(crate) enum Outcome {
    /// It is left out.
    Skip,
    /// It is refused for this reason.
    Refuse(String),
    /// It has these keys in its `[[tensor]]`.
    Make(Table),
}

impl Rules {
    /// Reads rules. Those that are not for this configuration, or these names, are read, and dropped.
    pub(crate) fn parse<'a>(text: &str, config: &Config, names: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut rules = Vec::new();
        if read(text, config, &mut rules)? {
            read(DEFAULT_RULES, config, &mut rules)?;
        }
        let rules = beside(rules, names)?;
        let globs = rules.iter().flat_map(|rule| rule.globs.iter().map(String::as_str));
        let owners = rules.iter().enumerate().flat_map(|(i, rule)| vec![i; rule.globs.len()]);
        Ok(Self { globs: Globs::new(globs)?, owners: owners.collect(), rules })
    }

    /// The first rule that is for a tensor, and its number. `found` is room that is used again.
    pub(crate) fn first(&self, entry: &Entry, found: &mut Vec<usize>) -> Option<(usize, &Rule)> {
        self.globs.matches_into(&entry.name, found);
        let dims = entry.shape.len();
        let mut owners = found.iter().map(|&glob| self.owners[glob]);
        let owner = owners.find(|&owner| self.rules[owner].dims.as_ref().is_none_or(|list| list.contains(&dims)))?;
        Some((owner, &self.rules[owner]))
    }
}

/// The rules whose `beside` matches one of the names, and those that have none.
fn beside<'a>(rules: Vec<Rule>, names: impl Iterator<Item = &'a str>) -> Result<Vec<Rule>, String> {
    let wanted = Globs::new(rules.iter().filter_map(|rule| rule.beside.as_deref()))?;
    let (mut found, mut is_there) = (Vec::new(), vec![false; rules.len()]);
    if rules.iter().any(|rule| rule.beside.is_some()) {
        for name in names {
            wanted.matches_into(name, &mut found);
            found.iter().for_each(|&glob| is_there[glob] = true);
        }
    }
    let mut globs = is_there.into_iter();
    Ok(rules.into_iter().filter(|rule| rule.beside.is_none() || globs.next() == Some(true)).collect())
}

/// Adds a text's rules; says whether the default ones follow.
fn read(text: &str, config: &Config, into: &mut Vec<Rule>) -> Result<bool, String> {
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| format!("the rules: {error}"))?;
    let defaults = match table.remove("defaults") {
        None => false,
        Some(Value::Boolean(defaults)) => defaults,
        Some(other) => return Err(format!("the rules: defaults is true or false, not {other}")),
    };
    let rules = match table.remove("rule") {
        Some(Value::Array(rules)) if table.is_empty() => rules,
        None if table.is_empty() && defaults => Vec::new(),
        _ => return Err("rules are a list of [[rule]] tables, and nothing else but defaults = true".to_owned()),
    };
    for value in rules {
        into.extend(rule(value, config)?);
    }
    Ok(defaults)
}

/// A rule, unless it is for other configurations.
fn rule(value: Value, config: &Config) -> Result<Option<Rule>, String> {
    let Value::Table(mut keys) = value else { return Err("a rule is a table: [[rule]]".to_owned()) };
    let none = || "a rule needs a name, the glob of its tensors, or a list of them: name = \"*.bias\"".to_owned();
    let name = keys.remove("name").ok_or_else(none)?;
    let globs = list(name.clone(), |value| value.as_str().map(str::to_owned)).ok_or_else(none)?;
    let refuse = |what: &str| format!("rule {name}: {what}");
    let dims = keys.remove("dims").map(|dims| {
        let dims = list(dims, |value| value.as_integer().and_then(|dims| usize::try_from(dims).ok()));
        dims.ok_or_else(|| refuse("dims is a number of dimensions, or a list: dims = [1, 2]"))
    });
    let dims = dims.transpose()?;
    let holds = match keys.remove("when") {
        None => true,
        Some(Value::Table(when)) => when.iter().all(|(key, value)| is_met(key, value, config)),
        Some(_) => return Err(refuse("when is a table of the config's keys: when = { model_type = [\"gemma\"] }")),
    };
    let beside = match keys.remove("beside") {
        None => None,
        Some(Value::String(glob)) => Some(glob),
        Some(_) => return Err(refuse("beside is the glob of a tensor that must be there: beside = \"*.A_log\"")),
    };
    // the glob's own message names it
    Globs::new(globs.iter().chain(&beside).map(String::as_str)).map_err(|error| refuse(&error))?;
    let skip = match keys.remove("skip") {
        None => false,
        Some(Value::Boolean(skip)) => skip,
        Some(other) => return Err(refuse(&format!("skip is true or false, not {other}"))),
    };
    let outcome = match keys.remove("refuse") {
        None if skip => Outcome::Skip,
        None => Outcome::Make(keys),
        Some(Value::String(reason)) => Outcome::Refuse(reason),
        Some(other) => return Err(refuse(&format!("refuse is a reason, not {other}"))),
    };
    Ok(holds.then_some(Rule { name, globs, dims, beside, outcome }))
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
    let found = Names { config, shape: &[] }.value(key);
    let is = |value: &Value| {
        serde_json::to_value(value).is_ok_and(|value| match (&value, &found) {
            (serde_json::Value::Number(a), Some(serde_json::Value::Number(b))) => a.as_f64() == b.as_f64(),
            (value, found) => found.as_ref() == Some(value),
        })
    };
    match value {
        Value::Array(values) => values.iter().any(is),
        value => is(value),
    }
}

impl Rule {
    /// The tensor that these keys make of an entry, or why it is not known.
    pub(crate) fn tensor(
        &self,
        keys: &Table,
        entry: &Entry,
        dtype: Dtype,
        config: &Config,
    ) -> Result<Result<Tensor, String>, String> {
        let mut table = keys.clone();
        let refuse = |message: String| format!("rule {}, tensor {:?}: {message}", self.name, entry.name);
        if let Some(text) = resolve(&mut table, Names { config, shape: &entry.shape }).map_err(refuse)? {
            return Ok(Err(format!("its config has no number {text:?}")));
        }
        table.insert("name".to_owned(), Value::from(entry.name.as_str()));
        let dim = |&dim: &u64| i64::try_from(dim).map(Value::from).map_err(|_| refuse(format!("{dim} is too large")));
        table.insert("shape".to_owned(), Value::from(entry.shape.iter().map(dim).collect::<Result<Vec<_>, _>>()?));
        table.entry("dtype").or_insert_with(|| Value::from(dtype.name()));
        let recipe = Table::from_iter([("tensor".to_owned(), Value::from(vec![table]))]);
        // the lines are of a text that nobody sees
        let recipe = Recipe::parse(&recipe.to_string());
        let recipe = recipe.map_err(|error| format!("the rules give no recipe: {}", error.message))?;
        recipe.tensors.into_iter().next().map(Ok).ok_or_else(|| refuse("it makes no tensor".to_owned()))
    }
}

/// Puts numbers in the place of expressions; gives the first that is none.
fn resolve(table: &mut Table, names: Names<'_>) -> Result<Option<String>, String> {
    for (_, init) in table.get_mut("init").and_then(Value::as_table_mut).into_iter().flatten() {
        for (key, value) in init.as_table_mut().into_iter().flatten() {
            if let (Value::String(text), true) = (&value, NUMBERS.contains(&key.as_str())) {
                match evaluate(text, names)? {
                    Some(number) => *value = Value::from(number),
                    None => return Ok(Some(text.clone())),
                }
            }
        }
    }
    if let Some(Value::String(text)) = table.get("padding") {
        match evaluate(text, names)? {
            Some(row) => table.insert("padding".to_owned(), Value::from(index(row, names.shape))),
            None => table.remove("padding"),
        };
    }
    Ok(None)
}

/// A row of an embedding; a negative one counts from the end, as in PyTorch.
fn index(row: f64, shape: &[u64]) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a row that is none is refused")]
    let row = row as i64;
    let rows = shape.first().and_then(|&rows| i64::try_from(rows).ok()).unwrap_or_default();
    if row < 0 { row.saturating_add(rows) } else { row }
}
