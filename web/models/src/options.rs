//! Reads texts, numbers and option objects from JavaScript.

use std::fmt::Display;

use js_sys::{BigInt, Number, Object, Reflect};
use seedtensors::Dtype;
use seedtensors_checkpoint::MAX_SHARD_SIZE;
use wasm_bindgen::{JsCast as _, JsValue};

use crate::object::error;

/// The most bytes of a recipe or a config, as the command has it.
const LARGEST: usize = 64 << 20;
/// The style where none is given, as the command has it.
const STYLE: &str = "hf";

/// The options of a model.
pub(crate) struct Options {
    pub(crate) seed: u64,
    /// The dtype of tensors that name none.
    pub(crate) dtype: Option<Dtype>,
    /// The most bytes of values in a file.
    pub(crate) max_shard_size: u64,
    /// The name of a style.
    pub(crate) style: String,
}

impl Options {
    /// Reads an object of options. Unknown ones are refused: a misspelt one would be ignored without a word. A style is
    /// of a config alone.
    pub(crate) fn read(options: &JsValue, has_style: bool) -> Result<Self, JsValue> {
        if !options.is_object() {
            return Err(refuse("options are an object", options));
        }
        let known: &[&str] = &["seed", "dtype", "maxShardSize", "style"][..if has_style { 4 } else { 3 }];
        for key in Object::keys(options.unchecked_ref::<Object>()).iter().filter_map(|key| key.as_string()) {
            if !known.contains(&key.as_str()) {
                return Err(refuse(&format!("an option is one of {}", known.join(", ")), format_args!("{key:?}")));
            }
        }
        // null and undefined are options that are not given
        let get = |name: &str| Reflect::get(options, &name.into()).map(|value| Some(value).filter(is_given));
        let dtype = |value: JsValue| text("a dtype", &value)?.parse::<Dtype>().map_err(error);
        let max_shard_size = get("maxShardSize")?.map_or(Ok(MAX_SHARD_SIZE), |size| whole("maxShardSize", &size))?;
        // 0 would give every tensor a file of its own, more likely a mistake
        if max_shard_size == 0 {
            return Err(error("maxShardSize is above 0, not 0"));
        }
        Ok(Self {
            seed: whole("a seed", &get("seed")?.unwrap_or_default())?,
            dtype: get("dtype")?.map(dtype).transpose()?,
            max_shard_size,
            style: get("style")?.map_or(Ok(STYLE.to_owned()), |style| text("a style", &style))?,
        })
    }
}

fn is_given(value: &JsValue) -> bool {
    !value.is_null() && !value.is_undefined()
}

/// A text of at most [`LARGEST`] bytes.
pub(crate) fn text(what: &str, value: &JsValue) -> Result<String, JsValue> {
    let text = value.as_string().ok_or_else(|| refuse(&format!("{what} is a text"), value))?;
    if text.len() > LARGEST {
        return Err(error(format_args!("{what} has at most {LARGEST} bytes, not {}", text.len())));
    }
    Ok(text)
}

/// A whole number that 64 bits hold.
pub(crate) fn whole(what: &str, value: &JsValue) -> Result<u64, JsValue> {
    let whole = if value.is_bigint() || Number::is_safe_integer(value) {
        BigInt::new(value).ok().and_then(|value| u64::try_from(value).ok())
    } else {
        None
    };
    whole.ok_or_else(|| refuse(&format!("{what} is a whole number from 0 to 2^64 - 1 (above 2^53 a bigint)"), value))
}

/// An error for a rule, and what JavaScript gave instead.
fn refuse(rule: &str, value: impl Into<Given>) -> JsValue {
    error(format_args!("{rule}, not {}", value.into().0))
}

/// A value as a message shows it.
struct Given(String);

impl From<std::fmt::Arguments<'_>> for Given {
    fn from(text: std::fmt::Arguments<'_>) -> Self {
        Self(text.to_string())
    }
}

impl From<&JsValue> for Given {
    fn from(value: &JsValue) -> Self {
        let show = |value: &dyn Display| value.to_string();
        if let Some(bigint) = value.dyn_ref::<BigInt>() {
            return Self(bigint.to_string(10).map_or_else(|_| "a bigint".to_owned(), String::from));
        }
        Self(match (value.as_string(), value.as_f64()) {
            // the beginning of a long text: it must not fill the message
            (Some(text), _) => format!("{:?}", text.chars().take(60).collect::<String>()),
            (None, Some(number)) => show(&number),
            (None, None) if value.is_null() => "null".to_owned(),
            (None, None) => show(&value.js_typeof().as_string().unwrap_or_default()),
        })
    }
}
