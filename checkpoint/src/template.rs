//! Renders a template: a model's configuration and a style of initialisation in, the text of a recipe out.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, Serde};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

use crate::config::{Config, KeyError, architecture, typed};
use crate::template_files::{FILES, families, styles};

/// The most steps of a template. A model of 60 layers and 512 experts takes 8.6 million.
const FUEL: u64 = 50_000_000;
/// The bytes of the stack on which a template is rendered. minijinja recurses once for each nested expression.
const STACK: usize = 16 << 20;
/// The name of the thread on which templates are rendered. A panic there is an error of [`render`], so that a panic
/// hook may ignore it.
pub const TEMPLATE_THREAD: &str = "template";
/// The most bytes of a recipe that a template gives.
const LARGEST: usize = 64 << 20;

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

/// The reason why a template gives no recipe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// A style that there is none of.
    #[error("there is no style {style:?}, but {}", known.join(", "))]
    Style {
        /// The style that was asked for.
        style: String,
        /// Every style.
        known: Vec<&'static str>,
    },
    /// A configuration without a `model_type`.
    #[error("the config needs a model_type, one of {}", known.join(", "))]
    NoFamily {
        /// Every model type that there is a template for.
        known: Vec<&'static str>,
    },
    /// A `model_type` that there is no template for.
    #[error("there is no recipe for model_type {model_type:?}, but for {}", known.join(", "))]
    Family {
        /// The model type.
        model_type: String,
        /// Every model type that there is a template for.
        known: Vec<&'static str>,
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

/// Renders a template to a recipe: the given one, named as in its errors, or the family's of the configuration's
/// `model_type`.
///
/// A template of one's own has the configuration's keys as variables, a null as `none`, and `style`, which a key of
/// that name replaces. Every template may import `"styles/" ~ style ~ ".jinja"` and `"tensors.jinja"`, but no file.
/// Besides Jinja's own functions it has
///
/// - `config(name, type, default)`: a key of the configuration, which must be of the type; an absent key takes the
///   default, or is refused where there is none. Types are `"size"` (a whole number above 0), `"count"` (from 0),
///   `"index"` (any), `"size or two"`, `"bool"`, `"text"`, `"list"`, `"table"`, `"std"` (a decimal number from 0), `"std above 0"` and
///   `"std up to 1"`, each with `" or null"` where a null is allowed. Of a list of names the first that is there counts.
/// - `architecture([names])`: the first of the configuration's `architectures`, which must be one of the names.
/// - `sqrt(x)`, and `raise_exception(message)`.
///
/// A template of unknown origin can use up the memory, or the stack, in spite of the limit of its steps: render it in
/// a process of its own, with limits, as the command does.
///
/// # Errors
///
/// Every [`RenderError`]: an unknown family or style, a missing key, text that is no template, or a template that runs
/// too long.
///
/// ```
/// let config = serde_json::json!({ "n": 3, "nothing": null });
/// let template = "{% for i in range(n) %}{{ sqrt(i) }} {{ nothing }} {{ config('more', 'size', 4) }};{% endfor %}";
/// let text = seedtensors_checkpoint::render(config.as_object().unwrap(), "hf", Some(("mine", template)))?;
/// assert_eq!(text, "0.0 None 4;1.0 None 4;1.4142135623730951 None 4;");
/// # Ok::<(), seedtensors_checkpoint::RenderError>(())
/// ```
pub fn render(config: &Config, style: &str, template: Option<(&str, &str)>) -> Result<String, RenderError> {
    let known: Vec<_> = styles().map(|style| style.name).collect();
    // checked first: an unknown style would be an error of an import, deep inside a template
    if !known.contains(&style) {
        return Err(RenderError::Style { style: style.to_owned(), known });
    }
    // on a thread of its own, so that the size of its stack is known, and a panic of the engine becomes an error
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(TEMPLATE_THREAD.to_owned()).stack_size(STACK);
        let rendering = thread.spawn_scoped(scope, || render_here(config, style, template));
        let rendering = rendering.map_err(|error| RenderError::Thread(error.to_string()))?;
        // a panic of the engine; a hook may have skipped its message, see `TEMPLATE_THREAD`
        rendering.join().unwrap_or(Err(RenderError::Engine))
    })
}

