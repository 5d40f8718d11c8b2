//! Folders that the command reads: valid ones, and mutilated copies.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rand::RngExt;
use rand::rngs::SmallRng;

use super::mutate;

const RECIPE: &str = r#"[defaults]
dtype = "bf16"
[[tensor]]
name = "a.weight"
shape = [6, 4, 3]
init = { truncated_normal = { mean = 0.1, std = 0.02, low = -2, high = 2, bounds = "std" } }
shard = { start = [1, 0, 0], extent = [3, 4, 3] }
[[tensor]]
name = "b"
shape = [4, 4]
init = { sparse = { sparsity = 0.25, std = 0.01 } }
[[tensor]]
name = "c"
shape = [8, 8]
init = { orthogonal = { gain = 2.0 } }
[[layer]]
name = "lstm"
layer = { lstm = { inputs = 3, hidden = 4 } }
"#;
const CONFIG: &str = r#"{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 16,
    "intermediate_size": 24, "num_attention_heads": 2, "num_hidden_layers": 2, "vocab_size": 48, "pad_token_id": 3,
    "initializer_range": 0.02, "dtype": "float32", "tie_word_embeddings": false, "quantization_config": {"bits": 4}}"#;
const RULES: &str = r#"[[rule]]
name = "*{norm,ln_?}*"
init = "ones"
[[rule]]
name = "*.position_ids"
skip = true
[[rule]]
name = "*"
dtype = "f16"
init = { normal = { std = 0.05 } }
"#;
const TEMPLATE: &str = r#"{% import "shared/tensors.jinja" as t %}{% import "styles/" ~ style ~ ".jinja" as init %}
{% set m = {"style": style, "init": init, "width": 8, "layers": 2, "std": 0.02, "tied": false, "roles": t.roles} %}
{% set ns = namespace(x="ab") %}
{% for i in range(num_hidden_layers) %}{% set ns.x = ns.x ~ i %}
{{ t.linear(m, "a." ~ i, config("hidden_size", "size"), 2 * i + 1, true, i) }}
{% if i % 2 == 1 and i is defined %}{# {{ ns.x | length }} #}{% endif %}{% endfor %}"#;

/// Valid inputs: `single` and `sharded` are checkpoints of the config, `recipe` is one of the recipe.
pub(crate) fn valid(program: &Path, folder: &Path) -> io::Result<()> {
    let texts = [("config.json", CONFIG), ("recipe.toml", RECIPE), ("rules.toml", RULES), ("t.jinja", TEMPLATE)];
    for (name, text) in texts {
        fs::write(folder.join(name), text)?;
    }
    for (out, arguments) in [
        ("single", &["--config", "config.json"][..]),
        ("sharded", &["--config", "config.json", "--max-shard-size", "6KB"]),
        ("recipe", &["recipe.toml"]),
    ] {
        let mut command = Command::new(program);
        command.arg("init").args(arguments).args(["--seed", "7", "--device", "cpu", "--quiet", "--out", out]);
        let made = command.current_dir(folder).output()?;
        if !made.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&made.stderr).into_owned()));
        }
    }
    Ok(())
}

/// A copy of a folder.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, name) = (entry.as_ref().map_err(clone)?.path(), entry.as_ref().map_err(clone)?.file_name());
        if entry.is_dir() { copy(&entry, &to.join(name))? } else { fs::copy(&entry, to.join(name)).map(drop)? }
    }
    Ok(())
}

fn clone(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

/// Mutilates a folder one to three times. Returns whether a shard of the checkpoint in it was certainly spoilt.
pub(crate) fn mutilate(folder: &Path, random: &mut SmallRng) -> io::Result<bool> {
    let mut spoilt = false;
    for _ in 0..random.random_range(1..=3) {
        match random.random_range(0..10) {
            0..4 => mutate_file(&choose(folder, random, |_| true)?, random)?,
            4..6 => hostile(folder, random)?,
            6 => spoilt |= flip_value(&choose(&folder.join("sharded"), random, is_shard)?, random)?,
            7 => {
                fs::remove_file(choose(&folder.join("sharded"), random, is_shard)?)?;
                spoilt = true;
            }
            8 => {
                let from = choose(folder, random, is_weights)?;
                let names =
                    ["model.safetensors", "model-00001-of-00002.safetensors", "a\u{202e}.safetensors", "x.safetensors"];
                let name = names[random.random_range(0..names.len())];
                fs::copy(&from, folder.join("sharded").join(name)).map(drop)?;
            }
            _ => mutate_file(&choose(&folder.join("sharded"), random, |_| true)?, random)?,
        }
    }
    Ok(spoilt)
}

fn is_weights(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "safetensors")
}

/// A file of the valid checkpoint, which has more than two.
fn is_shard(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    is_weights(path) && name.starts_with("model-") && !name.ends_with("-of-00002.safetensors")
}

/// A random file of the folder, at any depth, for which `wanted` holds.
fn choose(folder: &Path, random: &mut SmallRng, wanted: fn(&Path) -> bool) -> io::Result<PathBuf> {
    fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() { collect(&path, into)? } else { into.push(path) }
        }
        Ok(())
    }
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.retain(|path| wanted(path));
    files.sort();
    if files.is_empty() {
        return Err(io::Error::from(io::ErrorKind::NotFound));
    }
    Ok(files.swap_remove(random.random_range(0..files.len())))
}

