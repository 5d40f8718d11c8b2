//! The command as its users run it. Tests of `--device gpu` need a device; scripts/test installs one.
#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are known to fit")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use predicates::prelude::*;
use safetensors::{Dtype, SafeTensors};
use tempfile::TempDir;

use common::{init, listing, seedtensors, write_recipe};

fn mlp() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/mlp.toml")
}

#[test]
fn the_file_opens_with_the_public_reader() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("mlp.safetensors");
    init(&mlp(), &out, &["--device", "cpu"]).assert().code(0).stdout("");
    let bytes = fs::read(&out).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.len(), 6);
    let fc1 = file.tensor("fc1.weight").unwrap();
    assert_eq!((fc1.dtype(), fc1.shape()), (Dtype::F32, &[512, 784][..]));
    let values: Vec<f64> =
        fc1.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()).into()).collect();
    let std = (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt();
    // he_normal: sqrt(2 / 784); the standard error of a std from 401,408 values is 0.11 % of it
    assert!((std / (2.0_f64 / 784.0).sqrt() - 1.0).abs() < 0.005, "{std}");
    assert!(file.tensor("fc1.bias").unwrap().data().iter().all(|&byte| byte == 0));
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = metadata.metadata().clone().unwrap();
    assert_eq!(metadata["format"], "pt");
    assert_eq!(metadata["seedtensors.seed"], "42");
    assert_eq!(metadata["seedtensors.values"], "1");
    assert_eq!(metadata["seedtensors.arithmetic"], "exact");
}

#[test]
fn the_bytes_are_the_same_on_the_gpu_and_on_every_run() {
    for dtype in ["f32", "f16", "bf16"] {
        let folder = TempDir::new().unwrap();
        let read = |name: &str, device: &str| {
            let out = folder.path().join(name).with_extension("safetensors");
            init(&mlp(), &out, &["--device", device, "--dtype", dtype]).assert().code(0);
            fs::read(out).unwrap()
        };
        let cpu = read("cpu", "cpu");
        assert_eq!(cpu, read("again", "cpu"), "{dtype}");
        assert!(cpu == read("gpu", "gpu"), "{dtype}: the GPU's file differs");
        assert!(cpu == read("first", "0"), "{dtype}: device 0's file differs");
        assert!(cpu == read("auto", "auto"), "{dtype}: auto's file differs");
        assert!(SafeTensors::deserialize(&cpu).is_ok());
    }
}

#[test]
fn other_seeds_give_other_bytes_and_0x_is_the_same_seed() {
    let folder = TempDir::new().unwrap();
    let run = |seed: &str| {
        let out = folder.path().join(seed).with_extension("safetensors");
        seedtensors()
            .arg("init")
            .arg(mlp())
            .args(["--seed", seed, "--quiet", "--device", "cpu", "--out"])
            .arg(&out)
            .assert()
            .code(0);
        fs::read(out).unwrap()
    };
    assert_eq!(run("42"), run("0x2a"));
    let last = run("18446744073709551615");
    assert_ne!(run("0"), last);
    assert_eq!(run("0xFFFFFFFFFFFFFFFF"), last);
}

#[test]
fn bad_usage_is_exit_2_and_says_what_would_be_right() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out.safetensors");
    for seed in ["-1", "18446744073709551616", "0xg", "1.5", "", "+3"] {
        let mut command = seedtensors();
        command.arg("init").arg(mlp()).args(["--seed", seed, "--out"]).arg(&out);
        command.assert().code(2).stderr(predicate::str::contains("from 0 to 18446744073709551615"));
    }
    init(&mlp(), &out, &["--device", "tpu"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("auto, cpu, gpu, or an index"));
    init(&mlp(), &out, &["--dtype", "f64"]).assert().code(2).stderr(predicate::str::contains("f32, f16, bf16"));
    seedtensors().assert().code(2);
    assert_eq!(listing(folder.path()), [""; 0]);
}

