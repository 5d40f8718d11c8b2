//! Where a recipe comes from, and `seedtensors recipe`.

use std::io::Write as _;
use std::path::Path;

use anyhow::{anyhow, bail};
use seedtensors_checkpoint::{Checkpoint, DEFAULT_RULES, Recipe, like, printable_toml, render};

use crate::args::{self, Dtype};
use crate::config::ConfigFile;
use crate::template::render_apart;
use crate::{input, print};

/// A recipe, its text, and the `config.json` that goes with it.
pub(crate) struct Loaded {
    pub(crate) recipe: Recipe,
    text: String,
    pub(crate) config: Option<Vec<u8>>,
}

pub(crate) fn run(arguments: &args::Recipe) -> anyhow::Result<()> {
    write!(print::out(), "{}", printable_text(&load(arguments)?))?;
    Ok(())
}

/// The text of a recipe, safe to print, and still of that recipe. In a literal string an escape would be something
/// else: the recipe is then written anew, with basic strings.
fn printable_text(Loaded { recipe, text, .. }: &Loaded) -> String {
    let printable = printable_toml(text);
    let is_same = printable == *text || Recipe::parse(&printable).is_ok_and(|again| again == *recipe);
    if is_same { printable.into_owned() } else { printable_toml(&recipe.to_string()).into_owned() }
}

/// Whether a recipe was named in any way.
pub(crate) fn is_given(arguments: &args::Recipe) -> bool {
    let args::Recipe { recipe, config, template, set, like, .. } = arguments;
    recipe.is_some() || config.is_some() || template.is_some() || !set.is_empty() || like.is_some()
}

/// Reads, or makes, the recipe; an error names the file and the line.
pub(crate) fn load(arguments: &args::Recipe) -> anyhow::Result<Loaded> {
    match (&arguments.recipe, &arguments.like) {
        (Some(path), _) => {
            let text = input::read(path)?;
            let recipe = parse(&path.display().to_string(), &text, arguments.dtype)?;
            Ok(Loaded { recipe, text, config: None })
        }
        (None, Some(path)) => load_like(path, arguments),
        (None, None) if is_given(arguments) => load_template(arguments),
        (None, None) => {
            bail!("which tensors? give RECIPE.toml, a model's --config config.json, or --like CHECKPOINT")
        }
    }
}

fn load_like(path: &Path, arguments: &args::Recipe) -> anyhow::Result<Loaded> {
    let rules = arguments.rules.as_deref().map_or(Ok(DEFAULT_RULES.to_owned()), input::read)?;
    let recipe = like(&Checkpoint::open(path)?, &rules, arguments.dtype.map(Into::into));
    let recipe = recipe.map_err(|message| anyhow!("{}: {message}", path.display()))?;
    let folder = if path.is_dir() { Some(path) } else { path.parent() };
    let config = folder.map(|folder| folder.join("config.json")).filter(|config| config.is_file());
    let mut config = config.map(|config| ConfigFile::read(&config)).transpose()?;
    if let Some(config) = &mut config {
        config.change(&[], arguments.dtype);
    }
    Ok(Loaded { text: recipe.to_string(), recipe, config: config.map(ConfigFile::into_bytes).transpose()? })
}

fn load_template(arguments: &args::Recipe) -> anyhow::Result<Loaded> {
    let given = arguments.config.as_deref().map(ConfigFile::read).transpose()?;
    let is_given = given.is_some();
    let mut config = given.unwrap_or_else(ConfigFile::of_settings);
    config.change(&arguments.set, arguments.dtype);
    let text = match &arguments.template {
        Some(path) => render_apart(&config.keys, &arguments.style, &path.display().to_string(), &input::read(path)?)?,
        None => render(&config.keys, &arguments.style, None).map_err(|message| anyhow!("{message}"))?,
    };
    let recipe = parse("the rendered recipe", &text, arguments.dtype)?;
    Ok(Loaded { recipe, text, config: is_given.then(|| config.into_bytes()).transpose()? })
}

fn parse(name: &str, text: &str, dtype: Option<Dtype>) -> anyhow::Result<Recipe> {
    Recipe::parse_with_dtype(text, dtype.map(Into::into)).map_err(|error| match error.line {
        Some(line) => anyhow!("{name}:{line}: {}", error.message),
        None => anyhow!("{name}: {}", error.message),
    })
}
