//! An initialiser as a recipe writes it: a name, or a table of one name and its parameters.

use std::collections::BTreeMap;
use std::{fmt, iter};

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::{BoundsTable, BoundsUnit};
use crate::{Distribution, Gain, Init, Mode, VarianceScaling};

/// An initialiser in a table of its parameters, with the defaults of PyTorch's functions where those have any.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum InitTable {
    // braces, because a name alone is read as an empty table
    Zeros {},
    Ones {},
    Constant {
        value: f64,
    },
    Uniform {
        #[serde(default)]
        low: f64,
        #[serde(default = "unit")]
        high: f64,
    },
    Normal {
        #[serde(default)]
        mean: f64,
        #[serde(default = "unit")]
        std: f64,
    },
    TruncatedNormal {
        #[serde(default)]
        mean: f64,
        #[serde(default = "unit")]
        std: f64,
        // with serde's `flatten` of the bounds, unknown parameters would pass
        #[serde(default = "super::minus_two")]
        low: f64,
        #[serde(default = "super::two")]
        high: f64,
        #[serde(default)]
        bounds: BoundsUnit,
    },
    VarianceScaling(VarianceScaling),
    #[serde(alias = "glorot_uniform")]
    XavierUniform {
        #[serde(default = "linear")]
        gain: Gain,
    },
    #[serde(alias = "glorot_normal")]
    XavierNormal {
        #[serde(default = "linear")]
        gain: Gain,
        #[serde(default = "normal", deserialize_with = "a_normal")]
        distribution: Distribution,
    },
    #[serde(alias = "kaiming_uniform")]
    HeUniform {
        #[serde(default = "fan_in")]
        mode: Mode,
        #[serde(default = "relu")]
        gain: Gain,
    },
    #[serde(alias = "kaiming_normal")]
    HeNormal {
        #[serde(default = "fan_in")]
        mode: Mode,
        #[serde(default = "relu")]
        gain: Gain,
        #[serde(default = "normal", deserialize_with = "a_normal")]
        distribution: Distribution,
    },
    LecunUniform {},
    LecunNormal {
        #[serde(default = "normal", deserialize_with = "a_normal")]
        distribution: Distribution,
    },
    Eye {
        #[serde(default = "unit")]
        gain: f64,
    },
    Dirac {
        #[serde(default = "super::one")]
        groups: u64,
    },
    Orthogonal {
        #[serde(default = "unit")]
        gain: f64,
    },
    DeltaOrthogonal {
        #[serde(default = "unit")]
        gain: f64,
    },
    Sparse {
        sparsity: f64,
        #[serde(default = "hundredth")]
        std: f64,
    },
}

// A scheme with `normal` in its name must not give a uniform.
/// The distribution of a scheme that is named a normal: plain as in PyTorch, or truncated as in JAX and Keras.
fn a_normal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Distribution, D::Error> {
    const NORMALS: &[&str] = &[Distribution::Normal.name(), Distribution::TruncatedNormal.name()];
    match Distribution::deserialize(deserializer)? {
        other if NORMALS.contains(&other.name()) => Ok(other),
        other => Err(D::Error::unknown_variant(other.name(), NORMALS)),
    }
}

impl From<InitTable> for Init {
    fn from(table: InitTable) -> Self {
        match table {
            InitTable::Zeros {} => Self::zeros(),
            InitTable::Ones {} => Self::ones(),
            InitTable::Constant { value } => Self::Constant { value },
            InitTable::Uniform { low, high } => Self::Uniform { low, high },
            InitTable::Normal { mean, std } => Self::Normal { mean, std },
            InitTable::TruncatedNormal { mean, std, low, high, bounds } => {
                Self::TruncatedNormal { mean, std, bounds: BoundsTable { low, high, bounds }.into() }
            }
            InitTable::VarianceScaling(scaling) => scaling.into(),
            InitTable::XavierUniform { gain } => Self::xavier_uniform().gain(gain).into(),
            // xavier scales with a gain of 1, he with that of the activation: PyTorch's defaults
            InitTable::XavierNormal { gain, distribution } => {
                Self::xavier_normal().gain(gain).distribution(distribution).into()
            }
            InitTable::HeUniform { mode, gain } => Self::he_uniform().mode(mode).gain(gain).into(),
            InitTable::HeNormal { mode, gain, distribution } => {
                Self::he_normal().mode(mode).gain(gain).distribution(distribution).into()
            }
            InitTable::LecunUniform {} => Self::lecun_uniform().into(),
            InitTable::LecunNormal { distribution } => Self::lecun_normal().distribution(distribution).into(),
            InitTable::Eye { gain } => Self::Eye { gain },
            InitTable::Dirac { groups } => Self::Dirac { groups },
            InitTable::Orthogonal { gain } => Self::Orthogonal { gain },
            InitTable::DeltaOrthogonal { gain } => Self::DeltaOrthogonal { gain },
            InitTable::Sparse { sparsity, std } => Self::Sparse { sparsity, std },
        }
    }
}

impl<'de> Deserialize<'de> for Init {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InitVisitor)
    }
}

/// Reads an initialiser from a name or a table.
struct InitVisitor;

impl<'de> Visitor<'de> for InitVisitor {
    type Value = Init;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an initialiser: \"he_normal\", or { he_normal = { gain = \"tanh\" } }")
    }

    /// A name alone is a table without parameters.
    fn visit_str<E: Error>(self, name: &str) -> Result<Init, E> {
        // read as a table of no parameters, so that both forms have the same defaults and errors
        let parameters = BTreeMap::<&str, &str>::new();
        self.visit_map(MapDeserializer::new(iter::once((name, parameters))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Init, A::Error> {
        let table = InitTable::deserialize(MapAccessDeserializer::new(&mut map))?;
        // serde's enum reads one key and would ignore a second one
        match map.next_key::<String>()? {
            None => Ok(table.into()),
            Some(second) => Err(A::Error::custom(format!("a tensor has one initialiser, `{second}` is a second one"))),
        }
    }
}

// The defaults of the parameters.

/// The default of a gain, a std and a uniform's bound.
const fn unit() -> f64 {
    1.0
}

/// The std of PyTorch's `sparse_`.
const fn hundredth() -> f64 {
    0.01
}

/// The gain of the Xavier schemes.
const fn linear() -> Gain {
    Gain::Linear
}

/// The gain of the He schemes.
const fn relu() -> Gain {
    Gain::Relu
}

/// The distribution of the schemes that are named normal.
const fn normal() -> Distribution {
    Distribution::Normal
}

/// The mode of the He schemes.
const fn fan_in() -> Mode {
    Mode::FanIn
}
