//! What the tests of the command share.
#![allow(dead_code, reason = "each test file has use for some of it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use tempfile::TempDir;

pub(crate) fn seedtensors() -> Command {
    Command::cargo_bin("seedtensors").unwrap()
}

/// The program with no signal ignored, as a shell starts it in the foreground: the tests may run in the background, where
/// SIGINT is ignored, and what is ignored stays so.
pub(crate) fn in_the_foreground() -> std::process::Command {
    let program = assert_cmd::cargo::cargo_bin("seedtensors");
    if !cfg!(target_os = "linux") {
        return std::process::Command::new(program);
    }
    let mut command = std::process::Command::new("env");
    command.arg("--default-signal=HUP,INT,TERM").arg(program);
    command
}

/// `init` of a recipe into `out` with seed 42.
pub(crate) fn init(recipe: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = seedtensors();
    command.arg("init").arg(recipe).args(["--seed", "42", "--out"]).arg(out).args(more);
    command
}

pub(crate) fn write_recipe(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("recipe.toml");
    fs::write(&path, text).unwrap();
    path
}

/// Every file's name in a folder.
pub(crate) fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// Every file of a folder.
pub(crate) fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap_or_default())).collect()
}
