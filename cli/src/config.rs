//! A model's `config.json`, as the command line names it and changes it.

use std::path::Path;

use anyhow::anyhow;
use seedtensors::Dtype;
use seedtensors_checkpoint::ConfigFile;
use serde_json::Value;

use crate::{input, print};

/// Reads a config, or the `config.json` of a directory.
pub(crate) fn read(path: &Path) -> anyhow::Result<ConfigFile> {
    let path = if path.is_dir() { &path.join("config.json") } else { path };
    ConfigFile::parse(&input::read(path)?).map_err(|message| anyhow!("{} is no config: {message}", path.display()))
}

/// Applies `--set` and `--dtype`.
pub(crate) fn change(config: &mut ConfigFile, set: &[(String, Value)], dtype: Option<Dtype>) {
    if config.change(set, dtype) {
        print::note("the config's quantization is left out of the written config: the weights are plain");
    }
}
