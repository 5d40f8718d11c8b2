//! Forms of serde that cannot be derived: gains, bounds and shapes here, initialisers in `init.rs`. All others are
//! derived on their types.
//!
//! They need a format that describes its values, as TOML and JSON do: a gain may be a name, a number or a table.

mod init;

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::{Bounds, Fans, Gain, Layout, Shape};

/// A bias, unless a layer says otherwise.
pub(crate) const fn yes() -> bool {
    true
}

/// One group, or one layer.
pub(crate) const fn one() -> u64 {
    1
}

// PyTorch's trunc_normal_ truncates at -2 and 2.
const fn minus_two() -> f64 {
    -2.0
}

const fn two() -> f64 {
    2.0
}

impl Serialize for Gain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.name(), self) {
            (Some(name), _) => serializer.serialize_str(name),
            (None, Self::LeakyRelu { negative_slope }) => {
                serializer.collect_map(std::iter::once(("leaky_relu", negative_slope)))
            }
            // every other gain has a name, so this is one by its value
            (None, gain) => serializer.serialize_f64(gain.value()),
        }
    }
}

impl<'de> Deserialize<'de> for Gain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // only a format that describes its values can tell a name, a number and a table apart
        deserializer.deserialize_any(GainVisitor)
    }
}

/// Reads a gain from a name, a number or a table.
struct GainVisitor;

impl<'de> Visitor<'de> for GainVisitor {
    type Value = Gain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a gain: \"tanh\", 1.5, or { leaky_relu = 0.2 }")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Gain, E> {
        name.parse().map_err(|error: crate::UnknownName| E::unknown_variant(name, error.known))
    }

    fn visit_f64<E: Error>(self, gain: f64) -> Result<Gain, E> {
        Ok(Gain::Value(gain))
    }

    // TOML reads `gain = 2` as an integer
    fn visit_i64<E: Error>(self, gain: i64) -> Result<Gain, E> {
        Ok(Gain::Value(gain as f64))
    }

    fn visit_u64<E: Error>(self, gain: u64) -> Result<Gain, E> {
        Ok(Gain::Value(gain as f64))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Gain, A::Error> {
        let gain = match map.next_key::<String>()?.as_deref() {
            Some("leaky_relu") => Gain::LeakyRelu { negative_slope: map.next_value()? },
            Some(other) => return Err(A::Error::unknown_field(other, &["leaky_relu"])),
            None => return Err(A::Error::custom("an empty table is no gain")),
        };
        // a second key is an error here: serde does not count the keys of a visitor's table
        match map.next_key::<String>()? {
            None => Ok(gain),
            Some(second) => Err(A::Error::unknown_field(&second, &["leaky_relu"])),
        }
    }
}

/// The two bounds of a truncated normal beside their unit.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BoundsTable {
    /// The bound below, in the unit.
    #[serde(default = "minus_two")]
    low: f64,
    /// The bound above, in the unit.
    #[serde(default = "two")]
    high: f64,
    /// The unit.
    #[serde(default)]
    bounds: BoundsUnit,
}

/// The unit that a truncated normal's bounds are counted in.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BoundsUnit {
    #[default]
    Absolute,
    Std,
}

impl From<BoundsTable> for Bounds {
    fn from(BoundsTable { low, high, bounds }: BoundsTable) -> Self {
        match bounds {
            BoundsUnit::Absolute => Self::Absolute { low, high },
            BoundsUnit::Std => Self::InStd { low, high },
        }
    }
}

impl From<Bounds> for BoundsTable {
    fn from(bounds: Bounds) -> Self {
        match bounds {
            Bounds::Absolute { low, high } => Self { low, high, bounds: BoundsUnit::Absolute },
            Bounds::InStd { low, high } => Self { low, high, bounds: BoundsUnit::Std },
        }
    }
}

/// A shape: its dimensions alone, or a table of them and what the layer says about its fans.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "a shape: [512, 784], or { dims = [512, 784], layout = \"in_out\" }")]
pub(crate) enum ShapeTable {
    /// Dimensions alone, of a layer like any other.
    Dims(Vec<u64>),
    /// Dimensions with options.
    Table(ShapeOptions),
}

/// The options of a shape, each by the name of its method.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShapeOptions {
    dims: Vec<u64>,
    #[serde(default)]
    layout: Layout,
    #[serde(default = "one")]
    groups: u64,
    #[serde(default)]
    transposed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    fans: Option<Fans>,
}

impl TryFrom<ShapeTable> for Shape {
    type Error = crate::Error;

    fn try_from(table: ShapeTable) -> crate::Result<Self> {
        match table {
            ShapeTable::Dims(dims) => Self::new(&dims),
            ShapeTable::Table(ShapeOptions { dims, layout, groups, transposed, fans }) => {
                // through the constructor, so that a shape from a file has passed the same checks
                let shape = Self::new(&dims)?.with_layout(layout).with_groups(groups).with_transposed(transposed);
                Ok(fans.map_or(shape.clone(), |fans| shape.with_fans(fans)))
            }
        }
    }
}

impl From<Shape> for ShapeTable {
    fn from(shape: Shape) -> Self {
        let (dims, layout, groups) = (shape.dims().to_vec(), shape.layout(), shape.groups());
        match (layout, groups, shape.transposed(), shape.given_fans()) {
            // the short form where every option has its default
            (Layout::OutIn, 1, false, None) => Self::Dims(dims),
            (_, _, transposed, fans) => Self::Table(ShapeOptions { dims, layout, groups, transposed, fans }),
        }
    }
}
