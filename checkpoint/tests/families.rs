//! The families' recipes against what transformers makes: tests/vectors/hf, whose sources stand in the files.

#[path = "common/records.rs"]
mod records;

use std::collections::BTreeMap;

use records::{Records, differing, ours, rendered};
use seedtensors::{Arithmetic, Dtype};
use seedtensors_checkpoint::{Backend, Config, Function, Plan, Recipe, Write, families, render, styles, write};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn recipe(config: &Config, style: &str) -> Recipe {
    rendered(config, style).unwrap()
}

fn small(family: &str) -> Config {
    Records::of(family).small().clone()
}

/// A template that is not in the list of `template_files.rs`, or has no architectures in its comment, would be no family.
#[test]
fn every_template_is_a_family() {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/families")).unwrap();
    let name = |path: std::path::PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut files: Vec<_> = folder.map(|entry| name(entry.unwrap().path())).collect();
    files.sort();
    let mut known: Vec<_> = families().map(|family| family.model_type.to_owned()).collect();
    known.sort();
    assert_eq!(known, files);
}

/// Names, shapes, dtypes, initialisers and rows of zeros, of every architecture.
#[test]
fn tensors_are_those_that_transformers_makes() {
    let mut differences = Vec::new();
    let mut compared = 0;
    for family in families() {
        let records = Records::of(family.model_type);
        let models = records.changes("models").map(|change| (change.config(), change.tensors().unwrap()));
        for (config, theirs) in std::iter::once((records.small().clone(), records.tensors.clone())).chain(models) {
            let what = format!("{} {}", family.model_type, config["architectures"]);
            compared += theirs.len();
            match rendered(&config, "hf") {
                Ok(recipe) => {
                    let lines = differing(&ours(&recipe), &theirs);
                    if !lines.is_empty() {
                        differences.push(format!(
                            "{what}: {} differ\n{}",
                            lines.len(),
                            lines[..lines.len().min(8)].join("\n")
                        ));
                    }
                }
                Err(message) => differences.push(format!("{what}: {message}")),
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(compared > 1000, "{compared}");
}

/// Values of functions: those of indices alone are transformers' to 2e-6. Drawn ones have its mean within 5 standard
/// errors (a false alarm in 1.7 million).
#[test]
fn values_of_functions_are_those_of_transformers() {
    let folder = tempfile::tempdir().unwrap();
    let mut compared = 0;
    for family in families() {
        let records = Records::of(family.model_type);
        for (name, theirs) in records.values() {
            let recipe = recipe(records.small(), "hf");
            let tensor = recipe.tensors.iter().find(|tensor| tensor.name == *name).unwrap();
            let out = folder.path().join(format!("{compared}.safetensors"));
            let one = Recipe { tensors: vec![tensor.clone()] };
            let plan = Plan::new(&one, 42, Arithmetic::Exact, &out, u64::MAX, 1).unwrap();
            write(&plan, &Write::new(&Backend::Cpu), &|_| true).unwrap();
            let bytes = std::fs::read(&out).unwrap();
            let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            let data = file.tensor(name).unwrap().data().as_chunks().0;
            let ours: Vec<f64> = data.iter().map(|&bytes| f32::from_le_bytes(bytes).into()).collect();
            let what = format!("{} {name}", family.model_type);
            match tensor.function {
                Some(Function::LogOfIndex | Function::Sinusoids) => {
                    for (ours, theirs) in ours.iter().zip(&theirs) {
                        assert!((ours - theirs).abs() < 2e-6 * theirs.abs().max(1.0), "{what}: {ours}, {theirs}");
                    }
                }
                _ => {
                    // the mean, and the square of its standard error
                    let mean = |values: &[f64]| {
                        let n = values.len() as f64;
                        let mean = values.iter().sum::<f64>() / n;
                        (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n * (n - 1.0)))
                    };
                    let ((mine, a), (other, b)) = (mean(&ours), mean(&theirs));
                    assert!((mine - other).abs() < 5.0 * (a + b).sqrt(), "{what}: {mine}, {other}, {a}, {b}");
                }
            }
            compared += 1;
        }
    }
    assert!(compared > 0);
}

/// Published configurations: the number of tensors, the hash of their names and shapes, and the number of parameters.
#[test]
fn published_models_have_their_sizes() {
    let mut differences = Vec::new();
    for family in families() {
        for (name, model) in Records::of(family.model_type).published() {
            let recipe = match rendered(model["config"].as_object().unwrap(), "hf") {
                Ok(recipe) => recipe,
                Err(message) => {
                    differences.push(format!("{name}: {message}"));
                    continue;
                }
            };
            let mut lines: Vec<_> =
                recipe.tensors.iter().map(|tensor| format!("{} {:?}\n", tensor.name, tensor.dims())).collect();
            lines.sort();
            let hash: String = Sha256::digest(lines.concat()).iter().map(|byte| format!("{byte:02x}")).collect();
            let parameters: u64 = recipe.tensors.iter().map(seedtensors_checkpoint::Tensor::elements).sum();
            let found = (json!(recipe.tensors.len()), json!(parameters), json!(hash));
            let expected = (model["tensors"].clone(), model["parameters"].clone(), model["sha256"].clone());
            if found != expected {
                differences.push(format!("{name}: ours {found:?}, theirs {expected:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The formulas of `seedtensors styles`, worked out here by hand for width 128, 2 layers, fan_in of down_proj 352.
#[test]
fn styles_are_their_formulas() {
    let config = &small("llama");
    let d = 128_f64;
    let cut = |std: f64| (std, 3.0 * std);
    let plain = |std: f64| (std, f64::INFINITY);
    let at_two = |std: f64| (std, 2.0);
    // embeddings, q_proj, layer 1's up_proj, o_proj and down_proj, the head: std and bound
    let expected = BTreeMap::from([
        ("hf", [plain(0.02); 6]),
        ("gpt2", [plain(0.02), plain(0.02), plain(0.02), plain(0.01), plain(0.01), plain(0.02)]),
        ("megatron", [plain(0.02), plain(0.02), plain(0.02), plain(0.01), plain(0.01), plain(0.02)]),
        (
            "olmo",
            [d.powf(-0.5), d.powf(-0.5), d.powf(-0.5), (4.0 * d).powf(-0.5), (4.0 * 352_f64).powf(-0.5), d.powf(-0.5)]
                .map(cut),
        ),
        ("torchtitan", [plain(1.0), at_two(0.02), at_two(0.01), at_two(0.01), at_two(0.01), cut(d.powf(-0.5))]),
        (
            "small_init",
            [(0.4 / d).sqrt(), (0.4 / d).sqrt(), (0.4 / d).sqrt(), d.powf(-0.5), d.powf(-0.5), (0.4 / d).sqrt()]
                .map(plain),
        ),
    ]);
    let names = ["model.embed_tokens", "model.layers.1.self_attn.q_proj", "model.layers.1.mlp.up_proj"];
    let names = [&names[..], &["model.layers.1.self_attn.o_proj", "model.layers.1.mlp.down_proj", "lm_head"]].concat();
    assert_eq!(styles().count(), expected.len());
    for style in styles() {
        assert!(style.about.contains("formula: ") && style.about.contains("source: "), "{}", style.name);
        let recipe = recipe(config, style.name);
        for (name, (std, bound)) in names.iter().zip(expected[style.name]) {
            let tensor = recipe.tensors.iter().find(|tensor| tensor.name == format!("{name}.weight")).unwrap();
            let close = |a: f64, b: f64| a == b || (a / b - 1.0).abs() < 1e-7;
            let (ours, high) = match tensor.sampler().unwrap() {
                seedtensors::Sampler::Normal { mean: 0.0, std } => (std, f32::INFINITY),
                seedtensors::Sampler::TruncatedNormal { mean: 0.0, std, low, high } if low == -high => (std, high),
                other => panic!("{name}: {other:?}"),
            };
            assert!(close(ours.into(), std) && close(high.into(), bound), "{} {name}: {ours}, {high}", style.name);
        }
    }
    for family in families().filter(|family| family.styles.is_none()) {
        for style in styles() {
            let recipe = recipe(&small(family.model_type), style.name);
            assert!(recipe.tensors.len() > 10, "{} {}", family.model_type, style.name);
        }
    }
}

/// One matrix for the embedding and the head gives logits of a std of at most about 1 in every style, so that a new
/// model's loss is near the logarithm of the vocabulary.
#[test]
fn a_tied_matrix_has_the_heads_std() {
    let mut tried = 0;
    for family in families().filter(|family| family.architectures[0].ends_with("ForCausalLM")) {
        let family = family.model_type;
        for style in styles() {
            let mut config = small(family);
            config.insert("tie_word_embeddings".to_owned(), json!(true));
            let tied = recipe(&config, style.name);
            config.insert("tie_word_embeddings".to_owned(), json!(false));
            let untied = recipe(&config, style.name);
            // transformers never ties nemotron_h
            if untied.tensors.len() == tied.tensors.len() {
                assert_eq!(family, "nemotron_h");
                continue;
            }
            let embedding = &tied.tensors[0];
            assert!(embedding.name.contains("embed") || embedding.name.contains("wte"), "{}", embedding.name);
            let (std, width) =
                (seedtensors_checkpoint::Expected::of(embedding).unwrap().std, embedding.dims()[1] as f64);
            assert!(std * width.sqrt() < 1.01, "{family} {}: {std}", style.name);
            let head = untied.tensors.iter().rev().find(|tensor| tensor.dims() == embedding.dims()).unwrap();
            assert_eq!(head.init, embedding.init, "{family} {}", style.name);
            tried += 1;
        }
    }
    assert!(tried >= 40 * 6, "{tried}");
}

#[test]
fn the_configurations_dtype_is_the_default() {
    let mut config = small("qwen3");
    let cases = [
        ("dtype", "bfloat16", Dtype::BF16),
        ("torch_dtype", "float16", Dtype::F16),
        ("torch_dtype", "torch.bfloat16", Dtype::BF16),
    ];
    for (key, name, dtype) in cases {
        config.remove("torch_dtype");
        config.remove("dtype");
        config.insert(key.to_owned(), json!(name));
        assert!(recipe(&config, "hf").tensors.iter().all(|tensor| tensor.dtype == dtype.into()));
    }
}

#[test]
fn errors_name_the_line_and_the_key() {
    let refusal = |config: Value, style: &str, template: Option<&str>| {
        let config: Config = config.as_object().unwrap().clone();
        render(&config, style, template.map(|text| ("mine.jinja", text))).unwrap_err().to_string()
    };
    let small = Value::Object(small("llama"));
    let mut other = small.clone();
    other["architectures"] = json!(["LlamaForMaskedLM"]);
    assert_eq!(
        refusal(other, "hf", None),
        "shared/decoder.jinja:15: there is no recipe for the architecture \"LlamaForMaskedLM\", but for \
         LlamaForCausalLM, LlamaModel, LlamaForSequenceClassification, LlamaForTokenClassification, \
         LlamaForQuestionAnswering"
    );
    let mut text = small.clone();
    text["architectures"] = json!("LlamaForCausalLM");
    assert_eq!(
        refusal(text, "hf", None),
        "shared/decoder.jinja:15: architectures must be a list of names, not \"LlamaForCausalLM\""
    );
    // a text that would add lines to the recipe
    let mut lines = small.clone();
    lines["vocab_size"] = json!("1]\ninit = \"ones\"");
    assert_eq!(
        refusal(lines, "hf", None),
        "shared/decoder.jinja:16: vocab_size must be a whole number above 0, not \"1]\\ninit = \\\"ones\\\"\""
    );
    let missing = refusal(json!({}), "hf", Some("{{ config('n', 'size') }}"));
    assert_eq!(missing, "mine.jinja:1: the config lacks n");
    let undefined = refusal(json!({}), "hf", Some("\n{{ n_layer }}"));
    assert_eq!(undefined, "mine.jinja:2: `n_layer` is undefined");
    assert_eq!(
        refusal(small.clone(), "xavier", None),
        "there is no style \"xavier\", but gpt2, hf, megatron, olmo, small_init, torchtitan"
    );
    let unknown = refusal(json!({ "model_type": "mistrel" }), "hf", None);
    assert!(unknown.starts_with("there is no recipe for model_type \"mistrel\"; the nearest are mistral, mixtral"));
    let unlike = refusal(json!({ "model_type": "zzz" }), "hf", None);
    assert_eq!(unlike, "there is no recipe for model_type \"zzz\"");
    assert_eq!(refusal(json!({}), "hf", None), "the config needs the model_type of a family");
    let mut huge = small;
    huge["num_hidden_layers"] = json!(1_000_000_000_000_u64);
    assert_eq!(refusal(huge, "hf", None), "shared/decoder.jinja:48: range has too many elements");
}

#[test]
fn gpt2_with_cross_attention_has_244_tensors() {
    let config = json!({ "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "add_cross_attention": true });
    assert_eq!(recipe(config.as_object().unwrap(), "hf").tensors.len(), 244);
}

/// The largest models that are published: 61 layers of 384 experts, and 60 of 512.
#[test]
fn models_of_many_experts_are_within_the_limit_of_steps() {
    for (layers, experts) in [(61, 384), (60, 512)] {
        let config = json!({ "model_type": "mixtral", "num_hidden_layers": layers, "num_local_experts": experts });
        assert_eq!(recipe(config.as_object().unwrap(), "torchtitan").tensors.len(), 3 + layers * (7 + 3 * experts));
    }
}
