//! An initialiser as a recipe writes it: a name, or a table of one name with its parameters.

use std::fmt;

use seedtensors::{Bounds, Distribution, Gain, Init, Mode};
use serde::Deserialize;
use serde::de::value::MapDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use crate::INITIALISERS;

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
            "truncated_normal" => TruncatedNormal::deserialize(d)?.init(),
            "xavier_uniform" | "glorot_uniform" => XavierUniform::deserialize(d)?.init(),
            "xavier_normal" | "glorot_normal" => XavierNormal::deserialize(d)?.init(),
            "he_uniform" | "kaiming_uniform" => HeUniform::deserialize(d)?.init(),
            "he_normal" | "kaiming_normal" => HeNormal::deserialize(d)?.init(),
            "lecun_uniform" => Nothing::deserialize(d)?.of(Init::lecun_uniform()),
            "lecun_normal" => LecunNormal::deserialize(d)?.init(),
            "eye" => Init::Eye { gain: Factor::deserialize(d)?.gain },
            "dirac" => Init::Dirac { groups: Dirac::deserialize(d)?.groups },
            "orthogonal" => Init::Orthogonal { gain: Factor::deserialize(d)?.gain },
            "delta_orthogonal" => Init::DeltaOrthogonal { gain: Factor::deserialize(d)?.gain },
            "sparse" => Sparse::deserialize(d)?.init(),
            unknown => {
                let names: Vec<String> = INITIALISERS.iter().flat_map(|i| i.names).map(|n| format!("`{n}`")).collect();
                let message = format!("unknown initialiser `{unknown}`, expected one of {}", names.join(", "));
                return Err(D::Error::custom(message));
            }
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
            distribution: self.distribution.distribution(),
        }
    }
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "{ truncated_normal = { mean = 0.0, std = 0.02, low = -2.0, high = 2.0, bounds = \"std\" } }"
)]
struct TruncatedNormal {
    #[serde(default)]
    mean: f64,
    #[serde(default = "one")]
    std: f64,
    #[serde(default = "minus_two")]
    low: f64,
    #[serde(default = "two")]
    high: f64,
    #[serde(default)]
    bounds: BoundsName,
}

impl TruncatedNormal {
    const fn init(&self) -> Init {
        let (low, high) = (self.low, self.high);
        let bounds = match self.bounds {
            BoundsName::Absolute => Bounds::Absolute { low, high },
            BoundsName::Std => Bounds::InStd { low, high },
        };
        Init::TruncatedNormal { mean: self.mean, std: self.std, bounds }
    }
}

const fn minus_two() -> f64 {
    -2.0
}

const fn two() -> f64 {
    2.0
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BoundsName {
    #[default]
    Absolute,
    Std,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ xavier_uniform = { gain = \"tanh\" } }")]
struct XavierUniform {
    #[serde(default = "linear")]
    gain: GainSpec,
}

impl XavierUniform {
    fn init(&self) -> Init {
        Init::VarianceScaling { scale: self.gain.square(), mode: Mode::FanAvg, distribution: Distribution::Uniform }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ xavier_normal = { gain = \"tanh\" } }")]
struct XavierNormal {
    #[serde(default = "linear")]
    gain: GainSpec,
    #[serde(default)]
    distribution: NormalName,
}

impl XavierNormal {
    fn init(&self) -> Init {
        let distribution = self.distribution.distribution();
        Init::VarianceScaling { scale: self.gain.square(), mode: Mode::FanAvg, distribution }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ he_uniform = { mode = \"fan_out\", gain = \"relu\" } }")]
struct HeUniform {
    #[serde(default)]
    mode: ModeName,
    #[serde(default = "relu")]
    gain: GainSpec,
}

impl HeUniform {
    fn init(&self) -> Init {
        Init::VarianceScaling { scale: self.gain.square(), mode: self.mode.mode(), distribution: Distribution::Uniform }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ he_normal = { mode = \"fan_out\", gain = \"relu\" } }")]
struct HeNormal {
    #[serde(default)]
    mode: ModeName,
    #[serde(default = "relu")]
    gain: GainSpec,
    #[serde(default)]
    distribution: NormalName,
}

impl HeNormal {
    fn init(&self) -> Init {
        let distribution = self.distribution.distribution();
        Init::VarianceScaling { scale: self.gain.square(), mode: self.mode.mode(), distribution }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ lecun_normal = { distribution = \"truncated_normal\" } }")]
struct LecunNormal {
    #[serde(default)]
    distribution: NormalName,
}

impl LecunNormal {
    const fn init(&self) -> Init {
        Init::VarianceScaling { scale: 1.0, mode: Mode::FanIn, distribution: self.distribution.distribution() }
    }
}

/// A normal, plain as in PyTorch or truncated as in JAX and Keras.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NormalName {
    #[default]
    Normal,
    TruncatedNormal,
}

impl NormalName {
    const fn distribution(self) -> Distribution {
        match self {
            Self::Normal => Distribution::Normal,
            Self::TruncatedNormal => Distribution::TruncatedNormal,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ orthogonal = { gain = 1.0 } }")]
struct Factor {
    #[serde(default = "one")]
    gain: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ dirac = { groups = 1 } }")]
struct Dirac {
    #[serde(default = "one_group")]
    groups: u64,
}

const fn one_group() -> u64 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ sparse = { sparsity = 0.1, std = 0.01 } }")]
struct Sparse {
    sparsity: f64,
    #[serde(default = "hundredth")]
    std: f64,
}

impl Sparse {
    const fn init(&self) -> Init {
        Init::Sparse { sparsity: self.sparsity, std: self.std }
    }
}

const fn hundredth() -> f64 {
    0.01
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
    TruncatedNormal,
}

impl DistributionName {
    const fn distribution(self) -> Distribution {
        match self {
            Self::Uniform => Distribution::Uniform,
            Self::Normal => Distribution::Normal,
            Self::TruncatedNormal => Distribution::TruncatedNormal,
        }
    }
}

/// A [`Gain`]: an activation's name, a number, or `{ leaky_relu = 0.2 }`.
#[derive(Clone, Copy)]
struct GainSpec(Gain);

impl GainSpec {
    fn square(self) -> f64 {
        let gain = self.0.value();
        gain * gain
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
