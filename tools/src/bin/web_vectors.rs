//! Test vectors for web/: the library's keys, fans, samplers, shader parameters, recipes and tensors.
//!
//! `cargo run --release -p seedtensors-tools --bin web_vectors` writes web/tests/vectors.json, web/tests/matrices.json
//! and web/src/check.json anew. checkpoint/tests/web.rs fails where the files differ from its output.
#![allow(clippy::cast_possible_truncation, clippy::print_stdout, reason = "counts are known to fit, a tool prints")]

use std::fmt::Write as _;

use bytemuck::cast_slice;
use seedtensors::gpu::Form;
use seedtensors::testing::{self, Probe, coefficients};
use seedtensors::{
    Arithmetic, Bounds, Distribution, Dtype, Fans, Fill, Init, Key, Layout, Mode, Sampler, Shape, VarianceScaling, cpu,
};
use seedtensors_checkpoint::{Backend, Plan, Recipe, ShardSpec, Tensor, Write as Files, write};
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

/// The files, by their paths from the repository's root.
pub(crate) fn files() -> [(&'static str, String); 3] {
    let vectors = json!({
        "keys": keys(),
        "coefficients": all_coefficients(),
        "samplers": samplers(),
        "recipes": recipes(),
        "headers": headers(),
        "fills": fills(),
    });
    let files =
        [("web/tests/vectors.json", vectors), ("web/tests/matrices.json", matrices()), ("web/src/check.json", check())];
    files.map(|(path, mut value)| {
        // sorted, because serde_json's order depends on features that other crates enable
        value.sort_all_objects();
        (path, lines(&value, 2) + "\n")
    })
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

/// A sampler as JSON; `None` is the words.
fn sampler_json(sampler: Option<&Sampler>) -> Value {
    let number = |value: f32| number(value.into());
    let Some(sampler) = sampler else { return json!({ "kind": "words" }) };
    match *sampler {
        Sampler::Constant { value } => json!({ "kind": "constant", "value": number(value) }),
        Sampler::Uniform { low, high } => json!({ "kind": "uniform", "low": number(low), "high": number(high) }),
        Sampler::Normal { mean, std } => json!({ "kind": "normal", "mean": number(mean), "std": number(std) }),
        Sampler::TruncatedNormal { mean, std, low, high } => json!({
            "kind": "truncated_normal",
            "mean": number(mean), "std": number(std), "low": number(low), "high": number(high),
        }),
        _ => Value::Null,
    }
}

fn init_json(init: &Init) -> Value {
    match *init {
        Init::Constant { value } => json!({ "kind": "constant", "value": number(value) }),
        Init::Uniform { low, high } => json!({ "kind": "uniform", "low": number(low), "high": number(high) }),
        Init::Normal { mean, std } => json!({ "kind": "normal", "mean": number(mean), "std": number(std) }),
        Init::TruncatedNormal { mean, std, bounds } => {
            let (low, high, bounds) = match bounds {
                Bounds::Absolute { low, high } => (low, high, "absolute"),
                Bounds::InStd { low, high } => (low, high, "std"),
                other => unreachable!("web/ has no {other:?}"),
            };
            json!({
                "kind": "truncated_normal",
                "mean": number(mean), "std": number(std), "low": number(low), "high": number(high), "bounds": bounds,
            })
        }
        Init::VarianceScaling(VarianceScaling { scale, mode, distribution, .. }) => json!({
            "kind": "variance_scaling",
            "scale": number(scale), "mode": mode.name(), "distribution": distribution.name(),
        }),
        _ => Value::Null,
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

/// Parameters at the edges of what samplers take, and others from all over f32.
fn many_samplers() -> Vec<Sampler> {
    let inf = f32::INFINITY;
    let mut samplers = Vec::new();
    let edges = [
        0.0,
        -0.0,
        1.0,
        -0.3,
        1e-40,
        f32::MIN_POSITIVE,
        -f32::MIN_POSITIVE,
        6e-8,
        65504.0,
        65519.0,
        65520.0,
        3.389_531_4e38,
        3.4e38,
        f32::MAX,
        inf,
        f32::NAN,
    ];
    samplers.extend(edges.map(|value| Sampler::Constant { value }));
    for low in [-1.0, 0.0, 1.0, -1e-38, 1e-40, -65504.0, f32::MIN] {
        let highs = [0.0, 0.1, 1.0, 65504.0, 1e-35, 2e-38, 6e-8, f32::MAX];
        samplers.extend(highs.map(|high| Sampler::Uniform { low, high }));
    }
    for mean in [0.0, 0.001, -3.0, 1e-30, 6e4, f32::MAX] {
        let stds = [0.0, 0.02, 1.0, 1e-30, 1e-24, 1e-40, 9000.0, 5e37, -1.0, inf];
        samplers.extend(stds.map(|std| Sampler::Normal { mean, std }));
    }
    let windows = [
        (-2.0, 2.0),
        (-inf, inf),
        (0.0, inf),
        (-inf, -3.0),
        (4.0, 6.0),
        (-6.0, -4.0),
        (12.9, 13.0),
        (13.0, 14.0),
        (14.0, 15.0),
        (0.5, 0.51),
        (-0.001, 0.001),
        (5.0, 5.0001),
        (-0.0, 0.1),
        (1.0, 1.0),
        (2.0, 1.0),
        (-40.0, 41.0),
    ];
    for (low, high) in windows {
        samplers.push(Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low, high });
        let (mean, std) = (0.25, 0.037);
        samplers.push(Sampler::TruncatedNormal { mean, std, low: mean + low * std, high: mean + high * std });
        let (mean, std) = (0.0, 1e-25);
        samplers.push(Sampler::TruncatedNormal { mean, std, low: low * std, high: high * std });
    }
    let mut words = (0..).flat_map(|b| Key::new(7).block(b)).map(|w| {
        // any sign and mantissa, mostly exponents of everyday sizes
        let exponent = if w % 8 == 0 { w >> 3 & 0xff } else { 107 + (w >> 3) % 24 };
        f32::from_bits(w & 0x8000_0000 | exponent << 23 | w >> 8 & 0x7f_ffff)
    });
    for _ in 0..100 {
        let [a, b, c, d] = std::array::from_fn(|_| words.next().unwrap_or_default());
        samplers.push(Sampler::Uniform { low: a, high: b });
        samplers.push(Sampler::Normal { mean: a, std: b.abs() });
        samplers.push(Sampler::TruncatedNormal { mean: a, std: b.abs(), low: c, high: d });
        samplers.push(Sampler::TruncatedNormal { mean: a, std: b.abs(), low: a - c.abs(), high: a + d.abs() });
        samplers.push(Sampler::TruncatedNormal { mean: a, std: b.abs(), low: a + b.abs() * 3.0, high: inf });
    }
    samplers
}

/// A sampler with numbers in f64, as web/'s users give them, and the library's sampler with each rounded to f32; `None`
/// if the library refuses one.
type Given = (Value, Option<Sampler>);

/// A sampler by the numbers of an initialiser that takes them as they are.
fn given(init: Init) -> Given {
    let mut json = init_json(&init);
    if let Some(map) = json.as_object_mut() {
        // a sampler's are always absolute
        map.remove("bounds");
    }
    (json, Shape::new(&[1]).and_then(|shape| init.sampler(&shape)).ok())
}

/// A truncated normal of the mean 0.001 and the std 0.02.
const fn window(low: f64, high: f64) -> Init {
    Init::TruncatedNormal { mean: 0.001, std: 0.02, bounds: Bounds::Absolute { low, high } }
}

/// 2^-126 as C's headers write it: below it in f64, and equal to it in f32.
const FLT_MIN: f64 = 1.175_494_35e-38;

/// Parameters that f32 cannot hold: decimals, and values that rounding moves across an edge.
fn no_floats() -> Vec<Init> {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let constants = [0.1, -1e-50, FLT_MIN, 65519.999, 3.396_177_529e38, 3.402_823_5e38, 3.402_823_6e38, 1e39, nan];
    let mut inits = constants.map(|value| Init::Constant { value }).to_vec();
    let uniforms = [
        (0.2, 0.25 + 1e-11),
        (0.1, 0.7),
        (0.1 + 1e-12, 0.1),
        (0.3, 0.1),
        (FLT_MIN, 1e-37),
        (-2e38, 1.402_823_6e38),
        (0.0, 65519.999),
        (0.0, 1e39),
        (nan, 1.0),
    ];
    inits.extend(uniforms.map(|(low, high)| Init::Uniform { low, high }));
    let half_of_all = 65520.0 / 6.764; // the largest std in f16
    let normals = [
        (0.001, 0.02),
        (1e-50, 0.02),
        (0.0, 2f64.powi(-79) * (1.0 - 1e-12)),
        (0.0, FLT_MIN),
        (0.1, -1e-50),
        (0.1, -0.1),
        (0.0, half_of_all * (1.0 - 1e-12)),
        (0.0, half_of_all * (1.0 + 1e-12)),
        (-1e39, 1.0),
        (0.0, 1e39),
        (0.0, nan),
    ];
    inits.extend(normals.map(|(mean, std)| Init::Normal { mean, std }));
    let windows = [
        (-0.04, 0.1),
        (0.01, 0.0101),
        (-0.04, 0.03125 - 1e-12),
        (-inf, 0.1),
        (0.07, inf),
        (-0.12, -0.09),
        (0.01, 0.01 + 1e-12),
        (-1e39, 0.1),
        (0.0, 1e39),
        (nan, 0.1),
        (0.0, nan),
    ];
    inits.extend(windows.map(|(low, high)| window(low, high)));
    let whole = Bounds::Absolute { low: -0.04, high: 0.1 };
    let pairs = [(0.1, FLT_MIN), (0.1, 1e39), (1e39, 0.1), (nan, 0.1), (0.1, nan)];
    inits.extend(pairs.map(|(mean, std)| Init::TruncatedNormal { mean, std, bounds: whole }));
    let mut words = (0..).flat_map(|b| Key::new(8).block(b)).map(|w| f64::from(w.cast_signed()) / 1e9);
    for _ in 0..12 {
        let [mean, std, a, b] = std::array::from_fn(|_| words.next().unwrap_or_default());
        let (low, high, std) = (a.min(b), a.max(b), std.abs());
        inits.push(Init::Uniform { low, high });
        inits.push(Init::TruncatedNormal { mean, std, bounds: Bounds::Absolute { low, high } });
        inits.push(Init::TruncatedNormal { mean, std, bounds: Bounds::Absolute { low, high: low + 0.01 * std } });
    }
    inits
}

fn coefficients_json((kind, bytes): &(u32, Vec<u8>)) -> Value {
    json!([kind, hex(bytes).trim_end_matches('0')])
}

/// The words' coefficients, in f32 alone.
fn word_coefficients() -> Value {
    let found = coefficients(None, Dtype::F32, Arithmetic::Exact).expect("words have no parameters");
    let found = coefficients_json(&found);
    json!({ "sampler": sampler_json(None), "native": found, "f32": found, "f16": null, "bf16": null })
}

fn all_coefficients() -> Vec<Value> {
    let each = |(json, sampler): Given| {
        let of = |dtype, arithmetic| match sampler.map(|sampler| coefficients(Some(&sampler), dtype, arithmetic)) {
            Some(Ok(found)) => coefficients_json(&found),
            Some(Err(_)) | None => Value::Null,
        };
        let mut case = json!({ "sampler": json, "native": of(Dtype::F32, Arithmetic::Native) });
        for &dtype in Dtype::ALL {
            case[dtype.name()] = of(dtype, Arithmetic::Exact);
        }
        case
    };
    let floats = many_samplers().into_iter().map(|sampler| (sampler_json(Some(&sampler)), Some(sampler)));
    let others = floats.chain(no_floats().into_iter().map(given)).map(each);
    std::iter::once(word_coefficients()).chain(others).collect()
}

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
        let of = |init: Init| init.sampler(&shape).ok().map(|sampler| sampler_json(Some(&sampler)));
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

fn part_json(part: Option<&ShardSpec>) -> Value {
    part.map_or(Value::Null, |part| json!({ "start": part.start, "extent": part.extent }))
}

fn recipes() -> Vec<Value> {
    let names = ["fc1.weight", "a b/c 'd'", "a \"b\"", "Ümlaut \u{1f980}"];
    let part = ShardSpec { start: vec![1, 0], extent: vec![2, 5] };
    let tensors = inits().into_iter().chain([
        Init::ones(),
        Init::Constant { value: -0.0 },
        Init::Constant { value: 123_456_789_012_345_680.0 },
        Init::Uniform { low: -1e-5, high: 0.000_123 },
        Init::Normal { mean: 1e15, std: 1.5e-7 },
        Init::Normal { mean: 9_999_999_999_999_998.0, std: 1e16 },
    ]);
    let tensors = tensors.enumerate().filter_map(|(i, init)| {
        let shape = Shape::new(&[6, 5]).ok()?;
        let shape = match i % 4 {
            1 => shape.with_layout(Layout::InOut).with_groups(5),
            2 => shape.with_transposed(true).with_groups(3),
            3 => shape.with_fans(Fans { fan_in: 12, fan_out: 1 }),
            _ => shape,
        };
        let sampler = init.sampler(&shape).ok()?;
        // the next one that holds the values: a recipe of another would be refused
        let dtype =
            Dtype::ALL.iter().copied().cycle().skip(i % 3).take(3).find(|dtype| sampler.check(*dtype).is_ok())?;
        let shard = (i % 3 == 1).then(|| part.clone());
        let name = names[i % names.len()].to_owned();
        Some(Tensor { name, shape, dtype: dtype.into(), init, function: None, padding: None, shard })
    });
    let each = |tensor: Tensor| {
        json!({
            "name": tensor.name,
            "shape": shape_json(&tensor.shape),
            "dtype": tensor.dtype.name(),
            "init": init_json(&tensor.init),
            "shard": part_json(tensor.shard.as_ref()),
            "header": header(&tensor, 42),
            "recipe": Recipe { tensors: vec![tensor] }.to_string(),
        })
    };
    tensors.map(each).collect()
}

/// Names that are safe in a file, though not in everything that holds one: keys that JavaScript puts first, properties
/// that its objects have, characters that texts escape differently.
const NAMES: [&str; 14] = [
    "0",
    "42",
    "4294967294",
    "4294967295",
    "-1",
    "1.5",
    "__proto__",
    "constructor",
    "a \"b\"",
    "it's",
    "Ümlaut/\u{1f980}",
    "line\u{2028}paragraph\u{2029}",
    "\u{feff}mark\u{fffe}\u{ffff}",
    "\u{202e}</script>&amp;",
];

/// The headers of files of one tensor.
fn headers() -> Vec<Value> {
    let each = |(i, name): (usize, &str)| {
        let shape = Shape::new(&[2, 3]).expect("a shape");
        let init = Init::ones();
        let dtype = Dtype::ALL[i % 3];
        let tensor = Tensor {
            name: name.to_owned(),
            shape,
            dtype: dtype.into(),
            init,
            function: None,
            padding: None,
            shard: None,
        };
        let seed = [42, u64::MAX][i % 2];
        json!({ "name": name, "dtype": dtype.name(), "seed": seed.to_string(), "json": header(&tensor, seed) })
    };
    NAMES.into_iter().enumerate().map(each).collect()
}

/// The header of a file that holds the tensor, with the spaces at its end.
fn header(tensor: &Tensor, seed: u64) -> String {
    let folder = tempfile::tempdir().expect("a folder for a file");
    let path = folder.path().join("a.safetensors");
    let recipe = Recipe { tensors: vec![tensor.clone()] };
    let plan = Plan::new(&recipe, seed, Arithmetic::Exact, &path, 1, 1).expect("a tensor that a file holds");
    write(&plan, &Files::new(&Backend::Cpu), &|_| true).expect("room for a file");
    let bytes = std::fs::read(&path).expect("the file that was written");
    let (length, rest) = bytes.split_first_chunk().expect("the length of a header");
    let json = &rest[..u64::from_le_bytes(*length) as usize];
    String::from_utf8_lossy(json).into_owned()
}

/// The SHA-256 of a fill's bytes.
fn digest(fill: &Fill, dtype: Dtype) -> String {
    let mut bytes = vec![0; (fill.elements() * dtype.size()) as usize];
    cpu::fill_bytes(fill, dtype, &mut bytes).expect("a fill that is valid");
    hex(&Sha256::digest(bytes))
}

/// The SHA-256 of a sampler's first elements, or of the first words where there is no sampler.
fn digest_of_first(key: Key, sampler: Option<Sampler>, dtype: Dtype, count: u64) -> String {
    if let Some(sampler) = sampler {
        return digest(&Fill::from_sampler(key, sampler, count), dtype);
    }
    let mut words = vec![0; count as usize];
    cpu::words(key, 0, &mut words);
    hex(&Sha256::digest(cast_slice::<u32, u8>(&words)))
}

/// A fill in the form that web/ reads.
struct FillCase {
    what: &'static str,
    key: Key,
    /// The sampler as JSON.
    sampler: Value,
    dtype: Dtype,
    part: Option<Value>,
    start: u64,
    count: u64,
    sha256: String,
}

impl FillCase {
    fn json(self) -> Value {
        json!({
            "what": self.what, "key": key_json(self.key), "sampler": self.sampler, "dtype": self.dtype.name(),
            "shard": self.part, "start": self.start, "count": self.count, "sha256": self.sha256,
        })
    }
}

/// Tensors of at least 2^22 elements each: every sampler and dtype, shards of every kind, and runs of elements.
fn fills() -> Vec<Value> {
    let inf = f32::INFINITY;
    let normal = Sampler::Normal { mean: 0.001, std: 0.02 };
    let truncated = |low: f32, high: f32| Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low, high };
    let whole = [
        ("constant", Sampler::Constant { value: -0.3 }),
        ("uniform", Sampler::Uniform { low: -0.1, high: 0.3 }),
        ("uniform, tiny", Sampler::Uniform { low: 0.0, high: 1e-37 }),
        ("normal", normal),
        ("normal, tiny", Sampler::Normal { mean: 0.0, std: 1e-37 }),
        ("truncated at 2 std", truncated(-2.0, 2.0)),
        ("truncated, one side", truncated(0.0, inf)),
        ("truncated, not at all", truncated(-inf, inf)),
        ("truncated, a tail", truncated(4.0, 6.0)),
        ("truncated, a far tail", truncated(-13.0, -10.0)),
        ("truncated, narrow", truncated(0.5, 0.51)),
    ];
    let shards = [
        ("columns", &[4096, 4096][..], &[0, 1024][..], &[4096, 1024][..]),
        ("odd columns", &[4096, 4096], &[1, 3], &[4093, 1027]),
        ("rows", &[4096, 4096], &[512, 0], &[1024, 4096]),
        ("blocks of a convolution", &[64, 64, 32, 96], &[8, 2, 4, 8], &[48, 60, 24, 64]),
        ("a corner in four dimensions", &[16, 64, 64, 128], &[1, 2, 3, 5], &[14, 60, 60, 101]),
        ("halves that straddle", &[2049, 4098], &[0, 1], &[2049, 2048]),
    ];
    // numbers that are no f32
    let decimals = [
        ("decimals, constant", Init::Constant { value: -1e-50 }),
        ("decimals, uniform", Init::Uniform { low: 0.2, high: 0.25 + 1e-11 }),
        ("decimals, normal", Init::Normal { mean: 0.0, std: FLT_MIN }),
        ("decimals, truncated", window(-0.04, 0.1)),
        ("decimals, truncated at a half's value", window(-0.04, 0.03125 - 1e-12)),
        ("decimals, narrow", window(0.01, 0.0101)),
    ];
    let mut whole: Vec<_> = whole.map(|(what, sampler)| (what, sampler_json(Some(&sampler)), Some(sampler))).to_vec();
    whole.insert(0, ("words", sampler_json(None), None));
    whole.extend(decimals.map(|(what, init)| {
        let (json, sampler) = given(init);
        (what, json, Some(sampler.expect("numbers that f32 has")))
    }));
    let mut fills = Vec::new();
    for &dtype in Dtype::ALL {
        for (what, json, sampler) in &whole {
            if sampler.map_or(dtype != Dtype::F32, |sampler| sampler.check(dtype).is_err()) {
                continue; // words have no other dtype
            }
            let (key, count) = (Key::new(42).named(what), 1 << 22);
            let sha256 = digest_of_first(key, *sampler, dtype, count);
            fills.push(FillCase { what, key, sampler: json.clone(), dtype, part: None, start: 0, count, sha256 });
        }
        let json = sampler_json(Some(&normal));
        for (what, dims, start, extent) in shards {
            let shape = Shape::new(dims).expect("a shape");
            let shard = shape.shard(start, extent).expect("a shard of the shape");
            let key = Key::new(42).named(what);
            let fill = Fill::from_sampler(key, normal, shape.elements()).shard(&shard).expect("a shard of the tensor");
            let part = Some(json!({ "dims": dims, "start": start, "extent": extent }));
            let (sampler, count, sha256) = (json.clone(), shard.elements(), digest(&fill, dtype));
            fills.push(FillCase { what, key, sampler, dtype, part, start: 0, count, sha256 });
        }
        let wrapping = Key { seed: u64::MAX, offset: u64::MAX - (1 << 19) };
        for (what, key, start, count) in [
            ("counters that wrap", wrapping, 0, 1 << 22),
            ("an odd number, from an odd one on", Key::new(1 << 60), (1 << 52) + 1, (1 << 22) + 3),
        ] {
            let fill = Fill::from_sampler(key, normal, u64::MAX).range(start..start + count).expect("a range inside");
            let sha256 = digest(&fill, dtype);
            fills.push(FillCase { what, key, sampler: json.clone(), dtype, part: None, start, count, sha256 });
        }
    }
    fills.into_iter().map(FillCase::json).collect()
}

/// The fills by which web/ checks a device when it is opened: the library's long ones.
fn check() -> Value {
    let (key, fills, _) = testing::probes();
    let each = |probe: &Probe| {
        // a long fill begins with the key's first block
        let sha256 = digest_of_first(key, probe.sampler(), probe.dtype, probe.count);
        json!({ "sampler": sampler_json(probe.sampler().as_ref()), "dtype": probe.dtype.name(), "sha256": sha256 })
    };
    let count = fills.first().map_or(0, |probe| probe.count);
    json!({ "key": key_json(key), "count": count, "fills": fills.iter().map(each).collect::<Vec<_>>() })
}

/// The steps of structured matrices in the safest form of the shaders, and the SHA-256 of the CPU's bytes.
fn matrices() -> Value {
    let of = |init: Init, shape: &Shape, dtype: Dtype| {
        let fill = Fill::new(Key::new(42).named("matrix"), init, shape).unwrap();
        let (scratch, steps) = testing::matrix_steps(&fill, dtype, Form::SAFEST).unwrap();
        let mut bytes = vec![0; (fill.elements() * dtype.size()) as usize];
        cpu::fill_bytes(&fill, dtype, &mut bytes).unwrap();
        let steps: Vec<Value> = steps
            .iter()
            .map(|step| {
                let constants: serde_json::Map<String, Value> =
                    step.constants.iter().map(|&(name, value)| (name.to_owned(), json!(value))).collect();
                json!({
                    "entryPoint": step.entry_point, "constants": constants, "params": hex(&step.params),
                    "binding": step.binding.as_ref().map(|range| [range.start, range.end - range.start]),
                    "grid": step.grid, "writesScratch": step.writes_scratch,
                })
            })
            .collect();
        json!({
            "what": format!("{init:?} {:?}", shape.dims()), "dtype": dtype.name(), "bytes": bytes.len(),
            "scratch": scratch, "steps": steps, "sha256": hex(&Sha256::digest(&bytes)),
        })
    };
    let shape = |dims: &[u64]| Shape::new(dims).unwrap();
    let orthogonal = Init::Orthogonal { gain: 1.0 };
    let kernel = shape(&[3, 3, 20, 32]).with_layout(Layout::InOut);
    json!({
        "source": Form::SAFEST.source(),
        "matrices": [
            of(orthogonal, &shape(&[300, 500]), Dtype::F32),
            of(orthogonal, &shape(&[257, 64]), Dtype::F32),
            of(orthogonal, &shape(&[128, 32, 3, 3]), Dtype::BF16),
            of(Init::DeltaOrthogonal { gain: 2.0 }, &kernel, Dtype::F16),
            of(Init::Dirac { groups: 2 }, &shape(&[64, 16, 3, 3]), Dtype::F32),
            of(Init::Eye { gain: 0.5 }, &shape(&[100, 200]), Dtype::BF16),
            of(Init::Sparse { sparsity: 0.3, std: 0.02 }, &shape(&[301, 100]), Dtype::F32),
        ],
    })
}
