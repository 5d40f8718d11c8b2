//! Fans, gains, stds and bounds against PyTorch's and JAX's, in the file that scripts/generate/vectors.py makes.
#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are known to fit")]

use seedtensors::{Distribution, Fans, Gain, Init, Layer, Layout, Mode, Recurrent, Sampler, Shape, VarianceScaling};
use serde_json::Value;

fn table() -> Value {
    let path = format!("{}/tests/vectors/initialisers.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn shape(value: &Value, layout: Layout) -> Shape {
    let dims: Vec<u64> = value.as_array().unwrap().iter().map(|dim| dim.as_u64().unwrap()).collect();
    Shape::new(&dims).unwrap().with_layout(layout)
}

/// The sampler's std, or its bound, equals the peer's f64 rounded to f32, to a unit in the last place: the order
/// of the peer's own operations differs.
fn assert_is(init: impl Into<Init>, shape: &Shape, peer: &Value) {
    let init = init.into();
    let found = match init.sampler(shape).unwrap() {
        Sampler::Uniform { low, high } => {
            assert_eq!(low, -high);
            high
        }
        Sampler::Normal { mean: 0.0, std } => std,
        Sampler::TruncatedNormal { mean: 0.0, std, low, high } => {
            assert_eq!((low, high), (-2.0 * std, 2.0 * std));
            std
        }
        other => panic!("{other:?}"),
    };
    let peer = number(peer) as f32;
    assert!(
        (found.to_bits()).abs_diff(peer.to_bits()) <= 1,
        "{init:?} of {:?}: {found}, the peer's {peer}",
        shape.dims()
    );
}

#[test]
fn fans_stds_and_bounds_are_those_of_pytorch_and_jax() {
    let table = table();
    let rows = table["shapes"].as_array().unwrap();
    assert!(rows.len() >= 30);
    let truncated = |init: VarianceScaling| init.distribution(Distribution::TruncatedNormal);
    for row in rows {
        let torch = &row["torch"];
        let s = shape(&row["shape"], Layout::OutIn);
        let fans = Fans { fan_in: torch["fan_in"].as_u64().unwrap(), fan_out: torch["fan_out"].as_u64().unwrap() };
        assert_eq!(s.fans().unwrap(), fans, "{:?}", s.dims());
        assert_is(Init::xavier_uniform(), &s, &torch["xavier_uniform_bound"]);
        assert_is(Init::xavier_normal().gain(Gain::Tanh), &s, &torch["xavier_normal_std"]);
        assert_is(Init::he_uniform(), &s, &torch["kaiming_uniform_bound"]);
        assert_is(Init::he_normal().mode(Mode::FanOut), &s, &torch["kaiming_normal_std"]);
        let default = Gain::LeakyRelu { negative_slope: 5f64.sqrt() };
        assert_is(Init::he_uniform().gain(default), &s, &torch["default_bound"]);

        let jax = &row["jax"];
        let s = shape(&jax["shape"], Layout::InOut);
        assert_eq!(s.fans().unwrap(), fans, "{:?}", s.dims());
        assert_eq!((number(&jax["fan_in"]), number(&jax["fan_out"])), (fans.fan_in as f64, fans.fan_out as f64));
        assert_is(Init::xavier_uniform(), &s, &jax["glorot_uniform_bound"]);
        assert_is(Init::he_uniform(), &s, &jax["he_uniform_bound"]);
        assert_is(truncated(Init::he_normal()), &s, &jax["he_normal_std"]);
        assert_is(truncated(Init::lecun_normal()), &s, &jax["lecun_normal_std"]);
        let geometric = VarianceScaling::new(0.5, Mode::FanGeoAvg, Distribution::Normal);
        assert_is(geometric, &s, &jax["fan_geo_avg_normal_std"]);
    }
}

#[test]
fn gains_are_those_of_pytorch() {
    let table = table();
    let rows = table["gains"].as_array().unwrap();
    assert_eq!(rows.len(), 9);
    for row in rows {
        let gain = match (row["activation"].as_str().unwrap(), row["param"].as_f64()) {
            ("linear", _) => Gain::Linear,
            ("conv2d", _) => Gain::Conv,
            ("sigmoid", _) => Gain::Sigmoid,
            ("tanh", _) => Gain::Tanh,
            ("relu", _) => Gain::Relu,
            ("leaky_relu", slope) => Gain::LeakyRelu { negative_slope: slope.unwrap_or(0.01) },
            ("selu", _) => Gain::Selu,
            other => panic!("{other:?}"),
        };
        assert!((gain.value() / number(&row["gain"]) - 1.0).abs() < 1e-15, "{row}");
    }
}

fn layers() -> Vec<(&'static str, Layer)> {
    let recurrent = Recurrent { inputs: 10, hidden: 20, layers: 2, bias: true, bidirectional: false };
    let conv =
        |kernel: &[u64], groups, bias| Layer::Conv { inputs: 4, outputs: 8, kernel: kernel.to_vec(), groups, bias };
    vec![
        ("Linear(64, 10)", Layer::Linear { inputs: 64, outputs: 10, bias: true }),
        ("Conv2d(4, 8, (3, 5), groups=2)", conv(&[3, 5], 2, true)),
        ("Conv1d(6, 4, 7, bias=False)", Layer::Conv { inputs: 6, outputs: 4, kernel: vec![7], groups: 1, bias: false }),
        (
            "ConvTranspose2d(6, 4, (3, 2), groups=2)",
            Layer::ConvTranspose { inputs: 6, outputs: 4, kernel: vec![3, 2], groups: 2, bias: true },
        ),
        ("Embedding(100, 16)", Layer::Embedding { count: 100, size: 16, padding: None }),
        ("LayerNorm((5, 7))", Layer::LayerNorm { shape: vec![5, 7], bias: true }),
        ("RMSNorm(9)", Layer::RmsNorm { shape: vec![9] }),
        ("BatchNorm2d(11)", Layer::ChannelNorm { channels: 11 }),
        ("RNN(10, 20, 2)", Layer::Rnn(recurrent)),
        ("LSTM(10, 20, 2, bidirectional=True)", Layer::Lstm(Recurrent { bidirectional: true, ..recurrent })),
        ("GRU(10, 20, bias=False)", Layer::Gru(Recurrent { layers: 1, bias: false, ..recurrent })),
        ("MultiheadAttention(24, 2)", Layer::MultiheadAttention { size: 24, bias: true }),
    ]
}

/// Names, shapes and order. PyTorch does not tell the distribution, so it is compared by the values of 200 layers: the
/// largest of n uniforms misses the bound by more than 20 / n of it once in 5e8.
#[test]
fn layers_are_those_of_pytorch() {
    let table = table();
    let rows = table["layers"].as_array().unwrap();
    assert_eq!(rows.len(), layers().len());
    for (row, (name, layer)) in rows.iter().zip(layers()) {
        assert_eq!(row["layer"], name);
        let parameters = layer.parameters().unwrap();
        let peers = row["parameters"].as_array().unwrap();
        let names: Vec<&str> = peers.iter().map(|peer| peer["name"].as_str().unwrap()).collect();
        // PyTorch lists the bias of attention's output projection in the order of ours
        assert_eq!(parameters.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), names, "{name}");
        for (parameter, peer) in parameters.iter().zip(peers) {
            assert_eq!(
                parameter.shape.dims(),
                shape(&peer["shape"], Layout::OutIn).dims(),
                "{name} {}",
                parameter.name
            );
            let n = 200.0 * parameter.shape.elements() as f64;
            let (mean, std, largest) = (number(&peer["mean"]), number(&peer["std"]), number(&peer["largest"]));
            match parameter.init.sampler(&parameter.shape).unwrap() {
                Sampler::Constant { value } => {
                    assert_eq!((f64::from(value), 0.0), (mean, std), "{name} {}", parameter.name)
                }
                Sampler::Uniform { low, high } => {
                    assert_eq!(low, -high);
                    let high = f64::from(high);
                    assert!(
                        largest <= high * 1.000_001 && largest > high * (1.0 - 20.0 / n),
                        "{name} {}: {largest} of {high}",
                        parameter.name
                    );
                    assert!((std - high / 3f64.sqrt()).abs() < 5.0 * high / n.sqrt(), "{name} {}", parameter.name);
                }
                Sampler::Normal { std: ours, .. } => {
                    assert!((std / f64::from(ours) - 1.0).abs() < 5.0 / n.sqrt(), "{name}")
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn sizes_that_no_integer_counts_are_refused() {
    let recurrent = Recurrent { inputs: 1, hidden: u64::MAX, layers: 2, bias: false, bidirectional: true };
    for layer in
        [Layer::Lstm(recurrent), Layer::Rnn(recurrent), Layer::MultiheadAttention { size: u64::MAX, bias: false }]
    {
        let error = layer.parameters().unwrap_err().to_string();
        assert!(error.ends_with("times 18446744073709551615 units is more than an integer can count"), "{error}");
    }
}
