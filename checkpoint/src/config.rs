//! A model's configuration, and the functions by which templates ask for its keys. An absent key and a null differ, as
//! in transformers.

use minijinja::value::Serde;
use minijinja::{Error, ErrorKind, Value};

/// A model's configuration: the variables of a template.
pub type Config = serde_json::Map<String, serde_json::Value>;

/// A key of a configuration that is missing, or has a value of another type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A key that is absent, and has no default.
    #[error("the config lacks {}", names.join(" or "))]
    Missing {
        /// The key, and other names that it may have.
        names: Vec<String>,
    },
    /// A key whose value is of another type.
    #[error("{name} must be {rule}, not {found}")]
    Type {
        /// The key.
        name: String,
        /// The values that it may have.
        rule: String,
        /// The beginning of its value, as JSON.
        found: String,
    },
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        refuse(error.to_string()).with_source(error)
    }
}

/// The keys that a template reads: those of a configuration, or of a table in it, such as `text_config`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    /// The keys.
    pub(crate) config: Config,
    /// The path of the table, with a dot at its end; empty for the configuration itself.
    pub(crate) path: String,
}

impl Keys {
    /// The value of a key; dots lead into tables.
    fn get(&self, name: &str) -> Option<&serde_json::Value> {
        let mut parts = name.split('.');
        let first = self.config.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }

    /// A table of the configuration, such as `text_config`, without keys where it is absent or null.
    pub(crate) fn section(&self, name: &str) -> Result<Self, Error> {
        let path = format!("{}{name}.", self.path);
        match self.config.get(name) {
            None | Some(serde_json::Value::Null) => Ok(Self { config: Config::new(), path }),
            Some(serde_json::Value::Object(table)) => Ok(Self { config: table.clone(), path }),
            Some(other) => Err(self.wrong(name, "a table", "", other)),
        }
    }

    /// An error for a value of another type.
    fn wrong(&self, name: &str, rule: &str, or_null: &str, value: &serde_json::Value) -> Error {
        // a config may come from anyone: a long value must not fill the message
        let found: String = value.to_string().chars().take(60).collect();
        KeyError::Type { name: format!("{}{name}", self.path), rule: format!("{rule}{or_null}"), found }.into()
    }
}

/// A key's value, which must be of a type. An absent key takes the default, and is an error where there is none.
/// The types are those that [`render`](crate::render) lists.
pub(crate) fn typed(keys: &Keys, names: &[String], kind: &str, default: Option<&Value>) -> Result<Value, Error> {
    // a null is a given value: transformers replaces an absent key by its default, a null it keeps
    let given = names.iter().find_map(|name| keys.get(name).map(|value| (name, value)));
    let (name, value) = match (given, default) {
        (Some(given), _) => given,
        (None, Some(default)) => return Ok(if kind == "size or two" { twice(default) } else { default.clone() }),
        (None, None) => {
            let names = names.iter().map(|name| format!("{}{name}", keys.path)).collect();
            return Err(KeyError::Missing { names }.into());
        }
    };
    let (plain, may_be_null) = kind.strip_suffix(" or null").map_or((kind, false), |plain| (plain, true));
    // a mistake of the template, not of the config
    let Some(rule) = rule(plain) else { return Err(refuse(format!("config() knows no type {kind:?}"))) };
    if !(is_of(plain, value) || (value.is_null() && may_be_null)) {
        let or_null = if may_be_null { " or null" } else { "" };
        return Err(keys.wrong(name, rule, or_null, value));
    }
    let value = Value::from(Serde(value.clone()));
    Ok(if plain == "size or two" && value.try_iter().is_err() { twice(&value) } else { value })
}

/// A list of a value and itself: a size for height and width.
fn twice(value: &Value) -> Value {
    Value::from(vec![value.clone(), value.clone()])
}

/// The values of a type, in words.
fn rule(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "size" => "a whole number above 0",
        "count" => "a whole number from 0",
        "index" => "a whole number",
        "size or two" => "a whole number above 0 or a list of two",
        "bool" => "true or false",
        "text" => "a text",
        "table" => "a table",
        "list" => "a list",
        "size or auto" => "a whole number above 0 or auto",
        "text or list" => "a text or a list",
        "index or list" => "a whole number or a list",
        "number" => "a number from 0",
        "std" => "a decimal number from 0",
        "std above 0" => "a decimal number above 0",
        "std up to 1" => "a decimal number from 0 to 1",
        _ => return None,
    })
}

/// Whether a value is of a type.
fn is_of(kind: &str, value: &serde_json::Value) -> bool {
    let size = |value: &serde_json::Value| value.as_u64().is_some_and(|size| size > 0);
    // transformers refuses a whole number, such as 1, where it expects a decimal one
    let number = || value.as_f64().filter(|_| value.is_f64());
    match kind {
        "size" => size(value),
        "count" => value.is_u64(),
        "index" => value.is_i64(),
        "size or two" => size(value) || value.as_array().is_some_and(|list| list.len() == 2 && list.iter().all(size)),
        "bool" => value.is_boolean(),
        "text" => value.is_string(),
        "table" => value.is_object(),
        "list" => value.is_array(),
        "size or auto" => size(value) || value == "auto",
        "text or list" => value.is_string() || value.is_array(),
        "index or list" => value.is_i64() || value.is_array(),
        "number" => value.as_f64().is_some_and(|number| number >= 0.0),
        "std" => number().is_some_and(|number| number >= 0.0),
        "std above 0" => number().is_some_and(|number| number > 0.0),
        "std up to 1" => number().is_some_and(|number| (0.0..=1.0).contains(&number)),
        _ => false,
    }
}

/// The first of the `architectures`, which must be one of `names`; the first name where the config has none.
pub(crate) fn architecture(config: &Config, names: &[impl AsRef<str>]) -> Result<String, Error> {
    let first = || names.first().map(|name| name.as_ref().to_owned()).ok_or_else(|| refuse("no architecture is named"));
    match config.get("architectures") {
        // a config need not name its architecture: the first of the template's list is the default
        None | Some(serde_json::Value::Null) => first(),
        Some(serde_json::Value::Array(list)) => match list.first() {
            None => first(),
            Some(serde_json::Value::String(name)) if names.iter().any(|known| known.as_ref() == name) => {
                Ok(name.clone())
            }
            Some(other) => {
                let names = names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
                Err(refuse(format!("there is no recipe for the architecture {other}, but for {names}")))
            }
        },
        Some(other) => Err(refuse(format!("architectures must be a list of names, not {other}"))),
    }
}

/// An error of the template engine with this message.
pub(crate) fn refuse(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}
