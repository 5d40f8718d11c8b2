//! Test vectors for web/: the library's keys, fans, samplers and tensors.
//!
//! `cargo run --release -p seedtensors-tools --bin web_vectors` writes web/tests/vectors.json anew. checkpoint/tests/web.rs
//! fails where the file differs from its output.
#![allow(clippy::cast_possible_truncation, clippy::print_stdout, reason = "counts are known to fit, a tool prints")]

use std::fmt::Write as _;

use bytemuck::cast_slice;
use seedtensors::{
    Bounds, Distribution, Dtype, Fans, Fill, Init, Key, Layout, Mode, Sampler, Shape, VarianceScaling, cpu,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[allow(dead_code, reason = "the test that shares this file compares instead")]
fn main() -> std::io::Result<()> {
    for (path, text) in files() {
        std::fs::write(path, text)?;
        println!("{path}");
    }
    Ok(())
}

/// The file, by its path from the repository's root.
pub(crate) fn files() -> [(&'static str, String); 1] {
    let mut vectors = json!({ "keys": keys(), "samplers": samplers(), "fills": fills() });
    // sorted, because serde_json's order depends on features that other crates enable
    vectors.sort_all_objects();
    [("web/tests/vectors.json", lines(&vectors, 2) + "\n")]
}

/// JSON with a line for each entry down to a depth.
fn lines(value: &Value, depth: usize) -> String {
    let (open, close, entries): (_, _, Vec<String>) = match value {
        Value::Object(map) if depth > 0 => {
            ("{", "}", map.iter().map(|(key, value)| format!("{}: {}", json!(key), lines(value, depth - 1))).collect())
        }
        Value::Array(array) if depth > 0 => ("[", "]", array.iter().map(|value| lines(value, depth - 1)).collect()),
        other => return other.to_string(),
    };
    format!("{open}\n{}\n{close}", entries.join(",\n"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

/// A number as JSON, which has neither infinities nor NaN.
fn number(value: f64) -> Value {
    if value.is_finite() { json!(value) } else { json!(format!("{value:?}")) }
}

fn key_json(key: Key) -> Value {
    json!({ "seed": key.seed.to_string(), "offset": key.offset.to_string() })
}

/// A sampler as web/ gives it; null for one that it does not have.
fn sampler_json(sampler: &Sampler) -> Value {
    let number = |value: f32| number(value.into());
    match *sampler {
        Sampler::Constant { value } => json!({ "constant": { "value": number(value) } }),
        Sampler::Uniform { low, high } => json!({ "uniform": { "low": number(low), "high": number(high) } }),
        Sampler::Normal { mean, std } => json!({ "normal": { "mean": number(mean), "std": number(std) } }),
        Sampler::TruncatedNormal { mean, std, low, high } => json!({ "truncated_normal": {
            "mean": number(mean), "std": number(std), "low": number(low), "high": number(high),
        } }),
        _ => Value::Null,
    }
}

/// An initialiser as a recipe writes it.
fn init_json(init: &Init) -> Value {
    match *init {
        Init::Constant { value } => json!({ "constant": { "value": number(value) } }),
        Init::Uniform { low, high } => json!({ "uniform": { "low": number(low), "high": number(high) } }),
        Init::Normal { mean, std } => json!({ "normal": { "mean": number(mean), "std": number(std) } }),
        Init::TruncatedNormal { mean, std, bounds } => {
            let (low, high, bounds) = match bounds {
                Bounds::Absolute { low, high } => (low, high, "absolute"),
                Bounds::InStd { low, high } => (low, high, "std"),
                other => unreachable!("recipes have no {other:?}"),
            };
            json!({ "truncated_normal": {
                "mean": number(mean), "std": number(std), "low": number(low), "high": number(high), "bounds": bounds,
            } })
        }
        Init::VarianceScaling(VarianceScaling { scale, mode, distribution, .. }) => json!({ "variance_scaling": {
            "scale": number(scale), "mode": mode.name(), "distribution": distribution.name(),
        } }),
        Init::Eye { gain } => json!({ "eye": { "gain": number(gain) } }),
        Init::Dirac { groups } => json!({ "dirac": { "groups": groups } }),
        Init::Orthogonal { gain } => json!({ "orthogonal": { "gain": number(gain) } }),
        Init::DeltaOrthogonal { gain } => json!({ "delta_orthogonal": { "gain": number(gain) } }),
        Init::Sparse { sparsity, std } => json!({ "sparse": { "sparsity": number(sparsity), "std": number(std) } }),
        other => unreachable!("recipes have no {other:?}"),
    }
}

fn shape_json(shape: &Shape) -> Value {
    let layout = if shape.layout() == Layout::InOut { "in_out" } else { "out_in" };
    let mut options = json!({ "layout": layout, "groups": shape.groups(), "transposed": shape.transposed() });
    if let Some(Fans { fan_in, fan_out }) = shape.given_fans() {
        options["fans"] = json!({ "fanIn": fan_in, "fanOut": fan_out });
    }
    json!({ "dims": shape.dims(), "options": options })
}

fn keys() -> Vec<Value> {
    let keys = [Key::new(0), Key::new(42), Key::new(u64::MAX), Key { seed: 1 << 53 | 1, offset: u64::MAX }];
    let names = ["", "fc1.weight", "model.layers.0.mlp.up_proj.weight", "Gewichte/Ümlaut \u{1f980}"];
    let blocks = [0, 1, 1 << 32, u64::MAX];
    let each = |key: Key| {
        json!({
            "key": key_json(key),
            "blocks": (blocks.map(|b| json!([b.to_string(), key.block(b)]))),
            "folded": (blocks.map(|i| json!([i.to_string(), key_json(key.fold_in(i))]))),
            "named": (names.map(|name| json!([name, key_json(key.named(name))]))),
        })
    };
    keys.map(each).to_vec()
}

/// A truncated normal of the mean 0.001 and the std 0.02.
const fn window(low: f64, high: f64) -> Init {
    Init::TruncatedNormal { mean: 0.001, std: 0.02, bounds: Bounds::Absolute { low, high } }
}

/// 2^-126 as C's headers write it: below it in f64, and equal to it in f32.
const FLT_MIN: f64 = 1.175_494_35e-38;

fn shapes() -> Vec<Shape> {
    let plain = [
        &[][..],
        &[5],
        &[0, 3],
        &[3, 5],
        &[64, 48],
        &[8, 4, 3, 3],
        &[8, 4, 3, 3, 3],
        &[50257, 768],
        &[2, 3, 4, 5, 6, 7, 8, 9],
    ];
    let mut shapes: Vec<Shape> = plain.iter().filter_map(|dims| Shape::new(dims).ok()).collect();
    let more: Vec<Shape> = shapes
        .iter()
        .flat_map(|shape| {
            [
                shape.clone().with_layout(Layout::InOut),
                shape.clone().with_groups(4),
                shape.clone().with_transposed(true),
                shape.clone().with_layout(Layout::InOut).with_groups(3).with_transposed(true),
                shape.clone().with_fans(Fans { fan_in: 3, fan_out: 7 }),
                shape.clone().with_groups(0),
            ]
        })
        .collect();
    shapes.extend(more);
    shapes
}

fn inits() -> Vec<Init> {
    let mut inits = vec![
        Init::zeros(),
        Init::Constant { value: 0.1 },
        Init::Constant { value: 1e39 },
        Init::Uniform { low: -0.1, high: 0.3 },
        Init::Normal { mean: 1e-3, std: 0.02 },
        Init::TruncatedNormal { mean: 0.1, std: 0.3, bounds: Bounds::InStd { low: -2.0, high: f64::INFINITY } },
        Init::TruncatedNormal { mean: 0.1, std: 0.3, bounds: Bounds::Absolute { low: -0.7, high: 0.9 } },
    ];
    for &mode in Mode::ALL {
        for &distribution in Distribution::ALL {
            let of = |scale| Init::from(VarianceScaling::new(scale, mode, distribution));
            inits.extend([1.0, 2.0, 0.0, 25.0 / 9.0, -1.0].map(of));
        }
    }
    inits
}

fn samplers() -> Vec<Value> {
    let each = |shape: Shape| {
        let fans = shape.fans().ok().map(|fans| json!([fans.fan_in, fans.fan_out]));
        let of = |init: Init| init.sampler(&shape).ok().map(|sampler| sampler_json(&sampler));
        json!({
            "shape": shape_json(&shape),
            "fans": fans,
            "samplers": inits().into_iter().map(of).collect::<Vec<_>>(),
        })
    };
    let mut cases = vec![json!({ "inits": inits().iter().map(init_json).collect::<Vec<_>>() })];
    cases.extend(shapes().into_iter().map(each));
    cases
}

/// The SHA-256 of a fill's bytes.
fn digest(fill: &Fill, dtype: Dtype) -> String {
    let mut bytes = vec![0; (fill.elements() * dtype.size()) as usize];
    cpu::fill_bytes(fill, dtype, &mut bytes).expect("a fill that is valid");
    hex(&Sha256::digest(bytes))
}

/// The SHA-256 of the first words of a key.
fn digest_of_words(key: Key, count: u64) -> String {
    let mut words = vec![0; count as usize];
    cpu::words(key, 0, &mut words);
    hex(&Sha256::digest(cast_slice::<u32, u8>(&words)))
}

/// A fill in the form that web/ reads.
struct FillCase<'a> {
    what: &'a str,
    key: Key,
    /// `None` is the words.
    init: Option<Init>,
    shape: Shape,
    dtype: Dtype,
    /// The start and the extent of a shard.
    shard: Option<[&'a [u64]; 2]>,
    start: u64,
    count: u64,
}

impl FillCase<'_> {
    fn json(self) -> Value {
        let Self { what, key, init, shape, dtype, shard, start, count } = self;
        let sha256 = match init {
            None => digest_of_words(key, count),
            Some(init) => {
                let whole = Fill::new(key, init, &shape).expect("an initialiser of the shape");
                let part = shard.map(|[start, extent]| shape.shard(start, extent).expect("a shard of the shape"));
                let fill = part.map_or(whole, |part| whole.shard(&part).expect("a shard of the tensor"));
                digest(&fill.range(start..start + count).expect("a range inside"), dtype)
            }
        };
        json!({
            "what": what, "key": key_json(key), "init": init.as_ref().map(init_json), "shape": shape_json(&shape),
            "dtype": dtype.name(), "shard": shard.map(|[start, extent]| json!({ "start": start, "extent": extent })),
            "start": start, "count": count, "sha256": sha256,
        })
    }
}

/// A matrix, its dimensions and layout, and its dtype.
type MatrixCase = (&'static str, Init, &'static [u64], Layout, Dtype);

/// Structured matrices of every kind.
const MATRICES: [MatrixCase; 7] = [
    ("orthogonal, wide", Init::Orthogonal { gain: 1.0 }, &[300, 500], Layout::OutIn, Dtype::F32),
    ("orthogonal, tall", Init::Orthogonal { gain: 1.0 }, &[257, 64], Layout::OutIn, Dtype::F32),
    ("orthogonal, a convolution", Init::Orthogonal { gain: 1.0 }, &[128, 32, 3, 3], Layout::OutIn, Dtype::BF16),
    ("delta-orthogonal", Init::DeltaOrthogonal { gain: 2.0 }, &[3, 3, 20, 32], Layout::InOut, Dtype::F16),
    ("dirac", Init::Dirac { groups: 2 }, &[64, 16, 3, 3], Layout::OutIn, Dtype::F32),
    ("eye", Init::Eye { gain: 0.5 }, &[100, 200], Layout::OutIn, Dtype::BF16),
    ("sparse", Init::Sparse { sparsity: 0.3, std: 0.02 }, &[301, 100], Layout::OutIn, Dtype::F32),
];

/// Tensors of at least 2^22 elements each: every sampler and dtype, shards of every kind, and runs of elements. And
/// smaller matrices.
fn fills() -> Vec<Value> {
    let inf = f64::INFINITY;
    let normal = Init::Normal { mean: 0.001, std: 0.02 };
    let truncated = |low, high| Init::TruncatedNormal { mean: 0.0, std: 1.0, bounds: Bounds::Absolute { low, high } };
    let whole = [
        ("constant", Init::Constant { value: -0.3 }),
        ("uniform", Init::Uniform { low: -0.1, high: 0.3 }),
        ("uniform, tiny", Init::Uniform { low: 0.0, high: 1e-37 }),
        ("normal", normal),
        ("normal, tiny", Init::Normal { mean: 0.0, std: 1e-37 }),
        ("truncated at 2 std", truncated(-2.0, 2.0)),
        ("truncated, one side", truncated(0.0, inf)),
        ("truncated, not at all", truncated(-inf, inf)),
        ("truncated, a tail", truncated(4.0, 6.0)),
        ("truncated, a far tail", truncated(-13.0, -10.0)),
        ("truncated, narrow", truncated(0.5, 0.51)),
        // numbers that are no f32
        ("decimals, constant", Init::Constant { value: -1e-50 }),
        ("decimals, uniform", Init::Uniform { low: 0.2, high: 0.25 + 1e-11 }),
        ("decimals, normal", Init::Normal { mean: 0.0, std: FLT_MIN }),
        ("decimals, truncated", window(-0.04, 0.1)),
        ("decimals, truncated at a half's value", window(-0.04, 0.03125 - 1e-12)),
        ("decimals, narrow", window(0.01, 0.0101)),
    ];
    let shards: [(_, &[u64], &[u64], &[u64]); 6] = [
        ("columns", &[4096, 4096], &[0, 1024], &[4096, 1024]),
        ("odd columns", &[4096, 4096], &[1, 3], &[4093, 1027]),
        ("rows", &[4096, 4096], &[512, 0], &[1024, 4096]),
        ("blocks of a convolution", &[64, 64, 32, 96], &[8, 2, 4, 8], &[48, 60, 24, 64]),
        ("a corner in four dimensions", &[16, 64, 64, 128], &[1, 2, 3, 5], &[14, 60, 60, 101]),
        ("halves that straddle", &[2049, 4098], &[0, 1], &[2049, 2048]),
    ];
    let key = |what| Key::new(42).named(what);
    let line = |elements| Shape::new(&[elements]).expect("a shape");
    let mut fills = Vec::new();
    let count = 1 << 22;
    let words = FillCase {
        what: "words",
        key: key("words"),
        init: None,
        shape: line(count),
        dtype: Dtype::F32,
        shard: None,
        start: 0,
        count,
    };
    fills.push(words.json());
    for &dtype in Dtype::ALL {
        for &(what, init) in &whole {
            let shape = line(count);
            if init.sampler(&shape).is_ok_and(|sampler| sampler.check(dtype).is_ok()) {
                let init = Some(init);
                fills.push(FillCase { what, key: key(what), init, shape, dtype, shard: None, start: 0, count }.json());
            }
        }
        for (what, dims, start, extent) in shards {
            let shape = Shape::new(dims).expect("a shape");
            let (shard, count) = (Some([start, extent]), extent.iter().product());
            let init = Some(normal);
            fills.push(FillCase { what, key: key(what), init, shape, dtype, shard, start: 0, count }.json());
        }
        let wrapping = Key { seed: u64::MAX, offset: u64::MAX - (1 << 19) };
        for (what, key, start, count) in [
            ("counters that wrap", wrapping, 0, 1 << 22),
            ("an odd number, from an odd one on", Key::new(1 << 60), (1 << 52) + 1, (1 << 22) + 3),
        ] {
            let (init, shape) = (Some(normal), line(start + count));
            fills.push(FillCase { what, key, init, shape, dtype, shard: None, start, count }.json());
        }
    }
    for (what, init, dims, layout, dtype) in MATRICES {
        let shape = Shape::new(dims).expect("a shape").with_layout(layout);
        let (init, count) = (Some(init), shape.elements());
        fills.push(FillCase { what, key: key("matrix"), init, shape, dtype, shard: None, start: 0, count }.json());
    }
    fills
}
