//! The command line.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use seedtensors::Dtype;

/// Initialised weights from a seed: the same bits on every GPU and CPU.
#[derive(Parser)]
// Doc comments on options and subcommands are the texts that --help prints.
#[command(version, name = "seedtensors")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write a checkpoint: the tensors of a recipe, of a model's config, or like those of another checkpoint
    Init(Init),
    /// Print the recipe that `init` would follow; it is a valid input of `init`
    Recipe(Recipe),
    /// Make every value of a checkpoint again and compare it, bit by bit; exit 1 where one differs
    Verify(Verify),
    /// Print what the values of any safetensors file are like, beside what its initialisers promise
    Inspect(Inspect),
    /// Write the raw words of a key to stdout, four bytes each, little-endian, for test batteries
    Words(Words),
    /// List the initialisers that a recipe can name, with their formulas and their names elsewhere
    #[command(alias = "initializers")]
    Initialisers,
    /// List the model families that `--config` takes, with their architectures, styles and sources
    Families,
    /// List the styles that `--style` can name, with their formulas and sources
    Styles,
    /// Examine every device: limits, exactness against the CPU, speed, and what to do about problems; exit 1 where one
    /// is wrong
    Doctor(Doctor),
    /// List the devices that `--device` can name
    Devices,
    /// Render the template that standard input holds; the command starts this itself
    #[command(name = crate::template::SUBCOMMAND, hide = true)]
    RenderTemplate,
}

#[derive(ClapArgs)]
pub(crate) struct Recipe {
    /// The recipe, a TOML file of [[tensor]] and [[layer]] tables
    #[arg(conflicts_with_all = ["config", "template", "set", "style", "like"])]
    pub(crate) recipe: Option<PathBuf>,
    /// A model's config.json, whose model_type chooses the recipe's template
    #[arg(long, value_name = "CONFIG.json", conflicts_with = "like")]
    pub(crate) config: Option<PathBuf>,
    /// A template of your own instead, in Jinja, with the config's keys as variables
    #[arg(long = "recipe", value_name = "TEMPLATE.jinja", conflicts_with = "like")]
    pub(crate) template: Option<PathBuf>,
    /// The initialisation of a family, one of `seedtensors styles`
    #[arg(long, default_value = "hf", conflicts_with = "like")]
    pub(crate) style: String,
    /// A key of the config, added or replaced; VALUE is JSON, or else text
    #[arg(long, value_name = "KEY=VALUE", value_parser = set, conflicts_with = "like")]
    pub(crate) set: Vec<(String, serde_json::Value)>,
    /// A checkpoint (a file, a directory or an index) whose names, shapes and dtypes are taken
    #[arg(long, value_name = "CHECKPOINT")]
    pub(crate) like: Option<PathBuf>,
    /// A TOML file of [[rule]] tables: initialisers for the tensors of --like, by their names
    #[arg(long, value_name = "RULES.toml", requires = "like")]
    pub(crate) rules: Option<PathBuf>,
    /// The dtype of tensors that name none; replaces the recipe's default, or the config's
    #[arg(long, value_parser = dtype())]
    pub(crate) dtype: Option<Dtype>,
}

#[derive(ClapArgs)]
pub(crate) struct Init {
    #[command(flatten)]
    pub(crate) recipe: Recipe,
    /// The seed, from 0 to 2^64 - 1, decimal or 0x
    // a negative number reaches the parser, whose message says what a seed is; clap would call it an unknown option
    #[arg(long, value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// The file to write, where it ends in .safetensors, else the directory
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// The most that a file of the directory holds: 5GB, 500MB (decimal), 2GiB, or bytes
    #[arg(long, value_name = "SIZE", default_value = "5GB", value_parser = size)]
    pub(crate) max_shard_size: u64,
    /// The rank of this run among several, from 0, or `env`: RANK, or what mpirun or srun sets
    #[arg(long, value_name = "I|env")]
    pub(crate) rank: Option<RankArg>,
    /// The number of runs that write the checkpoint together
    #[arg(long, value_name = "N")]
    pub(crate) world_size: Option<usize>,
    #[command(flatten)]
    pub(crate) device: DeviceArg,
    /// exact: the same bits everywhere; native: the device's own functions
    #[arg(long, default_value = "exact")]
    pub(crate) arithmetic: Arithmetic,
    /// Print the files that would be written, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go on after the last whole file of an interrupted run
    #[arg(long, conflicts_with = "force")]
    pub(crate) resume: bool,
    /// Replace files that exist
    #[arg(long)]
    pub(crate) force: bool,
    /// Say nothing but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(ClapArgs)]
pub(crate) struct Verify {
    /// A safetensors file, a directory, or an index
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) recipe: Recipe,
    /// The seed, where the files do not record it; then a recipe must be given, too
    #[arg(long, value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) device: DeviceArg,
    /// Say nothing but what differs
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(ClapArgs)]
pub(crate) struct Inspect {
    /// A safetensors file, a directory, or an index
    pub(crate) path: PathBuf,
    /// Only tensors whose names match this glob
    #[arg(long, value_name = "GLOB")]
    pub(crate) tensor: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Draw histograms, and the densities that the initialisers promise, into an .svg or .png file
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Replace the plot if it exists
    #[arg(long, requires = "plot")]
    pub(crate) force: bool,
}