#[test]
fn an_existing_file_is_kept_unless_forced() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("model.safetensors");
    fs::write(&out, "precious").unwrap();
    init(&mlp(), &out, &["--device", "cpu"])
        .assert()
        .code(1)
        .stderr(predicate::str::contains("exists and is kept; --force"));
    assert_eq!(fs::read(&out).unwrap(), b"precious");
    init(&mlp(), &out, &["--device", "cpu", "--force"]).assert().code(0);
    assert!(SafeTensors::deserialize(&fs::read(&out).unwrap()).is_ok());
    assert_eq!(listing(folder.path()), ["model.safetensors"]);
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("no/such/model.safetensors");
    let told = format!("error: cannot write {}: No such file or directory", out.display());
    init(&mlp(), &out, &["--device", "cpu"]).assert().code(1).stderr(predicate::str::contains(told));
    init(Path::new("no.toml"), &out, &[]).assert().code(1).stderr(predicate::str::contains("cannot read no.toml"));
}

#[test]
fn quiet_says_nothing_and_a_run_says_which_device() {
    let folder = TempDir::new().unwrap();
    init(&mlp(), &folder.path().join("a.safetensors"), &["--device", "cpu", "--quiet"])
        .assert()
        .code(0)
        .stdout("")
        .stderr("");
    let told = predicate::str::contains("filling on the CPU").and(predicate::str::contains("6 tensors"));
    init(&mlp(), &folder.path().join("b.safetensors"), &["--device", "cpu"]).assert().code(0).stderr(told);
}

#[test]
fn without_a_device_auto_takes_the_cpu_and_gpu_fails() {
    let folder = TempDir::new().unwrap();
    // a backend that this system does not have
    let backend = if cfg!(target_os = "macos") { "dx12" } else { "metal" };
    let out = folder.path().join("auto.safetensors");
    let told = predicate::str::contains("filling on the CPU: there is no GPU");
    init(&mlp(), &out, &[]).env("WGPU_BACKEND", backend).assert().code(0).stderr(told);
    let told = predicate::str::contains("no GPU found: there is no device; install a Vulkan driver");
    init(&mlp(), &folder.path().join("b.safetensors"), &["--device", "gpu"])
        .env("WGPU_BACKEND", backend)
        .assert()
        .code(1)
        .stderr(told);
    let told = predicate::str::contains("no GPU of index 7");
    init(&mlp(), &folder.path().join("b.safetensors"), &["--device", "7"]).assert().code(1).stderr(told);
    assert_eq!(listing(folder.path()), ["auto.safetensors"]);
}

#[test]
fn devices_lists_what_index_takes() {
    let output = seedtensors().arg("devices").assert().code(0).get_output().stdout.clone();
    let lines: Vec<String> = String::from_utf8(output).unwrap().lines().map(str::to_owned).collect();
    assert!(lines[0].starts_with("cpu  "), "{lines:?}");
    assert!(lines[1].starts_with("0  "), "{lines:?}");
}

