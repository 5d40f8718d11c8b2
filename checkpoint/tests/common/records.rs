//! The records of what transformers makes of configurations: tests/vectors/hf, written by scripts/generate/families.py.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::collections::BTreeMap;
use std::fs;

use seedtensors::{Init, Sampler, Shape};
use seedtensors_checkpoint::{Config, Recipe, render};
use serde_json::Value;

/// A tensor: its shape, its dtype, its initialiser's sampler and its row of zeros.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Made {
    shape: Vec<u64>,
    dtype: String,
    sampler: Option<Sampler>,
    padding: Option<u64>,
}

/// The tensors of a model, by name.
pub(crate) type Tensors = BTreeMap<String, Made>;

/// The record of a family.
pub(crate) struct Records {
    file: Value,
    /// The tensors of the small configuration.
    pub(crate) tensors: Tensors,
}

impl Records {
    pub(crate) fn of(family: &str) -> Self {
        let path = format!("{}/../tests/vectors/hf/{family}.json", env!("CARGO_MANIFEST_DIR"));
        let file: Value =
            serde_json::from_str(&fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))).unwrap();
        let tensors = tensors(&file["inits"], &file["tensors"]);
        Self { file, tensors }
    }

    /// The small configuration.
    pub(crate) fn small(&self) -> &Config {
        self.file["small"].as_object().unwrap()
    }

    /// Changes of the small configuration, under `models` or `variations`.
    pub(crate) fn changes(&self, key: &str) -> impl Iterator<Item = Change<'_>> {
        self.file[key].as_array().unwrap().iter().map(|line| Change { records: self, line })
    }

    /// The first values of tensors of the small configuration that no initialiser gives, by name.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&String, Vec<f64>)> {
        let numbers = |value: &Value| value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect();
        self.file
            .get("values")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(move |(name, value)| (name, numbers(value)))
    }

    /// The published configurations: name, configuration, tensors, parameters, hash.
    pub(crate) fn published(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.file["published"].as_object().unwrap().iter()
    }
}

/// A changed configuration, and what transformers makes of it.
pub(crate) struct Change<'a> {
    records: &'a Records,
    line: &'a Value,
}

impl Change<'_> {
    /// The changed configuration.
    pub(crate) fn config(&self) -> Config {
        let mut config = self.records.small().clone();
        if let Some(key) = self.line.get("drop") {
            let (table, key) = table_of(&mut config, key.as_str().unwrap());
            table.remove(key);
            return config;
        }
        for (key, value) in self.line["set"].as_object().unwrap() {
            if key == "torch_dtype" {
                config.remove("dtype");
            }
            let (table, key) = table_of(&mut config, key);
            table.insert(key.to_owned(), value.clone());
        }
        config
    }

    /// The key that is changed, and its value as JSON, for a change of one key.
    pub(crate) fn key(&self) -> (String, String) {
        match self.line.get("drop") {
            Some(key) => (key.as_str().unwrap().to_owned(), String::new()),
            None => {
                let (key, value) = self.line["set"].as_object().unwrap().iter().next().unwrap();
                (key.clone(), value.to_string())
            }
        }
    }

    /// The tensors that transformers makes, or the message with which it refuses the configuration.
    pub(crate) fn tensors(&self) -> Result<Tensors, &str> {
        if let Some(refused) = self.line.get("refused") {
            return Err(refused.as_str().unwrap());
        }
        let mut all = self.records.tensors.clone();
        for name in self.line["without"].as_array().unwrap() {
            all.remove(name.as_str().unwrap());
        }
        all.extend(tensors(&self.records.file["inits"], &self.line["with"]));
        Ok(all)
    }
}

/// The table that a key with dots is in, and its name there.
pub(crate) fn table_of<'c, 'k>(config: &'c mut Config, key: &'k str) -> (&'c mut Config, &'k str) {
    match key.split_once('.') {
        Some((section, key)) => (config[section].as_object_mut().unwrap(), key),
        None => (config, key),
    }
}

fn tensors(inits: &Value, rows: &Value) -> Tensors {
    rows.as_array().unwrap().iter().map(|row| (row[0].as_str().unwrap().to_owned(), made(inits, row))).collect()
}

fn made(inits: &Value, row: &Value) -> Made {
    let shape: Vec<u64> = row[1].as_array().unwrap().iter().map(|dim| dim.as_u64().unwrap()).collect();
    let init = &inits[usize::try_from(row[3].as_u64().unwrap()).unwrap()];
    let sampler = (!init.is_null()).then(|| {
        let init: Init = serde_json::from_value(init.clone()).unwrap();
        init.sampler(&Shape::new(&shape).unwrap()).unwrap()
    });
    Made { shape, dtype: row[2].as_str().unwrap().to_owned(), sampler, padding: row.get(4).and_then(Value::as_u64) }
}

/// The tensors of a recipe.
pub(crate) fn ours(recipe: &Recipe) -> Tensors {
    let made = |tensor: &seedtensors_checkpoint::Tensor| Made {
        shape: tensor.dims().to_vec(),
        dtype: tensor.dtype.name().to_owned(),
        // a function's values are compared as numbers
        sampler: tensor.function.is_none().then(|| tensor.sampler().unwrap()),
        padding: tensor.padding,
    };
    recipe.tensors.iter().map(|tensor| (tensor.name.clone(), made(tensor))).collect()
}

/// A family's recipe, or the message that refuses the configuration.
pub(crate) fn rendered(config: &Config, style: &str) -> Result<Recipe, String> {
    let text = render(config, style, None).map_err(|error| error.to_string())?;
    Recipe::parse(&text).map_err(|error| error.to_string())
}

/// Every tensor that differs, ours and theirs. Values that no initialiser gives are compared as numbers, elsewhere.
pub(crate) fn differing(ours: &Tensors, theirs: &Tensors) -> Vec<String> {
    let names = ours.keys().chain(theirs.keys().filter(|name| !ours.contains_key(*name)));
    let same = |name: &String| match (ours.get(name), theirs.get(name)) {
        (Some(ours), Some(theirs)) if theirs.sampler.is_none() => {
            (&ours.shape, &ours.dtype, ours.padding) == (&theirs.shape, &theirs.dtype, theirs.padding)
        }
        (ours, theirs) => ours == theirs,
    };
    names
        .filter(|name| !same(name))
        .map(|name| format!("  {name}: ours {:?}, theirs {:?}", ours.get(name), theirs.get(name)))
        .collect()
}
