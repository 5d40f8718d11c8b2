//! The default rules of `like`, against what transformers saves: tests/vectors/like.json, which scripts/like.py makes.
//!
//! Another file of that kind, of every architecture that can be made small, is tried by
//! `LIKE_VECTORS=target/like_survey.json cargo test -p seedtensors-checkpoint --test like -- --nocapture`.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use seedtensors_checkpoint::{Checkpoint, Config, Law, Like, Tensor, like};
use serde::Deserialize;
use serde_json::{Value, json};

/// A fair tensor is told to be wrong with a chance of 6e-7 a number, of some 9,000.
const STANDARD_ERRORS: f64 = 5.0;

#[derive(Deserialize)]
struct Vectors {
    cases: BTreeMap<String, Case>,
}

#[derive(Deserialize)]
struct Case {
    config: Option<Config>,
    tensors: Vec<Row>,
}

/// A name, a shape and a dtype; and a value, or mean, std, least and greatest value, and the rows of zeros.
#[derive(Deserialize)]
struct Row(
    String,
    Vec<u64>,
    String,
    #[serde(default)] Option<f64>,
    #[serde(default)] Option<f64>,
    #[serde(default)] Option<f64>,
    #[serde(default)] Option<f64>,
    #[serde(default)] Vec<u64>,
);

fn vectors() -> BTreeMap<String, Case> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/like.json");
    let path = std::env::var("LIKE_VECTORS").unwrap_or_else(|_| own.to_owned());
    let vectors: Vectors = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    vectors.cases
}

/// A file of zeros with these tensors.
fn save(path: &Path, rows: &[Row]) {
    let (mut header, mut end) = (serde_json::Map::new(), 0);
    for Row(name, shape, dtype, ..) in rows {
        let size = match dtype.as_str() {
            "F32" | "I32" => 4,
            "I64" => 8,
            "BF16" | "F16" => 2,
            _ => 1,
        };
        let begin = end;
        end += shape.iter().product::<u64>() * size;
        header.insert(name.clone(), json!({ "dtype": dtype, "shape": shape, "data_offsets": [begin, end] }));
    }
    let json = serde_json::to_vec(&Value::from(header)).unwrap();
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(&json);
    bytes.resize(bytes.len() + usize::try_from(end).unwrap(), 0);
    fs::write(path, bytes).unwrap();
}

fn checkpoint(rows: &[Row]) -> Checkpoint {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    save(&path, rows);
    Checkpoint::open(&path).unwrap()
}

/// How a tensor's law differs from what transformers saved.
fn difference(tensor: &Tensor, row: &Row) -> Option<String> {
    let Row(_, shape, _, mean, std, least, greatest, zeros) = row;
    let law = Law::of(tensor).unwrap();
    let told = format!("{:?}: N({}, {}), transformers' {mean:?} {std:?}", tensor.init, law.mean, law.std);
    if tensor.padding.into_iter().collect::<Vec<_>>() != *zeros {
        return Some(format!("{told}: padding {:?}, not {zeros:?}", tensor.padding));
    }
    let count = shape.iter().product::<u64>() as f64;
    let (Some(mean), Some(std)) = (mean, std) else {
        let value = mean.unwrap_or_default();
        // one value is no constant
        let same =
            if count == 1.0 && law.std > 0.0 { false } else { law.std == 0.0 && law.mean as f32 == value as f32 };
        return (!same).then_some(told);
    };
    let (least, greatest) = (least.unwrap(), greatest.unwrap());
    // an orthogonal matrix has its std exactly
    let error = law.std_error(count).unwrap_or(law.std * 1e-3);
    let far = (law.mean - mean).abs() > STANDARD_ERRORS * law.std / count.sqrt();
    let wide = (law.std - std).abs() > STANDARD_ERRORS * error;
    // values outside what can be drawn; and of a normal some are farther out than any of a uniform of its std
    let bounded = law.density(0.0) > 0.0 && (law.density(least) == 0.0 || law.density(greatest) == 0.0);
    let is_normal = law.density(0.0) > 0.0 && law.density(2.0 * law.std) > 0.0;
    let flat = is_normal && count >= 512.0 && greatest.max(-least) < 2.0 * law.std;
    (far || wide || bounded || flat || law.std == 0.0).then_some(told)
}

/// What becomes of a case: the same tensors, those refused, and the differences.
fn compare(case: &Case) -> (usize, Vec<String>, Vec<String>) {
    let mut rows: HashMap<&str, &Row> = case.tensors.iter().map(|row| (row.0.as_str(), row)).collect();
    let (mut refused, mut rules) = (Vec::new(), String::new());
    let made: Like = loop {
        // a refused tensor is left out by a rule of its name, until none is left
        let text = format!("defaults = true\n{rules}");
        match like(&checkpoint(&case.tensors), &text, case.config.as_ref(), None) {
            Ok(made) => break made,
            Err(message) if message == "the rules leave every tensor out" => return (0, refused, Vec::new()),
            Err(message) => {
                let (_, wanted) = message.split_once('\n').unwrap_or_else(|| panic!("{message}"));
                let wanted: toml::Table = wanted.parse().unwrap();
                for rule in wanted["rule"].as_array().unwrap() {
                    rules += &format!("[[rule]]\nname = {}\nskip = true\n", rule["name"]);
                    refused.push(rule["name"].as_str().unwrap().to_owned());
                }
            }
        }
    };
    for name in made.left_out {
        rows.remove(name.as_str());
    }
    let same = made.recipe.tensors.len();
    let differ = made.recipe.tensors.iter().filter_map(|tensor| {
        let difference = difference(tensor, rows[tensor.name.as_str()])?;
        Some(format!("{} {:?}: {difference}", tensor.name, tensor.shape.dims()))
    });
    let differ: Vec<_> = differ.collect();
    (same - differ.len(), refused, differ)
}

#[test]
fn tensors_are_as_transformers_makes_them_or_refused_by_name() {
    let mut wrong = Vec::new();
    for (name, case) in vectors() {
        let (same, refused, differ) = compare(&case);
        let rest = case.tensors.len() - same - differ.len();
        println!("| {name} | {} | {same} | {rest} {} | {} |", case.tensors.len(), refused.join(" "), differ.len());
        wrong.extend(differ.into_iter().map(|differ| format!("{name}: {differ}")));
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
