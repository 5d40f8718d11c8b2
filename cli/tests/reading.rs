//! Reading files that are broken, hostile, of another format, or not all there: `verify`, `inspect` and `--like`.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use common::{init, listing, seedtensors, write_recipe};

/// Exit code, stdout and stderr of a command that must end within 20 seconds.
fn run(arguments: &[&str], path: &Path) -> (i32, String, String) {
    let mut command = seedtensors();
    command.args(arguments).arg(path).timeout(Duration::from_secs(20));
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or_else(|| panic!("{arguments:?} {path:?}: {}", output.status));
    (code, text(output.stdout), text(output.stderr))
}

fn verify(path: &Path) -> (i32, String, String) {
    run(&["verify", "--device", "cpu"], path)
}

/// A safetensors file of this header and so many bytes of zeros.
fn file_of(header: &str, values: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + values, 0);
    bytes
}

/// Six tensors of 1000 bytes in three files, with an index.
fn sharded(folder: &TempDir, name: &str, tensors: &str) -> PathBuf {
    let tensor = |name| format!("[[tensor]]\nname = \"{name}\"\nshape = [250]\ninit = {{ normal = {{}} }}\n");
    let recipe = write_recipe(folder, &tensors.chars().map(tensor).collect::<String>());
    let out = folder.path().join(name);
    init(&recipe, &out, &["--device", "cpu", "--max-shard-size", "2KB"]).assert().code(0);
    out
}

const INDEX: &str = "model.safetensors.index.json";
const SHARDS: [&str; 3] =
    ["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"];

fn change_index(folder: &Path, change: impl Fn(&mut Value)) {
    let path = folder.join(INDEX);
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut index);
    fs::write(path, index.to_string()).unwrap();
}

fn leave_out(index: &mut Value, shard: &str) {
    index["weight_map"].as_object_mut().unwrap().retain(|_, file| file != shard);
}

