//! The default rules of `like`, against what transformers saves. scripts/generate/like.py makes tests/vectors/like.json.
//!
//! Another file of that kind, of every architecture that can be made small, is tried by
//! `LIKE_VECTORS=target/like_survey.json cargo test -p seedtensors-checkpoint --test like -- --nocapture`.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use seedtensors_checkpoint::{Checkpoint, Config, DEFAULT_RULES, Expected, Like, LikeError, Tensor, like};
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

/// The difference between a tensor's distribution and what transformers saved.
fn difference(tensor: &Tensor, row: &Row) -> Option<String> {
    let Row(_, shape, _, mean, std, least, greatest, zeros) = row;
    let expected = Expected::of(tensor).unwrap();
    let told = format!("{:?}: N({}, {}), transformers' {mean:?} {std:?}", tensor.init, expected.mean, expected.std);
    if tensor.padding.into_iter().collect::<Vec<_>>() != *zeros {
        return Some(format!("{told}: padding {:?}, not {zeros:?}", tensor.padding));
    }
    let count = shape.iter().product::<u64>() as f64;
    let (Some(mean), Some(std)) = (mean, std) else {
        let value = mean.unwrap_or_default();
        // all are f32, and so exact in f64
        let same = expected.std == 0.0 && expected.mean == value;
        return (!same).then_some(told);
    };
    let (least, greatest) = (least.unwrap(), greatest.unwrap());
    // an orthogonal matrix has its std exactly
    let error = expected.std_error(count).unwrap_or(expected.std * 1e-3);
    let far = (expected.mean - mean).abs() > STANDARD_ERRORS * expected.std / count.sqrt();
    let wide = (expected.std - std).abs() > STANDARD_ERRORS * error;
    // values outside what can be drawn; and of a normal some are farther out than any of a uniform of its std
    let bounded = expected.density(0.0) > 0.0 && (expected.density(least) == 0.0 || expected.density(greatest) == 0.0);
    let is_normal = expected.density(0.0) > 0.0 && expected.density(2.0 * expected.std) > 0.0;
    let flat = is_normal && count >= 512.0 && greatest.max(-least) < 2.0 * expected.std;
    (far || wide || bounded || flat || expected.std == 0.0).then_some(told)
}