/// Renders on the present thread.
fn render_here(config: &Config, style: &str, template: Option<(&str, &str)>) -> Result<String, RenderError> {
    let environment = environment(&Arc::new(config.clone()));
    // first, so that a key of the configuration with this name replaces it
    let mut variables = BTreeMap::from([("style", Value::from(style))]);
    let template = match template {
        Some((name, source)) => {
            // the families ask for each key by its type, and need none of these
            variables.extend(config.iter().map(|(key, value)| (key.as_str(), Value::from(Serde(value.clone())))));
            environment.template_from_named_str(name, source)
        }
        None => environment.get_template(&family(config)?),
    }
    .map_err(|error| plain(&error))?;
    let mut out = Limited(Vec::new());
    template.render_captured_to(variables, &mut out).map_err(|error| plain(&error))?;
    String::from_utf8(out.0).map_err(|error| RenderError::Template { place: None, what: error.to_string() })
}

/// The name of the template of a configuration's `model_type`.
fn family(config: &Config) -> Result<String, RenderError> {
    let known: Vec<_> = families().collect();
    match config.get("model_type").and_then(serde_json::Value::as_str) {
        Some(name) if known.contains(&name) => Ok(format!("{name}.toml.jinja")),
        Some(name) => Err(RenderError::Family { model_type: name.to_owned(), known }),
        None => Err(RenderError::NoFamily { known }),
    }
}

/// The engine, with the functions that templates may call.
fn environment(config: &Arc<Config>) -> Environment<'static> {
    let mut environment = Environment::new();
    // a misspelt variable is an error, not an empty text in a recipe
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // the result is TOML, not HTML
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    // errors then have the source and the range, from which `plain` names what is undefined
    environment.set_debug(true);
    // a line with nothing but a block leaves no line in the recipe
    if let Ok(syntax) =
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()
    {
        environment.set_syntax(syntax);
    }
    // from memory alone: a template cannot read a file
    environment.set_loader(|name| Ok(FILES.iter().find(|(file, _)| *file == name).map(|(_, text)| (*text).to_owned())));
    environment.add_function("sqrt", |x: f64| x.sqrt());
    environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    let keys = Arc::clone(config);
    environment.add_function("config", move |names: Value, kind: String, default: Rest<Value>| {
        let names: Vec<String> = match names.as_str() {
            Some(name) => vec![name.to_owned()],
            None => names.try_iter()?.map(|name| name.to_string()).collect(),
        };
        typed(&keys, &names, &kind, default.first())
    });
    let keys = Arc::clone(config);
    environment.add_function("architecture", move |names: Vec<String>| architecture(&keys, &names));
    environment
}

/// minijinja's error in one line: the line of the template, and the name of an undefined value.
fn plain(error: &Error) -> RenderError {
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
    let what = match (error.kind(), error.detail()) {
        (ErrorKind::UndefinedError, None) => {
            let expression = error.template_source().zip(error.range()).and_then(|(source, range)| source.get(range));
            format!("`{}` is undefined", expression.unwrap_or("a value").trim())
        }
        (ErrorKind::OutOfFuel, _) => format!("the template takes too long (more than {FUEL} steps)"),
        (_, Some(detail)) => detail.to_owned(),
        (kind, None) => kind.to_string(),
    };
    // some of minijinja's undefined values have another kind, and only the word in the detail
    if what.contains("undefined") {
        RenderError::Undefined { place, what }
    } else {
        RenderError::Template { place, what }
    }
}

/// A recipe that is being written, and refuses to be too long.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // refused before the bytes are copied
        if self.0.len() + bytes.len() > LARGEST {
            return Err(io::Error::other(format!("the recipe is longer than {LARGEST} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
