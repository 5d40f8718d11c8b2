//! A recipe from a checkpoint that is there already: its names, shapes and dtypes, and rules for the rest.

use std::collections::hash_map::Entry as Slot;
use std::collections::{BTreeMap, HashMap};

use seedtensors::Dtype;
use toml::Value;

use crate::rules::{Outcome, Rules};
use crate::{Checkpoint, Config, Entry, Recipe, Tensor};

/// The rules where none are given: by model type, and then by name alone.
pub const DEFAULT_RULES: &str = concat!(
    include_str!("../recipes/like_models.toml"),
    include_str!("../recipes/like_unknown.toml"),
    include_str!("../recipes/like.toml")
);

/// Tensors that a message names at most.
const MOST_NAMED: usize = 20;
/// Letters of a name that a message has at most.
const MOST_LETTERS: usize = 300;

/// A recipe like a checkpoint.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Like {
    /// The recipe.
    pub recipe: Recipe,
    /// The names of the tensors that rules left out.
    pub left_out: Vec<String>,
}

/// The recipe of a checkpoint's tensors, in their order, whose headers alone are read.
///
/// `rules` is TOML: a list of `[[rule]]` tables. The first that is for a tensor counts. A rule is for tensors
///
/// * whose name matches its glob `name`, or one of a list (`*` is any text, `?` any letter, `{a,b}` either),
/// * whose number of dimensions is `dims`, or one of a list, if it has that key,
/// * of checkpoints whose configuration has the values, or one of the values, of its table `when`, if it has one:
///   `when = { model_type = ["gemma", "gemma2"] }`. Keys of the configuration's parts are written with dots,
/// * of checkpoints that have a tensor whose name matches `beside`, if it has that key.
///
/// `skip = true` leaves the tensor out, `refuse = "why"` refuses it. Otherwise a rule has what a recipe's `[[tensor]]`
/// has besides its name and shape. Without a `dtype` the tensor keeps its own, or gets the one that is given here. A
/// number of an initialiser (`std`, `mean`, `low`, `high`, `value`, `scale`) may be an expression over the
/// configuration's keys and the tensor's shape: `std = "initializer_range or 0.02"`, `low = "-1 / sqrt(shape.1)"`.
/// So may `padding`, which is left out where the configuration has no such number: `padding = "pad_token_id"`.
///
/// `defaults = true` before the first rule puts [`DEFAULT_RULES`] behind the last.
///
/// # Errors
///
/// A message for text that is no rules, and for whatever [`Recipe::parse`] refuses. A tensor may have no rule, be refused
/// by its rule, or have a dtype that is not f32, f16 or bf16 and a rule without one. The first line then names the first
/// such tensor. The lines after it are rules for all of them, each still without an initialiser.
///
/// ```
/// use seedtensors::Arithmetic;
/// use seedtensors_checkpoint::{Checkpoint, Plan, Recipe, Source, Write, like, write};
///
/// let folder = tempfile::tempdir()?;
/// let out = folder.path().join("model.safetensors");
/// let recipe = Recipe::parse("[[tensor]]\nname = \"fc.weight\"\nshape = [3, 2]\ndtype = \"bf16\"\ninit = \"ones\"")?;
/// write(&Plan::new(&recipe, 1, Arithmetic::Exact, &out, 1000, 1)?, &Write::new(&Source::Cpu), &|_| true)?;
///
/// let config = serde_json::json!({ "initializer_range": 0.01 });
/// let rules = "[[rule]]\nname = \"*.weight\"\ninit = { normal = { std = \"2 * initializer_range\" } }";
/// let made = like(&Checkpoint::open(&out)?, rules, config.as_object(), None)?;
/// let expected = "[[tensor]]\nname = \"fc.weight\"\nshape = [3, 2]\ndtype = \"bf16\"\n";
/// assert_eq!(made.recipe.to_string(), format!("{expected}init = {{ normal = {{ mean = 0.0, std = 0.02 }} }}\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn like(
    checkpoint: &Checkpoint,
    rules: &str,
    config: Option<&Config>,
    dtype: Option<Dtype>,
) -> Result<Like, String> {
    if let Some(problem) = checkpoint.problems.first() {
        // a file's name may have line feeds, and the lines after the first are rules
        return Err(problem.replace('\n', "\\n"));
    }
    let nothing = Config::new();
    let config = config.unwrap_or(&nothing);
    let entries = || checkpoint.files.iter().flat_map(|file| &file.header.tensors);
    let rules = Rules::parse(rules, config, entries().map(|entry| entry.name.as_str()))?;
    let mut made = Like { recipe: Recipe { tensors: Vec::new() }, left_out: Vec::new() };
    let mut refused = Refused::default();
    // tensors of one rule, shape and dtype differ in their names alone
    let mut known: HashMap<(usize, &[u64], Dtype), Result<Tensor, String>> = HashMap::new();
    let mut found = Vec::new();
    for entry in entries() {
        let Some((number, rule)) = rules.first(entry, &mut found) else {
            refused.add(entry, &dtype_of(entry, dtype).err().unwrap_or_default());
            continue;
        };
        let keys = match &rule.outcome {
            Outcome::Skip => {
                made.left_out.push(entry.name.clone());
                continue;
            }
            Outcome::Refuse(reason) => {
                refused.add(entry, reason);
                continue;
            }
            Outcome::Make(keys) => keys,
        };
        let dtype = if keys.contains_key("dtype") { Ok(Dtype::F32) } else { dtype_of(entry, dtype) };
        let tensor = match dtype {
            Ok(dtype) => match known.entry((number, entry.shape.as_slice(), dtype)) {
                Slot::Occupied(slot) => slot.into_mut(),
                Slot::Vacant(slot) => slot.insert(rule.tensor(keys, entry, dtype, config)?),
            },
            Err(reason) => &mut Err(reason),
        };
        match tensor {
            Ok(tensor) => made.recipe.tensors.push(Tensor { name: entry.name.clone(), ..tensor.clone() }),
            Err(reason) => refused.add(entry, reason),
        }
    }
    refused.message().map_or(Ok(()), Err)?;
    if made.recipe.tensors.is_empty() {
        return Err("the rules leave every tensor out".to_owned());
    }
    Ok(made)
}

