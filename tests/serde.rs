//! Serialised forms: all that recipes write is read, and all that is written reads back equal.

use proptest::prelude::*;
use seedtensors::{
    Bounds, Distribution, Dtype, Fans, Gain, Init, Layer, Layout, Mode, Recurrent, Sampler, Shape, VarianceScaling,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A value in TOML, whose documents are tables.
#[derive(Serialize, Deserialize)]
struct Document<T> {
    value: T,
}

fn read<T: DeserializeOwned>(value: &str) -> Result<T, toml::de::Error> {
    toml::from_str::<Document<T>>(&format!("value = {value}")).map(|document| document.value)
}

fn assert_reads_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T) {
    let text = toml::to_string(&Document { value: &value }).unwrap();
    let again: Document<T> = toml::from_str(&text).unwrap();
    assert_eq!(again.value, value, "{text}");
}

#[test]
fn initialisers_are_read_as_recipes_write_them() {
    let gain = |init: VarianceScaling, gain| Init::from(init.gain(gain));
    let std = Bounds::InStd { low: -3.0, high: 3.0 };
    let cases = [
        ("\"zeros\"", Init::zeros()),
        ("{ ones = {} }", Init::ones()),
        ("{ constant = { value = 2 } }", Init::Constant { value: 2.0 }),
        ("\"uniform\"", Init::Uniform { low: 0.0, high: 1.0 }),
        ("{ normal = { std = 0.02 } }", Init::Normal { mean: 0.0, std: 0.02 }),
        ("{ truncated_normal = { std = 0.5, low = -3, high = 3, bounds = \"std\" } }", {
            Init::TruncatedNormal { mean: 0.0, std: 0.5, bounds: std }
        }),
        ("\"variance_scaling\"", Init::lecun_normal().into()),
        ("\"glorot_uniform\"", Init::xavier_uniform().into()),
        ("{ xavier_normal = { gain = 2 } }", gain(Init::xavier_normal(), Gain::Value(2.0))),
        ("\"kaiming_uniform\"", gain(Init::he_uniform(), Gain::Relu)),
        ("{ he_normal = { mode = \"fan_out\", gain = { leaky_relu = 0.2 }, distribution = \"truncated_normal\" } }", {
            let he = Init::he_normal().mode(Mode::FanOut).distribution(Distribution::TruncatedNormal);
            gain(he, Gain::LeakyRelu { negative_slope: 0.2 })
        }),
        ("\"lecun_uniform\"", Init::lecun_uniform().into()),
        ("\"eye\"", Init::Eye { gain: 1.0 }),
        ("\"dirac\"", Init::Dirac { groups: 1 }),
        ("{ orthogonal = { gain = 2 } }", Init::Orthogonal { gain: 2.0 }),
        ("\"delta_orthogonal\"", Init::DeltaOrthogonal { gain: 1.0 }),
        ("{ sparse = { sparsity = 0.1 } }", Init::Sparse { sparsity: 0.1, std: 0.01 }),
    ];
    for (text, init) in cases {
        assert_eq!(read::<Init>(text).unwrap(), init, "{text}");
    }
}

#[test]
fn what_no_recipe_may_write_is_refused() {
    let cases = [
        ("\"he_normall\"", "unknown variant `he_normall`, expected one of `"),
        ("{ he_normal = { gian = 1 } }", "unknown field `gian`, expected one of `mode`, `gain`, `distribution`"),
        ("{ he_normal = { gain = \"tan\" } }", "unknown variant `tan`, expected one of `linear`"),
        ("{ he_normal = { distribution = \"uniform\" } }", "expected `normal` or `truncated_normal`"),
        ("{ zeros = {}, ones = {} }", "a tensor has one initialiser, `ones` is a second one"),
        ("\"constant\"", "missing field `value`"),
        ("3", "invalid type: integer `3`, expected an initialiser: \"he_normal\""),
    ];
    for (text, told) in cases {
        let error = read::<Init>(text).unwrap_err();
        assert!(error.message().contains(told), "{text}: {error}");
    }
    assert!(read::<Dtype>("\"f64\"").unwrap_err().message().contains("expected one of `f32`, `f16`, `bf16`"));
    assert!(read::<Shape>("[4294967296, 4294967296]").unwrap_err().message().contains("the number of elements"));
}

#[test]
fn shapes_layers_and_names_read_back() {
    let shape = Shape::new(&[8, 4, 3]).unwrap();
    assert_eq!(read::<Shape>("[8, 4, 3]").unwrap(), shape);
    for shape in [
        shape.clone(),
        shape.clone().with_layout(Layout::InOut).with_groups(2),
        shape.with_transposed(true).with_fans(Fans { fan_in: 3, fan_out: 5 }),
    ] {
        assert_reads_back(shape);
    }
    let lstm = Layer::Lstm(Recurrent { inputs: 3, hidden: 4, layers: 1, bias: true, bidirectional: false });
    assert_eq!(read::<Layer>("{ lstm = { inputs = 3, hidden = 4 } }").unwrap(), lstm);
    assert_reads_back(lstm);
    assert_reads_back(Layer::Embedding { count: 5, size: 2, padding: Some(4) });
    assert_reads_back(Layer::Conv { inputs: 2, outputs: 4, kernel: vec![3], groups: 2, bias: false });
    let linear = read::<Layer>("{ linear = { inputs = 3, outputs = 4 } }").unwrap();
    assert_eq!(linear, Layer::Linear { inputs: 3, outputs: 4, bias: true });
    for &mode in Mode::ALL {
        assert_eq!(mode.name().parse(), Ok(mode));
        assert_reads_back(mode);
    }
    for gain in [Gain::Selu, Gain::Value(0.3), Gain::LeakyRelu { negative_slope: 0.01 }] {
        assert_reads_back(gain);
    }
    assert_reads_back(Gain::LeakyRelu { negative_slope: 0.2 });
    assert_reads_back(Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: -2.0, high: f32::INFINITY });
}

/// Any initialiser with numbers that TOML holds.
fn any_init() -> impl Strategy<Value = Init> {
    let number = || prop_oneof![proptest::num::f64::NORMAL, Just(f64::INFINITY), Just(-0.0)];
    let bounds = (number(), number(), any::<bool>()).prop_map(|(low, high, in_std)| match in_std {
        true => Bounds::InStd { low, high },
        false => Bounds::Absolute { low, high },
    });
    let mode = prop::sample::select(Mode::ALL);
    let scaling = (number(), mode, prop::sample::select(Distribution::ALL));
    prop_oneof![
        number().prop_map(|value| Init::Constant { value }),
        (number(), number()).prop_map(|(low, high)| Init::Uniform { low, high }),
        (number(), number()).prop_map(|(mean, std)| Init::Normal { mean, std }),
        (number(), number(), bounds).prop_map(|(mean, std, bounds)| Init::TruncatedNormal { mean, std, bounds }),
        scaling.prop_map(|(scale, mode, distribution)| VarianceScaling::new(scale, mode, distribution).into()),
        number().prop_map(|gain| Init::Eye { gain }),
        (0..i64::MAX as u64).prop_map(|groups| Init::Dirac { groups }),
        number().prop_map(|gain| Init::Orthogonal { gain }),
        number().prop_map(|gain| Init::DeltaOrthogonal { gain }),
        (number(), number()).prop_map(|(sparsity, std)| Init::Sparse { sparsity, std }),
    ]
}

proptest! {
    #[test]
    fn every_initialiser_reads_back(init in any_init()) {
        assert_reads_back(init);
    }
}
