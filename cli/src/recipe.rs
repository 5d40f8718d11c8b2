//! Loads a recipe: from a file, a template, or a checkpoint; and `seedtensors recipe`.

use std::io::Write as _;
use std::path::Path;

use anyhow::{anyhow, bail};
use seedtensors::Dtype;
use seedtensors_checkpoint::{Checkpoint, ConfigFile, DEFAULT_RULES, LikeError, Recipe, like, printable_toml, render};

use crate::args;
use crate::template::render_apart;
use crate::{advice, config as configs, input, print};

/// A recipe, its text, and the `config.json` that goes with it.
pub(crate) struct Loaded {
    /// The recipe.
    pub(crate) recipe: Recipe,
    /// The text as it was given or rendered: `seedtensors recipe` prints it with its comments.
    text: String,
    /// The bytes of the `config.json` to be written beside the tensors, if a config was given.
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

/// Reads the recipe, or makes it. An error names the file and the line.
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

/// Makes a recipe like a checkpoint. The config beside it is read for the rules, and written again.
fn load_like(path: &Path, arguments: &args::Recipe) -> anyhow::Result<Loaded> {
    let rules = arguments.rules.as_deref().map_or(Ok(DEFAULT_RULES.to_owned()), input::read)?;
    // the config of a file, or of an index, is beside it
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
    let beside = |name: &str| Some(folder.join(name)).filter(|path| path.is_file()).map(|path| configs::read(&path));
    let mut config = beside("config.json").transpose()?;
    // an adapter's, which its rules read
    let adapter = if config.is_none() { beside("adapter_config.json").transpose()? } else { None };
    let known = config.as_ref().or(adapter.as_ref()).map(ConfigFile::keys);
    let made = like(&Checkpoint::open(path)?, &rules, known, arguments.dtype);
    let made = made.map_err(|error| match &error {
        LikeError::Unmatched(unmatched) => {
            print::notes(&unmatched.rules);
            let advice = "add to the rules, each with an init: the lines above, in a file for --rules";
            anyhow!("{}: {error}; {advice}", path.display())
        }
        _ => anyhow!("{}: {error}", path.display()),
    })?;
    // a tensor that is left out must not be a surprise when the checkpoint is loaded
    if let [first, rest @ ..] = made.left_out.as_slice() {
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        print::note(format_args!("the rules leave out {first:?}{more}"));
    }
    if let Some(config) = &mut config {
        // `--set` is refused beside `--like`: the names and shapes come from the checkpoint
        configs::change(config, &[], arguments.dtype);
    }
    let config = config.map(ConfigFile::into_bytes).transpose()?;
    Ok(Loaded { text: made.recipe.to_string(), recipe: made.recipe, config })
}

/// Renders a template. One of the user's own is rendered in a process of its own.
fn load_template(arguments: &args::Recipe) -> anyhow::Result<Loaded> {
    let given = arguments.config.as_deref().map(configs::read).transpose()?;
    let is_given = given.is_some();
    let mut config = given.unwrap_or_else(ConfigFile::default);
    configs::change(&mut config, &arguments.set, arguments.dtype);
    let text = match &arguments.template {
        Some(path) => render_apart(config.keys(), &arguments.style, &path.display().to_string(), &input::read(path)?)?,
        None => render(config.keys(), &arguments.style, None).map_err(|error| anyhow!(advice::render(&error)))?,
    };
    // the dtype again: a template of the user's own may ignore the key of the config
    let recipe = parse("the rendered recipe", &text, arguments.dtype)?;
    Ok(Loaded { recipe, text, config: is_given.then(|| config.into_bytes()).transpose()? })
}

/// Parses a recipe, and names its file in an error.
fn parse(name: &str, text: &str, dtype: Option<Dtype>) -> anyhow::Result<Recipe> {
    Recipe::parse_with_dtype(text, dtype).map_err(|error| match error.line {
        Some(line) => anyhow!("{name}:{line}: {}", error.message),
        None => anyhow!("{name}: {}", error.message),
    })
}
