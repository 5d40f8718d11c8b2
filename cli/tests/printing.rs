//! Exit codes where nothing can be printed: the verdict decides that of `verify` and `doctor`, whoever reads it;
//! other commands fail where their output is lost, but not where its reader has seen enough; stderr decides nothing.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, reason = "with --nocapture the test prints its table")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::init;
use tempfile::TempDir;

/// A command, and its exit codes with all well, with stdout full, and with a reader of stdout that has gone.
type Case = (&'static str, &'static str, [i32; 3]);

const CASES: [Case; 16] = [
    ("init", "init $mlp --seed 1 --device cpu --force --out $folder/again.safetensors", [0, 0, 0]),
    ("init --dry-run", "init $mlp --seed 1 --dry-run --out $folder/never.safetensors", [0, 1, 0]),
    ("init that fails", "init $mlp --seed 1 --device cpu --out $folder/good.safetensors", [1, 1, 1]),
    ("recipe", "recipe $mlp", [0, 1, 0]),
    ("verify, good", "verify $folder/good.safetensors --device cpu", [0, 0, 0]),
    ("verify, bad", "verify $folder/bad.safetensors --device cpu", [1, 1, 1]),
    ("verify of no file", "verify $folder/none.safetensors --device cpu", [1, 1, 1]),
    ("inspect", "inspect $folder/good.safetensors", [0, 1, 0]),
    ("inspect --json", "inspect $folder/good.safetensors --json", [0, 1, 0]),
    ("words", "words --seed 1 --count 1000000", [0, 1, 0]),
    ("initialisers", "initialisers", [0, 1, 0]),
    ("families", "families", [0, 1, 0]),
    ("styles", "styles", [0, 1, 0]),
    ("doctor", "doctor --bits 10", [0, 0, 0]),
    ("devices", "devices", [0, 1, 0]),
    ("wrong usage", "no-such-command", [2, 2, 2]),
];

/// Redirections of stdout and stderr, each with the index of the right one of a case's codes.
const ENDS: [(&str, &str, usize); 7] = [
    ("plain", "\"$0\" COMMAND >/dev/null 2>/dev/null", 0),
    // Rust's library opens /dev/null in its place
    ("stdout closed", "\"$0\" COMMAND >&- 2>/dev/null", 0),
    ("stderr closed", "\"$0\" COMMAND 2>&- >/dev/null", 0),
    ("stdout full", "\"$0\" COMMAND >/dev/full 2>/dev/null", 1),
    ("stderr full", "\"$0\" COMMAND 2>/dev/full >/dev/null", 0),
    ("both full", "\"$0\" COMMAND >/dev/full 2>/dev/full", 1),
    // the reader ends before anything is written
    (
        "reader gone",
        "mkfifo $folder/pipe; (exec 3<$folder/pipe) & exec 4>$folder/pipe; wait; \"$0\" COMMAND >&4 2>&4; code=$?; rm $folder/pipe; exit $code",
        2,
    ),
];

fn code(folder: &Path, command: &str) -> Option<i32> {
    let mlp = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/mlp.toml");
    Command::new("sh")
        .args(["-c", command])
        .arg(assert_cmd::cargo::cargo_bin("seedtensors"))
        .envs([("mlp", mlp.as_path()), ("folder", folder)])
        // no device is examined: that takes a while, and is not what this is about
        .env("WGPU_BACKEND", "metal")
        .status()
        .unwrap()
        .code()
}

#[test]
fn what_can_be_printed_does_not_change_a_verdict() {
    let folder = TempDir::new().unwrap();
    let mlp = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/mlp.toml");
    let good = folder.path().join("good.safetensors");
    init(&mlp, &good, &["--device", "cpu"]).assert().code(0);
    let mut bytes = fs::read(&good).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(folder.path().join("bad.safetensors"), bytes).unwrap();
    let mut wrong = Vec::new();
    println!("| command | {} |", ENDS.map(|(end, ..)| end).join(" | "));
    println!("| --- |{}", " --- |".repeat(ENDS.len()));
    for (name, command, codes) in CASES {
        let found = ENDS.map(|(_, end, _)| code(folder.path(), &end.replace("COMMAND", command)));
        println!("| {name} | {} |", found.map(|code| code.map_or("-".to_owned(), |code| code.to_string())).join(" | "));
        for ((end, _, which), found) in ENDS.iter().zip(found) {
            if found != Some(codes[*which]) {
                wrong.push(format!("{name}, {end}: {found:?}, not {}", codes[*which]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