/// Mutates a text, or the header of a safetensors file, whose length is made right again most of the time.
fn mutate_file(path: &Path, random: &mut SmallRng) -> io::Result<()> {
    let bytes = fs::read(path)?;
    let header = bytes.first_chunk().map(|length| u64::from_le_bytes(*length)).filter(|_| is_weights(path));
    let Some(length) =
        header.and_then(|length| usize::try_from(length).ok()).filter(|length| 8 + length <= bytes.len())
    else {
        return fs::write(path, mutate::text(&bytes, random));
    };
    let header = mutate::text(&bytes[8..8 + length], random);
    let said = if random.random_range(0..8) == 0 { length } else { header.len() } as u64;
    let mut values = bytes[8 + length..].to_vec();
    match random.random_range(0..8) {
        0 => values.truncate(random.random_range(0..=values.len())),
        1 => values.extend([0; 5]),
        _ => {}
    }
    fs::write(path, [&said.to_le_bytes()[..], &header, &values].concat())
}

/// Flips a bit of a value; returns whether there was one.
fn flip_value(path: &Path, random: &mut SmallRng) -> io::Result<bool> {
    let mut bytes = fs::read(path)?;
    let Some(length) = bytes.first_chunk().and_then(|length| usize::try_from(u64::from_le_bytes(*length)).ok()) else {
        return Ok(false);
    };
    let begin = length.saturating_add(8);
    if begin >= bytes.len() {
        return Ok(false);
    }
    let at = random.random_range(begin..bytes.len());
    bytes[at] ^= 1 << random.random_range(0..8);
    fs::write(path, bytes)?;
    Ok(true)
}

/// Writes a file that asks for too much.
fn hostile(folder: &Path, random: &mut SmallRng) -> io::Result<()> {
    let many = [10, 1000, 70_000, 200_000][random.random_range(0..4)];
    let template = |text: String| ("t.jinja", text.into_bytes());
    let rules = |name: String| ("rules.toml", format!("[[rule]]\nname = {name:?}\ninit = \"ones\"\n").into_bytes());
    let file = |name: &str, dtype: &str, shape: &str, bytes: usize| {
        let name = serde_json::Value::from(name);
        let json = format!("{{{name}:{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[0,{bytes}]}}}}");
        let mut file = [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
        // values of every kind, the subnormal and the huge among them
        file.extend((0..bytes).map(|i| [0, 1, 0xff, 0x7f, 0xef][(i * 7 + i / 8) % 5]));
        ("recipe/model.safetensors", file)
    };
    let operator = ["+", "~"][random.random_range(0..2)];
    let (name, bytes) = match random.random_range(0..14) {
        0 => template(format!(
            "{{% set ns = namespace(x=[1]) %}}{{% for i in range({many}) %}}{{% set ns.x = ns.x {operator} ns.x %}}{{% endfor %}}{{{{ ns.x | length }}}}"
        )),
        1 => template(format!("{{{{ {}1 }}}}", ["not ", "-", "(", "[", "{1:"][random.random_range(0..5)].repeat(many))),
        2 => template(format!("{{{{ 1{} }}}}", ["|abs", ".a", "[0]", " if 1 else 1"][random.random_range(0..4)].repeat(many))),
        3 => template("{% for i in range(99999) %}".repeat(many.min(20)) + &"{% endfor %}".repeat(many.min(20))),
        4 => rules(["{", "[", "{a,", "*", "?", "a"][random.random_range(0..6)].repeat(many) + &"}".repeat(many)),
        5 => file(&"n".repeat(many), "F32", "[2]", 8),
        6 => file("\u{202e}\u{fffe}é", ["F64", "F32", "F16", "F8_E5M2"][random.random_range(0..4)], "[4]", [32, 16, 8, 4][random.random_range(0..4)]),
        7 => file("w", "F64", "[512]", 4096),
        8 => file("w", "F32", &format!("[{}1]", "1,".repeat(many)), 4),
        9 => ("config.json", format!("{{\"a\": {}", "[".repeat(many)).into_bytes()),
        10 => ("config.json", CONFIG.replace("48", &format!("\"{}\"", "9".repeat(many))).into_bytes()),
        11 => ("sharded/model.safetensors.index.json", format!("{{\"weight_map\": {{\"{}\": \"a.safetensors\"}}}}", "n".repeat(many)).into_bytes()),
        12 => (
            "recipe.toml",
            format!("[[tensor]]\nname = \"w\"\nshape = [{many}, {many}]\ninit = \"{}\"\nshard = {{ start = [0, 0], extent = [1, 1] }}\n", ["orthogonal", "eye", "he_normal"][random.random_range(0..3)]).into_bytes(),
        ),
        _ => ("recipe.toml", format!("[[tensor]]\nname = {:?}\nshape = [1{}]\ninit = \"ones\"\n", "n/".repeat(many), ", 1".repeat(many % 100)).into_bytes()),
    };
    fs::write(folder.join(name), bytes)
}
