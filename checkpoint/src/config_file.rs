//! A model's `config.json`: read, changed, and written again.

use seedtensors::Dtype;
use serde_json::Value;

use crate::config::Config;
use crate::file_kind::{JsonError, parse_json};

/// Keys about the quantized weights of another checkpoint. Written weights are not quantized.
const QUANTIZATION: &[&str] = &["compression_config", "quantization", "quantization_config"];
/// The numbers of Python's `json` that JSON lacks, and the strings that replace them while a config is changed. They
/// begin with a NUL, so that no ordinary string is taken for one.
const NUMBERS: &[(&str, &str)] =
    &[("NaN", "\"\\u0000NaN\""), ("-Infinity", "\"\\u0000-Infinity\""), ("Infinity", "\"\\u0000Infinity\"")];

/// A configuration, and the file's bytes as long as it is unchanged.
///
/// ```
/// use seedtensors::Dtype;
/// use seedtensors_checkpoint::ConfigFile;
///
/// let mut file = ConfigFile::parse(r#"{"model_type": "gpt2", "logit_bias": -Infinity}"#)?;
/// file.change(&[], Some(Dtype::BF16));
/// let text = "{\n  \"model_type\": \"gpt2\",\n  \"logit_bias\": -Infinity,\n  \"dtype\": \"bfloat16\"\n}\n";
/// assert_eq!(file.into_bytes()?, text.as_bytes());
/// # Ok::<(), seedtensors_checkpoint::JsonError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ConfigFile {
    /// The keys, with strings for the numbers that JSON lacks.
    keys: Config,
    /// The bytes that were read; none after a change.
    unchanged: Option<Vec<u8>>,
}

impl ConfigFile {
    /// Reads a config's text, which may have Python's `NaN` and `Infinity`.
    ///
    /// # Errors
    ///
    /// Every [`JsonError`].
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        let keys = parse_json(without_python_numbers(text).as_bytes())?;
        Ok(Self { keys, unchanged: Some(text.as_bytes().to_vec()) })
    }

    /// The keys: the variables of a template.
    #[must_use]
    pub const fn keys(&self) -> &Config {
        &self.keys
    }

    /// Adds or replaces keys, and describes the weights as they will be: of the given dtype, which has its own name, and
    /// not quantized. Gives whether it left keys about quantized weights out.
    pub fn change(&mut self, set: &[(String, Value)], dtype: Option<Dtype>) -> bool {
        let before = self.keys.clone();
        self.keys.extend(set.iter().cloned());
        if let Some(dtype) = dtype {
            // new versions of transformers write `dtype`, older ones `torch_dtype`: the key that is there is changed
            if !self.keys.contains_key("torch_dtype") {
                self.keys.entry("dtype").or_insert(Value::Null);
            }
            for key in ["dtype", "torch_dtype"] {
                if let Some(value) = self.keys.get_mut(key) {
                    *value = Value::from(torch_name(dtype));
                }
            }
        }
        for key in ["dtype", "torch_dtype"] {
            if let Some(Value::String(name)) = self.keys.get_mut(key) {
                // transformers reads the name without the module
                *name = name.strip_prefix("torch.").unwrap_or(name).to_owned();
            }
        }
        // a model of several parts, such as text and vision, has a config for each
        let nested = self.keys.iter_mut().filter(|(key, _)| key.ends_with("_config"));
        let nested = nested.filter_map(|(_, value)| value.as_object_mut()).map(leave_quantization_out).sum::<usize>();
        let left_out = leave_quantization_out(&mut self.keys) + nested;
        // an unchanged config is copied byte for byte, with its layout and its order
        if self.keys != before {
            self.unchanged = None;
        }
        left_out > 0
    }

    /// The bytes of the file to be written.
    ///
    /// # Errors
    ///
    /// [`JsonError::Json`] of keys that cannot be written, which no text gives.
    pub fn into_bytes(self) -> Result<Vec<u8>, JsonError> {
        if let Some(bytes) = self.unchanged {
            return Ok(bytes);
        }
        // the strings of `NUMBERS` are quoted and escaped here as they are in the table
        let mut text = serde_json::to_string_pretty(&self.keys).map_err(|error| JsonError::Json(error.to_string()))?;
        for (number, stand_in) in NUMBERS {
            text = text.replace(stand_in, number);
        }
        text.push('\n');
        Ok(text.into_bytes())
    }
}

