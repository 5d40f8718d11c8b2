//! What a file says of where its values come from: the recipe of its tensors, and the seed.

use std::collections::BTreeMap;

use seedtensors::{Arithmetic, VALUES_VERSION};

use crate::Recipe;

const ARITHMETIC: &str = "seedtensors.arithmetic";
const RECIPE: &str = "seedtensors.recipe";
const SEED: &str = "seedtensors.seed";
const VALUES: &str = "seedtensors.values";

/// The recipe and the seed of a file's values.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The tensors of the file.
    pub recipe: Recipe,
    /// The seed.
    pub seed: u64,
    /// How normals were worked out.
    pub arithmetic: Arithmetic,
}

impl Record {
    /// A file's metadata.
    pub(crate) fn metadata(&self) -> BTreeMap<String, String> {
        let arithmetic = match self.arithmetic {
            Arithmetic::Exact => "exact",
            Arithmetic::Native => "native",
        };
        let entries = [
            ("format", "pt".to_owned()),
            (ARITHMETIC, arithmetic.to_owned()),
            (RECIPE, self.recipe.to_string()),
            (SEED, self.seed.to_string()),
            (VALUES, VALUES_VERSION.to_string()),
        ];
        entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Reads a file's metadata; none where it has no such record.
    ///
    /// # Errors
    ///
    /// A record that this program did not write, or of another version of the values.
    pub fn read(metadata: &BTreeMap<String, String>) -> Result<Option<Self>, String> {
        let (Some(recipe), Some(seed)) = (metadata.get(RECIPE), metadata.get(SEED)) else { return Ok(None) };
        let version = metadata.get(VALUES).map_or("", String::as_str);
        if version != VALUES_VERSION.to_string() {
            return Err(format!("{VALUES} is {version:?}: this program makes values of version {VALUES_VERSION}"));
        }
        let arithmetic = match metadata.get(ARITHMETIC).map(String::as_str) {
            Some("exact") => Arithmetic::Exact,
            Some("native") => Arithmetic::Native,
            other => return Err(format!("{ARITHMETIC} is exact or native, not {other:?}")),
        };
        let seed = seed.parse().map_err(|_| format!("{SEED} is a whole number below 2^64, not {seed:?}"))?;
        let recipe = Recipe::parse(recipe).map_err(|error| format!("{RECIPE}: {error}"))?;
        Ok(Some(Self { recipe, seed, arithmetic }))
    }
}
