//! Runs that are killed, interrupted, started twice, or short of threads, room and memory.
#![cfg(unix)]

mod common;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{contents, init, listing, seedtensors, write_recipe};
use predicates::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

/// Eight tensors of 6 MB.
fn tensors() -> String {
    let tensor = |i: u32| format!("[[tensor]]\nname = \"t{i}\"\nshape = [1500, 1000]\ninit = {{ normal = {{}} }}\n");
    (0..8).map(tensor).collect()
}

fn start(arguments: &[&OsStr]) -> Child {
    common::in_the_foreground().args(arguments).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
}

fn start_init(recipe: &Path, out: &Path, more: &[&str]) -> Child {
    let mut arguments: Vec<&OsStr> = vec!["init".as_ref(), recipe.as_ref(), "--out".as_ref(), out.as_ref()];
    arguments.extend(["--device", "cpu"].iter().chain(more).map(|argument| OsStr::new(*argument)));
    start(&arguments)
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn send(signal: &str, child: &Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A shell's command, with `$0` the program and `$1` and so on the arguments.
fn shell(command: &str, arguments: &[&Path]) -> assert_cmd::Command {
    let mut shell = assert_cmd::Command::new("sh");
    shell.arg("-c").arg(command).arg(assert_cmd::cargo::cargo_bin("seedtensors")).args(arguments);
    shell
}

/// The files that a loader of this directory reads, verified; their names.
fn verified(out: &Path) -> Vec<String> {
    let view = TempDir::new_in(out.parent().unwrap()).unwrap();
    let link = |name: &str| fs::hard_link(out.join(name), view.path().join(name)).unwrap();
    if out.join("model.safetensors").exists() {
        link("model.safetensors");
    } else {
        let index: Value =
            serde_json::from_slice(&fs::read(out.join("model.safetensors.index.json")).unwrap()).unwrap();
        let names: Vec<&str> = index["weight_map"].as_object().unwrap().values().filter_map(Value::as_str).collect();
        names.iter().filter(|name| !view.path().join(name).exists()).for_each(|name| link(name));
        link("model.safetensors.index.json");
    }
    seedtensors().arg("verify").arg(view.path()).args(["--device", "cpu"]).assert().code(0);
    listing(view.path())
}

/// Whether a forced run was killed between its renames: it has replaced some files, and all others wait as parts, whole.
fn is_between_renames(out: &Path, before: &[(String, Vec<u8>)]) -> bool {
    let is_new = |(name, bytes): &&(String, Vec<u8>)| fs::read(out.join(name)).unwrap() != *bytes;
    let (new, old): (Vec<_>, Vec<_>) = before.iter().partition(is_new);
    let waits = |(name, bytes): &(String, Vec<u8>)| {
        let part = listing(out).into_iter().find(|part| part.starts_with(&format!(".{name}")));
        part.is_some_and(|part| fs::metadata(out.join(part)).unwrap().len() == bytes.len() as u64)
    };
    !new.is_empty() && old.into_iter().all(waits)
}

const OLD: [&str; 5] = ["--seed", "1", "--max-shard-size", "13MB", "--quiet"];

#[test]
fn a_forced_run_that_is_killed_leaves_the_old_checkpoint_or_the_new() {
    let folder = TempDir::new().unwrap();
    let recipe = write_recipe(&folder, &tensors());
    let out = folder.path().join("out");
    init(&recipe, &out, &[]).arg("--dry-run").assert().code(0);
    let run = |more: &[&str]| ended(start_init(&recipe, &out, more));
    assert_eq!(run(&OLD).0, Some(0));
    let old = verified(&out);
    assert_eq!(old.len(), 5);
    let shards = old.iter().filter(|name| name.ends_with(".safetensors"));
    let before: Vec<_> = shards.map(|name| (name.clone(), fs::read(out.join(name)).unwrap())).collect();
    assert_eq!(before.len(), 4);
    // another number of files, the same number, and one file; killed when the first parts are there, and later
    for (size, awaited) in [("19MB", ".model-00001-of-00003"), ("13MB", ".model-00003-of-00004"), ("1GB", ".model.saf")]
    {
        for pause in [0, 10, 25] {
            let mut child = start_init(&recipe, &out, &["--seed", "2", "--max-shard-size", size, "--force", "--quiet"]);
            wait_until("no part was begun", || listing(&out).iter().any(|name| name.starts_with(awaited)));
            std::thread::sleep(Duration::from_millis(pause));
            child.kill().unwrap();
            child.wait().unwrap();
            // only files of the same names are replaced, and only between the renames are there some of both
            if size != "13MB" || !is_between_renames(&out, &before) {
                verified(&out);
            }
            // the next run takes over what was left
            let forced = [&OLD[..], &["--force"]].concat();
            assert_eq!(run(&forced), (Some(0), String::new()));
            assert_eq!(verified(&out), old);
        }
        let again = ["--seed", "2", "--max-shard-size", size, "--force", "--quiet"];
        assert_eq!(run(&again), (Some(0), String::new()));
        assert!(listing(&out).iter().all(|name| !name.starts_with('.')), "{:?}", listing(&out));
        assert_eq!(listing(&out), verified(&out));
        assert_eq!(run(&[&OLD[..], &["--force"]].concat()).0, Some(0));
    }
}

#[test]
fn of_two_runs_on_one_directory_one_ends_and_nothing_is_lost() {
    let folder = TempDir::new().unwrap();
    let recipe = write_recipe(&folder, &tensors());
    for (i, (first, second)) in
        [("", ""), ("--force", "--force"), ("--resume", "--resume"), ("--resume", "--force"), ("", "--resume")]
            .into_iter()
            .enumerate()
    {
        let out = folder.path().join(format!("out{i}"));
        let flags = |more: &'static str| [&OLD[..], &[more]].concat().into_iter().filter(|flag| !flag.is_empty());
        let children = [first, second].map(|more| start_init(&recipe, &out, &flags(more).collect::<Vec<_>>()));
        let results = children.map(ended);
        assert!(results.iter().any(|(code, _)| *code == Some(0)), "{results:?}");
        for (code, told) in &results {
            assert!(
                *code == Some(0) || told.contains("another run is writing ") || told.contains(" exists and "),
                "{told}"
            );
        }
        assert_eq!(verified(&out).len(), 5);
        assert_eq!(listing(&out), verified(&out), "{first} {second}");
    }
}

#[test]
fn a_locked_part_or_directory_is_of_another_run() {
    let folder = TempDir::new().unwrap();
    let recipe = write_recipe(&folder, "[[tensor]]\nname = \"w\"\nshape = [4]\ninit = \"ones\"\n");
    let out = folder.path().join("a.safetensors");
    let lock = File::create(folder.path().join(".a.safetensors.seedtensors.part")).unwrap();
    lock.lock().unwrap();
    for flag in ["--quiet", "--force", "--resume"] {
        let told = format!("error: another run is writing {}", out.display());
        init(&recipe, &out, &["--device", "cpu", flag]).assert().code(1).stderr(predicate::str::contains(told));
    }
    drop(lock);
    init(&recipe, &out, &["--device", "cpu"]).assert().code(0);
    assert_eq!(listing(folder.path()), ["a.safetensors", "recipe.toml"]);

    let out = folder.path().join("directory");
    fs::create_dir(&out).unwrap();
    let lock = File::open(&out).unwrap();
    lock.lock().unwrap();
    let told = predicate::str::contains("error: another run is writing ");
    init(&recipe, &out, &["--device", "cpu"]).assert().code(1).stderr(told);
    assert_eq!(listing(&out), [""; 0]);
}

#[test]
fn parts_of_other_files_are_not_touched() {
    let folder = TempDir::new().unwrap();
    let recipe = write_recipe(&folder, "[[tensor]]\nname = \"w\"\nshape = [4]\ninit = \"ones\"\n");
    let mine = [".a.safetensors.mine.part", ".a.safetensors.b.safetensors.seedtensors.part", ".a.safetensors.x1.part"];
    mine.iter().for_each(|name| fs::write(folder.path().join(name), name).unwrap());
    // what a killed run left is taken over, whatever is asked for
    for flag in ["--quiet", "--force", "--resume"] {
        fs::write(folder.path().join(".a.safetensors.seedtensors.part"), vec![7; 10_000]).unwrap();
        init(&recipe, &folder.path().join("a.safetensors"), &["--device", "cpu", flag]).assert().code(0);
        seedtensors().arg("verify").arg(folder.path().join("a.safetensors")).assert().code(0);
        if flag != "--force" {
            continue;
        }
        fs::remove_file(folder.path().join("a.safetensors")).unwrap();
    }
    let after = contents(folder.path());
    assert!(mine.iter().all(|name| after[*name] == name.as_bytes()));
    // nothing is written through a link that stands where the part would
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, folder.path().join(".b.safetensors.seedtensors.part")).unwrap();
    let told = predicate::str::contains(".b.safetensors.seedtensors.part is no regular file");
    init(&recipe, &folder.path().join("b.safetensors"), &["--device", "cpu"]).assert().code(1).stderr(told);
    assert_eq!(fs::read(victim).unwrap(), b"precious");
}

#[test]
fn any_file_name_that_the_system_takes_is_a_file() {
    let folder = TempDir::new().unwrap();
    let recipe = write_recipe(&folder, "[[tensor]]\nname = \"w\"\nshape = [4]\ninit = \"ones\"\n");
    let long = format!("{}.safetensors", "x".repeat(255 - 12));
    let names: [&OsStr; 3] = [long.as_ref(), OsStr::from_bytes(b"\xff.safetensors"), "\u{e9}.safetensors".as_ref()];
    for name in names {
        let out = folder.path().join(name);
        init(&recipe, &out, &["--device", "cpu"]).assert().code(0);
        assert!(out.is_file());
        seedtensors().arg("verify").arg(&out).assert().code(0);
        init(&recipe, &out, &["--device", "cpu"]).assert().code(1);
        init(&recipe, &out, &["--device", "cpu", "--force"]).assert().code(0);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn what_is_written_can_be_read() {
    let folder = TempDir::new().unwrap();
    let of_shape = |shape: &[u64]| {
        write_recipe(&folder, &format!("[[tensor]]\nname = \"w\"\nshape = {shape:?}\ninit = \"ones\"\n"))
    };
    let recipe = |count: usize| of_shape(&vec![1; count]);
    let out = folder.path().join("a.safetensors");
    init(&recipe(64), &out, &["--device", "cpu"]).assert().code(0);
    seedtensors().arg("verify").arg(&out).assert().code(0);
    let told = ":3: tensor \"w\": a shape has at most 64 dimensions, not 65";
    init(&recipe(65), &out, &["--force"]).assert().code(1).stderr(predicate::str::contains(told));
    // readers multiply from the left
    let told = "the dimensions before a 0 must multiply to less than 2^64, not [4294967296, 4294967296, 0]";
    let refused = of_shape(&[1 << 32, 1 << 32, 0]);
    init(&refused, &out, &["--force"]).assert().code(1).stderr(predicate::str::contains(told));
    let layer = "[[layer]]\nname = \"n\"\nlayer = { layer_norm = { shape = [4294967296, 4294967296, 0] } }\n";
    init(&write_recipe(&folder, layer), &out, &["--force"]).assert().code(1).stderr(predicate::str::contains(told));
    let empty =
        "[[tensor]]\nname = \"a\"\nshape = [0]\ninit = { uniform = { low = 1.0, high = 16.0 } }\nfunction = \"log\"\n";
    init(&write_recipe(&folder, empty), &out, &["--device", "cpu", "--force"]).assert().code(0);
    init(&of_shape(&[0, 1 << 32, 1 << 32]), &out, &["--device", "cpu", "--force"]).assert().code(0);
    seedtensors().arg("verify").arg(&out).assert().code(0);
}

/// A matrix that takes minutes.
fn matrix(folder: &TempDir) -> PathBuf {
    write_recipe(folder, "[[tensor]]\nname = \"w\"\nshape = [6000, 6000]\ninit = \"orthogonal\"\n")
}

#[test]
fn a_matrix_answers_ctrl_c() {
    let folder = TempDir::new().unwrap();
    let recipe = matrix(&folder);
    let out = folder.path().join("a.safetensors");
    let interrupt = |child: Child| {
        std::thread::sleep(Duration::from_millis(700));
        let begin = Instant::now();
        send("-INT", &child);
        let (code, told) = ended(child);
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
        assert_eq!(code, Some(130), "{told}");
        assert!(told.contains("error: interrupted"), "{told}");
    };
    let child = start_init(&recipe, &out, &["--seed", "1"]);
    wait_until("no file was begun", || listing(folder.path()).len() == 2);
    interrupt(child);
    assert_eq!(listing(folder.path()), ["recipe.toml"]);
    // a file that says so, of zeros
    let header = "{\"__metadata__\": {\"seedtensors.recipe\": \"[[tensor]]\\nname=\\\"w\\\"\\nshape=[6000,6000]\\n\
        init=\\\"orthogonal\\\"\\n\", \"seedtensors.seed\": \"1\", \"seedtensors.values\": \"1\", \
        \"seedtensors.arithmetic\": \"exact\", \"seedtensors.tensors\": \"1\", \
        \"seedtensors.checkpoint\": \"0000000000000000\"}, \
        \"w\": {\"dtype\": \"F32\", \"shape\": [6000, 6000], \"data_offsets\": [0, 144000000]}}";
    fs::write(&out, [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()).unwrap();
    File::options().write(true).open(&out).unwrap().set_len(8 + header.len() as u64 + 144_000_000).unwrap();
    interrupt(start(&["verify".as_ref(), out.as_ref(), "--device".as_ref(), "cpu".as_ref()]));
}

#[test]
fn ignored_signals_stay_ignored_and_a_second_one_ends_at_once() {
    let folder = TempDir::new().unwrap();
    let recipe = matrix(&folder);
    let out = folder.path().join("a.safetensors");
    let command = "trap '' HUP; exec \"$0\" init \"$1\" --seed 1 --device cpu --out \"$2\"";
    let child = Command::new("sh")
        .args(["-c", command])
        .arg(assert_cmd::cargo::cargo_bin("seedtensors"))
        .args([&recipe, &out])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("no file was begun", || listing(folder.path()).len() == 2);
    send("-HUP", &child);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(listing(folder.path()).len(), 2);
    // one right after the other: the second may come while the first is being answered
    send("-TERM", &child);
    send("-TERM", &child);
    assert_eq!(ended(child).0, Some(143));
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let recipe = write_recipe(&folder, &tensors());
    let out = folder.path().join("a.safetensors");
    let command = "ulimit -f 1000; \"$0\" init \"$1\" --seed 1 --device cpu --out \"$2\"";
    let told = predicate::str::contains(format!("error: cannot write {}: File too large", out.display()));
    shell(command, &[&recipe, &out]).assert().code(1).stderr(told);
    assert_eq!(listing(folder.path()), ["recipe.toml"]);
}

/// Stacks for which there is no address space stand for a system that has no more threads: 5 of 4 GB can be had of
/// 22 GB, none of 40 GB.
#[test]
#[cfg(target_os = "linux")]
fn threads_that_cannot_be_made_are_done_without() {
    let folder = TempDir::new().unwrap();
    let orthogonal = "[[tensor]]\nname = \"o\"\nshape = [300, 300]\ninit = \"orthogonal\"\n";
    let recipe = write_recipe(&folder, &(tensors() + orthogonal));
    for (threads, stack) in [(16, 4_000_000_000_u64), (16, 40_000_000_000), (1, 40_000_000_000)] {
        let out = folder.path().join(format!("{threads}-{stack}"));
        let limits =
            format!("ulimit -v 22000000; export RAYON_NUM_THREADS={threads} RUST_MIN_STACK={stack}; exec \"$0\"");
        let run = |rest: &str| shell(&format!("{limits} {rest}"), &[&recipe, &out]);
        run("init \"$1\" --seed 1 --device cpu --max-shard-size 13MB --out \"$2\"").assert().code(0);
        run("verify \"$2\" --device cpu").assert().code(0);
        run("inspect \"$2\"").assert().code(0);
        run("words --seed 1 --count 100000").assert().code(0);
    }
}

#[test]
fn any_number_of_threads_may_be_asked_for() {
    let folder = TempDir::new().unwrap();
    let recipe = write_recipe(&folder, &tensors());
    for count in ["0", "1", "100000", "18446744073709551615", "many"] {
        let begin = Instant::now();
        let out = folder.path().join(count);
        init(&recipe, &out, &["--device", "cpu"]).env("RAYON_NUM_THREADS", count).assert().code(0);
        assert!(begin.elapsed() < Duration::from_secs(30), "{count}: {:?}", begin.elapsed());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn files_that_wait_to_replace_others_need_no_open_files() {
    let folder = TempDir::new().unwrap();
    let tensor = |i: u32| format!("[[tensor]]\nname = \"t{i}\"\nshape = [10]\ninit = \"ones\"\n");
    let recipe = write_recipe(&folder, &(0..100).map(tensor).collect::<String>());
    let out = folder.path().join("out");
    init(&recipe, &out, &["--device", "cpu", "--max-shard-size", "40"]).assert().code(0);
    let command =
        "ulimit -n 40; exec \"$0\" init \"$1\" --seed 2 --device cpu --max-shard-size 40 --force --out \"$2\"";
    shell(command, &[&recipe, &out]).assert().code(0);
    assert_eq!(verified(&out).len(), 101);
    assert_eq!(listing(&out), verified(&out));
}

/// Small files that ask for terabytes, or for hours.
#[test]
#[cfg(target_os = "linux")]
fn a_matrix_is_bounded_by_what_the_file_holds() {
    let folder = TempDir::new().unwrap();
    let file = |tensors: &[(&str, &str)]| {
        let recipe = |(i, (shape, init)): (usize, &(&str, &str))| {
            format!(
                "[[tensor]]\\nname=\\\"{i}\\\"\\nshape={shape}\\ninit={init}\\nshard={{start=[0,0],extent=[1,1]}}\\n"
            )
        };
        let recipe: String = tensors.iter().enumerate().map(recipe).collect();
        let entry = |i: usize| {
            format!(
                ", \"{i}\": {{\"dtype\": \"F32\", \"shape\": [1, 1], \"data_offsets\": [{}, {}]}}",
                4 * i,
                4 * i + 4
            )
        };
        let entries: String = (0..tensors.len()).map(entry).collect();
        let header = format!(
            "{{\"__metadata__\": {{\"seedtensors.recipe\": \"{recipe}\", \"seedtensors.seed\": \"1\", \
             \"seedtensors.values\": \"1\", \"seedtensors.arithmetic\": \"exact\", \"seedtensors.tensors\": \"1\", \
             \"seedtensors.checkpoint\": \"0000000000000000\"}}{entries}}}"
        );
        let path = folder.path().join("a.safetensors");
        let values = vec![0; 4 * tensors.len()];
        fs::write(&path, [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &values].concat()).unwrap();
        path
    };
    let limit = "elements of an orthogonal matrix of 1073741824, and any part takes the random numbers of all: a file may have 256";
    let many = vec![("[2000,2000]", "\\\"orthogonal\\\""); 40];
    for (tensors, told) in [
        (&[("[1099511627776,1]", "{sparse={sparsity=0.5}}")][..], "sparse needs at most 2147483648 rows"),
        (&[("[32768,32768]", "\\\"orthogonal\\\"")], limit),
        (&many, "tensor \"1\" holds 1 elements of an orthogonal matrix of 4000000"),
    ] {
        let path = file(tensors);
        let begin = Instant::now();
        let command = "ulimit -v 4000000; exec \"$0\" verify \"$1\" --device cpu";
        shell(command, &[&path]).assert().code(1).stderr(predicate::str::contains(told));
        assert!(begin.elapsed() < Duration::from_secs(5), "{told}: {:?}", begin.elapsed());
    }
    // an eye takes nothing but what it holds: its first element is 1
    let told = predicate::str::contains("tensor \"0\" element [0, 0] should be 1 (0x3f800000), is 0 (0x00000000)");
    let eye = file(&[("[2147483648,2147483648]", "\\\"eye\\\"")]);
    shell("ulimit -v 4000000; exec \"$0\" verify \"$1\" --device cpu", &[&eye]).assert().code(1).stdout(told);
}
