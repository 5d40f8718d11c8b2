//! The families' recipes against transformers where a key of the configuration is left out, is null, or has an odd
//! value (tests/vectors/hf/variations.json, recorded by scripts/generate/variations.py).

use std::collections::BTreeMap;
use std::fs;

use seedtensors::{Dtype, Init};
use seedtensors_checkpoint::{Config, Recipe, render};
use serde_json::Value;

/// A tensor: its shape, its dtype and its row of zeros.
type Entry = (Vec<u64>, String, Option<u64>);
type Tensors = BTreeMap<String, Entry>;

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/hf/variations.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn theirs(tensors: &Value) -> Tensors {
    let entry = |tensor: &Value| {
        let shape = tensor["shape"].as_array().unwrap().iter().map(|dim| dim.as_u64().unwrap()).collect();
        let rows = tensor.get("zero_rows").map(|rows| rows.as_array().unwrap());
        assert!(rows.is_none_or(|rows| rows.len() == 1), "{tensor}");
        (shape, tensor["dtype"].as_str().unwrap().to_owned(), rows.map(|rows| rows[0].as_u64().unwrap()))
    };
    tensors.as_object().unwrap().iter().map(|(name, tensor)| (name.clone(), entry(tensor))).collect()
}

fn ours(recipe: &Recipe) -> Tensors {
    let dtype = |dtype| match dtype {
        Dtype::F32 => "float32",
        Dtype::F16 => "float16",
        Dtype::BF16 => "bfloat16",
        other => panic!("no file holds {other}"),
    };
    let entry = |tensor: &seedtensors_checkpoint::Tensor| {
        (tensor.name.clone(), (tensor.dims().to_vec(), dtype(tensor.dtype).to_owned(), tensor.padding))
    };
    recipe.tensors.iter().map(entry).collect()
}

fn rendered(config: &Config) -> Result<Recipe, String> {
    let text = render(config, "hf", None).map_err(|error| error.to_string())?;
    Recipe::parse(&text).map_err(|error| format!("{error}\n{text}"))
}

/// The changed configuration, and the key.
fn changed(config: &Config, variation: &Value) -> (Config, String) {
    let mut config = config.clone();
    if let Some(key) = variation.get("drop") {
        config.remove(key.as_str().unwrap());
        return (config, key.as_str().unwrap().to_owned());
    }
    let (key, value) = variation["set"].as_object().unwrap().iter().next().unwrap();
    if key == "torch_dtype" {
        config.remove("dtype");
    }
    config.insert(key.clone(), value.clone());
    (config, key.clone())
}

/// Whether a template asks for the key: others have no part in the tensors.
fn is_read(config: &Config, key: &str) -> bool {
    let mut config = config.clone();
    config.insert(key.to_owned(), serde_json::json!(2.5e9));
    rendered(&config).is_err()
}

/// Sizes of 0 and less that transformers passes over, std of 0 that would make GPT-2 constant, and float64.
const ONLY_OURS_REFUSES: &[(&str, &str)] = &[
    ("dtype", "\"double\""),
    ("head_dim", "0"),
    ("image_size", "0"),
    ("initializer_range", "0.0"),
    ("n_head", "-1"),
    ("n_layer", "-1"),
    ("num_attention_heads", "-1"),
    ("num_channels", "0"),
    ("num_hidden_layers", "-1"),
];
/// The command writes `bfloat16` into the config that it copies.
const ONLY_OURS_TAKES: &[(&str, &str)] = &[("dtype", "\"torch.bfloat16\""), ("torch_dtype", "\"torch.bfloat16\"")];

#[test]
fn a_changed_key_gives_what_transformers_saves_or_is_refused_by_name() {
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut differences = Vec::new();
    for (family, vectors) in vectors()["families"].as_object().unwrap() {
        let base = vectors["config"].as_object().unwrap();
        for variation in vectors["variations"].as_array().unwrap() {
            let (config, key) = changed(base, variation);
            let value = config.get(&key).map_or_else(String::new, Value::to_string);
            let is_listed = |list: &[(&str, &str)]| list.contains(&(key.as_str(), value.as_str()));
            let outcome = match (variation.get("refused"), rendered(&config)) {
                (Some(_), Err(message)) if message.contains(&key) => "refused by both",
                (Some(_), Ok(_)) if !is_read(&config, &key) => "no part of the tensors",
                (Some(_), Ok(_)) if is_listed(ONLY_OURS_TAKES) => "refused by transformers alone",
                (None, Err(message)) if message.contains(&key) && is_listed(ONLY_OURS_REFUSES) => "refused by us alone",
                (None, Ok(recipe)) if differing(&theirs_of(vectors, variation), &recipe, variation).is_none() => "same",
                (theirs, ours) => {
                    let ours = match ours {
                        Ok(recipe) => format!("{:?}", differing(&theirs_of(vectors, variation), &recipe, variation)),
                        Err(message) => message,
                    };
                    differences.push(format!("{family} {key} = {value}: {theirs:?}, {ours}"));
                    "different"
                }
            };
            *counts.entry(outcome).or_default() += 1;
        }
    }
    assert!(differences.is_empty(), "{counts:?}\n{}", differences.join("\n"));
    let expected = [
        ("no part of the tensors", 91),
        ("refused by both", 440),
        ("refused by transformers alone", 18),
        ("refused by us alone", 24),
        ("same", 456),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
}

/// The tensors of a variation that transformers made.
fn theirs_of(vectors: &Value, variation: &Value) -> Tensors {
    let mut tensors = theirs(&vectors["tensors"]);
    let Some(without) = variation.get("without") else { return tensors };
    tensors.retain(|name, _| !without.as_array().unwrap().iter().any(|other| other == name));
    tensors.extend(theirs(&variation["with"]));
    tensors
}

/// The first tensor that differs, ours and theirs, or whose std does.
fn differing(theirs: &Tensors, recipe: &Recipe, variation: &Value) -> Option<String> {
    let ours = ours(recipe);
    if *theirs != ours {
        let mine = ours.iter().find(|(name, entry)| theirs.get(*name) != Some(entry));
        let other = theirs.iter().find(|(name, entry)| ours.get(*name) != Some(entry));
        return Some(format!("ours {mine:?}, theirs {other:?}"));
    }
    // of tensors of at least 128 values: within 12 %, which tells 0.02, 0.05 and 1 apart
    variation["std"].as_object().unwrap().iter().find_map(|(name, std)| {
        let tensor = recipe.tensors.iter().find(|tensor| tensor.name == *name).unwrap();
        let Init::Normal { std: ours, .. } = tensor.init else { return None };
        let theirs = std.as_f64().unwrap();
        ((theirs / ours - 1.0).abs() > 0.12).then(|| format!("{name} has std {theirs}, ours {ours}"))
    })
}
