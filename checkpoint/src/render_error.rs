//! Errors of rendering a template.

use minijinja::{Error, ErrorKind};

use crate::config::KeyError;
use crate::environment::FUEL;

/// A template's name, and one of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The template's name.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
}

/// The beginning of a message about a line of a template.
fn at(place: &Option<Place>) -> String {
    place.as_ref().map_or_else(String::new, |place| format!("{}:{}: ", place.name, place.line))
}

/// The end of a message about an unknown model type.
fn list_nearest(nearest: &[&str]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; the nearest are {}", nearest.join(", ")) }
}

/// The reason why a template gives no recipe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// An unknown style.
    #[error("there is no style {style:?}, but {}", known.join(", "))]
    Style {
        /// The style that was asked for.
        style: String,
        /// Every style.
        known: Vec<&'static str>,
    },
    /// A style that a family does not have.
    #[error("{model_type} has no style {style:?}, but {}", known.join(", "))]
    StyleOfFamily {
        /// The style that was asked for.
        style: String,
        /// The family.
        model_type: &'static str,
        /// The styles that it has.
        known: Vec<&'static str>,
    },
    /// A configuration without a `model_type`.
    #[error("the config needs the model_type of a family")]
    NoFamily,
    /// A `model_type` without a template.
    #[error("there is no recipe for model_type {model_type:?}{}", list_nearest(nearest))]
    Family {
        /// The model type.
        model_type: String,
        /// The model types that are like it; at most three.
        nearest: Vec<&'static str>,
    },
    /// A key of the configuration that is absent, or of another type.
    #[error("{}{error}", at(place))]
    Key {
        /// The template's line that asks for it.
        place: Option<Place>,
        /// The key and its rule.
        error: KeyError,
    },
    /// A variable that is none of the configuration's keys.
    #[error("{}{what}", at(place))]
    Undefined {
        /// The template's line that uses it.
        place: Option<Place>,
        /// A message that names it.
        what: String,
    },
    /// Text that is no template, or one that cannot be rendered.
    #[error("{}{what}", at(place))]
    Template {
        /// The line.
        place: Option<Place>,
        /// The reason.
        what: String,
    },
    /// A template that crashes its engine.
    #[error("the template is none that minijinja can read")]
    Engine,
    /// No thread can be started to render it on.
    #[error("no thread for the template: {0}")]
    Thread(String),
}

/// minijinja's error in one line: the line of the template, and the name of an undefined value.
pub(crate) fn plain(error: &Error) -> RenderError {
    let source = std::error::Error::source(error);
    // an error in an included template is the source of the error of the `include`
    if let Some(cause) = source.and_then(|source| source.downcast_ref::<Error>()) {
        return plain(cause);
    }
    let place = error.name().zip(error.line()).map(|(name, line)| Place { name: name.to_owned(), line });
    // the type survives the engine as the source of its error
    if let Some(key) = source.and_then(|source| source.downcast_ref::<KeyError>()) {
        return RenderError::Key { place, error: key.clone() };
    }
    // a recipe that is too long: the engine says no more than that it could not write
    let refused = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    let what = match (refused, error.kind(), error.detail()) {
        (Some(refused), ..) => refused.to_string(),
        (None, ErrorKind::UndefinedError, None) => {
            let expression = error.template_source().zip(error.range()).and_then(|(source, range)| source.get(range));
            format!("`{}` is undefined", expression.unwrap_or("a value").trim())
        }
        (None, ErrorKind::OutOfFuel, _) => format!("the template takes too long (more than {FUEL} steps)"),
        (None, _, Some(detail)) => detail.to_owned(),
        (None, kind, None) => kind.to_string(),
    };
    // some of minijinja's undefined values have another kind, and only the word in the detail
    if what.contains("undefined") {
        RenderError::Undefined { place, what }
    } else {
        RenderError::Template { place, what }
    }
}
