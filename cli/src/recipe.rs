//! Where a recipe comes from, and `seedtensors recipe`.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use seedtensors_checkpoint::{Checkpoint, Config, DEFAULT_RULES, Recipe, like, printable_toml, render};
use serde_json::Value;

use crate::args::{self, Dtype};
use crate::print;

/// Bytes of a recipe, a template or a config at most.
const LARGEST: u64 = 64 << 20;

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
            let text = read(path)?;
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
    let rules = arguments.rules.as_deref().map_or(Ok(DEFAULT_RULES.to_owned()), read)?;
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
    let beside = |name: &str| Some(folder.join(name)).filter(|path| path.is_file()).map(|path| config_of(&path));
    let config = beside("config.json").transpose()?;
    // an adapter's, which its rules read
    let adapter = if config.is_none() { beside("adapter_config.json").transpose()? } else { None };
    let known = config.as_ref().or(adapter.as_ref()).map(|(_, config)| config);
    let made = like(&Checkpoint::open(path)?, &rules, known, arguments.dtype.map(Into::into));
    let made = made.map_err(|message| match message.split_once('\n') {
        // the first line is the error, the others are rules that it asks for
        Some((error, wanted)) => {
            print::notes(wanted);
            anyhow!("{}: {} the lines above, in a file for --rules", path.display(), error)
        }
        None => anyhow!("{}: {message}", path.display()),
    })?;
    if let [first, rest @ ..] = made.left_out.as_slice() {
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        print::note(format_args!("the rules leave out {first:?}{more}"));
    }
    let config = config.map(|(bytes, config)| changed(bytes, config, &[], arguments.dtype)).transpose()?;
    Ok(Loaded { text: made.recipe.to_string(), recipe: made.recipe, config })
}

fn load_template(arguments: &args::Recipe) -> anyhow::Result<Loaded> {
    let given = arguments.config.as_deref().map(config_of).transpose()?;
    let mut config = given.as_ref().map(|(_, config)| config.clone()).unwrap_or_default();
    config.extend(arguments.set.iter().cloned());
    let template = match &arguments.template {
        Some(path) => Some((path.display().to_string(), read(path)?)),
        None => None,
    };
    let template = template.as_ref().map(|(name, source)| (name.as_str(), source.as_str()));
    let text = render(&config, &arguments.style, template).map_err(|message| anyhow!("{message}"))?;
    let recipe = parse("the rendered recipe", &text, arguments.dtype)?;
    let config = given.map(|(bytes, config)| changed(bytes, config, &arguments.set, arguments.dtype)).transpose()?;
    Ok(Loaded { recipe, text, config })
}

fn parse(name: &str, text: &str, dtype: Option<Dtype>) -> anyhow::Result<Recipe> {
    Recipe::parse_with_dtype(text, dtype.map(Into::into)).map_err(|error| match error.line {
        Some(line) => anyhow!("{name}:{line}: {}", error.message),
        None => anyhow!("{name}: {}", error.message),
    })
}

/// A config, or a directory's, as bytes and as what they say.
fn config_of(path: &Path) -> anyhow::Result<(Vec<u8>, Config)> {
    let path = if path.is_dir() { &path.join("config.json") } else { path };
    let text = read(path)?;
    let config = serde_json::from_str(&text).with_context(|| format!("{} is no config", path.display()))?;
    Ok((text.into_bytes(), config))
}

/// The config with what the command line says differently, or as it was to the byte.
fn changed(
    bytes: Vec<u8>,
    mut config: Config,
    set: &[(String, Value)],
    dtype: Option<Dtype>,
) -> anyhow::Result<Vec<u8>> {
    if set.is_empty() && dtype.is_none() {
        return Ok(bytes);
    }
    config.extend(set.iter().cloned());
    if let Some(dtype) = dtype {
        let name = match dtype {
            Dtype::F32 => "float32",
            Dtype::F16 => "float16",
            Dtype::Bf16 => "bfloat16",
        };
        let key =
            if config.contains_key("torch_dtype") && !config.contains_key("dtype") { "torch_dtype" } else { "dtype" };
        config.insert(key.to_owned(), Value::from(name));
    }
    let mut bytes = serde_json::to_vec_pretty(&config)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let cannot = || format!("cannot read {}", path.display());
    let mut text = String::new();
    File::open(path).with_context(cannot)?.take(LARGEST + 1).read_to_string(&mut text).with_context(cannot)?;
    if text.len() as u64 > LARGEST {
        bail!("{} is longer than {LARGEST} bytes", path.display());
    }
    Ok(text)
}
