//! The module graph of each crate of the workspace, computed from the source; import cycles are failures.
//!
//! `cargo run --release -p seedtensors-tools --bin modules [FOLDER...]` prints the number of modules and dependencies of
//! each crate, and every cycle with the lines that cause it. The exit code is 1 where there is a cycle. FOLDER is the
//! folder of a crate; all packages of the workspace are taken without one.
//!
//! A module depends on another when its code names an item of it: in a `use`, a path, a type or a macro's arguments.
//! A name that is re-exported counts for the module that defines it, so `use crate::Fill` depends on `fill`, not on `lib`.
//! `mod child;` and a re-export of a child's item are no dependencies, and code under `#[cfg(test)]` is left out.
//! A method that is called on a value is not seen, as long as the code does not name its type.

mod graph;
mod names;
mod resolve;
mod source;
#[cfg(test)]
mod tests;
mod uses;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use graph::Graph;
use source::Crate;

#[allow(clippy::print_stdout, reason = "its result")]
fn main() -> Result<ExitCode> {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let roots = if folders.is_empty() { workspace()? } else { roots_of(&folders)? };
    let mut cycles = 0;
    for root in roots {
        let report = check(&root)?;
        print!("{}", report.text);
        cycles += report.cycles;
    }
    Ok(if cycles == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The findings for one crate.
struct Report {
    text: String,
    cycles: usize,
}

/// Looks for cycles between the files of a crate, and between its root modules.
fn check(root: &Path) -> Result<Report> {
    let source = Crate::read(root)?;
    let edges = uses::edges(&source);
    let files = Graph::new(&edges, |module| source.files[module].name());
    let roots = Graph::new(&edges, |module| source.files[module].root_module());
    let name = root.strip_prefix(std::env::current_dir()?).unwrap_or(root).display();
    let mut text = format!("{name}: {} modules, {} dependencies", source.files.len(), files.pairs());
    let mut found: Vec<Vec<String>> = Vec::new();
    for (graph, kind) in [(&files, "files"), (&roots, "root modules")] {
        for cycle in graph.cycles() {
            // root modules that are one file each form the same cycle twice
            if found.contains(&cycle) {
                continue;
            }
            text += &format!("\n  cycle of {} {kind}: {}", cycle.len(), cycle.join(", "));
            for edge in graph.inside(&cycle) {
                text += &format!("\n    {edge}");
            }
            found.push(cycle);
        }
    }
    let cycles = found.len();
    text += if cycles == 0 { ", no cycle\n" } else { "\n" };
    Ok(Report { text, cycles })
}

/// The root files of the workspace's libraries and programs.
fn workspace() -> Result<Vec<PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
    ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let is_root = |target: &&serde_json::Value| {
        let kinds = target["kind"].as_array().map(Vec::as_slice).unwrap_or_default();
        kinds.iter().filter_map(|kind| kind.as_str()).any(|kind| kind == "bin" || kind.ends_with("lib"))
    };
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let targets = packages.iter().filter_map(|package| package["targets"].as_array()).flatten();
    Ok(targets.filter(is_root).filter_map(|target| target["src_path"].as_str()).map(PathBuf::from).collect())
}

/// The root files of crates, by their folders.
fn roots_of(folders: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut roots = Vec::new();
    for folder in folders {
        let folder = folder.canonicalize().with_context(|| format!("{} cannot be opened", folder.display()))?;
        let candidates = ["src/lib.rs", "src/main.rs", "lib.rs", "main.rs"].map(|file| folder.join(file));
        let before = roots.len();
        roots.extend(candidates.into_iter().filter(|file| file.is_file()));
        ensure!(roots.len() > before, "{} has neither lib.rs nor main.rs", folder.display());
    }
    Ok(roots)
}
