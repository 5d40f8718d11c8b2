//! Renders a template: a model's configuration and a style of initialisation in, the text of a recipe out.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{Error, Value};

use crate::config::{Config, Keys};
use crate::environment::{environment, family_environment};
use crate::family::{Family, families};
use crate::render_error::{RenderError, plain};
use crate::template_files::styles;

/// The bytes of the stack on which a template is rendered. minijinja recurses once for each nested expression.
#[cfg(not(target_arch = "wasm32"))]
const STACK: usize = 16 << 20;
/// The name of the thread on which templates are rendered. A panic there is an error of [`render`], so that a panic
/// hook may ignore it.
pub const TEMPLATE_THREAD: &str = "template";
/// The most bytes of a recipe that a template gives.
const LARGEST: usize = 64 << 20;

/// Renders a template to a recipe: the given one, named as in its errors, or the family's of the configuration's
/// `model_type`.
///
/// A template of one's own has the configuration's keys as variables, a null as `none`, and `style`, which a key of
/// that name replaces. Every template may import `"styles/" ~ style ~ ".jinja"` and `"shared/tensors.jinja"`, but no
/// file. Besides Jinja's own functions it has
///
/// - `config(name, type, default)`: a key of the configuration, which must be of the type; an absent key takes the
///   default, or is refused where there is none. Types are `"size"` (a whole number above 0), `"count"` (from 0),
///   `"index"` (any), `"size or two"`, `"size or auto"`, `"bool"`, `"text"`, `"list"`, `"text or list"`, `"index or list"`, `"table"`,
///   `"number"` (from 0), `"std"` (a decimal number from 0), `"std above 0"` and `"std up to 1"`, each with
///   `" or null"` where a null is allowed. `"size or two"` gives a list of two. Of a list of names the first that is
///   there counts.
/// - `architecture([names])`: the first of the configuration's `architectures`, which must be one of the names.
/// - `sqrt(x)`, `rsqrt(x)`, which is 1 / sqrt(x), `ln(x)`, the natural logarithm, and `raise_exception(message)`. These
///   functions are the same on every machine; Jinja's `**` is the system's, whose last bit can differ.
///
/// A template of unknown origin can use up the memory, or the stack, in spite of the limit of its steps: render it in
/// a process of its own, with limits, as the command does. On wasm32 the stack is the calling thread's, and a panic of the
/// engine ends the module.
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
    render_apart(config, style, template)
}

/// Renders on a thread of its own, so that the size of its stack is known, and a panic of the engine becomes an error.
#[cfg(not(target_arch = "wasm32"))]
fn render_apart(config: &Config, style: &str, template: Option<(&str, &str)>) -> Result<String, RenderError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(TEMPLATE_THREAD.to_owned()).stack_size(STACK);
        let rendering = thread.spawn_scoped(scope, || render_here(config, style, template));
        let rendering = rendering.map_err(|error| RenderError::Thread(error.to_string()))?;
        // a panic of the engine; a hook may have skipped its message, see `TEMPLATE_THREAD`
        rendering.join().unwrap_or(Err(RenderError::Engine))
    })
}

/// Renders on the present thread: there are no others, and a panic ends the module.
#[cfg(target_arch = "wasm32")]
fn render_apart(config: &Config, style: &str, template: Option<(&str, &str)>) -> Result<String, RenderError> {
    render_here(config, style, template)
}

/// Renders on the present thread.
fn render_here(config: &Config, style: &str, template: Option<(&str, &str)>) -> Result<String, RenderError> {
    let keys = Arc::new(Keys { config: config.clone(), path: String::new() });
    let mut out = Limited(Vec::new());
    match template {
        Some(template) => render_own(&keys, style, template, &mut out).map_err(|error| plain(&error))?,
        None => {
            let family = family(config, style)?;
            render_family(&keys, style, &family, &mut out).map_err(|error| plain(&error))?;
        }
    }
    String::from_utf8(out.0).map_err(|error| RenderError::Template { place: None, what: error.to_string() })
}

/// Renders a template of the user's own, with the configuration's keys as variables.
fn render_own(keys: &Arc<Keys>, style: &str, (name, source): (&str, &str), out: &mut Limited) -> Result<(), Error> {
    // first, so that a key of the configuration with this name replaces it
    let mut variables = BTreeMap::from([("style", Value::from(style))]);
    variables.extend(keys.config.iter().map(|(key, value)| (key.as_str(), Value::from(Serde(value.clone())))));
    environment(keys).template_from_named_str(name, source)?.render_captured_to(variables, out).map(drop)
}

/// Renders the template of a family, the dtype of the recipe first.
fn render_family(keys: &Arc<Keys>, style: &str, family: &Family, out: &mut Limited) -> Result<(), Error> {
    let environment = family_environment(keys, family, style);
    for name in ["shared/defaults.jinja", &family.template()] {
        environment.get_template(name)?.render_captured_to((), &mut *out)?;
    }
    Ok(())
}

/// The family of a configuration's `model_type`, which must have the style.
fn family(config: &Config, style: &str) -> Result<Family, RenderError> {
    let Some(name) = config.get("model_type").and_then(serde_json::Value::as_str) else {
        return Err(RenderError::NoFamily);
    };
    let unknown = || RenderError::Family { model_type: name.to_owned(), nearest: nearest(name) };
    let family = Family::of(name).ok_or_else(unknown)?;
    match &family.styles {
        Some(known) if !known.contains(&style) => Err(RenderError::StyleOfFamily {
            style: style.to_owned(),
            model_type: family.model_type,
            known: known.clone(),
        }),
        _ => Ok(family),
    }
}

/// The least likeness of a name that is listed: the Jaro-Winkler similarity, from 0 to 1.
const LIKE: f64 = 0.75;

/// The model types that are most like a name.
fn nearest(name: &str) -> Vec<&'static str> {
    let likeness = |model_type: &str| strsim::jaro_winkler(model_type, name);
    let mut known: Vec<_> = families().map(|family| family.model_type).filter(|name| likeness(name) >= LIKE).collect();
    known.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    known.truncate(3);
    known
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
