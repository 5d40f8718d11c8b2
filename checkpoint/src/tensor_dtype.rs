//! The type of a tensor's elements in a file.

use std::fmt;
use std::str::FromStr;

use seedtensors::{Dtype, UnknownName};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The type of a tensor's elements in a file: a float that the library fills, or an integer that is a constant, such as
/// the counters of batch norms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TensorDtype {
    /// f32, f16 or bf16.
    Float(Dtype),
    /// A signed integer of 64 bits.
    I64,
}

/// Every name.
const NAMES: &[&str] = &[Dtype::F32.name(), Dtype::F16.name(), Dtype::BF16.name(), TensorDtype::I64.name()];

impl TensorDtype {
    /// Bytes of an element.
    #[must_use]
    pub const fn size(self) -> u64 {
        match self {
            Self::Float(dtype) => dtype.size(),
            Self::I64 => 8,
        }
    }

    /// The name that recipes use: `f32`, `f16`, `bf16` or `i64`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float(dtype) => dtype.name(),
            Self::I64 => "i64",
        }
    }
}

impl From<Dtype> for TensorDtype {
    fn from(dtype: Dtype) -> Self {
        Self::Float(dtype)
    }
}

impl fmt::Display for TensorDtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for TensorDtype {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == Self::I64.name() { Ok(Self::I64) } else { text.parse().map(Self::Float) }
    }
}

impl Serialize for TensorDtype {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for TensorDtype {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| serde::de::Error::unknown_variant(&text, NAMES))
    }
}
