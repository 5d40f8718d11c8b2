//! An initialiser as a recipe writes it: a name, or a table of one name with its parameters.

use std::fmt;

use seedtensors::{Distribution, Gain, Init, Mode};
use serde::Deserialize;
use serde::de::value::MapDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

/// Every name that a recipe may use.
const NAMES: &[&str] = &[
    "zeros",
    "ones",
    "constant",
    "uniform",
    "normal",
    "variance_scaling",
    "xavier_uniform",
    "xavier_normal",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "kaiming_uniform",
    "kaiming_normal",
    "lecun_uniform",
    "lecun_normal",
];

/// An [`Init`] read from a recipe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InitSpec(pub(crate) Init);

impl<'de> Deserialize<'de> for InitSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InitVisitor).map(Self)
    }
}

struct InitVisitor;

impl<'de> Visitor<'de> for InitVisitor {
    type Value = Init;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an initialiser: \"he_normal\", or { he_normal = { gain = \"tanh\" } }")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Init, E> {
        let nothing = MapDeserializer::new(std::iter::empty::<(&str, &str)>());
        Named(name.to_owned()).deserialize(nothing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Init, A::Error> {
        let name: String = map.next_key()?.ok_or_else(|| A::Error::custom("an empty table is no initialiser"))?;
        let init = map.next_value_seed(Named(name.clone()))?;
        match map.next_key::<String>()? {
            None => Ok(init),
            Some(second) => Err(A::Error::custom(format!("a tensor has one initialiser, not `{name}` and `{second}`"))),
        }
    }
}

/// The parameters of the initialiser of this name.
struct Named(String);

impl<'de> DeserializeSeed<'de> for Named {
    type Value = Init;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Init, D::Error> {
        Ok(match self.0.as_str() {
            "zeros" => Nothing::deserialize(d)?.of(Init::zeros()),
            "ones" => Nothing::deserialize(d)?.of(Init::ones()),
            "constant" => Init::Constant { value: Constant::deserialize(d)?.value },
            "uniform" => Uniform::deserialize(d)?.init(),
            "normal" => Normal::deserialize(d)?.init(),
            "variance_scaling" => VarianceScaling::deserialize(d)?.init(),
            "xavier_uniform" | "glorot_uniform" => Xavier::deserialize(d)?.of(Distribution::Uniform),
            "xavier_normal" | "glorot_normal" => Xavier::deserialize(d)?.of(Distribution::Normal),
            "he_uniform" | "kaiming_uniform" => He::deserialize(d)?.of(Distribution::Uniform),
            "he_normal" | "kaiming_normal" => He::deserialize(d)?.of(Distribution::Normal),
            "lecun_uniform" => Nothing::deserialize(d)?.of(Init::lecun_uniform()),
            "lecun_normal" => Nothing::deserialize(d)?.of(Init::lecun_normal()),
            unknown => return Err(D::Error::unknown_variant(unknown, NAMES)),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "no parameters: { zeros = {} }, or the name alone")]
struct Nothing {}

impl Nothing {
    const fn of(&self, init: Init) -> Init {
        init
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ constant = { value = 0.5 } }")]
struct Constant {
    value: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ uniform = { low = -1.0, high = 1.0 } }")]
struct Uniform {
    #[serde(default)]
    low: f64,
    #[serde(default = "one")]
    high: f64,
}

impl Uniform {
    const fn init(&self) -> Init {
        Init::Uniform { low: self.low, high: self.high }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ normal = { mean = 0.0, std = 0.02 } }")]
struct Normal {
    #[serde(default)]
    mean: f64,
    #[serde(default = "one")]
    std: f64,
}

impl Normal {
    const fn init(&self) -> Init {
        Init::Normal { mean: self.mean, std: self.std }
    }
}

const fn one() -> f64 {
    1.0
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "{ variance_scaling = { scale = 2.0, mode = \"fan_in\", distribution = \"normal\" } }"
)]
struct VarianceScaling {
    #[serde(default = "one")]
    scale: f64,
    #[serde(default)]
    mode: ModeName,
    #[serde(default)]
    distribution: DistributionName,
}

impl VarianceScaling {
    const fn init(&self) -> Init {
        Init::VarianceScaling {
            scale: self.scale,
            mode: self.mode.mode(),
            distribution: match self.distribution {
                DistributionName::Uniform => Distribution::Uniform,
                DistributionName::Normal => Distribution::Normal,
            },
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ xavier_normal = { gain = \"tanh\" } }")]
struct Xavier {
    #[serde(default = "linear")]
    gain: GainSpec,
}

impl Xavier {
    fn of(&self, distribution: Distribution) -> Init {
        Init::VarianceScaling { scale: self.gain.square(), mode: Mode::FanAvg, distribution }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ he_normal = { mode = \"fan_out\", gain = \"relu\" } }")]
struct He {
    #[serde(default)]
    mode: ModeName,
    #[serde(default = "relu")]
    gain: GainSpec,
}

impl He {
    fn of(&self, distribution: Distribution) -> Init {
        Init::VarianceScaling { scale: self.gain.square(), mode: self.mode.mode(), distribution }
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "recipes name modes so")]
enum ModeName {
    #[default]
    FanIn,
    FanOut,
    FanAvg,
    FanGeoAvg,
}

impl ModeName {
    const fn mode(self) -> Mode {
        match self {
            Self::FanIn => Mode::FanIn,
            Self::FanOut => Mode::FanOut,
            Self::FanAvg => Mode::FanAvg,
            Self::FanGeoAvg => Mode::FanGeoAvg,
        }
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DistributionName {
    Uniform,
    #[default]
    Normal,
}

/// A [`Gain`]: an activation's name, a number, or `{ leaky_relu = 0.2 }`.
#[derive(Clone, Copy)]
struct GainSpec(Gain);

impl GainSpec {
    fn square(self) -> f64 {
        self.0.value().powi(2)
    }
}

const fn linear() -> GainSpec {
    GainSpec(Gain::Linear)
}

const fn relu() -> GainSpec {
    GainSpec(Gain::Relu)
}

const GAINS: &[&str] = &["linear", "conv", "sigmoid", "tanh", "relu", "leaky_relu", "selu"];

impl<'de> Deserialize<'de> for GainSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GainVisitor).map(Self)
    }
}

struct GainVisitor;

impl<'de> Visitor<'de> for GainVisitor {
    type Value = Gain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a gain: \"tanh\", 1.5, or { leaky_relu = 0.2 }")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Gain, E> {
        Ok(match name {
            "linear" => Gain::Linear,
            "conv" => Gain::Conv,
            "sigmoid" => Gain::Sigmoid,
            "tanh" => Gain::Tanh,
            "relu" => Gain::Relu,
            "leaky_relu" => Gain::LeakyRelu { negative_slope: 0.01 },
            "selu" => Gain::Selu,
            unknown => return Err(E::unknown_variant(unknown, GAINS)),
        })
    }

    fn visit_f64<E: Error>(self, gain: f64) -> Result<Gain, E> {
        Ok(Gain::Value(gain))
    }

    fn visit_i64<E: Error>(self, gain: i64) -> Result<Gain, E> {
        Ok(Gain::Value(gain as f64))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Gain, A::Error> {
        match map.next_key::<String>()?.as_deref() {
            Some("leaky_relu") => Ok(Gain::LeakyRelu { negative_slope: map.next_value()? }),
            Some(other) => Err(A::Error::unknown_field(other, &["leaky_relu"])),
            None => Err(A::Error::custom("an empty table is no gain")),
        }
    }
}
