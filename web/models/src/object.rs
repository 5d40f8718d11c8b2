//! JavaScript's plain objects, arrays and errors.

use std::fmt::Display;

use js_sys::{Array, Error, Object, Reflect};
use toml::Value;
use wasm_bindgen::JsValue;

/// The first whole number that an f64, and so a number of JavaScript, does not hold for sure.
const TOO_LARGE: u128 = 1 << 53;

/// An object of these properties.
pub(crate) fn object<const N: usize>(properties: [(&str, JsValue); N]) -> JsValue {
    let object = Object::new();
    for (name, value) in properties {
        set(&object, name, &value);
    }
    object.into()
}

/// Sets a property of an object made here, which takes every one.
fn set(object: &Object, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &name.into(), value);
}

/// An array of texts.
pub(crate) fn texts(texts: &[&str]) -> JsValue {
    texts.iter().map(|text| JsValue::from(*text)).collect::<Array>().into()
}

/// A whole number, which must be one of JavaScript's.
pub(crate) fn number(what: &str, value: impl Into<u128>) -> Result<JsValue, JsValue> {
    let value = value.into();
    if value < TOO_LARGE {
        Ok(JsValue::from(value as f64))
    } else {
        Err(error(format_args!("{what} must be below 2^53, a number of JavaScript, not {value}")))
    }
}

/// An array of whole numbers.
pub(crate) fn numbers(what: &str, values: &[u64]) -> Result<JsValue, JsValue> {
    values.iter().map(|&value| number(what, value)).collect::<Result<Array, _>>().map(JsValue::from)
}

/// A TOML value as JSON has it, with infinite numbers.
pub(crate) fn of_toml(value: &Value) -> JsValue {
    match value {
        Value::String(text) => text.into(),
        Value::Integer(number) => JsValue::from(*number as f64),
        Value::Float(number) => JsValue::from(*number),
        Value::Boolean(boolean) => JsValue::from(*boolean),
        Value::Datetime(time) => time.to_string().into(),
        Value::Array(values) => values.iter().map(of_toml).collect::<Array>().into(),
        Value::Table(table) => {
            let object = Object::new();
            table.iter().for_each(|(name, value)| set(&object, name, &of_toml(value)));
            object.into()
        }
    }
}

/// An `Error` to be thrown, named as those of web/ are.
pub(crate) fn error(message: impl Display) -> JsValue {
    let error = Error::new(&message.to_string());
    error.set_name("SeedTensorsError");
    error.into()
}
