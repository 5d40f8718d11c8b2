//! A tensor of a planned file as a plain object.

use js_sys::Array;
use seedtensors::{Arithmetic, Dtype, Fans, Fill};
use seedtensors_checkpoint::{ShardSpec, Tensor, TensorBytes};
use toml::Value;
use wasm_bindgen::JsValue;

use crate::object::{error, number, numbers, object, of_toml};

/// A tensor, with the offset of its bytes in its file.
pub(crate) fn description(tensor: &Tensor, offset: u64, seed: u64) -> Result<JsValue, JsValue> {
    let bytes = TensorBytes::new(tensor, seed, Arithmetic::Exact).map_err(error)?;
    let padding = bytes.padding();
    Ok(object([
        ("name", tensor.name.as_str().into()),
        ("shape", numbers("a dimension", tensor.dims())?),
        ("dtype", tensor.dtype.name().into()),
        ("elements", number("elements", tensor.elements())?),
        ("offset", number("an offset", offset)?),
        ("bytes", number("a tensor's bytes", tensor.bytes())?),
        ("init", tensor.init_text().map_err(error)?.into()),
        ("function", tensor.function.map_or(JsValue::NULL, |function| function.name().into())),
        ("fill", bytes.as_fill().map_or(Ok(JsValue::NULL), |(fill, dtype)| fill_of(tensor, &fill, dtype))?),
        ("padding", numbers("an element", &[padding.start, padding.end])?),
    ]))
}

/// Everything that a fill takes, in the forms that serde gives the library's types.
fn fill_of(tensor: &Tensor, fill: &Fill, dtype: Dtype) -> Result<JsValue, JsValue> {
    let shape = &tensor.shape;
    let key: Array = [fill.key().seed, fill.key().offset].map(JsValue::from).iter().collect();
    let fans = |Fans { fan_in, fan_out }: Fans| -> Result<JsValue, JsValue> {
        Ok(object([("fan_in", number("a fan", fan_in)?), ("fan_out", number("a fan", fan_out)?)]))
    };
    let shard = |ShardSpec { start, extent }: &ShardSpec| -> Result<JsValue, JsValue> {
        Ok(object([("start", numbers("a shard's start", start)?), ("extent", numbers("a shard's extent", extent)?)]))
    };
    let shape = object([
        ("dims", numbers("a dimension", shape.dims())?),
        ("layout", shape.layout().name().into()),
        ("groups", number("groups", shape.groups())?),
        ("transposed", shape.transposed().into()),
        ("fans", shape.given_fans().map_or(Ok(JsValue::NULL), fans)?),
    ]);
    Ok(object([
        ("key", key.into()),
        ("init", of_toml(&Value::try_from(tensor.init).map_err(error)?)),
        ("shape", shape),
        ("shard", tensor.shard.as_ref().map_or(Ok(JsValue::NULL), shard)?),
        ("dtype", dtype.name().into()),
    ]))
}