/// Each recipe with what its refusal must say, after the file's name.
#[test]
fn bad_recipes_name_the_file_the_line_and_what_would_be_right() {
    let tensor = "[[tensor]]\nname = \"w\"\nshape = [4, 4]\n";
    let cases = [
        ("".to_owned(), ": a recipe needs at least one [[tensor]]"),
        ("[[tensor]]\nname = \"w\"\nshape = [4, 4\n".to_owned(), ":3: "),
        (format!("{tensor}init = \"he_normall\""), ":4: unknown name `he_normall`, expected one of `zeros`"),
        (
            format!("{tensor}init = {{ he_normal = {{ gian = \"tanh\" }} }}"),
            ":4: unknown field `gian`, expected one of `mode`, `gain`, `distribution`",
        ),
        (
            format!("{tensor}init = {{ he_normal = {{ gain = \"tan\" }} }}"),
            ":4: unknown name `tan`, expected one of `linear`",
        ),
        (
            format!("{tensor}init = {{ he_normal = {{ mode = \"fan\" }} }}"),
            ":4: unknown name `fan`, expected one of `fan_in`",
        ),
        (
            format!("{tensor}init = {{ zeros = {{}}, ones = {{}} }}"),
            ":4: a tensor has one initialiser, `ones` is a second one",
        ),
        (format!("{tensor}init = \"constant\""), ":4: missing field `value`"),
        (
            format!("{tensor}init = {{ normal = {{ std = -1.0 }} }}"),
            ":4: tensor \"w\": normal's std must be at least 0, not -1.0",
        ),
        (
            format!("{tensor}init = {{ uniform = {{ low = 2 }} }}"),
            ":4: tensor \"w\": uniform's low must not be above high",
        ),
        (format!("{tensor}init = {{ normal = {{ std = nan }} }}"), ":4: tensor \"w\": normal's std must be finite"),
        (
            format!("{tensor}init = {{ constant = 0.5 }}"),
            ":4: invalid type: floating point `0.5`, expected a table of parameters",
        ),
        (tensor.to_owned(), ":1: tensor \"w\" needs an init, here or in [defaults]"),
        (format!("{tensor}init = 3"), ":4: invalid type: integer `3`, expected an initialiser"),
        (
            format!("{tensor}init = \"zeros\"\ndtype = \"f64\""),
            ":5: unknown name `f64`, expected one of `f32`, `f16`, `bf16`",
        ),
        (
            format!("{tensor}init = \"zeros\"\nshpae = [1]"),
            ":5: unknown field `shpae`, expected one of `name`, `shape`",
        ),
        (format!("{tensor}init = \"zeros\"\n{tensor}init = \"ones\""), ":6: a name may stand once, \"w\""),
        (
            "[[tensor]]\nname = \"w\"\nshape = [4]\ninit = \"he_normal\"".to_owned(),
            ":4: tensor \"w\": fan_in and fan_out need at least two",
        ),
        (
            "[[tensor]]\nname = \"w\"\nshape = [-4]\ninit = \"zeros\"".to_owned(),
            ":3: invalid value: integer `-4`, expected a whole number of at least 0",
        ),
        (
            "[[tensor]]\nname = \"w\"\nshape = [4294967296, 4294967296]\ninit = \"zeros\"".to_owned(),
            ":3: the number of elements of shape",
        ),
        ("[[tensor]]\nname = \"\"\nshape = [4]\ninit = \"zeros\"".to_owned(), ":2: a tensor cannot be named \"\""),
        ("[tensor]\nname = \"w\"".to_owned(), ":1: a table stands once, expected a list: [[tensor]]"),
        (
            "[[tensor]]\nname = \"w\"\nshape = 5".to_owned(),
            ":3: invalid type: integer `5`, expected a list: [512, 784]",
        ),
        (
            format!("{tensor}init = {{ truncated_normal = {{ low = 2.0, high = -2.0 }} }}"),
            ":4: tensor \"w\": truncated normal's low must be below high, not [2.0, -2.0]",
        ),
        (
            format!("{tensor}init = {{ he_normal = {{ distribution = \"uniform\" }} }}"),
            ":4: unknown name `uniform`, expected `normal` or `truncated_normal`",
        ),
        (format!("{tensor}init = \"sparse\""), ":4: missing field `sparsity`"),
        (format!("{tensor}init = \"dirac\""), ":4: tensor \"w\": dirac needs 3 to 5 dimensions, not shape [4, 4]"),
        (
            format!("{tensor}init = \"ones\"\nshard = {{ start = [0, 1], extent = [4, 4] }}"),
            ":5: tensor \"w\": a shard must lie inside shape [4, 4], not start [0, 1] and extent [4, 4]",
        ),
        ("[[layer]]\nname = \"fc\"\nlayer = { linear = { inputs = 3 } }".to_owned(), ":3: missing field `outputs`"),
        (
            "[[layer]]\nname = \"fc\"\nlayer = { conv = { inputs = 3, outputs = 4, kernel = [3], groups = 2 } }"
                .to_owned(),
            ":3: layer \"fc\": a convolution's groups must divide its 4 and 3 channels, not 2",
        ),
        (
            format!(
                "{tensor}init = \"ones\"\n[[tensor]]\nname = \"fc.bias\"\nshape = [2]\ninit = \"ones\"\n[[layer]]\nname = \"fc\"\nlayer = {{ linear = {{ inputs = 1, outputs = 2 }} }}"
            ),
            ":10: a name may stand once, \"fc.bias\"",
        ),
        (
            "[default]\ndtype = \"f32\"".to_owned(),
            ":1: unknown field `default`, expected one of `defaults`, `tensor`, `layer`",
        ),
    ];
    for (text, told) in cases {
        let folder = TempDir::new().unwrap();
        let recipe = write_recipe(&folder, &text);
        let told = format!("error: {}{told}", recipe.display());
        init(&recipe, &folder.path().join("out.safetensors"), &["--device", "cpu"])
            .assert()
            .code(1)
            .stderr(predicate::str::starts_with(told));
        assert_eq!(listing(folder.path()), ["recipe.toml"]);
    }
}

