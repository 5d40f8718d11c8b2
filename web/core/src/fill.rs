//! A fill as JavaScript describes it.

use seedtensors::{Arithmetic, Dtype, Fill, Init, Key, Sampler, Shape};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

/// The description of a fill: `FillData` of web/src/fill.ts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    /// The seed and the offset of the tensor's key.
    key: [u64; 2],
    /// Absent for the raw words.
    init: Option<Init>,
    shape: Shape,
    #[serde(default)]
    native: bool,
    shard: Option<Rectangle>,
    /// The first element, of the tensor or its shard, and the one after the last.
    range: Option<[u64; 2]>,
}

/// A rectangle of a tensor.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rectangle {
    start: Vec<u64>,
    extent: Vec<u64>,
}

/// The elements that a description is of.
pub(crate) enum Elements {
    Fill(Box<Fill>),
    /// The raw words of a key: the first, and the number of them.
    Words(Key, u64, u64),
}

impl Elements {
    /// Reads a description and checks it.
    pub(crate) fn read(description: JsValue) -> Result<Self, String> {
        let description: Description = from_js(description)?;
        if description.init.is_none() && description.shard.is_some() {
            return Err("words are a sequence and have no shard: take a range of them".to_owned());
        }
        description.elements().map_err(|error| error.to_string())
    }

    /// Reads a description and checks it for a dtype.
    pub(crate) fn read_typed(description: JsValue, dtype: &str) -> Result<(Self, Dtype), String> {
        let dtype = dtype.parse::<Dtype>().map_err(|error| error.to_string())?;
        let elements = Self::read(description)?;
        if matches!(elements, Self::Words(..)) && dtype != Dtype::F32 {
            return Err(format!("words are 32 bits and need dtype f32, not {dtype}"));
        }
        Ok((elements, dtype))
    }

    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Fill(fill) => fill.elements(),
            Self::Words(_, _, count) => *count,
        }
    }
}

impl Description {
    fn elements(self) -> seedtensors::Result<Elements> {
        let [seed, offset] = self.key;
        let key = Key { seed, offset };
        let Some(init) = self.init else {
            let whole = self.shape.elements();
            let [start, end] = self.range.unwrap_or([0, whole]);
            // the same error as a fill's
            let fill = Fill::new(key, Init::zeros(), &self.shape)?.range(start..end)?;
            return Ok(Elements::Words(key, start, fill.elements()));
        };
        let mut fill = Fill::new(key, init, &self.shape)?;
        if let Some(Rectangle { start, extent }) = self.shard {
            fill = fill.shard(&self.shape.shard(&start, &extent)?)?;
        }
        if let Some([start, end]) = self.range {
            fill = fill.range(start..end)?;
        }
        let arithmetic = if self.native { Arithmetic::Native } else { Arithmetic::Exact };
        Ok(Elements::Fill(Box::new(fill.with_arithmetic(arithmetic))))
    }
}

/// Reads what JavaScript gives.
fn from_js<T: DeserializeOwned>(value: JsValue) -> Result<T, String> {
    serde_wasm_bindgen::from_value(value).map_err(|error| {
        // an error of JavaScript, whose text begins with its class
        let text = error.to_string();
        text.strip_prefix("Error: ").map_or(text.clone(), str::to_owned)
    })
}

/// Checks a fill and returns the number of its elements.
///
/// # Errors
///
/// The library's, for what does not describe a fill.
#[wasm_bindgen(js_name = fillElements)]
#[expect(clippy::cast_precision_loss, reason = "JavaScript's numbers")]
pub fn fill_elements(description: JsValue) -> Result<f64, String> {
    Ok(Elements::read(description)?.count() as f64)
}

/// The distribution of a fill's values, as a recipe of its parameters; undefined for a matrix and for words.
///
/// # Errors
///
/// The library's, for what does not describe a fill.
#[wasm_bindgen(js_name = fillSampler)]
pub fn fill_sampler(description: JsValue) -> Result<JsValue, String> {
    match Elements::read(description)? {
        Elements::Fill(fill) if !matches!(fill.sampler(), Sampler::Matrix(_)) => {
            serde_wasm_bindgen::to_value(&fill.sampler()).map_err(|error| error.to_string())
        }
        _ => Ok(JsValue::UNDEFINED),
    }
}

/// The fans of a shape: inputs and outputs.
///
/// # Errors
///
/// The library's, for a shape that has none.
#[wasm_bindgen(js_name = shapeFans)]
#[expect(clippy::cast_precision_loss, reason = "JavaScript's numbers")]
pub fn shape_fans(shape: JsValue) -> Result<Vec<f64>, String> {
    let shape: Shape = from_js(shape)?;
    let fans = shape.fans().map_err(|error| error.to_string())?;
    Ok(vec![fans.fan_in as f64, fans.fan_out as f64])
}

/// Checks a shape and a rectangle of it; without one, the shape alone. Returns the number of its elements.
///
/// # Errors
///
/// The library's, for a shape that is too large and a rectangle that does not lie inside.
#[wasm_bindgen(js_name = shapeElements)]
#[expect(clippy::cast_precision_loss, reason = "JavaScript's numbers")]
pub fn shape_elements(shape: JsValue, rectangle: JsValue) -> Result<f64, String> {
    let shape: Shape = from_js(shape)?;
    let rectangle: Option<Rectangle> = from_js(rectangle)?;
    match rectangle {
        Some(Rectangle { start, extent }) => {
            let shard = shape.shard(&start, &extent).map_err(|error| error.to_string())?;
            Ok(shard.elements() as f64)
        }
        None => Ok(shape.elements() as f64),
    }
}
