//! The template engine, and the functions that templates may call.

use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Rest};
use minijinja::{Environment, Error, UndefinedBehavior, Value};

use crate::config::{Config, Keys, architecture, refuse, typed};
use crate::family::Family;
use crate::power::inverse_sqrt;
use crate::template_files::FILES;

/// The most steps of a template. Kimi K2's size, 61 layers of 384 experts, takes less than 20 million.
pub(crate) const FUEL: u64 = 100_000_000;
/// The most templates within each other, each for a table of the one before: a model, its text model, and one more.
const MOST_NESTED: usize = 3;

/// A family's template, rendered as a part of a larger model.
#[derive(Clone, Debug)]
struct Part {
    /// The beginning of its tensors' names.
    prefix: String,
    /// Whether it has the head of its first architecture.
    has_head: bool,
    /// The number of templates around it.
    depth: usize,
}

/// The engine for a template of the user's own, with the functions that it may call.
pub(crate) fn environment(keys: &Arc<Keys>) -> Environment<'static> {
    let mut environment = Environment::new();
    // a misspelt variable is an error, not an empty text in a recipe
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // the result is TOML, not HTML
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    // errors then have the source and the range, which give the name of an undefined value
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
    environment.add_function("rsqrt", inverse_sqrt);
    environment.add_function("ln", |x: f64| libm::log(x));
    // a message about a key of a part begins with the part's name
    let path = keys.path.clone();
    environment.add_function("raise_exception", move |message: String| -> Result<Value, Error> {
        Err(refuse(format!("{path}{message}")))
    });
    environment.add_function("role_of", role_of);
    let own = Arc::clone(keys);
    environment.add_function("config", move |names: Value, kind: Value, default: Rest<Value>| {
        let names: Vec<String> = match names.as_str() {
            Some(name) => vec![name.to_owned()],
            None => names.try_iter()?.map(|name| name.to_string()).collect(),
        };
        match kind.as_str() {
            Some(kind) => typed(&own, &names, kind, default.first()),
            // a list of a type and a default
            None => typed(&own, &names, &kind.get_item_by_index(0)?.to_string(), Some(&kind.get_item_by_index(1)?)),
        }
    });
    let own = Arc::clone(keys);
    environment.add_function("architecture", move |names: Vec<String>| architecture(&own.config, &names));
    environment
}

/// The role of a weight in a table: that of the longest end of its name. An empty text where the table has none.
fn role_of(name: &str, roles: &Value) -> Result<Value, Error> {
    let name = name.strip_suffix(".weight").unwrap_or(name);
    // ends of the name, from the longest
    let ends = name.match_indices('.').map(|(dot, _)| &name[dot + 1..]);
    for end in std::iter::once(name).chain(ends) {
        let role = roles.get_attr(end)?;
        if !role.is_undefined() {
            return Ok(role);
        }
    }
    Ok(Value::from(""))
}

/// The engine for the template of a family.
pub(crate) fn family_environment(keys: &Arc<Keys>, family: &Family, style: &str) -> Environment<'static> {
    part_environment(keys, family, style, None)
}

/// The engine for the template of a family, alone or as a part of a larger model.
fn part_environment(keys: &Arc<Keys>, family: &Family, style: &str, part: Option<Part>) -> Environment<'static> {
    let mut environment = environment(keys);
    environment.add_global("style", style);
    environment.add_global("prefix", part.as_ref().map_or("", |part| &part.prefix).to_owned());
    environment.add_global("is_part", part.is_some());
    let (own, known) = (Arc::clone(keys), family.clone());
    let has_head = part.as_ref().map(|part| part.has_head);
    environment.add_function("architecture", move || match (has_head, known.base()) {
        (Some(false), Some(base)) => Ok(base.to_owned()),
        // the first, whichever the part's own table names
        (Some(_), _) => architecture(&Config::new(), &known.architectures),
        (None, _) => architecture(&own.config, &known.architectures),
    });
    let (own, style) = (Arc::clone(keys), style.to_owned());
    let depth = part.map_or(0, |part| part.depth) + 1;
    // part("text_config", "llama", "model.language_model.", has_head=true, is_tied=false, hidden_size=64)
    environment.add_function("part", move |section: String, default: String, prefix: String, options: Kwargs| {
        let has_head = options.get::<Option<bool>>("has_head")?.unwrap_or(false);
        let mut keys = own.section(&section)?;
        let model_type = match keys.config.get("model_type").and_then(serde_json::Value::as_str) {
            Some(name) => name.to_owned(),
            None => default,
        };
        // the larger model decides whether its head is tied; a value of another type is left for the part to refuse
        let is_bool = keys.config.get("tie_word_embeddings").is_none_or(serde_json::Value::is_boolean);
        if let (Some(is_tied), true) = (options.get::<Option<bool>>("is_tied")?, is_bool) {
            keys.config.insert("tie_word_embeddings".to_owned(), is_tied.into());
        }
        // defaults of the larger model, in place of those of the part's family
        for name in options.args().filter(|name| !["has_head", "is_tied"].contains(name)) {
            let value = serde_json::to_value(options.get::<Value>(name)?).map_err(|error| refuse(error.to_string()))?;
            keys.config.entry(name).or_insert(value);
        }
        let family = Family::of(&model_type)
            .ok_or_else(|| refuse(format!("{}model_type must be that of a family, not {model_type:?}", keys.path)))?;
        if depth >= MOST_NESTED {
            return Err(refuse(format!("{}model_type must not have parts, as {model_type:?} has", keys.path)));
        }
        let part = Part { prefix, has_head, depth };
        part_environment(&Arc::new(keys), &family, &style, Some(part)).get_template(&family.template())?.render(())
    });
    environment
}
