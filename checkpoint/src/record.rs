//! The record in a file's metadata: the recipe of its tensors and the seed, from which its values can be computed again.

use std::collections::BTreeMap;
use std::ops::Add;

use seedtensors::{Arithmetic, Key, VALUES_VERSION};

use crate::recipe::{Recipe, RecipeError, Tensor};

// The keys of the metadata. Files have them, so they never change.
/// The key of the arithmetic: `exact` or `native`.
const ARITHMETIC: &str = "seedtensors.arithmetic";
/// The key of the digest of all tensors of the checkpoint.
const CHECKPOINT: &str = "seedtensors.checkpoint";
/// The key of the recipe of the tensors of the file.
const RECIPE: &str = "seedtensors.recipe";
/// The key of the seed, in decimal.
const SEED: &str = "seedtensors.seed";
/// The key of the number of all tensors of the checkpoint.
const TENSORS: &str = "seedtensors.tensors";
/// The key of the version of the values.
const VALUES: &str = "seedtensors.values";

/// The reason why a file's record cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Values of another version than this crate's.
    #[error("{VALUES} is {0:?}: this program makes values of version {VALUES_VERSION}")]
    Version(String),
    /// A key of the metadata with a value that no record has.
    #[error("{key} is {rule}, not {found}")]
    Key {
        /// The key.
        key: &'static str,
        /// Its rule.
        rule: &'static str,
        /// Its value, quoted.
        found: String,
    },
    /// A recipe that cannot be read.
    #[error("{RECIPE}: {0}")]
    Recipe(#[from] RecipeError),
}

/// All tensors of a checkpoint, whichever of its files hold them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// The number of tensors.
    pub tensors: u64,
    /// The sum, modulo 2^64, of a hash of each tensor's `[[tensor]]`: the seed of `Key::new(0).named(text)`.
    pub digest: u64,
}

impl Whole {
    /// Counts tensors, in any order.
    ///
    /// ```
    /// use seedtensors_checkpoint::{Recipe, Whole};
    ///
    /// let text = |name: &&str| format!("[[tensor]]\nname = {name:?}\nshape = [2]\ninit = \"ones\"\n");
    /// let of = |names: &[&str]| Recipe::parse(&names.iter().map(text).collect::<String>()).map(|r| Whole::of(&r.tensors));
    /// assert_eq!(of(&["a", "b"])?, of(&["b", "a"])?);
    /// assert_eq!(of(&["a", "b"])?, of(&["a"])? + of(&["b"])?);
    /// assert_ne!(of(&["a", "b"])?, of(&["a", "c"])?);
    /// # Ok::<(), seedtensors_checkpoint::RecipeError>(())
    /// ```
    pub fn of<'t>(tensors: impl IntoIterator<Item = &'t Tensor>) -> Self {
        // a sum does not depend on the order of the files, and the sums of files add up to that of the whole
        let one = |tensor: &Tensor| Self { tensors: 1, digest: Key::new(0).named(&tensor.to_string()).seed };
        tensors.into_iter().map(one).fold(Self::default(), Self::add)
    }
}

impl Add for Whole {
    type Output = Self;

    /// The tensors of both.
    fn add(self, other: Self) -> Self {
        Self { tensors: self.tensors.saturating_add(other.tensors), digest: self.digest.wrapping_add(other.digest) }
    }
}

/// The recipe and the seed of a file's values.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The tensors of the file.
    pub recipe: Recipe,
    /// The seed.
    pub seed: u64,
    /// The arithmetic that the normals were computed with.
    pub arithmetic: Arithmetic,
    /// The tensors of all files of its checkpoint.
    pub whole: Whole,
}

impl Record {
    /// The record of a file that holds its whole checkpoint.
    #[must_use]
    pub fn new(recipe: Recipe, seed: u64, arithmetic: Arithmetic) -> Self {
        Self { whole: Whole::of(&recipe.tensors), recipe, seed, arithmetic }
    }

    /// A file's metadata.
    pub(crate) fn metadata(&self) -> BTreeMap<String, String> {
        let arithmetic = if self.arithmetic == Arithmetic::Exact { "exact" } else { "native" };
        let entries = [
            // transformers asks for this key: the tensors are laid out as PyTorch saves them
            ("format", "pt".to_owned()),
            (ARITHMETIC, arithmetic.to_owned()),
            (CHECKPOINT, format!("{:016x}", self.whole.digest)),
            (RECIPE, self.recipe.to_string()),
            (SEED, self.seed.to_string()),
            (TENSORS, self.whole.tensors.to_string()),
            (VALUES, VALUES_VERSION.to_string()),
        ];
        entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Reads a file's metadata; none where it has no such record.
    ///
    /// # Errors
    ///
    /// A record that this program did not write, or of another version of the values.
    pub fn read(metadata: &BTreeMap<String, String>) -> Result<Option<Self>, RecordError> {
        // a file of another program has neither of these keys: it is no error that it has no record
        let (Some(recipe), Some(seed)) = (metadata.get(RECIPE), metadata.get(SEED)) else { return Ok(None) };
        // before anything else is read: another version may record other keys
        let version = metadata.get(VALUES).map_or("", String::as_str);
        if version != VALUES_VERSION.to_string() {
            return Err(RecordError::Version(version.to_owned()));
        }
        let bad = |key, rule, found: &str| RecordError::Key { key, rule, found: format!("{found:?}") };
        let arithmetic = match metadata.get(ARITHMETIC).map(String::as_str) {
            Some("exact") => Arithmetic::Exact,
            Some("native") => Arithmetic::Native,
            other => {
                let found = format!("{other:?}");
                return Err(RecordError::Key { key: ARITHMETIC, rule: "exact or native", found });
            }
        };
        let seed = seed.parse().map_err(|_| bad(SEED, "a whole number below 2^64", seed))?;
        let whole = Whole::read(metadata, &bad)?;
        Ok(Some(Self { recipe: Recipe::parse(recipe)?, seed, arithmetic, whole }))
    }
}

impl Whole {
    /// Reads a file's metadata. The digest must be written as [`Record::metadata`] writes it.
    fn read(
        metadata: &BTreeMap<String, String>,
        bad: &impl Fn(&'static str, &'static str, &str) -> RecordError,
    ) -> Result<Self, RecordError> {
        let text = |key| metadata.get(key).map_or("", String::as_str);
        // a key that is absent is refused as an empty value
        let (tensors, digest) = (text(TENSORS), text(CHECKPOINT));
        Ok(Self {
            tensors: tensors.parse().map_err(|_| bad(TENSORS, "a whole number", tensors))?,
            digest: u64::from_str_radix(digest, 16)
                .ok()
                .filter(|value| format!("{value:016x}") == digest)
                .ok_or_else(|| bad(CHECKPOINT, "16 hexadecimal digits", digest))?,
        })
    }
}