#[test]
fn a_recipe_knows_every_initialiser_layout_and_dtype() {
    let folder = TempDir::new().unwrap();
    let inits = [
        "\"zeros\"",
        "\"ones\"",
        "{ constant = { value = 0.5 } }",
        "\"uniform\"",
        "{ uniform = { low = -1, high = 1 } }",
        "{ normal = { mean = 1, std = 0.02 } }",
        "{ variance_scaling = { scale = 2, mode = \"fan_geo_avg\", distribution = \"uniform\" } }",
        "\"xavier_uniform\"",
        "{ glorot_normal = { gain = 1.5 } }",
        "{ he_normal = { mode = \"fan_out\", gain = \"tanh\" } }",
        "{ kaiming_uniform = { gain = { leaky_relu = 2.23606797749979 } } }",
        "\"lecun_uniform\"",
        "\"lecun_normal\"",
        "{ lecun_normal = { distribution = \"truncated_normal\" } }",
        "{ xavier_normal = { distribution = \"truncated_normal\", gain = \"relu\" } }",
        "\"truncated_normal\"",
        "{ truncated_normal = { std = 0.02, low = 0, high = inf, bounds = \"std\" } }",
        "{ dirac = { groups = 2 } }",
        "{ orthogonal = { gain = 2 } }",
        "\"delta_orthogonal\"",
    ];
    let mut text = "[defaults]\ndtype = \"bf16\"\nlayout = \"in_out\"\n".to_owned();
    for (i, init) in inits.iter().enumerate() {
        text += &format!("[[tensor]]\nname = \"{i}\"\nshape = [3, 8, 16]\ninit = {init}\n");
    }
    text += "[[tensor]]\nname = \"f32\"\nshape = []\ndtype = \"f32\"\ninit = \"ones\"\n";
    text += "[[tensor]]\nname = \"fans\"\nshape = [6]\nfans = { fan_in = 8, fan_out = 2 }\ninit = \"he_normal\"\n";
    text += "[[tensor]]\nname = \"empty\"\nshape = [0, 5]\ngroups = 1\ntransposed = true\ninit = \"he_normal\"\n";
    let out = folder.path().join("out.safetensors");
    init(&write_recipe(&folder, &text), &out, &["--device", "cpu", "--dtype", "f16"]).assert().code(0);
    let bytes = fs::read(out).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.len(), inits.len() + 3);
    assert_eq!(file.tensor("f32").unwrap().data(), 1.0_f32.to_le_bytes());
    assert_eq!(file.tensor("0").unwrap().dtype(), Dtype::F16);
    assert_eq!(file.tensor("1").unwrap().data()[..2], [0x00, 0x3c]);
    assert_eq!(file.tensor("empty").unwrap().shape(), [0, 5]);
    // U(+-1/sqrt(fan_in)), fan_in = 3 * 8
    let values = file.tensor("10").unwrap().data().to_vec();
    let largest =
        values.chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32().abs()).fold(0.0, f32::max);
    assert!(largest <= 1.0 / 24f32.sqrt() && largest > 0.95 / 24f32.sqrt(), "{largest}");
}

