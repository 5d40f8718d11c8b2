//! A recipe for the tensors of an existing checkpoint: names, shapes and dtypes from its headers, initialisers by rules.

use seedtensors::Dtype;

use crate::by_rules::{Like, LikeError, by_rules};
use crate::config::Config;
use crate::files::checkpoint::Checkpoint;

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
/// `defaults = true` before the first rule puts [`DEFAULT_RULES`](crate::DEFAULT_RULES) behind the last.
///
/// # Errors
///
/// Every [`LikeError`]. A tensor may have no rule, be refused by its rule, or have a dtype that is not f32, f16 or bf16
/// and a rule without one: [`Unmatched`](crate::Unmatched) then names the first, and has rules for all of them to be completed.
///
/// ```
/// use seedtensors::Arithmetic;
/// use seedtensors_checkpoint::{Backend, Checkpoint, Plan, Recipe, Write, like, write};
///
/// let folder = tempfile::tempdir()?;
/// let out = folder.path().join("model.safetensors");
/// let recipe = Recipe::parse("[[tensor]]\nname = \"fc.weight\"\nshape = [3, 2]\ndtype = \"bf16\"\ninit = \"ones\"")?;
/// write(&Plan::new(&recipe, 1, Arithmetic::Exact, &out, 1000, 1)?, &Write::new(&Backend::Cpu), &|_| true)?;
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
) -> Result<Like, LikeError> {
    // a recipe like half a checkpoint would be taken for all of it
    if let Some(problem) = checkpoint.problems.first() {
        return Err(LikeError::Checkpoint(problem.clone()));
    }
    by_rules(|| checkpoint.files.iter().flat_map(|file| &file.header.tensors), rules, config, dtype)
}