/// Rules that are for every tensor.
fn any_rules(folder: &TempDir) -> String {
    let path = folder.path().join("rules.toml");
    fs::write(&path, "[[rule]]\nname = \"*\"\ninit = \"ones\"\n").unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn shards_that_an_index_leaves_out_are_found() {
    let folder = TempDir::new().unwrap();
    let out = sharded(&folder, "out", "abcdef");
    assert_eq!(verify(&out).0, 0);
    change_index(&out, |index| leave_out(index, SHARDS[1]));
    let told = [
        "the index is not whole: file model-00002-of-00003.safetensors is missing",
        "the index says total_size 6000, its files have 4000 bytes of values",
        "the index says total_parameters 1500, its files have 1000 elements",
        "file model-00002-of-00003.safetensors is in the directory and not in the index",
        "the files' records have 4 tensors of the checkpoint's 6",
    ];
    let (code, stdout, stderr) = verify(&out);
    assert_eq!((code, stdout.lines().collect::<Vec<_>>()), (1, told.to_vec()));
    assert!(stderr.contains("not verified: 5 findings"), "{stderr}");
    // inspect warns of the same, but for the records
    let (code, _, stderr) = run(&["inspect"], &out);
    assert_eq!(code, 0);
    for told in &told[..4] {
        assert!(stderr.contains(&format!("warning: {told}")), "{stderr}");
    }

    // nor is the rest a whole when the file, the totals and the index are gone, too
    fs::remove_file(out.join(SHARDS[1])).unwrap();
    change_index(&out, |index| index["metadata"] = Value::Null);
    assert_eq!(verify(&out).1.lines().collect::<Vec<_>>(), [told[0], told[4]]);
    fs::remove_file(out.join(INDEX)).unwrap();
    let (code, stdout, _) = verify(&out);
    let missing = "file model-00002-of-00003.safetensors is missing";
    assert_eq!((code, stdout.lines().collect::<Vec<_>>()), (1, vec![missing, told[4]]));
    for (i, shard) in [SHARDS[0], SHARDS[2]].into_iter().enumerate() {
        fs::rename(out.join(shard), out.join(format!("{i}.safetensors"))).unwrap();
    }
    assert_eq!(verify(&out).1.lines().collect::<Vec<_>>(), [told[4]]);
    fs::rename(out.join("0.safetensors"), out.join("model.safetensors")).unwrap();
    fs::remove_file(out.join("1.safetensors")).unwrap();
    assert_eq!(verify(&out).1, "the files' records have 2 tensors of the checkpoint's 6\n");
}

#[test]
fn nothing_is_verified_of_nothing() {
    let folder = TempDir::new().unwrap();
    let out = sharded(&folder, "out", "abcdef");
    change_index(&out, |index| index["weight_map"] = json!({}));
    let (code, stdout, stderr) = verify(&out);
    assert!(code == 1 && stdout.starts_with("the index lists no tensors\n"), "{stdout}");
    assert!(stderr.contains("not verified"), "{stderr}");
    // its header's tensors go, its record stays
    let path = folder.path().join("a.safetensors");
    let bytes = fs::read(out.join(SHARDS[0])).unwrap();
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let metadata = &header["__metadata__"];
    assert_eq!(
        (&metadata["seedtensors.tensors"], metadata["seedtensors.checkpoint"].as_str().unwrap().len()),
        (&json!("6"), 16)
    );
    fs::write(&path, file_of(&json!({ "__metadata__": metadata }).to_string(), 0)).unwrap();
    assert_eq!(verify(&path).1, "tensor \"a\" is missing\ntensor \"b\" is missing\n");
    // a record without what the whole has is none
    for key in ["seedtensors.tensors", "seedtensors.checkpoint"] {
        let mut metadata = metadata.clone();
        metadata.as_object_mut().unwrap().remove(key);
        fs::write(&path, file_of(&json!({ "__metadata__": metadata }).to_string(), 0)).unwrap();
        let (code, stdout, stderr) = verify(&path);
        assert!(code == 1 && stdout.is_empty() && stderr.contains(key), "{stderr}");
    }
}

#[test]
fn a_file_that_is_asked_for_alone_may_be_a_part() {
    let folder = TempDir::new().unwrap();
    let out = sharded(&folder, "out", "abcdef");
    let (code, stdout, stderr) = verify(&out.join(SHARDS[1]));
    assert_eq!((code, stdout.as_str()), (0, ""));
    assert!(stderr.contains("what seed 42 gives, a part of its checkpoint: 2 of 6 tensors, 2.00 kB"), "{stderr}");
    assert!(verify(&out).2.contains("what seed 42 gives, 6 tensors, 6.00 kB"));
}

#[test]
fn files_of_two_checkpoints_are_not_one() {
    let folder = TempDir::new().unwrap();
    let out = sharded(&folder, "out", "abcdef");
    let other = sharded(&folder, "other", "abcdxyz");
    assert_eq!(listing(&other).len(), 5);
    // the same seed, and each file's values are right
    fs::copy(other.join("model-00003-of-00004.safetensors"), out.join(SHARDS[2])).unwrap();
    change_index(&out, |index| {
        leave_out(index, SHARDS[2]);
        index["weight_map"]["x"] = json!(SHARDS[2]);
        index["weight_map"]["y"] = json!(SHARDS[2]);
    });
    let (code, stdout, _) = verify(&out);
    assert_eq!((code, stdout.lines().count()), (1, 1), "{stdout}");
    assert!(stdout.contains("model-00003-of-00003.safetensors is of another checkpoint: one of 7 tensors"), "{stdout}");
}

#[test]
fn what_stands_beside_is_named_and_hidden_files_are_not() {
    let folder = TempDir::new().unwrap();
    let out = sharded(&folder, "out", "abcdef");
    for name in [".hidden.safetensors", "extra.safetensors", "notes.txt"] {
        fs::write(out.join(name), "").unwrap();
    }
    assert_eq!(verify(&out).1, "file extra.safetensors is in the directory and not in the index\n");
    let index = out.join(INDEX);
    assert_eq!(verify(&index).0, 1);
    // another index may list it; --like has no need of it
    fs::write(out.join("extra.safetensors.index.json"), r#"{"weight_map":{"x":"extra.safetensors"}}"#).unwrap();
    assert_eq!(verify(&out).0, 0);
    fs::remove_file(out.join("extra.safetensors.index.json")).unwrap();
    assert_eq!(run(&["recipe", "--rules", &any_rules(&folder), "--like"], &out).0, 0);
    // totals that are floats, or not there
    fs::remove_file(out.join("extra.safetensors")).unwrap();
    for (total, code) in
        [(json!(6000.0), 0), (Value::Null, 0), (json!(6000.5), 1), (json!(5999), 1), (json!("6000"), 1)]
    {
        change_index(&out, |index| index["metadata"]["total_size"] = total.clone());
        assert_eq!(verify(&out).0, code, "{total}");
    }

    let single = folder.path().join("single");
    fs::create_dir(&single).unwrap();
    init(&folder.path().join("recipe.toml"), &single.join("model.safetensors"), &["--device", "cpu"]).assert().code(0);
    assert_eq!(verify(&single).0, 0);
    fs::write(single.join("b.safetensors"), "").unwrap();
    assert_eq!(verify(&single).1, "file b.safetensors is not read: model.safetensors stands beside it\n");
}

#[test]
fn what_safetensors_reads_is_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.safetensors");
    let rules = any_rules(&folder);
    let tensor = |more: &str| format!(r#""w":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]{more}}}"#);
    let deep = |depth| format!(r#","note":{}1{}"#, "[".repeat(depth), "]".repeat(depth));
    let cases = [
        format!(r#"{{"__metadata__":null,{}}}"#, tensor("")),
        format!(r#"{{"__metadata__":{{"a":"b"}},{}}}"#, tensor(r#","note":{"a":[1,null,"x"]},"note":2"#)),
        format!("{{{}}}", tensor(&deep(100))),
        r#"{"w":["F32",[1],[0,4]]}"#.to_owned(),
        format!(r#"{{"__metadata__":{{"a":null}},{}}}"#, tensor("")),
        format!(r#"{{"__metadata__":{{"a":1}},{}}}"#, tensor("")),
        format!(r#"{{"__metadata__":null,"__metadata__":null,{}}}"#, tensor("")),
        format!("{{{}}}", tensor(r#","dtype":"F32""#)),
        format!("{{{}}}", tensor(r#","note":1e999"#)),
        format!("{{{}}}", tensor(r#","note":"\ud800""#)),
        format!("{{{}}}", tensor(&deep(200))),
        format!("\u{feff}{{{}}}", tensor("")),
    ];
    for (i, header) in cases.into_iter().enumerate() {
        let bytes = file_of(&header, 4);
        fs::write(&path, &bytes).unwrap();
        let theirs = safetensors::SafeTensors::deserialize(&bytes);
        assert_eq!(theirs.is_ok(), i < 4, "{header}");
        for command in [&["inspect"][..], &["recipe", "--rules", &rules, "--like"]] {
            let (code, _, stderr) = run(command, &path);
            assert_eq!(code, i32::from(theirs.is_err()), "{header}: {stderr}");
        }
    }
}

#[test]
fn files_of_other_formats_are_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.safetensors");
    let index = folder.path().join(INDEX);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 5\n";
    let cases: [(&[u8], &str); 10] = [
        (pointer.as_bytes(), "a Git LFS pointer, in place of the file: `git lfs pull` fetches it"),
        (b"\xef\xbb\xbf\n <!DOCTYPE html>\n<html><body>404</body></html>", "an HTML page"),
        (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "an XML document"),
        (b"PK\x03\x04\0\0\x08\x08\0\0archive/data.pkl", "a zip archive, as PyTorch's torch.save writes it"),
        (b"GGUF\x03\0\0\0\0\0\0\0", "a GGUF file"),
        (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j", "a Python pickle"),
        (b"\x80\x04\x95\x10\0\0\0\0\0\0\0", "a Python pickle"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "a gzip archive"),
        (b"\x93NUMPY\x01\0v\0{'descr'", "a NumPy file"),
        (b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file"),
    ];
    for (bytes, told) in cases {
        for path in [&path, &index] {
            fs::write(path, bytes).unwrap();
            for command in [&["verify"][..], &["inspect"], &["recipe", "--like"]] {
                let (code, stdout, stderr) = run(command, path);
                assert!(code == 1 && stdout.is_empty() && stderr.contains(told), "{told}: {stderr}");
            }
        }
    }
    for (json, told) in [
        ("\u{feff}{\"weight_map\":{}}", "JSON has no byte order mark"),
        ("{\"metadata\":{\"total_size\":\nNaN},\"weight_map\":{}}", "line 2 has NaN, which Python writes"),
        ("{\"metadata\":{\"x\":-Infinity},\"weight_map\":{}}", "line 1 has -Infinity, which Python writes"),
        ("", "the file is empty"),
    ] {
        fs::write(&index, json).unwrap();
        let (code, _, stderr) = verify(&index);
        assert!(code == 1 && stderr.contains(told), "{told}: {stderr}");
    }
    // a header whose length looks like gzip's first bytes is still one
    let tensor = r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    fs::write(&path, file_of(&format!("{tensor:35615}"), 4)).unwrap();
    assert_eq!(run(&["inspect"], &path).0, 0);
}

#[test]
fn a_directory_of_another_format_is_told_as_one() {
    let folder = TempDir::new().unwrap();
    let told = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let (code, _, stderr) = run(&["inspect"], folder.path());
        fs::remove_file(path).unwrap();
        assert_eq!(code, 1);
        stderr
    };
    let none = "there is no safetensors file in this directory";
    let of = |what: &str| format!("{none}; {what}");
    assert!(told("pytorch_model.bin", b"PK\x03\x04").contains(&of("pytorch_model.bin is a zip archive, as PyTorch's")));
    assert!(told("consolidated.00.pth", b"\x80\x02}q").contains(&of("consolidated.00.pth is a Python pickle")));
    assert!(told("m.gguf", b"GGUF\x03").contains(&of("m.gguf is a GGUF file")));
    assert!(told("tf_model.h5", b"other").contains(&of("tf_model.h5 is of another format")));
    let readme = told("README.md", b"<html>");
    assert!(readme.contains(none) && !readme.contains("README"), "{readme}");
}

#[test]
fn values_that_are_not_there_have_no_statistics() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.safetensors");
    let header = r#"{"nan":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"none":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}"#;
    let mut bytes = file_of(header, 8);
    let at = bytes.len() - 8;
    bytes[at..].copy_from_slice(&[0, 0, 0xc0, 0x7f, 0, 0, 0x80, 0x7f]);
    fs::write(&path, bytes).unwrap();
    let (_, stdout, _) = run(&["inspect", "--json"], &path);
    for tensor in serde_json::from_str::<Vec<Value>>(&stdout).unwrap() {
        for key in ["mean", "std", "min", "max", "std_errors"] {
            assert!(tensor[key].is_null() && tensor.get(key).is_some(), "{tensor}");
        }
    }
    let (_, stdout, _) = run(&["inspect"], &path);
    let rows: Vec<Vec<&str>> = stdout.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["nan", "[2]", "F32", "-", "-", "-", "-", "-", "-", "0", "1", "1"]);
    assert_eq!(rows[1], ["none", "[0]", "F32", "-", "-", "-", "-", "-", "-", "0", "0", "0"]);

    let text = "[[tensor]]\nname = \"w\"\nshape = [1000]\ndtype = \"f16\"\ninit = { normal = { std = 1e-9 } }\n";
    let out = folder.path().join("flushed.safetensors");
    init(&write_recipe(&folder, text), &out, &["--device", "cpu"]).assert().code(0);
    let (_, stdout, _) = run(&["inspect", "--json"], &out);
    let tensors: Vec<Value> = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&tensors[0]["zeros"], &tensors[0]["std_errors"]), (&json!(1000), &Value::Null));
}

/// As many files as `verify` and `inspect` may not have open at once.
#[test]
#[cfg(unix)]
fn many_files_are_read_with_few_open() {
    let folder = TempDir::new().unwrap();
    let tensor = |i: u32| format!("[[tensor]]\nname = \"t{i}\"\nshape = [250]\ninit = {{ normal = {{}} }}\n");
    let recipe = write_recipe(&folder, &(0..60).map(tensor).collect::<String>());
    let out = folder.path().join("out");
    init(&recipe, &out, &["--device", "cpu", "--max-shard-size", "1KB"]).assert().code(0);
    let command = assert_cmd::cargo::cargo_bin("seedtensors");
    let like = format!("recipe --rules {} --like", any_rules(&folder));
    for arguments in ["verify --device cpu", "inspect", &like] {
        let limited = format!("ulimit -n 20; exec {} {arguments} {}", command.display(), out.display());
        let output = std::process::Command::new("sh").args(["-c", &limited]).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Whether a text has no character that a terminal must never get.
fn is_harmless(text: &str) -> bool {
    let harmful =
        |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2066}\u{200b}\u{feff}\u{2028}\u{ffff}".contains(c);
    !text.contains(harmful)
}

#[test]
fn escapes_of_hostile_files_never_reach_the_terminal() {
    const ESC: &str = "\\u001b]0;pwned\\u0007\\u001b[2J\\u202e\\u200b";
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.safetensors");
    let index = folder.path().join(INDEX);
    let entry = r#"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
    let record = |key: &str, value: &str| {
        let all = [
            ("arithmetic", "exact"),
            ("checkpoint", "0123456789abcdef"),
            ("recipe", ""),
            ("seed", "1"),
            ("tensors", "1"),
            ("values", "1"),
        ];
        let all = all.map(|(name, usual)| (format!("seedtensors.{name}"), if name == key { value } else { usual }));
        let mut metadata = String::new();
        all.iter().for_each(|(name, value)| write!(metadata, "\"{name}\":\"{value}\",").unwrap());
        format!(r#"{{"__metadata__":{{{metadata}"a":"b"}},"w":{entry}}}"#)
    };
    let keys = ["arithmetic", "checkpoint", "recipe", "seed", "tensors", "values"];
    let headers = keys.map(|key| record(key, ESC)).into_iter().chain([
        format!(r#"{{"w":{{"dtype":"{ESC}","shape":[1],"data_offsets":[0,4]}}}}"#),
        format!(r#"{{"w":{{"{ESC}":"F32","shape":[1],"data_offsets":[0,4]}}}}"#),
        format!(r#"{{"w":{{"dtype":"F32","shape":"{ESC}","data_offsets":[0,4]}}}}"#),
        format!(r#"{{"{ESC}":{entry}}}"#),
        format!(r#"{{"__metadata__":{{"{ESC}":1}},"w":{entry}}}"#),
        format!(r#"{{"__metadata__":"{ESC}","w":{entry}}}"#),
        format!(r#"{{"a\u202e\u2066\u200b\ufeff\u2028\uffffb":{entry}}}"#),
    ]);
    let commands = [
        &["verify"][..],
        &["inspect"],
        &["inspect", "--json"],
        &["recipe", "--like"],
        &["inspect", "--tensor", "x\u{1b}[2J"],
    ];
    for header in headers {
        fs::write(&path, file_of(&header, 4)).unwrap();
        for command in commands {
            let (_, stdout, stderr) = run(command, &path);
            assert!(is_harmless(&stdout) && is_harmless(&stderr), "{command:?} {header}\n{stdout:?}\n{stderr:?}");
        }
    }
    for json in [
        format!(r#"{{"weight_map":{{"a":"{ESC}.safetensors"}}}}"#),
        format!(r#"{{"weight_map":{{"{ESC}":"b.safetensors"}}}}"#),
        r#"{"weight_map":{"a\u202e":"b\u202e\u200b.safetensors"}}"#.to_owned(),
        format!(r#"{{"weight_map":"{ESC}"}}"#),
        format!(r#"{{"{ESC}":1,"weight_map":{{"w":"a.safetensors"}}}}"#),
        format!(r#"{{"metadata":{{"total_size":"{ESC}"}},"weight_map":{{"w":"a.safetensors"}}}}"#),
        format!(r#"{{"metadata":"{ESC}","weight_map":{{}}}}"#),
    ] {
        fs::write(&index, &json).unwrap();
        for command in commands {
            let (_, stdout, stderr) = run(command, &index);
            assert!(is_harmless(&stdout) && is_harmless(&stderr), "{command:?} {json}\n{stdout:?}\n{stderr:?}");
        }
    }
}

/// Files' names: on Linux any bytes but two.
#[test]
#[cfg(target_os = "linux")]
fn escapes_of_file_names_never_reach_the_terminal() {
    let folder = TempDir::new().unwrap();
    let out = sharded(&folder, "out", "abcdef");
    let hostile = "a\u{1b}[2J\nverified: every bit\u{202e}\u{200b}";
    for name in [format!("{hostile}.safetensors"), format!("{hostile}-00001-of-00009.safetensors")] {
        let dir = folder.path().join(format!("{hostile}{}", name.len()));
        fs::create_dir(&dir).unwrap();
        fs::copy(out.join(SHARDS[0]), dir.join(&name)).unwrap();
        fs::copy(out.join(SHARDS[1]), dir.join("b.safetensors")).unwrap();
        let plot = dir.join(format!("{hostile}.svg"));
        let drawn = ["inspect", "--plot", plot.to_str().unwrap()];
        for path in [&dir, &dir.join(&name), &dir.join("none\u{1b}[2J\n.safetensors")] {
            for command in [
                &["verify", "--device", "cpu"][..],
                &["inspect"],
                &["inspect", "--json"],
                &["recipe", "--like"],
                &drawn,
            ] {
                let (_, stdout, stderr) = run(command, path);
                assert!(is_harmless(&stdout) && is_harmless(&stderr), "{command:?} {path:?}\n{stdout:?}\n{stderr:?}");
                // a line break in a name begins no line
                assert!(
                    ![&stdout, &stderr].iter().any(|text| text.contains("\nverified: every bit\\u")),
                    "{stdout}{stderr}"
                );
            }
        }
        // a file that no index lists
        fs::copy(out.join(INDEX), dir.join(INDEX)).unwrap();
        let (code, stdout, _) = verify(&dir);
        assert!(code == 1 && is_harmless(&stdout) && stdout.contains("\\nverified: every bit\\u{202e}"), "{stdout}");
    }
}

#[test]
fn long_names_are_shortened_in_the_table_and_whole_in_json() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.safetensors");
    let long = format!("begin{}end", "x".repeat(100_000));
    let entries: BTreeMap<String, Value> = (0..1000)
        .map(|i| (format!("{i:04}"), json!({ "dtype": "U8", "shape": [1], "data_offsets": [i + 1, i + 2] })))
        .chain([(long.clone(), json!({ "dtype": "U8", "shape": [1], "data_offsets": [0, 1] }))])
        .collect();
    fs::write(&path, file_of(&json!(entries).to_string(), 1001)).unwrap();
    let (code, stdout, _) = run(&["inspect"], &path);
    assert_eq!((code, stdout.lines().count()), (0, 1002));
    assert!(stdout.lines().all(|line| line.chars().count() < 250));
    let row = stdout.lines().nth(1).unwrap();
    assert!(row.starts_with("beginxxx") && row.contains("xxx…xxx") && row.contains("xxxend  "), "{row}");
    let (_, stdout, _) = run(&["inspect", "--json"], &path);
    let list: Vec<Value> = serde_json::from_str(&stdout).unwrap();
    assert!(list.len() == 1001 && list[0]["name"] == long);
    // the layout is serde's
    assert_eq!(
        stdout,
        format!("{}\n", serde_json::to_string_pretty(&serde_json::from_str::<Value>(&stdout).unwrap()).unwrap())
    );
}

#[test]
fn a_plot_of_any_range_ends_and_is_xml() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.safetensors");
    let ranges = [
        (0.0, 5e-324),
        (1e-320, 2e-310),
        (1.0, 1.0 + f64::EPSILON),
        (-8e307, 8e307),
        (f64::MIN, f64::MAX),
        (0.0, f64::MAX),
    ];
    let mut header = serde_json::Map::new();
    let mut values = Vec::new();
    for (i, (low, high)) in ranges.into_iter().enumerate() {
        let entry = json!({ "dtype": "F64", "shape": [2], "data_offsets": [16 * i, 16 * i + 16] });
        header.insert(format!("<{i}>&\u{ffff}\u{fffe}\u{202e}"), entry);
        values.extend([low, high].map(f64::to_le_bytes).concat());
    }
    let mut bytes = file_of(&json!(header).to_string(), 0);
    bytes.extend(values);
    fs::write(&path, bytes).unwrap();
    for ending in ["svg", "png"] {
        let plot = folder.path().join(format!("p.{ending}"));
        let (code, _, stderr) = run(&["inspect", "--plot", plot.to_str().unwrap()], &path);
        // the range from the least to the greatest number is beyond f64
        assert!(code == 0 && stderr.contains("drew 5 tensors"), "{stderr}");
    }
    let drawing = fs::read_to_string(folder.path().join("p.svg")).unwrap();
    assert!(drawing.contains("&lt;0&gt;&amp;\\u{ffff}\\u{fffe}\\u{202e}"), "{drawing}");
    assert!(is_harmless(&drawing) && drawing.len() < 100_000);
    assert_eq!(listing(folder.path()), ["a.safetensors", "p.png", "p.svg"]);
}

/// A pipe that nobody writes to, at every place where a file is read.
#[test]
#[cfg(unix)]
fn pipes_are_refused_and_not_waited_for() {
    let folder = TempDir::new().unwrap();
    let pipe = |path: &Path| assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    let out = sharded(&folder, "out", "abcdef");
    let (single, index) = (folder.path().join("p.safetensors"), folder.path().join("p.json"));
    pipe(&single);
    pipe(&index);
    let directory = folder.path().join("directory");
    fs::create_dir(&directory).unwrap();
    pipe(&directory.join("m.safetensors"));
    let binary = folder.path().join("binary");
    fs::create_dir(&binary).unwrap();
    pipe(&binary.join("pytorch_model.bin"));
    let of_index = folder.path().join("of_index");
    fs::create_dir(&of_index).unwrap();
    pipe(&of_index.join(INDEX));
    let shard = out.join(SHARDS[1]);
    fs::remove_file(&shard).unwrap();
    pipe(&shard);
    for path in [&single, &index, &directory, &of_index, &out] {
        for command in [&["verify"][..], &["inspect"], &["recipe", "--like"]] {
            let (code, _, stderr) = run(command, path);
            assert!(code == 1 && stderr.contains("this is no regular file"), "{command:?} {path:?}: {stderr}");
        }
    }
    assert_eq!(run(&["inspect"], &binary).0, 1);
    // an index beside, which is read for its files' names alone
    fs::remove_file(&shard).unwrap();
    pipe(&out.join("other.safetensors.index.json"));
    assert!(verify(&out).1.contains("file model-00002-of-00003.safetensors of the index is missing"));
}

/// As many missing files as a few names can promise.
#[test]
fn files_that_names_promise_are_told_as_ranges() {
    let folder = TempDir::new().unwrap();
    for i in 0..60 {
        let header = format!(r#"{{"t{i}":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}}}"#);
        fs::write(folder.path().join(format!("m{i}-00007-of-99999.safetensors")), file_of(&header, 1)).unwrap();
    }
    let (code, stdout, stderr) = run(&["inspect"], folder.path());
    assert_eq!((code, stdout.lines().count(), stderr.lines().count()), (0, 61, 120), "{stderr}");
    let told = "warning: 99992 files are missing: m0-00008-of-99999.safetensors to m0-99999-of-99999.safetensors";
    assert!(stderr.contains(told), "{stderr}");
    // so with an index of as many tensors
    let map: serde_json::Map<String, Value> = (0..100_000).map(|i| (format!("t{i}"), json!("x.safetensors"))).collect();
    fs::write(folder.path().join(INDEX), json!({ "weight_map": map }).to_string()).unwrap();
    let (_, _, stderr) = run(&["inspect"], folder.path());
    assert!(
        stderr.contains("99900 more tensors are not where the index says") && stderr.lines().count() < 400,
        "{stderr}"
    );
}
