//! The families' recipes against transformers where a key of the configuration is left out, is null, or has an odd
//! value (tests/vectors/hf, recorded by scripts/generate/families.py).

#[path = "common/records.rs"]
mod records;

use std::collections::BTreeMap;

use records::{Records, differing, ours, rendered, table_of};
use seedtensors_checkpoint::{Config, families};

/// Whether a template asks for the key: others have no part in the tensors.
fn is_read(config: &Config, key: &str) -> bool {
    let mut config = config.clone();
    let (table, key) = table_of(&mut config, key);
    table.insert(key.to_owned(), serde_json::json!(2.5e9));
    rendered(&config, "hf").is_err()
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
fn a_changed_key_gives_what_transformers_makes_or_is_refused_by_name() {
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut differences = Vec::new();
    for family in families() {
        for change in Records::of(family.model_type).changes("variations") {
            let (config, (key, value)) = (change.config(), change.key());
            let is_listed = |list: &[(&str, &str)]| list.contains(&(key.as_str(), value.as_str()));
            let theirs = change.tensors();
            let outcome = match (&theirs, rendered(&config, "hf")) {
                (Err(_), Err(message)) if message.contains(&key) => "refused by both",
                (Err(_), Ok(_)) if !is_read(&config, &key) => "no part of the tensors",
                (Err(_), Ok(_)) if is_listed(ONLY_OURS_TAKES) => "refused by transformers alone",
                (Ok(_), Err(message)) if message.contains(&key) && is_listed(ONLY_OURS_REFUSES) => {
                    "refused by us alone"
                }
                (Ok(theirs), Ok(recipe)) if differing(&ours(&recipe), theirs).is_empty() => "same",
                (theirs, mine) => {
                    let why = match (theirs, mine) {
                        (Ok(theirs), Ok(recipe)) => differing(&ours(&recipe), theirs)[0].clone(),
                        (theirs, Err(message)) => format!("ours: {message}; theirs: {:?}", theirs.as_ref().err()),
                        (Err(message), Ok(_)) => format!("only transformers refuses it: {message}"),
                    };
                    differences.push(format!("{} {key} = {value}: {why}", family.model_type));
                    "different"
                }
            };
            *counts.entry(outcome).or_default() += 1;
        }
    }
    assert!(differences.is_empty(), "{counts:?}\n{}", differences.join("\n"));
    let expected = [
        ("no part of the tensors", 675),
        ("refused by both", 1518),
        ("refused by transformers alone", 32),
        ("refused by us alone", 21),
        ("same", 3001),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
}
