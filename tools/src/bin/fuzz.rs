//! Feeds mutilated headers, indexes, recipes, records, rules, templates and configurations to the code that reads them:
//!
//! ```sh
//! cargo run --release -p seedtensors-tools --bin fuzz -- 10000000 [SEED]
//! ```
//!
//! Each must be accepted or refused without a panic. What is accepted must be consistent: a header as the public reader
//! sees it, a recipe as its own text says it. An input that fails is printed, and the exit code is 1.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;
use safetensors::SafeTensors;
use seedtensors::Arithmetic;
use seedtensors_checkpoint::{
    Backend, Checkpoint, Config, Expected, Header, Plan, Recipe, Record, Write, like, render, weight_map, write,
};

#[path = "../../../checkpoint/tests/common/mutate.rs"]
mod mutate;

/// An input that takes longer than this is a failure.
const TOO_LONG: Duration = Duration::from_secs(10);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The code that reads an input.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    Header,
    Index,
    Recipe,
    Record,
    Rules,
    Template,
    Config,
}

/// Each target, and its share of a hundred inputs: slow ones get fewer.
const SHARES: [(Target, u32); 7] = [
    (Target::Header, 35),
    (Target::Index, 20),
    (Target::Recipe, 25),
    (Target::Record, 5),
    (Target::Rules, 5),
    (Target::Template, 7),
    (Target::Config, 3),
];

const HEADER: &str = r#"{"__metadata__":{"format":"pt","a":"b"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},
    "b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},"e":{"dtype":"F4","shape":[0,7],"data_offsets":[32,32]}}"#;
const HEADER_VALUES: u64 = 32;
const INDEX: &str = r#"{"metadata":{"total_size":9},"weight_map":{"a":"m-1.safetensors","b.c":"m-2.safetensors"}}"#;
const RECIPE: &str = r#"[defaults]
dtype = "bf16"
init = { xavier_uniform = { gain = { leaky_relu = 0.2 } } }
[[tensor]]
name = "a.weight"
shape = [6, 4, 3]
layout = "in_out"
groups = 2
init = { truncated_normal = { mean = 0.1, std = 0.02, low = -2, high = 2, bounds = "std" } }
padding = 1
shard = { start = [1, 0, 0], extent = [3, 4, 3] }
[[tensor]]
name = "b"
shape = [4, 4]
fans = { fan_in = 9, fan_out = 9 }
init = { sparse = { sparsity = 0.25, std = 0.01 } }
[[tensor]]
name = "c"
shape = [3]
init = "ones"
function = "log"
[[tensor]]
name = "d"
shape = []
dtype = "i64"
init = "zeros"
[[layer]]
name = "lstm"
layer = { lstm = { inputs = 3, hidden = 4, layers = 2, bidirectional = true } }
"#;
const TEMPLATE: &str = r#"{% import "shared/tensors.jinja" as t %}{% import "styles/" ~ style ~ ".jinja" as init %}
{% set m = {"style": style, "init": init, "width": hidden_size, "layers": 2, "std": 0.02, "tied": false, "roles": t.roles} %}{% macro f(x) %}{{ x ** 2 }}{% endmacro %}
{% for i in range(num_hidden_layers) %}{{ t.linear(m, "a.q_proj." ~ i, hidden_size, 2 * i + 1, true, i) }}
{% if i % 2 == 1 and i is defined %}{{ [i, f(i)] | join(",") | default("x") }}{% endif %}{% endfor %}"#;
const RULES: &str = r#"[[rule]]
name = ["*.beta", "d"]
skip = true
[[rule]]
name = ["*bias*", "*.gamma"]
dims = [0, 1]
init = "zeros"
[[rule]]
name = "*"
init = { normal = { std = "initializer_range or 0.02" } }
"#;
const CONFIG: &str = r#"{"model_type":"mixtral","architectures":["MixtralForCausalLM"],"hidden_size":8,"vocab_size":5,
    "intermediate_size":6,"num_attention_heads":2,"num_hidden_layers":1,"num_local_experts":2,"dtype":"float16",
    "head_dim":null,"tie_word_embeddings":false,"pad_token_id":1,"initializer_range":0.02}"#;

impl Target {
    const fn seed(self) -> &'static str {
        match self {
            Self::Header => HEADER,
            Self::Index => INDEX,
            Self::Recipe | Self::Record => RECIPE,
            Self::Rules => RULES,
            Self::Template => TEMPLATE,
            Self::Config => CONFIG,
        }
    }

    /// Accepts or refuses an input; returns whether it was accepted.
    pub(crate) fn run(self, input: &[u8], checkpoint: &Checkpoint) -> Result<bool, Failure> {
        let text = String::from_utf8_lossy(input);
        let render =
            |config: &Config, template| render(config, "hf", template).is_ok_and(|t| Recipe::parse(&t).is_ok());
        Ok(match self {
            Self::Header => header(input)?,
            Self::Index => weight_map(input).is_ok_and(|map| {
                assert!(map.values().all(|name| !name.contains(['/', '\\'])), "{map:?}");
                true
            }),
            Self::Recipe => recipe(&text)?,
            Self::Record => record(&text),
            Self::Rules => like(checkpoint, &text, None, None).is_ok(),
            Self::Template => render(&serde_json::from_str(CONFIG)?, Some(("t", &text))),
            Self::Config => serde_json::from_slice(input).is_ok_and(|config| render(&config, None)),
        })
    }
}

