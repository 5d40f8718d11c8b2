//! A recipe from a checkpoint that is there already: its names, shapes and dtypes, and rules for the rest.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry::{Occupied, Vacant};

use globset::{Glob, GlobMatcher};
use seedtensors::Dtype;
use toml::{Table, Value};

use crate::text::dtype_name;
use crate::{Checkpoint, Entry, Recipe, Tensor};

/// The rules where none are given.
pub const DEFAULT_RULES: &str = include_str!("../../recipes/like.toml");

/// A rule: the tensors that it is for, and the keys of their `[[tensor]]`.
struct Rule {
    glob: GlobMatcher,
    skip: bool,
    keys: Table,
}

/// The recipe of a checkpoint's tensors, in their order, whose headers alone are read.
///
/// `rules` is TOML: `[[rule]]` tables of a glob `name` (`*` is any text, `?` any letter, `{a,b}` either) and what a
/// recipe's `[[tensor]]` has besides its name and shape; a rule without `dtype` keeps the tensor's, or gives it the one
/// that is given here. The first that matches counts; `skip = true` leaves the tensor out.
///
/// # Errors
///
/// What is wrong, in words: rules that are none, a tensor without a rule, or with a dtype that is not f32, f16 or bf16
/// and a rule without one, and whatever [`Recipe::parse`] refuses.
///
/// ```
/// use seedtensors::Arithmetic;
/// use seedtensors_checkpoint::{Checkpoint, DEFAULT_RULES, Plan, Recipe, Source, Write, like, write};
///
/// let folder = tempfile::tempdir()?;
/// let out = folder.path().join("model.safetensors");
/// let recipe = Recipe::parse("[[tensor]]\nname = \"fc.weight\"\nshape = [3, 2]\ndtype = \"bf16\"\ninit = \"ones\"")?;
/// write(&Plan::new(&recipe, 1, Arithmetic::Exact, &out, 1000, 1)?, &Write::new(&Source::Cpu), &|_| true)?;
///
/// let recipe = like(&Checkpoint::open(&out)?, DEFAULT_RULES, None)?;
/// let expected = "[[tensor]]\nname = \"fc.weight\"\nshape = [3, 2]\ndtype = \"bf16\"\n";
/// assert_eq!(recipe.to_string(), format!("{expected}init = {{ normal = {{ mean = 0.0, std = 0.02 }} }}\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn like(checkpoint: &Checkpoint, rules: &str, dtype: Option<Dtype>) -> Result<Recipe, String> {
    if let Some(problem) = checkpoint.problems.first() {
        return Err(problem.clone());
    }
    let rules = parse(rules)?;
    let mut tensors = Vec::new();
    // tensors of one rule, dtype and shape differ in their names alone
    let mut made = BTreeMap::<(usize, safetensors::Dtype, &[u64]), Tensor>::new();
    for entry in checkpoint.files.iter().flat_map(|file| &file.header.tensors) {
        let rule = rules.iter().enumerate().find(|(_, rule)| rule.glob.is_match(&entry.name));
        let (i, rule) =
            rule.ok_or_else(|| format!("no rule is for tensor {:?}; a last rule of name = \"*\" is", entry.name))?;
        if rule.skip {
            continue;
        }
        let tensor = match made.entry((i, entry.dtype, &entry.shape)) {
            Occupied(tensor) => Tensor { name: entry.name.clone(), ..tensor.get().clone() },
            Vacant(none) => none.insert(tensor(table(entry, rule, dtype)?)?).clone(),
        };
        tensors.push(tensor);
    }
    if tensors.is_empty() {
        return Err("the rules leave every tensor out".to_owned());
    }
    Ok(Recipe { tensors })
}

/// The tensor of a `[[tensor]]`.
fn tensor(table: Table) -> Result<Tensor, String> {
    let recipe = Table::from_iter([("tensor".to_owned(), Value::from(vec![table]))]);
    // the lines are of a text that nobody sees
    let recipe = Recipe::parse(&recipe.to_string());
    let mut recipe = recipe.map_err(|error| format!("the rules give no recipe: {}", error.message))?;
    recipe.tensors.pop().ok_or_else(|| "the rules give no recipe".to_owned())
}

/// Whether names match a glob.
///
/// # Errors
///
/// What is wrong with the glob, in words.
pub fn is_match(glob: &str) -> Result<impl Fn(&str) -> bool + use<>, String> {
    let matcher = Glob::new(glob).map_err(|error| error.to_string())?.compile_matcher();
    Ok(move |name: &str| matcher.is_match(name))
}

fn parse(text: &str) -> Result<Vec<Rule>, String> {
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| format!("the rules: {error}"))?;
    let rules = match table.remove("rule") {
        Some(Value::Array(rules)) if table.is_empty() => rules,
        _ => return Err("rules are a list of [[rule]] tables, and nothing else".to_owned()),
    };
    rules.into_iter().map(rule).collect()
}

fn rule(value: Value) -> Result<Rule, String> {
    let Value::Table(mut keys) = value else { return Err("a rule is a table: [[rule]]".to_owned()) };
    let Some(Value::String(name)) = keys.remove("name") else {
        return Err("a rule needs a name, the glob of its tensors: name = \"*.bias\"".to_owned());
    };
    let glob = Glob::new(&name).map_err(|error| format!("rule {name:?}: {error}"))?.compile_matcher();
    let skip = match keys.remove("skip") {
        None => false,
        Some(Value::Boolean(skip)) => skip,
        Some(other) => return Err(format!("rule {name:?}: skip is true or false, not {other}")),
    };
    Ok(Rule { glob, skip, keys })
}

/// The `[[tensor]]` of a tensor and its rule.
fn table(entry: &Entry, rule: &Rule, dtype: Option<Dtype>) -> Result<Table, String> {
    let mut table = rule.keys.clone();
    let dim = |&dim: &u64| i64::try_from(dim).map(Value::from).map_err(|_| format!("tensor {:?}: {dim}", entry.name));
    table.insert("name".to_owned(), Value::from(entry.name.as_str()));
    table.insert("shape".to_owned(), Value::from(entry.shape.iter().map(dim).collect::<Result<Vec<_>, _>>()?));
    if !table.contains_key("dtype") {
        let dtype = match (dtype, entry.dtype) {
            (Some(dtype), _) => dtype_name(dtype),
            (None, safetensors::Dtype::F32) => dtype_name(Dtype::F32),
            (None, safetensors::Dtype::F16) => dtype_name(Dtype::F16),
            (None, safetensors::Dtype::BF16) => dtype_name(Dtype::BF16),
            (None, other) => {
                let way = "a rule with skip = true leaves it out, one with a dtype gives it another";
                return Err(format!("tensor {:?} has dtype {other:?}: {way}", entry.name));
            }
        };
        table.insert("dtype".to_owned(), Value::from(dtype));
    }
    Ok(table)
}
