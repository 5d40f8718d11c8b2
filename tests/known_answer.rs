//! Published values and PyTorch's, on the CPU and the GPU. The files' sources are named in them.

mod common;

use common::{gpu, gpus};
use seedtensors::gpu::{Gpu, Multiply};
use seedtensors::{Dtype, Fill, Key, Sampler, cpu, philox_bump, philox_round, philox4x32_10};
use serde_json::Value;

fn vectors(name: &str) -> Value {
    let path = format!("{}/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn hex(value: &Value) -> u32 {
    u32::from_str_radix(value.as_str().unwrap(), 16).unwrap()
}

fn hexes(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(hex).collect()
}

fn decimal(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

fn key_of(pair: &Value) -> Key {
    Key { seed: decimal(&pair[0]), offset: decimal(&pair[1]) }
}

struct Published {
    rounds: u64,
    counter: [u32; 4],
    key: [u32; 2],
    output: [u32; 4],
}

fn published() -> Vec<Published> {
    let file = vectors("philox4x32_known_answers.json");
    let vectors: Vec<Published> = file["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| Published {
            rounds: v["rounds"].as_u64().unwrap(),
            counter: hexes(&v["counter"]).try_into().unwrap(),
            key: hexes(&v["key"]).try_into().unwrap(),
            output: hexes(&v["output"]).try_into().unwrap(),
        })
        .collect();
    assert_eq!(vectors.len(), 6);
    vectors
}

#[test]
fn published_philox_blocks_on_the_cpu() {
    for v in published() {
        let (mut counter, mut key) = (v.counter, v.key);
        for round in 0..v.rounds {
            if round > 0 {
                key = philox_bump(key);
            }
            counter = philox_round(counter, key);
        }
        assert_eq!(counter, v.output);
        if v.rounds == 10 {
            assert_eq!(philox4x32_10(v.counter, v.key), v.output);
        }
    }
}

#[test]
fn published_philox_blocks_on_the_gpu() {
    let gpu = gpu();
    for multiply in [Multiply::U64, Multiply::U16] {
        for v in published() {
            assert_eq!(shader_philox(&gpu, multiply, &v), v.output, "{multiply:?}, {} rounds", v.rounds);
        }
    }
}

/// The shader's own functions, called from an entry point of this test.
fn shader_philox(gpu: &Gpu, multiply: Multiply, v: &Published) -> [u32; 4] {
    let rounds = match v.rounds {
        10 => "c = philox4x32_10(c, k);".to_owned(),
        n => "c = philox_round(c, k); k = philox_bump(k);".repeat(n as usize),
    };
    let body = format!("var c = io[0]; var k = io[1].xy; {rounds} io[0] = c;");
    common::run_shader(gpu, multiply, &body, &[v.counter, [v.key[0], v.key[1], 0, 0]])[0]
}

fn torch_cases() -> Vec<(Key, Value)> {
    let file = vectors("torch_stateless_philox.json");
    let cases: Vec<_> = file["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| (Key { seed: decimal(&case["seed"]), offset: decimal(&case["offset"]) }, case.clone()))
        .collect();
    assert_eq!(cases.len(), 10);
    cases
}

/// A fill's f32 bits on the CPU.
fn on_cpu(key: Key, sampler: Sampler, count: usize) -> Vec<u32> {
    let mut values = vec![0.0_f32; count];
    cpu::fill(&Fill::new(key, sampler), &mut values).unwrap();
    values.into_iter().map(f32::to_bits).collect()
}

fn on_gpu(gpu: &Gpu, key: Key, sampler: Sampler, count: usize) -> Vec<u32> {
    let buffer = gpu.tensor(&Fill::new(key, sampler), Dtype::F32, count as u64).unwrap();
    gpu.read(&buffer, 0, count as u64).unwrap()
}

/// Words, derived keys and uniforms to the bit, normals within 2e-6, PyTorch's error.
fn check_torch(fill: impl Fn(Key, Sampler, usize) -> Vec<u32>) {
    let mut compared = 0;
    for (key, case) in torch_cases() {
        let words = hexes(&case["bits"]);
        assert_eq!(fill(key, Sampler::Words, words.len()), words);
        let uniform = hexes(&case["uniform_f32"]);
        assert_eq!(fill(key, Sampler::Uniform { low: 0.0, high: 1.0 }, uniform.len()), uniform);
        let scaled = hexes(&case["uniform_f32_scaled"]);
        let (low, high) = (case["uniform_f32_low"].as_f64().unwrap(), case["uniform_f32_high"].as_f64().unwrap());
        let sampler = Sampler::Uniform { low: low as f32, high: high as f32 };
        assert_eq!(fill(key, sampler, scaled.len()), scaled);
        let normal = hexes(&case["normal_f32"]);
        let ours = fill(key, Sampler::Normal { mean: 0.0, std: 1.0 }, normal.len());
        for (i, (ours, theirs)) in ours.into_iter().zip(&normal).enumerate() {
            let (ours, theirs) = (f32::from_bits(ours), f32::from_bits(*theirs));
            assert!((ours - theirs).abs() <= 2e-6, "{key:?} element {i}: {ours}, PyTorch {theirs}");
        }
        compared += words.len() + uniform.len() + scaled.len() + normal.len();
        let split = case["split3"].as_array().unwrap().iter().enumerate().map(|(i, pair)| (i as u64, pair));
        let folds = case["fold_in"].as_object().unwrap().iter().map(|(i, pair)| (i.parse().unwrap(), pair));
        for (i, pair) in split.chain(folds) {
            // fold_in(i) is the block at offset + i: the first four words of a fill from there
            let at = Key { seed: key.seed, offset: key.offset.wrapping_add(i) };
            let [w0, w1, w2, w3]: [u32; 4] = fill(at, Sampler::Words, 4).try_into().unwrap();
            let derived = Key {
                seed: u64::from(w1) << 32 | u64::from(w0),
                offset: u64::from(w3) << 32 | u64::from(w2),
            };
            assert_eq!(derived, key_of(pair), "{key:?} fold_in({i})");
            compared += 4;
        }
    }
    assert!(compared > 1000, "only {compared} values compared");
}

#[test]
fn torch_values_on_the_cpu() {
    check_torch(on_cpu);
}

#[test]
fn torch_values_on_the_gpu() {
    for gpu in gpus() {
        check_torch(|key, sampler, count| on_gpu(&gpu, key, sampler, count));
    }
}

#[test]
fn torch_key_derivations() {
    for (key, case) in torch_cases() {
        let split: Vec<Key> = case["split3"].as_array().unwrap().iter().map(key_of).collect();
        assert_eq!(key.split(3), split);
        for (i, pair) in case["fold_in"].as_object().unwrap() {
            assert_eq!(key.fold_in(i.parse().unwrap()), key_of(pair));
        }
    }
}

/// SHA-256 of "abc" is ba7816bf 8f01cfea ... (FIPS 180-2, appendix B.1).
#[test]
fn a_name_folds_in_the_first_8_bytes_of_its_sha_256() {
    let key = Key::new(42);
    assert_eq!(key.named("abc"), key.fold_in(u64::from_le_bytes([0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea])));
}
