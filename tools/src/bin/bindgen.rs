//! Writes the JavaScript of a wasm module that wasm-bindgen's macros were compiled into, as wasm-bindgen's command does:
//! `bindgen FILE.wasm FOLDER`. The version is that of Cargo.lock, as it must be.

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let mut next = || arguments.next().context("usage: bindgen FILE.wasm FOLDER");
    let (module, folder) = (next()?, next()?);
    Bindgen::new().input_path(module).web(true)?.typescript(true).remove_name_section(true).generate(folder)
}
