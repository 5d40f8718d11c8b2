//! Configurations and templates as others write them, and what the command makes of them.

mod common;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use predicates::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use common::{listing, seedtensors};

/// A small Llama with some keys more.
fn llama(folder: &TempDir, more: &str) -> PathBuf {
    let path = folder.path().join("config.json");
    let sizes = "\"hidden_size\": 32, \"intermediate_size\": 48, \"num_attention_heads\": 4, \"vocab_size\": 64";
    let model = "\"model_type\": \"llama\", \"architectures\": [\"LlamaForCausalLM\"], \"num_hidden_layers\": 1";
    fs::write(&path, format!("{{ {model}, {sizes}{more} }}")).unwrap();
    path
}

/// `init --config` of a small Llama with some keys more, into a folder.
fn init(folder: &TempDir, more: &str, arguments: &[&str]) -> assert_cmd::Command {
    let mut command = seedtensors();
    command.args(["init", "--seed", "1", "--device", "cpu", "--force", "--config"]).arg(llama(folder, more));
    command.arg("--out").arg(folder.path().join("out")).args(arguments);
    command
}

fn written(folder: &TempDir) -> Value {
    serde_json::from_slice(&fs::read(folder.path().join("out/config.json")).unwrap()).unwrap()
}

/// Loaders would take the plain weights for packed ones.
#[test]
fn the_written_config_has_no_quantization() {
    let folder = TempDir::new().unwrap();
    let told = predicate::str::contains("the config's quantization is left out of the written config");
    let gptq = r#", "quantization_config": { "quant_method": "gptq", "bits": 4 }, "quantization": { "bits": 4 }"#;
    init(&folder, gptq, &[]).assert().code(0).stderr(told.clone());
    let config = written(&folder);
    assert_eq!((config.get("quantization_config"), config.get("quantization")), (None, None));
    assert_eq!(config["hidden_size"], 32);
    // and so where the config stands beside a checkpoint
    let model = folder.path().join("out");
    fs::write(model.join("config.json"), r#"{ "quantization_config": {} }"#).unwrap();
    let again = folder.path().join("again");
    let mut like = seedtensors();
    like.args(["init", "--seed", "1", "--device", "cpu", "--like"]).arg(&model).arg("--out").arg(&again);
    like.assert().code(0).stderr(told);
    assert_eq!(fs::read_to_string(again.join("config.json")).unwrap(), "{}\n");
}

#[test]
fn dtype_replaces_any_dtype_of_the_config() {
    let folder = TempDir::new().unwrap();
    for (key, name) in [
        ("torch_dtype", "\"auto\""),
        ("torch_dtype", "\"torch.float16\""),
        ("dtype", "\"float8_e4m3fn\""),
        ("dtype", "null"),
        ("dtype", "16"),
    ] {
        init(&folder, &format!(", \"{key}\": {name}"), &["--dtype", "bf16"]).assert().code(0);
        assert_eq!(written(&folder)[key], "bfloat16", "{key} {name}");
        let file = fs::read(folder.path().join("out/model.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&file).unwrap();
        assert!(file.iter().all(|(_, tensor)| tensor.dtype() == safetensors::Dtype::BF16), "{name}");
    }
    init(&folder, ", \"torch_dtype\": \"torch.float16\"", &[]).assert().code(0);
    assert_eq!(written(&folder)["torch_dtype"], "float16");
    let told = "dtype (or torch_dtype) must be float32, float16 or bfloat16, not auto; --dtype gives another";
    init(&folder, ", \"torch_dtype\": \"auto\"", &[]).assert().code(1).stderr(predicate::str::contains(told));
}

#[test]
fn a_padding_index_is_as_in_pytorch_or_named() {
    let folder = TempDir::new().unwrap();
    let zero_rows = || {
        let file = fs::read(folder.path().join("out/model.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&file).unwrap();
        let embedding = file.tensor("model.embed_tokens.weight").unwrap().data().to_vec();
        let rows = embedding.chunks_exact(32 * 4).enumerate();
        rows.filter(|(_, row)| row.iter().all(|byte| *byte == 0)).map(|(row, _)| row).collect::<Vec<_>>()
    };
    for (index, row) in [("-1", 63), ("-64", 0), ("63", 63), ("0", 0)] {
        init(&folder, &format!(", \"pad_token_id\": {index}"), &[]).assert().code(0);
        assert_eq!(zero_rows(), [row], "{index}");
    }
    for index in ["64", "-65"] {
        let told = "pad_token_id must be below the vocabulary's 64, not";
        let mut command = init(&folder, &format!(", \"pad_token_id\": {index}"), &[]);
        command.assert().code(1).stderr(predicate::str::contains(told));
    }
    init(&folder, ", \"pad_token_id\": null", &[]).assert().code(0);
    assert!(zero_rows().is_empty());
}

#[test]
fn a_key_of_another_type_is_named_and_adds_no_lines() {
    let folder = TempDir::new().unwrap();
    for (key, value, told) in [
        ("vocab_size", json!("1]\ninit = \"ones\""), "vocab_size must be a whole number above 0, not \"1]\\\\ninit"),
        ("hidden_size", json!(0), "hidden_size must be a whole number above 0, not 0; --set hidden_size=VALUE"),
        ("hidden_size", json!(30), "num_attention_heads must divide hidden_size 30, not 4"),
        ("initializer_range", json!([0.02]), "initializer_range must be a decimal number from 0 to 1, not [0.02]"),
        ("tie_word_embeddings", json!(null), "tie_word_embeddings must be true or false, not null"),
        ("head_dim", json!("\u{1b}[2J"), "head_dim must be a whole number above 0 or null, not \"\\\\u001b[2J\""),
        ("architectures", json!("LlamaForCausalLM"), "architectures must be a list of names, not \"LlamaForCausalLM\""),
        ("dtype", json!("\u{202e}"), "not \\u{202e}"),
    ] {
        let told = told.replace("\\\\", "\\");
        let mut command = init(&folder, "", &["--set", &format!("{key}={value}")]);
        let output = command.assert().code(1).stdout("").get_output().clone();
        let output = String::from_utf8(output.stderr).unwrap();
        assert!(output.contains(&told) && output.lines().count() == 1, "{key}: {output}");
        assert!(!output.contains(['\u{1b}', '\u{202e}']), "{output}");
    }
    assert_eq!(listing(folder.path()), ["config.json"]);
}

/// Templates that ask for too much of the time, the memory or the stack.
#[test]
fn templates_are_ended_and_their_names_told() {
    let folder = TempDir::new().unwrap();
    let template = folder.path().join("t.jinja");
    let double = |operator: &str, first: &str| {
        format!(
            "{{% set ns = namespace(x={first}) %}}{{% for i in range(60) %}}{{% set ns.x = ns.x {operator} ns.x %}}\
             {{% endfor %}}{{{{ ns.x | length }}}}"
        )
    };
    let many = |what: &str, close: &str| format!("{{{{ {}1{} }}}}", what.repeat(100_000), close.repeat(100_000));
    for source in [
        double("+", "[1]"),
        double("~", "'ab'"),
        "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}".to_owned(),
        "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}".to_owned(),
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}".to_owned(),
        many("not ", ""),
        many("[", "]"),
        many("(", ")"),
        many("-", ""),
        format!("{{{{ 1{} }}}}", "|abs".repeat(100_000)),
        format!("{{{{ x{} }}}}", ".y".repeat(100_000)),
    ] {
        fs::write(&template, &source).unwrap();
        let begin = Instant::now();
        let output = seedtensors().args(["recipe", "--recipe"]).arg(&template).assert().code(1).stdout("");
        let told = String::from_utf8(output.get_output().stderr.clone()).unwrap();
        let short: String = source.chars().take(60).collect();
        assert!(
            told.starts_with("error: ") && told.contains("t.jinja") && told.lines().count() == 1,
            "{short}: {told}"
        );
        assert!(begin.elapsed() < Duration::from_secs(30), "{short}: {:?}", begin.elapsed());
    }
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_no_input() {
    let folder = TempDir::new().unwrap();
    let pipe = folder.path().join("config.json");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for arguments in [&["--config"][..], &["--recipe"], &[]] {
        let mut command = seedtensors();
        command.arg("recipe").args(arguments).arg(&pipe).timeout(Duration::from_secs(20));
        command.assert().code(1).stderr(predicate::str::contains("config.json is no regular file"));
    }
    // a shell's pipe is one
    let script = format!(
        "cat {} | {} recipe /dev/stdin",
        concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/mlp.toml"),
        assert_cmd::cargo::cargo_bin("seedtensors").display()
    );
    assert_cmd::Command::new("sh")
        .args(["-c", &script])
        .assert()
        .code(0)
        .stdout(predicate::str::contains("fc1.weight"));
}