fn header(json: &[u8]) -> Result<bool, Failure> {
    let Ok(header) = Header::parse(json, HEADER_VALUES) else { return Ok(false) };
    let mut file = (json.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(json);
    file.resize(file.len() + usize::try_from(HEADER_VALUES)?, 0);
    let theirs = SafeTensors::deserialize(&file)?;
    assert_eq!(theirs.len(), header.tensors.len());
    for tensor in &header.tensors {
        let view = theirs.tensor(&tensor.name)?;
        assert!(view.dtype() == tensor.dtype && view.data().len() as u64 == tensor.end - tensor.begin);
    }
    Ok(true)
}

fn recipe(text: &str) -> Result<bool, Failure> {
    let Ok(recipe) = Recipe::parse(text) else { return Ok(false) };
    assert_eq!(Recipe::parse(&recipe.to_string())?, recipe);
    if let Ok(plan) = Plan::new(&recipe, 1, Arithmetic::Exact, "folder".as_ref(), 100, 3) {
        let planned: usize = plan.files.iter().map(|file| file.recipe.tensors.len()).sum();
        assert_eq!(planned, recipe.tensors.len());
    }
    for expected in recipe.tensors.iter().filter(|tensor| tensor.elements() > 0).filter_map(Expected::of) {
        assert!(expected.std >= 0.0, "{expected:?}");
    }
    Ok(true)
}

fn record(text: &str) -> bool {
    let entries = [("recipe", text), ("seed", "42"), ("values", "1"), ("arithmetic", "exact")];
    let entries = entries.into_iter().chain([("tensors", "2"), ("checkpoint", "0123456789abcdef")]);
    let entries = entries.map(|(key, value)| (format!("seedtensors.{key}"), value.to_owned()));
    Record::read(&entries.collect()).is_ok_and(|record| record.is_some())
}

/// A checkpoint that rules are applied to.
pub(crate) fn checkpoint() -> Result<Checkpoint, Failure> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.safetensors");
    let plan = Plan::new(&Recipe::parse(RECIPE)?, 1, Arithmetic::Exact, &path, 1, 1)?;
    write(&plan, &Write::new(&Backend::Cpu), &|_| true)?;
    Ok(Checkpoint::open(&path)?)
}

/// The result of a run: the inputs that failed, and for each target the number tried and the number accepted.
pub(crate) struct Outcome {
    /// Each with the failure and the input.
    pub(crate) failures: Vec<String>,
    /// Inputs tried, and inputs accepted.
    pub(crate) tried: BTreeMap<String, (u64, u64)>,
}

/// Tries `count` inputs, each made from the seed and its own number.
pub(crate) fn run(count: u64, seed: u64) -> Result<Outcome, Failure> {
    let checkpoint = checkpoint()?;
    let tried = SHARES.map(|_| [AtomicU64::new(0), AtomicU64::new(0)]);
    let attempt = |number: u64| {
        let mut random = SmallRng::seed_from_u64(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut ticket = random.random_range(0..100);
        let which = SHARES.iter().position(|(_, share)| {
            let found = ticket < *share;
            ticket = ticket.saturating_sub(*share);
            found
        })?;
        let target = SHARES[which].0;
        let input = mutate::text(target.seed().as_bytes(), &mut random);
        tried[which][0].fetch_add(1, Ordering::Relaxed);
        let begin = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| target.run(&input, &checkpoint)));
        let what = match result {
            Ok(Ok(_)) if begin.elapsed() > TOO_LONG => format!("took {:.1?}", begin.elapsed()),
            Ok(Ok(taken)) => {
                tried[which][1].fetch_add(u64::from(taken), Ordering::Relaxed);
                return None;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "a panic".to_owned(),
        };
        Some(format!("{target:?} {number}: {what}\n{:?}", String::from_utf8_lossy(&input)))
    };
    let failures = (0..count).into_par_iter().filter_map(attempt).collect();
    let name = |target: Target| format!("{target:?}");
    let counts = tried.iter().map(|[tried, taken]| (tried.load(Ordering::Relaxed), taken.load(Ordering::Relaxed)));
    Ok(Outcome { failures, tried: SHARES.iter().map(|(target, _)| name(*target)).zip(counts).collect() })
}

#[allow(dead_code, reason = "the test that shares this file has no use for it")]
#[allow(clippy::print_stdout, reason = "its result")]
fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().map_or(Ok(1_000_000), |count| count.parse())?;
    let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
    // a panic is reported with its input, so the default message is off
    std::panic::set_hook(Box::new(|_| {}));
    let begin = Instant::now();
    let Outcome { failures, tried } = run(count, seed)?;
    for (target, (tried, taken)) in tried {
        println!("{target:<9} {tried:>10} inputs, {taken} taken");
    }
    println!("{count} inputs, seed {seed}, {:.0?}, {} failures", begin.elapsed(), failures.len());
    failures.iter().for_each(|failure| println!("{failure}"));
    if failures.is_empty() { Ok(()) } else { Err("there are failures".into()) }
}
