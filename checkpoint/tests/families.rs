//! The families' recipes against what transformers saves: tests/vectors/hf, whose sources stand in the files.

use std::collections::BTreeMap;
use std::fs;

use half::{bf16, f16};
use seedtensors::{Dtype, Element, Fill, Init, Key, cpu};
use seedtensors_checkpoint::{Config, Recipe, Tensor, families, render, styles};
use serde_json::{Value, json};

fn vectors(name: &str) -> Value {
    let path = format!("{}/../tests/vectors/hf/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn recipe(config: &Value, style: &str) -> Recipe {
    let text = render(config.as_object().unwrap(), style, None).unwrap();
    Recipe::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn named(recipe: &Recipe) -> Vec<(String, Vec<u64>)> {
    recipe.tensors.iter().map(|tensor| (tensor.name.clone(), tensor.dims().to_vec())).collect()
}

fn listed(tensors: &Value) -> Vec<(String, Vec<u64>)> {
    let dims = |tensor: &Value| tensor["shape"].as_array().unwrap().iter().map(|dim| dim.as_u64().unwrap()).collect();
    tensors.as_array().unwrap().iter().map(|t| (t["name"].as_str().unwrap().to_owned(), dims(t))).collect()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    fn of<T: Element + Into<f64>>(tensor: &Tensor) -> Vec<f64> {
        let fill = Fill::new(Key::new(42).named(&tensor.name), tensor.init, &tensor.shape).unwrap();
        cpu::tensor::<T>(&fill).unwrap().into_iter().map(Into::into).collect()
    }
    match tensor.dtype {
        Dtype::F32 => of::<f32>(tensor),
        Dtype::F16 => of::<f16>(tensor),
        Dtype::BF16 => of::<bf16>(tensor),
        other => panic!("no file holds {other}"),
    }
}

#[test]
fn names_and_shapes_are_those_that_transformers_saves() {
    assert_eq!(families().count(), 9);
    for family in families() {
        let file = vectors(family);
        for size in ["small", "full"] {
            let Some(Value::Object(model)) = file.get(size) else { continue };
            let (mut ours, mut theirs) = (named(&recipe(&model["config"], "hf")), listed(&model["tensors"]));
            // transformers 5.23 saves this one, too, as lm_head; the list of the full model has it
            if (family, size) == ("gpt_neox", "small") {
                theirs.push(("embed_out.weight".to_owned(), vec![512, 128]));
            }
            // these two are listed by name
            if ["mixtral", "vit"].contains(&family) {
                ours.sort();
                theirs.sort();
            }
            assert_eq!(ours, theirs, "{family}, {size}");
        }
    }
}

/// Files of transformers list tensors by name, so that variants compare as sets.
#[test]
fn biases_ties_heads_and_padding_follow_the_configuration() {
    let file = vectors("variants");
    let variants = file["variants"].as_array().unwrap();
    assert_eq!(variants.len(), 27);
    for variant in variants {
        let what = format!("{} {} {}", variant["family"], variant["config"]["architectures"], variant["changes"]);
        let recipe = recipe(&variant["config"], "hf");
        let (mut ours, mut theirs) = (named(&recipe), listed(&variant["tensors"]));
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "{what}");
        for theirs in variant["tensors"].as_array().unwrap() {
            let ours = recipe.tensors.iter().find(|ours| ours.name == *theirs["name"].as_str().unwrap()).unwrap();
            let padding = theirs.get("padding").map(|rows| rows.as_array().unwrap()[0].as_u64().unwrap());
            assert_eq!(ours.padding, padding, "{what}: {}", ours.name);
        }
    }
}

/// The std of each tensor of the small models that transformers made is the one that it makes them with, within 5 of
/// its standard errors (a false alarm in 1.7 million), and ours has that std, too.
#[test]
fn values_follow_transformers_initialisation() {
    for family in families() {
        let model = &vectors(family)["small"];
        let recipe = recipe(&model["config"], "hf");
        for theirs in model["tensors"].as_array().unwrap() {
            let ours = recipe.tensors.iter().find(|ours| ours.name == *theirs["name"].as_str().unwrap()).unwrap();
            let number = |key: &str| theirs[key].as_f64().unwrap();
            let values = values(ours);
            if number("std") == 0.0 {
                assert!(values.iter().all(|value| *value == number("mean")), "{}", ours.name);
                continue;
            }
            let target = match ours.init {
                Init::Normal { mean: 0.0, std } | Init::TruncatedNormal { mean: 0.0, std, .. } => std,
                other => panic!("{}: {other:?}", ours.name),
            };
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let std = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
            let within = |std: f64| (std - target).abs() < 5.0 * target / (2.0 * n).sqrt();
            // a row of zeros makes it less
            let padded = ours.padding.map_or(1.0, |_| (1.0 - 1.0 / ours.dims()[0] as f64).sqrt());
            assert!(within(std), "{family} {}: {std}, not {target}", ours.name);
            assert!(within(number("std") / padded), "{family} {}: {}, not {target}", ours.name, number("std"));
        }
    }
}

/// The formulas of `seedtensors styles`, worked out here by hand for width 128, 2 layers, fan_in of down_proj 352.
#[test]
fn styles_are_their_formulas() {
    let config = &vectors("llama")["small"]["config"];
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
    for family in families() {
        for style in styles() {
            let recipe = recipe(&vectors(family)["small"]["config"], style.name);
            assert!(recipe.tensors.len() > 20, "{family} {}", style.name);
        }
    }
}

/// One matrix for the embedding and the head gives logits of a std of at most about 1 in every style, so that a new
/// model's loss is near the logarithm of the vocabulary.
#[test]
fn a_tied_matrix_has_the_heads_std() {
    let mut tried = 0;
    for family in families().filter(|family| *family != "vit") {
        for style in styles() {
            let mut config = vectors(family)["small"]["config"].clone();
            config["tie_word_embeddings"] = json!(true);
            let tied = recipe(&config, style.name);
            let embedding = &tied.tensors[0];
            assert!(embedding.name.contains("embed") || embedding.name.contains("wte"), "{}", embedding.name);
            let (std, width) =
                (seedtensors_checkpoint::Expected::of(embedding).unwrap().std, embedding.dims()[1] as f64);
            assert!(std * width.sqrt() < 1.01, "{family} {}: {std}", style.name);
            config["tie_word_embeddings"] = json!(false);
            let untied = recipe(&config, style.name);
            let head = untied.tensors.iter().rev().find(|tensor| tensor.dims() == embedding.dims()).unwrap();
            assert_eq!(head.init, embedding.init, "{family} {}", style.name);
            tried += 1;
        }
    }
    assert_eq!(tried, 8 * 6);
}

#[test]
fn the_configurations_dtype_is_the_default() {
    let mut config = vectors("qwen3")["small"]["config"].clone();
    let cases = [
        ("dtype", "bfloat16", Dtype::BF16),
        ("torch_dtype", "float16", Dtype::F16),
        ("torch_dtype", "torch.bfloat16", Dtype::BF16),
    ];
    for (key, name, dtype) in cases {
        config.as_object_mut().unwrap().remove("torch_dtype");
        config.as_object_mut().unwrap().remove("dtype");
        config[key] = json!(name);
        assert!(recipe(&config, "hf").tensors.iter().all(|tensor| tensor.dtype == dtype));
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let refusal = |config: Value, style: &str, template: Option<&str>| {
        let config: Config = config.as_object().unwrap().clone();
        render(&config, style, template.map(|text| ("mine.jinja", text))).unwrap_err().to_string()
    };
    let small = vectors("llama")["small"]["config"].clone();
    let mut other = small.clone();
    other["architectures"] = json!(["LlamaForTokenClassification"]);
    assert_eq!(
        refusal(other, "hf", None),
        "llama.toml.jinja:2: there is no recipe for the architecture \"LlamaForTokenClassification\", but for \
         LlamaForCausalLM, LlamaModel"
    );
    let mut text = small.clone();
    text["architectures"] = json!("LlamaForCausalLM");
    assert_eq!(
        refusal(text, "hf", None),
        "llama.toml.jinja:2: architectures must be a list of names, not \"LlamaForCausalLM\""
    );
    // a text that would add lines to the recipe
    let mut lines = small.clone();
    lines["vocab_size"] = json!("1]\ninit = \"ones\"");
    assert_eq!(
        refusal(lines, "hf", None),
        "llama.toml.jinja:3: vocab_size must be a whole number above 0, not \"1]\\ninit = \\\"ones\\\"\""
    );
    let missing = refusal(json!({}), "hf", Some("{{ config('n', 'size') }}"));
    assert_eq!(missing, "mine.jinja:1: the config lacks n");
    let undefined = refusal(json!({}), "hf", Some("\n{{ n_layer }}"));
    assert_eq!(undefined, "mine.jinja:2: `n_layer` is undefined");
    assert_eq!(
        refusal(small.clone(), "xavier", None),
        "there is no style \"xavier\", but gpt2, hf, megatron, olmo, small_init, torchtitan"
    );
    assert!(refusal(json!({ "model_type": "t5" }), "hf", None).starts_with("there is no recipe for model_type \"t5\""));
    assert!(refusal(json!({}), "hf", None).starts_with("the config needs a model_type, one of bert, gpt2, "));
    let mut huge = small;
    huge["num_hidden_layers"] = json!(1_000_000_000_000_u64);
    assert_eq!(refusal(huge, "hf", None), "decoder.jinja:15: range has too many elements");
}

#[test]
fn gpt2_with_cross_attention_has_244_tensors() {
    let config = json!({ "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "add_cross_attention": true });
    assert_eq!(recipe(&config, "hf").tensors.len(), 244);
}

/// The largest models that are published: 61 layers of 384 experts, and 60 of 512.
#[test]
fn models_of_many_experts_are_within_the_limit_of_steps() {
    for (layers, experts) in [(61, 384), (60, 512)] {
        let config = json!({ "model_type": "mixtral", "num_hidden_layers": layers, "num_local_experts": experts });
        assert_eq!(recipe(&config, "torchtitan").tensors.len(), 3 + layers * (7 + 3 * experts));
    }
}