/// A shard in a recipe is that rectangle of the whole tensor, for word samplers and matrices, on the CPU and the
/// GPU; fans come from the whole.
#[test]
fn a_shard_of_a_recipe_is_the_rectangle_of_the_whole() {
    let folder = TempDir::new().unwrap();
    let recipe = |shard: &str| {
        ["\"he_normal\"", "\"orthogonal\"", "{ sparse = { sparsity = 0.25 } }", "\"eye\""]
            .iter()
            .enumerate()
            .map(|(i, init)| format!("[[tensor]]\nname = \"{i}\"\nshape = [24, 40]\ninit = {init}\n{shard}\n"))
            .collect::<String>()
    };
    let (whole, part) = (folder.path().join("whole.safetensors"), folder.path().join("part.safetensors"));
    init(&write_recipe(&folder, &recipe("")), &whole, &["--device", "cpu"]).assert().code(0);
    let whole = fs::read(whole).unwrap();
    let whole = SafeTensors::deserialize(&whole).unwrap();
    for device in ["cpu", "gpu"] {
        let text = recipe("shard = { start = [3, 8], extent = [20, 12] }");
        init(&write_recipe(&folder, &text), &part, &["--device", device, "--force"]).assert().code(0);
        let part = fs::read(&part).unwrap();
        let part = SafeTensors::deserialize(&part).unwrap();
        for name in ["0", "1", "2", "3"] {
            let (whole, part) = (whole.tensor(name).unwrap(), part.tensor(name).unwrap());
            assert_eq!(part.shape(), [20, 12]);
            let expected: Vec<u8> = (3..23).flat_map(|row| whole.data()[(row * 40 + 8) * 4..][..48].to_vec()).collect();
            assert!(part.data() == expected, "tensor {name} on {device}");
        }
    }
}

#[test]
fn layers_stand_in_the_order_of_the_text_with_pytorchs_names() {
    let folder = TempDir::new().unwrap();
    let text = "[[layer]]\nname = \"fc\"\nlayer = { linear = { inputs = 64, outputs = 10 } }\n\
        [[tensor]]\nname = \"between\"\nshape = [2]\ninit = \"ones\"\n\
        [[layer]]\nname = \"rnn\"\nlayer = { gru = { inputs = 3, hidden = 4, bidirectional = true, bias = false } }\n";
    let out = folder.path().join("out.safetensors");
    init(&write_recipe(&folder, text), &out, &["--device", "cpu"]).assert().code(0);
    let bytes = fs::read(&out).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Vec<_> = file.iter().collect();
    tensors.sort_by_key(|(_, view)| view.data().as_ptr());
    let names: Vec<&str> = tensors.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "fc.weight",
            "fc.bias",
            "between",
            "rnn.weight_ih_l0",
            "rnn.weight_hh_l0",
            "rnn.weight_ih_l0_reverse",
            "rnn.weight_hh_l0_reverse"
        ]
    );
    assert_eq!(file.tensor("rnn.weight_ih_l0").unwrap().shape(), [12, 3]);
}

/// What is listed can be written in a recipe, and stands in the README.
#[test]
fn initialisers_are_listed() {
    let output = seedtensors().arg("initialisers").assert().code(0).get_output().stdout.clone();
    let text = String::from_utf8(output).unwrap();
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recipes.md")).unwrap();
    let names: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with(' ') && !line.contains(':'))
        .flat_map(|line| line.split(", "))
        .filter(|name| !name.is_empty())
        .collect();
    assert!(names.len() >= 20, "{names:?}");
    for name in names {
        assert!(readme.contains(&format!("`{name}`")), "{name} is not in the README");
        let folder = TempDir::new().unwrap();
        let parameters = match name {
            "constant" => "value = 1",
            "sparse" => "sparsity = 0.5",
            _ => "",
        };
        let shape = if ["dirac", "delta_orthogonal"].contains(&name) { "[4, 4, 3]" } else { "[4, 4]" };
        let recipe = format!("[[tensor]]\nname = \"w\"\nshape = {shape}\ninit = {{ {name} = {{ {parameters} }} }}\n");
        init(&write_recipe(&folder, &recipe), &folder.path().join("out.safetensors"), &["--device", "cpu"])
            .assert()
            .code(0);
    }
}

