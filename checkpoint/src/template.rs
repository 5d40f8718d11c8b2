//! Recipes as templates: a model's configuration and a style of initialisation in, a recipe out.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, Serde};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

use crate::Config;
use crate::config::{architecture, typed};

/// Steps of a template at most. A model of 60 layers and 512 experts takes 8.6 million.
const FUEL: u64 = 50_000_000;
/// Bytes of the stack that a template is rendered on.
const STACK: usize = 16 << 20;
/// The name of the thread on which templates are rendered. A panic there is an error of [`render`], so that a panic
/// hook may pass it over.
pub const TEMPLATE_THREAD: &str = "template";
/// Bytes of a recipe at most.
const LARGEST: usize = 64 << 20;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../recipes/", $name)))),*]
    };
}

const FILES: &[(&str, &str)] = files![
    "bert.toml.jinja",
    "decoder.jinja",
    "gpt2.toml.jinja",
    "gpt_neox.toml.jinja",
    "llama.toml.jinja",
    "mistral.toml.jinja",
    "mixtral.toml.jinja",
    "qwen2.toml.jinja",
    "qwen3.toml.jinja",
    "styles/gpt2.jinja",
    "styles/hf.jinja",
    "styles/megatron.jinja",
    "styles/olmo.jinja",
    "styles/small_init.jinja",
    "styles/torchtitan.jinja",
    "tensors.jinja",
    "vit.toml.jinja",
];

/// The model types (`model_type` of a configuration) that have a template here.
pub fn families() -> impl Iterator<Item = &'static str> {
    FILES.iter().filter_map(|(name, _)| name.strip_suffix(".toml.jinja"))
}

/// A way to initialise a model's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Its name.
    pub name: &'static str,
    /// What it is, its formula, and its source.
    pub about: &'static str,
}

/// Every style.
///
/// ```
/// let styles = seedtensors_checkpoint::styles();
/// assert!(styles.map(|style| style.name).eq(["gpt2", "hf", "megatron", "olmo", "small_init", "torchtitan"]));
/// ```
pub fn styles() -> impl Iterator<Item = Style> {
    FILES.iter().filter_map(|(name, text)| {
        let name = name.strip_prefix("styles/")?.strip_suffix(".jinja")?;
        let about = text.strip_prefix("{#")?.split_once("#}")?.0.trim();
        Some(Style { name, about })
    })
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
/// What is wrong, in words, with the template's name and line: an unknown family or style, a missing key, a template
/// that is none, or that runs too long.
///
/// ```
/// let config = serde_json::json!({ "n": 3, "nothing": null });
/// let template = "{% for i in range(n) %}{{ sqrt(i) }} {{ nothing }} {{ config('more', 'size', 4) }};{% endfor %}";
/// let text = seedtensors_checkpoint::render(config.as_object().unwrap(), "hf", Some(("mine", template)))?;
/// assert_eq!(text, "0.0 None 4;1.0 None 4;1.4142135623730951 None 4;");
/// # Ok::<(), String>(())
/// ```
pub fn render(config: &Config, style: &str, template: Option<(&str, &str)>) -> Result<String, String> {
    if !styles().any(|known| known.name == style) {
        let names: Vec<_> = styles().map(|style| style.name).collect();
        return Err(format!("there is no style {style:?}, but {}", names.join(", ")));
    }
    // on a thread of its own, so that its stack is known, and a fault of the engine is an error like any other
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(TEMPLATE_THREAD.to_owned()).stack_size(STACK);
        let rendering = thread.spawn_scoped(scope, || render_here(config, style, template));
        let rendering = rendering.map_err(|error| format!("no thread for the template: {error}"))?;
        rendering.join().unwrap_or_else(|_| Err("the template is none that minijinja can read".to_owned()))
    })
}

fn render_here(config: &Config, style: &str, template: Option<(&str, &str)>) -> Result<String, String> {
    let environment = environment(&Arc::new(config.clone()));
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
    String::from_utf8(out.0).map_err(|error| error.to_string())
}

/// The template of a configuration's `model_type`.
fn family(config: &Config) -> Result<String, String> {
    let names = || families().collect::<Vec<_>>().join(", ");
    match config.get("model_type").and_then(serde_json::Value::as_str) {
        Some(name) if families().any(|family| family == name) => Ok(format!("{name}.toml.jinja")),
        Some(name) => {
            Err(format!("there is no recipe for model_type {name:?}, but for {}; --recipe takes yours", names()))
        }
        None => Err(format!("the config needs a model_type, one of {}; --recipe takes your own recipe", names())),
    }
}

fn environment(config: &Arc<Config>) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_debug(true);
    if let Ok(syntax) =
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()
    {
        environment.set_syntax(syntax);
    }
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

/// An error on one line: where, what, and of what is undefined its name.
fn plain(error: &Error) -> String {
    let place = match (error.name(), error.line()) {
        (Some(name), Some(line)) => format!("{name}:{line}: "),
        _ => String::new(),
    };
    let what = match (error.kind(), error.detail()) {
        (ErrorKind::UndefinedError, None) => {
            let expression = error.template_source().zip(error.range()).and_then(|(source, range)| source.get(range));
            format!("`{}` is undefined", expression.unwrap_or("a value").trim())
        }
        (ErrorKind::OutOfFuel, _) => format!("the template takes too long (more than {FUEL} steps)"),
        (_, Some(detail)) => detail.to_owned(),
        (kind, None) => kind.to_string(),
    };
    let hint = if what.contains("undefined") { "; --set KEY=VALUE gives it" } else { "" };
    // the cause is where an included template failed
    match std::error::Error::source(error).and_then(|source| source.downcast_ref::<Error>()) {
        Some(cause) => plain(cause),
        None => format!("{place}{what}{hint}"),
    }
}

/// A recipe that is being written, and refuses to be too long.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
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
