//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// Initialised weights from a seed: the same bits on every GPU and CPU.
#[derive(Parser)]
#[command(version, name = "seedtensors")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write the tensors of a recipe to a safetensors file
    Init(Init),
    /// List the initialisers that a recipe can name, with their formulas and their names elsewhere
    #[command(alias = "initializers")]
    Initialisers,
    /// List the devices that `--device` can name
    Devices,
}

#[derive(ClapArgs)]
pub(crate) struct Init {
    /// The recipe, a TOML file of [[tensor]] tables
    pub(crate) recipe: PathBuf,
    /// The seed, from 0 to 2^64 - 1, decimal or 0x
    #[arg(long, value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// The safetensors file to write
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// auto (a GPU, else the CPU), cpu, gpu (a software driver will do), or an index of `seedtensors devices`
    #[arg(long, default_value = "auto", value_parser = device)]
    pub(crate) device: Device,
    /// The dtype of tensors that name none; replaces the recipe's default
    #[arg(long)]
    pub(crate) dtype: Option<Dtype>,
    /// exact: the same bits everywhere; native: the device's own functions
    #[arg(long, default_value = "exact")]
    pub(crate) arithmetic: Arithmetic,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
    /// Say nothing but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Device {
    Auto,
    Cpu,
    Gpu,
    Index(usize),
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Dtype {
    F32,
    F16,
    Bf16,
}

impl From<Dtype> for seedtensors::Dtype {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F32 => Self::F32,
            Dtype::F16 => Self::F16,
            Dtype::Bf16 => Self::BF16,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
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

fn seed(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        // from_str_radix would take a sign
        Some(digits) if digits.starts_with('+') => None,
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None if text.starts_with('+') => None,
        None => text.parse().ok(),
    };
    parsed.ok_or_else(|| "a seed is a whole number from 0 to 18446744073709551615 (2^64 - 1), decimal or 0x".to_owned())
}

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