/// The number of tensors that are the same, the names of those that are refused, and the differences.
fn compare(case: &Case) -> (usize, Vec<String>, Vec<String>) {
    let mut rows: HashMap<&str, &Row> = case.tensors.iter().map(|row| (row.0.as_str(), row)).collect();
    let (mut refused, mut rules) = (Vec::new(), String::new());
    let made: Like = loop {
        // a refused tensor is left out by a rule of its name, until none is left
        let text = format!("defaults = true\n{rules}");
        match like(&checkpoint(&case.tensors), &text, case.config.as_ref(), None) {
            Ok(made) => break made,
            Err(LikeError::NothingLeft) => return (0, refused, Vec::new()),
            Err(error) => {
                let LikeError::Unmatched(unmatched) = error else { panic!("{error}") };
                let wanted: toml::Table = unmatched.rules.parse().unwrap();
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
#[allow(clippy::print_stdout, reason = "a table, for those who ask for it")]
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

fn rows(list: &[(&str, &[u64], &str)]) -> Vec<Row> {
    let row = |&(name, shape, dtype): &(&str, &[u64], &str)| {
        Row(name.to_owned(), shape.to_vec(), dtype.to_owned(), None, None, None, None, Vec::new())
    };
    list.iter().map(row).collect()
}

/// The initialisers by name, with the default rules; or the error.
fn defaults(list: &[(&str, &[u64], &str)], config: Value) -> Result<BTreeMap<String, String>, String> {
    let told = |error: LikeError| match &error {
        LikeError::Unmatched(unmatched) => format!("{error}\n{}", unmatched.rules),
        _ => error.to_string(),
    };
    let made = like(&checkpoint(&rows(list)), DEFAULT_RULES, config.as_object(), None).map_err(told)?;
    let init = |tensor: &Tensor| tensor.to_string().lines().skip(4).collect::<Vec<_>>().join(", ");
    Ok(made.recipe.tensors.iter().map(|tensor| (tensor.name.clone(), init(tensor))).collect())
}

#[test]
fn norms_and_buffers_are_known_by_name_alone() {
    let list: &[(&str, &[u64], &str)] = &[
        ("bn1.weight", &[8], "F32"),
        ("bn1.bias", &[8], "F32"),
        ("bn1.running_mean", &[8], "F32"),
        ("bn1.running_var", &[8], "BF16"),
        ("bn1.num_batches_tracked", &[], "I64"),
        ("layer1.0.downsample.1.weight", &[8], "F32"),
        ("x.ln1.weight", &[8], "F32"),
        ("x.ln_f.weight", &[8], "F32"),
        ("bert.LayerNorm.gamma", &[8], "F32"),
        ("bert.LayerNorm.beta", &[8], "F32"),
        ("h.0.attn.bias", &[1, 1, 4, 4], "F32"),
        ("rotary_emb.inv_freq", &[4], "F32"),
        ("fc.weight", &[8, 8], "F32"),
    ];
    let made = like(&checkpoint(&rows(list)), DEFAULT_RULES, None, None).unwrap();
    let mut left_out = made.left_out;
    left_out.sort();
    assert_eq!(left_out, ["bn1.num_batches_tracked", "h.0.attn.bias", "rotary_emb.inv_freq"]);
    let found = defaults(list, Value::Null).unwrap();
    for name in ["bn1.weight", "bn1.running_var", "layer1.0.downsample.1.weight", "x.ln1.weight", "x.ln_f.weight"] {
        assert_eq!(found[name], "init = \"ones\"", "{name}");
    }
    for name in ["bn1.bias", "bn1.running_mean", "bert.LayerNorm.beta"] {
        assert_eq!(found[name], "init = \"zeros\"", "{name}");
    }
    assert_eq!(found["bert.LayerNorm.gamma"], "init = \"ones\"");
    assert_eq!(found["fc.weight"], "init = { normal = { mean = 0.0, std = 0.02 } }");
}

#[test]
fn no_buffer_and_no_vector_is_guessed() {
    let unknown: &[(&str, &[u64], &str)] = &[
        ("a.A_log", &[16], "F32"),
        ("a.D", &[16], "F32"),
        ("a.dt_bias", &[16], "F32"),
        ("a.scale", &[16], "F32"),
        ("a.weight", &[16], "F32"),
        ("a.gamma", &[16], "F32"),
        ("a.class_token", &[1, 1, 16], "F32"),
        ("a.matrix", &[16, 16], "F32"),
        ("a.kernel.weight", &[16, 16, 3, 3], "F32"),
        ("a.logit_scale", &[], "F32"),
        ("a.time_decay", &[16], "F32"),
        ("a.numbers", &[16], "I64"),
        ("a.quantized.weight", &[16, 16], "I8"),
        ("a.relative.bias", &[16, 16], "F32"),
    ];
    for tensor in unknown {
        let message = defaults(&[*tensor], Value::Null).unwrap_err();
        let told = format!("no rule is for tensor {:?} of shape {:?}", tensor.0, tensor.1);
        assert!(message.starts_with(&told), "{message}");
        let rule = format!("\n[[rule]]\nname = {:?}\ninit = \"?\"\n", tensor.0);
        assert!(message.ends_with(&rule), "{message}");
    }
}

#[test]
fn one_message_has_every_rule_that_is_wanted() {
    let name = |layer: u64| format!("layers.{layer}.mixer.A_log");
    let names: Vec<_> = (0..30).map(name).chain((0..30).map(|i| format!("x{i}.unknown"))).collect();
    let list: Vec<(&str, &[u64], &str)> = names.iter().map(|name| (name.as_str(), &[16][..], "F32")).collect();
    let message = defaults(&list, Value::Null).unwrap_err();
    assert!(message.starts_with("no rule is for tensor \"layers.0.mixer.A_log\" of shape [16] (a state space"));
    assert!(message.contains(", nor for 59 more\ndefaults = true\n"));
    assert!(message.contains("\n# 30 tensors of shape [16]: a state space model's A, in Mamba log(1), log(2), "));
    assert!(message.contains("\n[[rule]]\nname = \"layers.*.mixer.A_log\"\ninit = \"?\"\n"));
    assert!(message.ends_with("\n# and 11 more tensors\n"));
    // the lines are rules, and with an init they are the answer
    let (_, rules) = message.split_once('\n').unwrap();
    let rules = rules.replace('?', "ones") + "[[rule]]\nname = \"x*.unknown\"\ninit = \"zeros\"\n";
    let made = like(&checkpoint(&rows(&list)), &rules, None, None).unwrap();
    assert_eq!(made.recipe.tensors.len(), 60);
}

#[test]
fn gemmas_norms_are_zeros_by_its_config_and_refused_without() {
    let list: &[(&str, &[u64], &str)] =
        &[("model.layers.0.pre_feedforward_layernorm.weight", &[32], "BF16"), ("model.norm.weight", &[32], "BF16")];
    let message = defaults(list, Value::Null).unwrap_err();
    assert!(message.contains("\"model.layers.0.pre_feedforward_layernorm.weight\" of shape [32] (0 in Gemma 2 and 3"));
    assert!(message.contains("name = \"model.norm.weight\""));
    let found = defaults(list, json!({ "model_type": "gemma2" })).unwrap();
    assert!(found.values().all(|init| init == "init = \"zeros\""), "{found:?}");
}

#[test]
fn configs_that_lack_keys_have_the_class_default() {
    let bert: &[(&str, &[u64], &str)] = &[("bert.embeddings.word_embeddings.weight", &[8, 4], "F32")];
    let normal = |std: &str, padding: &str| format!("init = {{ normal = {{ mean = 0.0, std = {std} }} }}{padding}");
    let of = |config: Value| defaults(bert, config).unwrap().into_values().next().unwrap();
    assert_eq!(of(json!({ "model_type": "bert" })), normal("0.02", ", padding = 0"));
    assert_eq!(of(json!({ "model_type": "bert", "pad_token_id": null })), normal("0.02", ""));
    assert_eq!(of(json!({ "model_type": "bert", "pad_token_id": 5 })), normal("0.02", ", padding = 5"));
    assert_eq!(of(json!({ "model_type": "bert", "pad_token_id": -1 })), normal("0.02", ", padding = 7"));
    // as transformers has it: `initializer_range or 0.02`
    assert_eq!(of(json!({ "model_type": "bert", "initializer_range": 0.0 })), normal("0.02", ", padding = 0"));
    let llama: &[(&str, &[u64], &str)] = &[("model.embed_tokens.weight", &[8, 4], "F32")];
    let of = |config: Value| defaults(llama, config).unwrap().into_values().next().unwrap();
    assert_eq!(of(json!({ "model_type": "llama", "initializer_range": 0.1 })), normal("0.1", ""));
    assert_eq!(of(json!({ "model_type": "llama", "pad_token_id": 0 })), normal("0.02", ", padding = 0"));
    let error = defaults(llama, json!({ "model_type": "llama", "pad_token_id": 8 })).unwrap_err();
    assert!(error.contains("padding is an index below 8, the first dimension, not 8"), "{error}");
}

#[test]
fn model_types_of_transformers_that_were_not_compared_are_refused() {
    let list: &[(&str, &[u64], &str)] = &[("norm.weight", &[8], "F32"), ("fc.weight", &[8, 8], "F32")];
    for kind in ["gemma3", "llava", "umt5", "hubert"] {
        let message = defaults(list, json!({ "model_type": kind, "initializer_range": 0.02 })).unwrap_err();
        assert!(
            message.starts_with("no rule is for tensor \"norm.weight\" of shape [8] (how transformers"),
            "{message}"
        );
        assert!(message.contains(", nor for 1 more\n"), "{message}");
    }
    // one that transformers does not have is taken at its config's word
    let found = defaults(list, json!({ "model_type": "mine", "initializer_range": 0.3 })).unwrap();
    assert_eq!(found["fc.weight"], "init = { normal = { mean = 0.0, std = 0.3 } }");
}

#[test]
fn adapters_with_another_law_are_refused() {
    let lora: &[(&str, &[u64], &str)] = &[("q.lora_A.weight", &[8, 32], "F32"), ("q.lora_B.weight", &[32, 8], "F32")];
    let found = defaults(lora, json!({ "init_lora_weights": true })).unwrap();
    // kaiming_uniform_(a = sqrt(5)): within 1 / sqrt(32)
    let uniform = "scale = 0.3333333333333333, mode = \"fan_in\", distribution = \"uniform\"";
    assert!(found["q.lora_A.weight"].contains(uniform), "{found:?}");
    assert_eq!(found["q.lora_B.weight"], "init = \"zeros\"");
    for other in [json!("gaussian"), json!(false), json!("pissa")] {
        let message = defaults(lora, json!({ "init_lora_weights": other })).unwrap_err();
        assert!(message.contains("\"q.lora_A.weight\" of shape [8, 32] (the adapter's config has"), "{message}");
    }
}

#[test]
fn rules_that_are_none_are_refused() {
    let checkpoint = checkpoint(&rows(&[("a.weight", &[4, 4], "F32")]));
    let braces = format!("[[rule]]\nname = \"{}{}\"\ninit = \"ones\"", "{".repeat(250), "}".repeat(250));
    let cases = [
        ("a = 1", "rules are a list of [[rule]] tables, and nothing else but defaults = true"),
        ("defaults = 3", "the rules: defaults is true or false, not 3"),
        ("[[rule]]\nname = 3", "a rule needs a name, the glob of its tensors, or a list of them: name = \"*.bias\""),
        ("[[rule]]\nname = \"[a-\"", "rule \"[a-\": error parsing glob '[a-': unclosed character class"),
        (&braces, ": a glob has at most 8 braces within braces"),
        (
            "[[rule]]\nname = \"*\"\ndims = \"2\"",
            "rule \"*\": dims is a number of dimensions, or a list: dims = [1, 2]",
        ),
        ("[[rule]]\nname = \"*\"\nwhen = 3", "rule \"*\": when is a table of the config's keys"),
        ("[[rule]]\nname = \"*\"\nbeside = 3", "rule \"*\": beside is the glob of a tensor that must be there"),
        ("[[rule]]\nname = \"*\"\nbeside = \"{\"", "rule \"*\": error parsing glob '{'"),
        ("[[rule]]\nname = \"*\"\nskip = 3", "rule \"*\": skip is true or false, not 3"),
        ("[[rule]]\nname = \"*\"\nskip = true", "the rules leave every tensor out"),
        ("[[rule]]\nname = \"*\"\nrefuse = 3", "rule \"*\": refuse is a reason, not 3"),
        ("[[rule]]\nname = \"*\"\nskip = true\nrefuse = \"a\"", "rule \"*\": a rule has skip or refuse, not both"),
        (
            "[[rule]]\nname = \"*\"\nskip = true\ninit = \"ones\"",
            "rule \"*\": a rule with skip or refuse describes no tensor, so it has no init",
        ),
        ("[[rule]]\nname = \"*\"\nrefuse = \"never\"", "no rule is for tensor \"a.weight\" of shape [4, 4] (never)"),
        (
            "[[rule]]\nname = \"*\"\ninit = { normal = { std = \"1 +\" } }",
            "rule \"*\", tensor \"a.weight\": in an expression \"\" is unexpected",
        ),
        (
            "[[rule]]\nname = \"*\"\ninit = { normal = { std = \"hidden\" } }",
            "no rule is for tensor \"a.weight\" of shape [4, 4] (its config has no number \"hidden\")",
        ),
    ];
    for (text, told) in cases {
        let error = like(&checkpoint, text, None, None).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn many_tensors_take_a_time_in_proportion() {
    let seconds = |count: u64| {
        let names: Vec<_> = (0..count).map(|i| format!("model.layers.{i}.mlp.up_proj.weight")).collect();
        let list: Vec<(&str, &[u64], &str)> = names.iter().map(|name| (name.as_str(), &[0, 0][..], "F32")).collect();
        let checkpoint = checkpoint(&rows(&list));
        let begin = std::time::Instant::now();
        let made = like(&checkpoint, DEFAULT_RULES, None, None).unwrap();
        assert_eq!(made.recipe.tensors.len() as u64, count);
        begin.elapsed().as_secs_f64()
    };
    // some microseconds a tensor; what grows with the square takes minutes
    let taken = seconds(200_000);
    assert!(taken < 20.0, "{taken} s");
}