/// Removes the keys about quantized weights. Gives their number.
fn leave_quantization_out(keys: &mut Config) -> usize {
    QUANTIZATION.iter().filter(|key| keys.remove(**key).is_some()).count()
}

/// A dtype as PyTorch names it.
const fn torch_name(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F32 => "float32",
        Dtype::F16 => "float16",
        Dtype::BF16 => "bfloat16",
        other => other.name(),
    }
}

/// JSON as Python writes it, with strings in place of `NaN` and `Infinity`. Inside a string these words are left alone.
fn without_python_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut in_text) = (text, false);
    while let Some(character) = rest.chars().next() {
        let number = NUMBERS.iter().find(|(number, _)| !in_text && rest.starts_with(number));
        let length = match (number, character) {
            (Some((number, stand_in)), _) => {
                out.push_str(stand_in);
                rest = &rest[number.len()..];
                continue;
            }
            // an escape, with the character that it escapes
            (None, '\\') if in_text => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            _ => character.len_utf8(),
        };
        in_text ^= character == '"';
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(json: &str, set: &[(&str, Value)], dtype: Option<Dtype>) -> String {
        let mut config = ConfigFile::parse(json).unwrap();
        let set: Vec<_> = set.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        config.change(&set, dtype);
        String::from_utf8(config.into_bytes().unwrap()).unwrap()
    }

    #[test]
    fn what_is_not_changed_stays_to_the_byte() {
        let json = "{ \"a\":[1,  Infinity, -Infinity],\"b\" :NaN, \"c\": \"\\\"NaN\\\\\", \"d\": \"ü\" }";
        assert_eq!(changed(json, &[], None), json);
        let more = changed(json, &[("e", Value::from(1))], None);
        let expected = "{\n  \"a\": [\n    1,\n    Infinity,\n    -Infinity\n  ],\n  \"b\": NaN,\n  \"c\": \"\\\"NaN\\\\\",\n  \"d\": \"ü\",\n  \"e\": 1\n}\n";
        assert_eq!(more, expected);
        // f32's 0.014 and -f32::MAX, which a parser that rounds twice takes for their neighbours
        let numbers = "{\n  \"a\": 0.014000000432133675,\n  \"b\": -3.4028234663852886e+38";
        assert_eq!(
            changed(&format!("{numbers}\n}}"), &[("c", Value::from(1))], None),
            format!("{numbers},\n  \"c\": 1\n}}\n")
        );
    }

    #[test]
    fn dtypes_have_their_own_names() {
        let bf16 = |json: &str| changed(json, &[], Some(Dtype::BF16));
        assert_eq!(bf16("{}"), "{\n  \"dtype\": \"bfloat16\"\n}\n");
        assert_eq!(bf16(r#"{"torch_dtype":"auto"}"#), "{\n  \"torch_dtype\": \"bfloat16\"\n}\n");
        let both = r#"{"torch_dtype":"auto","dtype":"float8_e4m3fn"}"#;
        assert_eq!(bf16(both), "{\n  \"torch_dtype\": \"bfloat16\",\n  \"dtype\": \"bfloat16\"\n}\n");
        assert_eq!(changed(r#"{"dtype":"torch.float16"}"#, &[], None), "{\n  \"dtype\": \"float16\"\n}\n");
    }

    #[test]
    fn quantization_is_left_out() {
        let json =
            r#"{"a":1,"quantization":{"bits":4},"quantization_config":null,"text_config":{"quantization_config":{}}}"#;
        assert_eq!(changed(json, &[], None), "{\n  \"a\": 1,\n  \"text_config\": {}\n}\n");
    }
}