/// The dtype of a tensor whose rule has none, or why it has none.
fn dtype_of(entry: &Entry, given: Option<Dtype>) -> Result<Dtype, String> {
    match (given, entry.dtype) {
        (Some(dtype), _) => Ok(dtype),
        (None, safetensors::Dtype::F32) => Ok(Dtype::F32),
        (None, safetensors::Dtype::F16) => Ok(Dtype::F16),
        (None, safetensors::Dtype::BF16) => Ok(Dtype::BF16),
        (None, other) => Err(format!("dtype {other:?}: skip = true leaves it out, a dtype of the rule replaces it")),
    }
}

/// The tensors that no initialiser is known for.
#[derive(Default)]
struct Refused<'a> {
    first: Option<(&'a Entry, String)>,
    count: usize,
    /// By the glob of a rule, the shape and the reason: how many.
    groups: BTreeMap<(String, &'a [u64], String), usize>,
    /// Tensors of further groups.
    rest: usize,
}

impl<'a> Refused<'a> {
    fn add(&mut self, entry: &'a Entry, reason: &str) {
        self.count += 1;
        self.first.get_or_insert_with(|| (entry, reason.to_owned()));
        let key = (glob_of(&entry.name), entry.shape.as_slice(), reason.to_owned());
        if self.groups.len() < MOST_NAMED || self.groups.contains_key(&key) {
            *self.groups.entry(key).or_default() += 1;
        } else {
            self.rest += 1;
        }
    }

    /// A line that names the first, and the rules that are wanted.
    fn message(&self) -> Option<String> {
        let (first, reason) = self.first.as_ref()?;
        let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        let more = if self.count > 1 { format!(", nor for {} more", self.count - 1) } else { String::new() };
        let name = short(&first.name);
        let mut text = format!("no rule is for tensor {name:?} of shape {:?}{why}{more}; ", first.shape);
        text += "add to the rules, each with an init:\ndefaults = true\n";
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
        Some(text)
    }
}

/// A name without the numbers of its layers, as a glob.
fn glob_of(name: &str) -> String {
    let part = |part: &str| {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { "*".to_owned() } else { globset::escape(part) }
    };
    short(&name.split('.').map(part).collect::<Vec<_>>().join("."))
}

fn short(name: &str) -> String {
    match name.char_indices().nth(MOST_LETTERS) {
        Some((end, _)) => format!("{}*", &name[..end]),
        None => name.to_owned(),
    }
}
