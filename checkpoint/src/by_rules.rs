//! A recipe by rules, for tensors whose names, shapes and dtypes are known.

use std::collections::HashMap;

use seedtensors::Dtype;

use crate::config::Config;
use crate::header::Entry;
use crate::recipe::{Recipe, Tensor};
use crate::rule::{Outcome, RulesError};
use crate::rules::Rules;
use crate::unmatched::{Collector, Unmatched};

/// The reason why no recipe can be made like a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LikeError {
    /// A checkpoint whose files are not those that its index, or their names, list.
    #[error("{0}")]
    Checkpoint(String),
    /// Text that is no rules, or rules that describe no tensor.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// Tensors that no rule is for, or that a rule refuses.
    #[error(transparent)]
    Unmatched(#[from] Unmatched),
    /// Rules that leave every tensor out.
    #[error("the rules leave every tensor out")]
    NothingLeft,
}

/// A recipe like a checkpoint.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Like {
    /// The recipe.
    pub recipe: Recipe,
    /// The names of the tensors that rules left out.
    pub left_out: Vec<String>,
}

/// The recipe that rules give for tensors, in their order; [`like()`](crate::like()) does the same for a checkpoint's. `entries` is called
/// twice. The offsets of an entry's bytes do not matter.
///
/// # Errors
///
/// Those of [`like()`](crate::like()), but for [`LikeError::Checkpoint`].
pub fn by_rules<'e, I: Iterator<Item = &'e Entry>>(
    entries: impl Fn() -> I,
    rules: &str,
    config: Option<&Config>,
    dtype: Option<Dtype>,
) -> Result<Like, LikeError> {
    let nothing = Config::new();
    let config = config.unwrap_or(&nothing);
    // read twice: once for the rules with `beside`, once to make the tensors
    let rules = Rules::parse(rules, config, entries().map(|entry| entry.name.as_str()))?;
    let mut maker = Maker { rules: &rules, config, dtype, known: HashMap::new(), found: Vec::new() };
    let mut like = Like { recipe: Recipe { tensors: Vec::new() }, left_out: Vec::new() };
    let mut unmatched = Collector::default();
    for entry in entries() {
        match maker.make(entry)? {
            Made::Tensor(tensor) => like.recipe.tensors.push(tensor),
            Made::LeftOut => like.left_out.push(entry.name.clone()),
            // collected, so that one message has the rules for all of them
            Made::Unmatched(reason) => unmatched.add(entry, &reason),
        }
    }
    unmatched.finish()?;
    if like.recipe.tensors.is_empty() {
        return Err(LikeError::NothingLeft);
    }
    Ok(like)
}

/// The result of the rules for one tensor.
enum Made {
    /// The rule made it.
    Tensor(Tensor),
    /// The rule has `skip = true`.
    LeftOut,
    /// No rule is for it, or its rule refuses it: the reason, which may be empty.
    Unmatched(String),
}

/// Makes a recipe's tensors by rules.
struct Maker<'a> {
    /// The rules that are for this configuration.
    rules: &'a Rules,
    /// The configuration, for the expressions of the rules.
    config: &'a Config,
    /// The dtype of tensors whose rule has none.
    dtype: Option<Dtype>,
    /// Tensors by rule, shape and dtype, which differ in their names alone: a model has few of them.
    known: HashMap<(usize, &'a [u64], Dtype), Result<Tensor, String>>,
    /// Memory that is used again for each tensor.
    found: Vec<usize>,
}

impl<'a> Maker<'a> {
    fn make(&mut self, entry: &'a Entry) -> Result<Made, RulesError> {
        let Some((number, rule)) = self.rules.first(entry, &mut self.found) else {
            // a dtype that cannot be kept would be the next question: the message answers it, too
            return Ok(Made::Unmatched(dtype_of(entry, self.dtype).err().unwrap_or_default()));
        };
        let keys = match &rule.outcome {
            Outcome::Skip => return Ok(Made::LeftOut),
            Outcome::Refuse(reason) => return Ok(Made::Unmatched(reason.clone())),
            Outcome::Make(keys) => keys,
        };
        // a rule's own dtype replaces this one
        let dtype = if keys.contains_key("dtype") { Ok(Dtype::F32) } else { dtype_of(entry, self.dtype) };
        let dtype = match dtype {
            Ok(dtype) => dtype,
            Err(reason) => return Ok(Made::Unmatched(reason)),
        };
        // expressions and checks depend on no more than these: a name alone changes nothing
        let key = (number, entry.shape.as_slice(), dtype);
        if !self.known.contains_key(&key) {
            self.known.insert(key, rule.tensor(keys, entry, dtype, self.config)?);
        }
        Ok(match &self.known[&key] {
            Ok(tensor) => Made::Tensor(Tensor { name: entry.name.clone(), ..tensor.clone() }),
            Err(reason) => Made::Unmatched(reason.clone()),
        })
    }
}

/// The dtype of a tensor whose rule has none, or the reason why it has none.
fn dtype_of(entry: &Entry, given: Option<Dtype>) -> Result<Dtype, String> {
    match (given, entry.dtype) {
        (Some(dtype), _) => Ok(dtype),
        (None, safetensors::Dtype::F32) => Ok(Dtype::F32),
        (None, safetensors::Dtype::F16) => Ok(Dtype::F16),
        (None, safetensors::Dtype::BF16) => Ok(Dtype::BF16),
        (None, other) => Err(format!("dtype {other:?}: skip = true leaves it out, a dtype of the rule replaces it")),
    }
}