/// Ctrl-C while a file of 8 GB is being made.
#[test]
#[cfg(unix)]
fn an_interrupted_run_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let text = "[[tensor]]\nname = \"w\"\nshape = [2000000000]\ninit = \"zeros\"";
    let recipe = write_recipe(&folder, text);
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let child = common::in_the_foreground()
            .arg("init")
            .arg(&recipe)
            .args(["--seed", "1", "--device", "cpu", "--out"])
            .arg(folder.path().join("out.safetensors"))
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let begin = Instant::now();
        while listing(folder.path()).len() < 2 {
            assert!(begin.elapsed() < Duration::from_secs(60), "no file was begun");
            std::thread::sleep(Duration::from_millis(5));
        }
        let kill = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("error: interrupted: 0 of 1 files are whole"), "{told}");
        assert_eq!(listing(folder.path()), ["recipe.toml"]);
    }
}

/// Against PyTorch's words of the same keys (tests/vectors/torch_stateless_philox.json).
#[test]
fn words_are_the_words_of_the_key() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/torch_stateless_philox.json");
    let vectors: serde_json::Value = serde_json::from_str(&fs::read_to_string(vectors).unwrap()).unwrap();
    let words = |more: &[&str]| {
        let output = seedtensors().arg("words").args(more).assert().code(0).get_output().stdout.clone();
        output.chunks_exact(4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap())).collect::<Vec<u32>>()
    };
    let cases = vectors["cases"].as_array().unwrap().iter().filter(|case| case["offset"] == "0");
    let mut tried = 0;
    for case in cases {
        let bits = case["bits"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| u32::from_str_radix(word.as_str().unwrap(), 16).unwrap());
        let bits: Vec<u32> = bits.collect();
        let (seed, count) = (case["seed"].as_str().unwrap(), bits.len().to_string());
        assert_eq!(words(&["--seed", seed, "--count", &count]), bits);
        assert_eq!(words(&["--seed", seed, "--start", "3", "--count", "5"]), bits[3..8]);
        tried += 1;
    }
    assert!(tried > 0);
    assert_ne!(words(&["--seed", "1", "--name", "w", "--count", "4"]), words(&["--seed", "1", "--count", "4"]));
    assert_eq!(words(&["--seed", "1", "--count", "2000001"]).len(), 2_000_001);
    assert!(words(&["--seed", "1", "--count", "0"]).is_empty());
    assert_eq!(words(&["--seed", "1", "--start", "18446744073709551615", "--count", "1"]).len(), 1);
    let past = ["words", "--seed", "1", "--start", "18446744073709551615", "--count", "2"];
    seedtensors().args(past).assert().code(1).stderr(predicate::str::contains("is more than an integer can count"));
}

#[test]
fn words_end_when_nobody_reads_them() {
    use std::io::Read as _;
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("seedtensors"))
        .args(["words", "--seed", "1"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut some = [0; 1000];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn doctor_examines_every_device() {
    let output = seedtensors().args(["doctor", "--bits", "14"]).assert().code(0).get_output().stdout.clone();
    let output = String::from_utf8(output).unwrap();
    for told in ["check: exact, in ", "agreement: 0 of 360448 elements differ", "normal, exact, f32", " of storing"] {
        assert!(output.contains(told), "{output}");
    }
    let backend = if cfg!(target_os = "macos") { "dx12" } else { "metal" };
    let told = predicate::str::contains("no GPU: install its Vulkan driver");
    seedtensors().arg("doctor").env("WGPU_BACKEND", backend).assert().code(0).stdout(told);
}
