//! A short run of tools/src/bin/fuzz_operations, and that it sees what it must.

#[path = "../../tools/src/bin/fuzz_operations/main.rs"]
mod fuzz;

use std::path::Path;
use std::time::Duration;

#[test]
fn whole_operations_on_mutilated_files_end_well() {
    let program = assert_cmd::cargo::cargo_bin("seedtensors");
    let fuzzer = fuzz::Fuzzer::new(&program, 11).unwrap();
    let mut codes = [0; 2];
    for number in 0..150 {
        let (code, faults) = fuzzer.case(number).unwrap();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        codes[usize::try_from(code.unwrap()).unwrap()] += 1;
    }
    // inputs that are all refused, or all taken, would show nothing
    assert!(codes.iter().all(|count| *count >= 20), "{codes:?}");
}

#[test]
fn the_fuzzer_sees_crashes_hangs_and_unsafe_text() {
    let folder = tempfile::tempdir().unwrap();
    let run = |script: &str| {
        let arguments = ["-c".to_owned(), script.to_owned()];
        fuzz::child::run(Path::new("/bin/sh"), &arguments, folder.path(), Duration::from_millis(700)).unwrap().fault
    };
    assert_eq!(run("echo fine; exit 0"), None);
    assert_eq!(run("echo error >&2; exit 1"), None);
    for (script, told) in [
        ("kill -ABRT $$", "signal: 6"),
        ("kill -SEGV $$", "signal: 11"),
        ("exec sleep 60", "no end after 700ms"),
        ("exit 101", "exit code 101"),
        ("exit 1", "a failure without a word"),
        ("printf '\\033[2J'", "stdout has \\u{1b}"),
        ("printf '\\342\\200\\256' >&2", "stderr has \\u{202e}"),
        ("printf '\\377'", "stdout is no UTF-8"),
        ("echo 'this is a bug of seedtensors: x' >&2", "bug of seedtensors"),
        // memory without end
        ("x=$(tail /dev/zero)", "exit code"),
    ] {
        let fault = run(script);
        let is_seen = fault.as_ref().is_some_and(|fault| fault.contains(told) || fault.contains("no end"));
        assert!(is_seen, "{script}: {fault:?}");
    }
}