#[derive(ClapArgs)]
pub(crate) struct Words {
    /// The seed, from 0 to 2^64 - 1, decimal or 0x
    #[arg(long, value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// The tensor whose words they are; without it the seed's own key
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The index of the first word
    #[arg(long, default_value_t = 0)]
    pub(crate) start: u64,
    /// The number of words; without it they continue until the reader has enough
    #[arg(long)]
    pub(crate) count: Option<u64>,
}

#[derive(ClapArgs)]
pub(crate) struct Doctor {
    /// The number of elements of each sampler and dtype that are compared with the CPU's, as a power of 2
    #[arg(long, default_value_t = 22, value_parser = clap::value_parser!(u32).range(10..=36))]
    pub(crate) bits: u32,
}

#[derive(ClapArgs)]
pub(crate) struct DeviceArg {
    /// auto (a GPU, else the CPU), cpu, gpu (a software driver will do), or an index of `seedtensors devices`
    #[arg(long, default_value = "auto", value_parser = device)]
    pub(crate) device: Device,
}

/// The value of `--rank`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RankArg {
    /// Read from the environment, with the world size.
    Env,
    Index(usize),
}

impl std::str::FromStr for RankArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "env" => Ok(Self::Env),
            index => index.parse().map(Self::Index).map_err(|_| "a rank is a whole number from 0, or env".to_owned()),
        }
    }
}

/// The value of `--device`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Device {
    /// A GPU that is hardware and gives what is asked, or else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The default GPU, which may be a software driver.
    Gpu,
    Index(usize),
}

#[derive(Clone, Copy, ValueEnum)]
// A doc comment on a variant would be printed by --help, which describes both at the option.
pub(crate) enum Arithmetic {
    Exact,
    Native,
}

impl From<Arithmetic> for seedtensors::Arithmetic {
    fn from(arithmetic: Arithmetic) -> Self {
        match arithmetic {
            Arithmetic::Exact => Self::Exact,
            Arithmetic::Native => Self::Native,
        }
    }
}

/// A parser that lists the dtypes in the help.
fn dtype() -> impl TypedValueParser<Value = Dtype> {
    let names = Dtype::ALL.iter().map(|dtype| dtype.name());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Dtype>())
}

/// Parses a seed, decimal or hexadecimal.
fn seed(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        // from_str_radix would take a sign
        Some(digits) if digits.starts_with('+') => None,
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        // `parse` would take a sign, too
        None if text.starts_with('+') => None,
        None => text.parse().ok(),
    };
    parsed.ok_or_else(|| "a seed is a whole number from 0 to 18446744073709551615 (2^64 - 1), decimal or 0x".to_owned())
}

/// Parses `KEY=VALUE`. The first `=` divides the two.
fn set(text: &str) -> Result<(String, serde_json::Value), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => {
            // what is no JSON is text: `--set model_type=llama` needs no quotes
            let value = serde_json::from_str(value).unwrap_or_else(|_| serde_json::Value::from(value));
            Ok((key.to_owned(), value))
        }
        _ => Err("a setting is KEY=VALUE".to_owned()),
    }
}

/// Parses a number of bytes, with or without a unit.
fn size(text: &str) -> Result<u64, String> {
    match text.parse::<bytesize::ByteSize>() {
        // 0 would give every tensor a file of its own, more likely a mistake
        Ok(size) if size.as_u64() > 0 => Ok(size.as_u64()),
        _ => Err("a size is a number above 0 of bytes, or with KB, MB, GB, KiB, MiB or GiB".to_owned()),
    }
}

/// Parses the value of `--device`.
fn device(text: &str) -> Result<Device, String> {
    match text {
        "auto" => Ok(Device::Auto),
        "cpu" => Ok(Device::Cpu),
        "gpu" => Ok(Device::Gpu),
        index => index
            .parse()
            .map(Device::Index)
            .map_err(|_| "a device is auto, cpu, gpu, or an index of `seedtensors devices`".to_owned()),
    }
}
