//! A rule of [`like()`](crate::like()), and the tensor of a recipe that it gives.

use seedtensors::Dtype;
use toml::{Table, Value};

use crate::config::Config;
use crate::expression::{ExpressionError, Names, evaluate};
use crate::glob::GlobError;
use crate::header::Entry;
use crate::plain::plain;
use crate::recipe::Tensor;
use crate::tensor_spec::TensorSpec;

/// The parameters of initialisers that may be expressions. Other texts, such as `mode`, are names.
const NUMBERS: [&str; 6] = ["mean", "std", "low", "high", "value", "scale"];

/// The reason why text is no rules, or rules describe no tensor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// Text that is no TOML, or not TOML of rules.
    #[error("{0}")]
    Syntax(String),
    /// Globs that are too many, or together too large.
    #[error(transparent)]
    Globs(#[from] GlobError),
    /// A key of a rule with a value that it cannot have.
    #[error("rule {rule}: {message}")]
    Rule {
        /// The rule's globs, as they are written.
        rule: String,
        /// The rule that is broken.
        message: String,
    },
    /// A rule that describes no tensor for an entry of the checkpoint.
    #[error("rule {rule}, tensor {tensor:?}: {message}")]
    Tensor {
        /// The rule's globs, as they are written.
        rule: String,
        /// The tensor's name.
        tensor: String,
        /// The rule that is broken.
        message: String,
    },
    /// Keys that no recipe's tensor can have.
    #[error("the rules give no recipe: {0}")]
    Recipe(String),
}

impl RulesError {
    /// An error of the text as a whole.
    pub(crate) fn syntax(message: impl Into<String>) -> Self {
        Self::Syntax(message.into())
    }
}

/// A rule: the tensors that it is for, and its result for them.
pub(crate) struct Rule {
    /// Its globs as they are written, for messages.
    pub(crate) name: Value,
    /// The globs of the names that it is for.
    pub(crate) globs: Vec<String>,
    /// The numbers of dimensions that it is for; none for any.
    pub(crate) dims: Option<Vec<usize>>,
    /// A glob of the names that the checkpoint must have, too.
    pub(crate) beside: Option<String>,
    /// The result for these tensors.
    pub(crate) outcome: Outcome,
}

/// The result of a rule.
pub(crate) enum Outcome {
    /// The tensor is left out.
    Skip,
    /// The tensor is refused for this reason.
    Refuse(String),
    /// The tensor has these keys in its `[[tensor]]`.
    Make(Table),
}

impl Rule {
    /// The tensor that these keys give for an entry, or the reason why the configuration does not say it.
    pub(crate) fn tensor(
        &self,
        keys: &Table,
        entry: &Entry,
        dtype: Dtype,
        config: &Config,
    ) -> Result<Result<Tensor, String>, RulesError> {
        // The rule's keys become those of a `[[tensor]]`: expressions are replaced by numbers, and name, shape and
        // dtype are added. `TensorSpec` then checks them as it checks those of a recipe.
        let mut table = keys.clone();
        let refuse =
            |message: String| RulesError::Tensor { rule: self.name.to_string(), tensor: entry.name.clone(), message };
        let missing = resolve(&mut table, Names { config, shape: &entry.shape });
        if let Some(text) = missing.map_err(|error| refuse(error.to_string()))? {
            return Ok(Err(format!("its config has no number {text:?}")));
        }
        // integers of TOML are signed
        let dim = |&dim: &u64| i64::try_from(dim).map(Value::from).map_err(|_| refuse(format!("{dim} is too large")));
        let shape = entry.shape.iter().map(dim).collect::<Result<Vec<_>, _>>()?;
        table.insert("name".to_owned(), Value::from(entry.name.as_str()));
        table.insert("shape".to_owned(), Value::from(shape));
        // a rule's own dtype comes first
        table.entry("dtype").or_insert_with(|| Value::from(dtype.name()));
        let spec: TensorSpec =
            table.try_into().map_err(|error: toml::de::Error| RulesError::Recipe(plain(error.message())))?;
        spec.tensor().map(Ok).map_err(|error| RulesError::Recipe(error.message))
    }
}

/// Replaces expressions by their numbers. Gives the first expression that has none.
fn resolve(table: &mut Table, names: Names<'_>) -> Result<Option<String>, ExpressionError> {
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
    // unlike a std, padding may be missing: a model without a `pad_token_id` has no row of zeros
    if let Some(Value::String(text)) = table.get("padding") {
        match evaluate(text, names)? {
            Some(row) => table.insert("padding".to_owned(), Value::from(index(row, names.shape))),
            None => table.remove("padding"),
        };
    }
    Ok(None)
}

/// The index of a row of an embedding; a negative one counts from the end, as in PyTorch.
fn index(row: f64, shape: &[u64]) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a row that is none is refused")]
    let row = row as i64;
    let rows = shape.first().and_then(|&rows| i64::try_from(rows).ok()).unwrap_or_default();
    if row < 0 { row.saturating_add(rows) } else { row }
}
