//! Whole checkpoints as their users make and check them.
#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are known to fit")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use predicates::prelude::*;
use safetensors::SafeTensors;
use serde_json::{Value, json};
use tempfile::TempDir;

use common::{contents, init, listing, seedtensors, write_recipe};

/// The small configuration of a family, of which transformers' tensors are known.
fn config(folder: &TempDir, family: &str) -> PathBuf {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/vectors/hf/{family}.json"));
    let vectors: Value = serde_json::from_str(&fs::read_to_string(vectors).unwrap()).unwrap();
    let path = folder.path().join("config.json");
    fs::write(&path, serde_json::to_string(&vectors["small"]).unwrap()).unwrap();
    path
}

fn init_family(config: &Path, out: &Path, more: &[&str]) -> assert_cmd::Command {
    let mut command = seedtensors();
    command
        .args(["init", "--config"])
        .arg(config)
        .args(["--seed", "42", "--device", "cpu", "--out"])
        .arg(out)
        .args(more);
    command
}

/// A tensor's bytes, by its name, whichever file has it.
fn tensors(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = contents(folder).into_iter().filter(|(name, _)| name.ends_with(".safetensors"));
    let mut tensors = BTreeMap::new();
    for (_, bytes) in files {
        for (name, view) in SafeTensors::deserialize(&bytes).unwrap().iter() {
            assert!(tensors.insert(name.to_owned(), view.data().to_vec()).is_none(), "{name} stands twice");
        }
    }
    tensors
}

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

#[test]
fn a_directory_has_hugging_faces_layout() {
    let folder = TempDir::new().unwrap();
    let config = config(&folder, "llama");
    let (whole, sharded) = (folder.path().join("whole"), folder.path().join("sharded"));
    init_family(&config, &whole, &[]).assert().code(0);
    assert_eq!(listing(&whole), ["config.json", "model.safetensors"]);
    assert_eq!(fs::read(whole.join("config.json")).unwrap(), fs::read(&config).unwrap());

    init_family(&config, &sharded, &["--max-shard-size", "500KB"]).assert().code(0);
    let files = contents(&sharded);
    let index: Value = serde_json::from_slice(&files["model.safetensors.index.json"]).unwrap();
    let all = tensors(&sharded);
    assert_eq!(index["metadata"]["total_size"], all.values().map(Vec::len).sum::<usize>());
    assert_eq!(index["metadata"]["total_parameters"], all.values().map(Vec::len).sum::<usize>() / 4);
    let map = index["weight_map"].as_object().unwrap();
    assert!(map.keys().eq(all.keys()));
    let count = files.len() - 2;
    assert!(count > 3);
    for i in 1..=count {
        let name = format!("model-{i:05}-of-{count:05}.safetensors");
        let file = SafeTensors::deserialize(&files[&name]).unwrap();
        assert!(file.names().iter().all(|tensor| map[&**tensor] == name));
        assert!(file.iter().map(|(_, view)| view.data().len()).sum::<usize>() <= 500_000);
    }
    // shards change no value
    assert!(all == tensors(&whole));
}

#[test]
fn ranks_together_write_the_bytes_of_one_run() {
    let folder = TempDir::new().unwrap();
    let config = config(&folder, "gpt2");
    let size = ["--max-shard-size", "300KB"];
    let one = folder.path().join("one");
    init_family(&config, &one, &size).assert().code(0);
    let expected = contents(&one);
    let variables = [
        ("RANK", "WORLD_SIZE"),
        ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
        ("PMI_RANK", "PMI_SIZE"),
        ("SLURM_PROCID", "SLURM_NTASKS"),
    ];
    for world_size in [2, 3, 50] {
        let out = folder.path().join(format!("of{world_size}"));
        for rank in (0..world_size).rev() {
            let (rank, world_size) = (rank.to_string(), world_size.to_string());
            let ranks = ["--rank", &rank, "--world-size", &world_size, size[0], size[1]];
            init_family(&config, &out, &ranks).assert().code(0);
        }
        assert!(contents(&out) == expected, "{world_size} ranks");
    }
    for (i, (rank_variable, size_variable)) in variables.into_iter().enumerate() {
        let out = folder.path().join(format!("env{i}"));
        for rank in ["1", "0", "2"] {
            let mut command = init_family(&config, &out, &["--rank", "env", size[0], size[1]]);
            for (rank, size) in variables {
                command.env_remove(rank).env_remove(size);
            }
            command.env(rank_variable, rank).env(size_variable, "3").assert().code(0);
        }
        assert!(contents(&out) == expected, "{rank_variable}");
    }
    // the shares differ by no more than a file
    let plan = init_family(
        &config,
        &folder.path().join("p"),
        &["--dry-run", "--rank", "0", "--world-size", "3", size[0], size[1]],
    );
    let plan = text(&{ plan }.assert().code(0).get_output().stdout);
    let mut loads = BTreeMap::<&str, u64>::new();
    for line in plan.lines().filter(|line| line.contains("rank ")) {
        *loads.entry(line.rsplit("rank ").next().unwrap()).or_default() += 1;
    }
    assert_eq!(loads.len(), 3, "{plan}");
    assert!(loads.values().max().unwrap() - loads.values().min().unwrap() <= 1, "{plan}");

    let refused = |more: &[&str], told: &str| {
        let mut command = init_family(&config, &folder.path().join("no"), more);
        for (rank, size) in variables {
            command.env_remove(rank).env_remove(size);
        }
        command.assert().code(1).stderr(predicate::str::contains(told));
    };
    refused(&["--rank", "3", "--world-size", "3"], "a rank is below the world size 3, not 3");
    refused(&["--rank", "0"], "--rank needs --world-size");
    refused(&["--rank", "env"], "--rank env finds none of RANK and WORLD_SIZE, OMPI_COMM_WORLD_RANK");
}

#[test]
fn the_cpu_and_the_gpu_write_the_same_directory() {
    let folder = TempDir::new().unwrap();
    let config = config(&folder, "vit");
    for dtype in ["f32", "bf16", "f16"] {
        let run = |device: &str| {
            let out = folder.path().join(format!("{device}-{dtype}"));
            let mut command = seedtensors();
            command.args(["init", "--seed", "7", "--dtype", dtype, "--device", device, "--max-shard-size", "100KB"]);
            command.arg("--config").arg(&config).arg("--out").arg(&out).assert().code(0);
            contents(&out)
        };
        assert!(run("cpu") == run("gpu"), "{dtype}");
    }
}

/// Killed without a chance to tidy up, at several moments, then resumed.
#[test]
#[cfg(unix)]
fn a_killed_run_is_resumed_to_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    let tensor = |i: u32| format!("[[tensor]]\nname = \"t{i}\"\nshape = [1500, 4096]\ninit = {{ normal = {{}} }}\n");
    let recipe = write_recipe(&folder, &(0..16).map(tensor).collect::<String>());
    let whole = folder.path().join("whole");
    let flags = ["--device", "cpu", "--max-shard-size", "25MB"];
    init(&recipe, &whole, &flags).assert().code(0);
    let expected = contents(&whole);
    assert_eq!(expected.len(), 17);
    for files in [1, 5] {
        let out = folder.path().join(format!("killed{files}"));
        let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("seedtensors"))
            .args(["init", "--seed", "42", "--quiet"])
            .args(flags)
            .arg(&recipe)
            .arg("--out")
            .arg(&out)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begin = Instant::now();
        let whole = |name: &String| name.starts_with("model-");
        while !out.is_dir() || listing(&out).iter().filter(|name| whole(name)).count() < files {
            assert!(begin.elapsed() < Duration::from_secs(60), "nothing was written");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let left = contents(&out);
        assert!(!left.contains_key("model.safetensors.index.json"), "it was not killed in time");
        // what has its final name is whole
        assert!(left.iter().filter(|(name, _)| whole(name)).all(|(name, bytes)| expected[name] == *bytes));

        init(&recipe, &out, &flags).assert().code(1).stderr(predicate::str::contains("exists and is kept; --force"));
        let told = predicate::str::contains("model-00001-of-00016.safetensors is whole, and kept");
        init(&recipe, &out, &[&flags[..], &["--resume"]].concat()).assert().code(0).stderr(told);
        assert!(contents(&out) == expected, "{files}");
        // nothing is left to do
        init(&recipe, &out, &[&flags[..], &["--resume"]].concat()).assert().code(0);
        assert!(contents(&out) == expected);
    }
}

#[test]
fn what_is_of_another_run_is_neither_taken_nor_lost() {
    let folder = TempDir::new().unwrap();
    let config = config(&folder, "llama");
    let out = folder.path().join("out");
    let sharded = ["--max-shard-size", "600KB"];
    init_family(&config, &out, &sharded).assert().code(0);
    let before = contents(&out);
    let other = ["--max-shard-size", "600KB", "--resume", "--set", "initializer_range=0.1"];
    init_family(&config, &out, &other)
        .assert()
        .code(1)
        .stderr(predicate::str::contains("model-00001-of-00004.safetensors exists and is of another recipe, seed"));
    for more in [&[][..], &["--resume"]] {
        init_family(&config, &out, more)
            .assert()
            .code(1)
            .stderr(predicate::str::contains("is of another checkpoint, and is kept; --force removes it"));
    }
    assert!(contents(&out) == before);
    // what no file replaces is found before the first file is
    for name in ["config.json", "model.safetensors.index.json", "model-00009-of-00009.safetensors"] {
        let kept = fs::read(out.join(name)).ok();
        let _ = fs::remove_file(out.join(name));
        fs::create_dir(out.join(name)).unwrap();
        let told = predicate::str::contains(format!("{name} is a directory, and no file replaces it"));
        let other = ["--max-shard-size", "600KB", "--set", "initializer_range=0.1", "--force"];
        init_family(&config, &out, &other).assert().code(1).stderr(told);
        fs::remove_dir(out.join(name)).unwrap();
        kept.into_iter().for_each(|bytes| fs::write(out.join(name), bytes).unwrap());
        assert!(contents(&out) == before);
    }
    // a shard that transformers would load, or an index that names it, must not stay behind
    init_family(&config, &out, &["--force"]).assert().code(0);
    assert_eq!(listing(&out), ["config.json", "model.safetensors"]);
    assert!(tensors(&out).len() == 21);
}

#[test]
fn a_dry_run_says_what_would_be_written() {
    let folder = TempDir::new().unwrap();
    let config = config(&folder, "llama");
    let out = folder.path().join("out");
    let told =
        init_family(&config, &out, &["--dry-run", "--dtype", "bf16"]).assert().code(0).get_output().stdout.clone();
    let told = text(&told);
    init_family(&config, &out, &["--dtype", "bf16"]).assert().code(0);
    let size = fs::metadata(out.join("model.safetensors")).unwrap().len();
    assert!(told.contains(&format!("21 tensors, 483,968 parameters, 973.22 kB ({size} bytes) in 1 file")), "{told}");
    // the copied config says what was written
    let copied: Value = serde_json::from_slice(&fs::read(out.join("config.json")).unwrap()).unwrap();
    assert_eq!(copied["dtype"], "bfloat16");

    let recipe = write_recipe(&folder, "[[tensor]]\nname = \"w\"\nshape = [2000000000000]\ninit = \"zeros\"");
    init(&recipe, &folder.path().join("huge"), &["--device", "cpu"]).assert().code(1).stderr(
        predicate::str::contains("bytes free, and 8000000000").and(predicate::str::contains(" are to be written")),
    );
    assert!(!folder.path().join("huge").exists());
}

/// A tensor of 3 GB within 1 GB of addresses.
#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_tensor() {
    let folder = TempDir::new().unwrap();
    let recipe = write_recipe(&folder, "[[tensor]]\nname = \"w\"\nshape = [750000000]\ninit = { normal = {} }");
    let limited = |arguments: String| {
        let program = assert_cmd::cargo::cargo_bin("seedtensors");
        let script = format!("ulimit -v 1000000; exec {} {arguments}", program.display());
        assert_cmd::Command::new("sh").args(["-c", &script]).assert().code(0);
    };
    let out = folder.path().join("w.safetensors");
    let (recipe, out) = (recipe.display(), out.display());
    limited(format!("init {recipe} --seed 1 --device cpu --out {out}"));
    limited(format!("verify {out} --device cpu"));
    limited(format!("inspect {out}"));
}

#[test]
fn a_recipe_that_is_printed_is_a_recipe() {
    let folder = TempDir::new().unwrap();
    let config = config(&folder, "bert");
    let printed = |more: &[&str]| {
        let mut command = seedtensors();
        command.args(["recipe", "--config"]).arg(&config).args(more);
        text(&command.assert().code(0).get_output().stdout)
    };
    let out = |name: &str| folder.path().join(name).with_extension("safetensors");
    init_family(&config, &out("family"), &["--style", "olmo"]).assert().code(0);
    let recipe = write_recipe(&folder, &printed(&["--style", "olmo"]));
    init(&recipe, &out("recipe"), &["--device", "cpu"]).assert().code(0);
    assert!(fs::read(out("family")).unwrap() == fs::read(out("recipe")).unwrap());

    let small = printed(&["--set", "num_hidden_layers=1", "--set", "hidden_size=64"]);
    assert!(small.contains("shape = [512, 64]") && !small.contains("layer.1."), "{small}");
    let template = folder.path().join("mine.toml.jinja");
    fs::write(&template, "[[tensor]]\nname = \"{{ what }}\"\nshape = [{{ hidden_size // 2 }}]\ninit = \"ones\"\n")
        .unwrap();
    let mine = printed(&["--recipe", template.to_str().unwrap(), "--set", "what=a b"]);
    assert_eq!(mine, "[[tensor]]\nname = \"a b\"\nshape = [64]\ninit = \"ones\"\n");
    fs::write(&template, "\n\n{% for %}").unwrap();
    let mut command = seedtensors();
    command
        .args(["recipe", "--recipe"])
        .arg(&template)
        .assert()
        .code(1)
        .stderr(predicate::str::contains("mine.toml.jinja:3: "));
}

#[test]
fn verify_finds_what_differs() {
    let folder = TempDir::new().unwrap();
    let config = config(&folder, "llama");
    let out = folder.path().join("out");
    init_family(&config, &out, &["--max-shard-size", "600KB", "--dtype", "bf16"]).assert().code(0);
    let verify = |path: &Path| {
        let mut command = seedtensors();
        command.arg("verify").arg(path).args(["--device", "cpu"]);
        command
    };
    let told = predicate::str::contains("verified: every bit is what seed 42 gives, 21 tensors, 967.94 kB");
    verify(&out).assert().code(0).stdout("").stderr(told);
    verify(&out.join("model.safetensors.index.json")).assert().code(0).stdout("");
    verify(&out.join("model-00001-of-00002.safetensors")).assert().code(0).stdout("");
    for device in ["gpu", "0"] {
        seedtensors().arg("verify").arg(&out).args(["--device", device]).assert().code(0).stdout("");
    }

    // one bit, then two more elements of the same tensor, and one of another
    let path = out.join("model-00002-of-00002.safetensors");
    let original = fs::read(&path).unwrap();
    let mut bytes = original.clone();
    let place = |name: &str, element: usize| {
        let file = SafeTensors::deserialize(&original).unwrap();
        file.tensor(name).unwrap().data().as_ptr() as usize - original.as_ptr() as usize + 2 * element
    };
    bytes[place("lm_head.weight", 128 * 300 + 5)] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let finding = "tensor \"lm_head.weight\" element [300, 5] should be ";
    verify(&out)
        .assert()
        .code(1)
        .stdout(predicate::str::starts_with(finding).and(predicate::str::contains("(1 differ)")));
    bytes[place("lm_head.weight", 128 * 511 + 127)] ^= 1;
    bytes[place("lm_head.weight", 7) + 1] ^= 0x80;
    bytes[place("model.norm.weight", 127)] ^= 4;
    fs::write(&path, &bytes).unwrap();
    let output = text(&verify(&out).assert().code(1).get_output().stdout);
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 2, "{output}");
    assert!(
        lines[0].starts_with("tensor \"model.norm.weight\" element [127] should be 1 (0x3f80), is 1.03125 (0x3f84)")
    );
    assert!(
        lines[1].starts_with("tensor \"lm_head.weight\" element [0, 7] should be ") && lines[1].ends_with("(3 differ)")
    );

    fs::remove_file(&path).unwrap();
    let told = predicate::str::contains("file model-00002-of-00002.safetensors of the index is missing")
        .and(predicate::str::contains("tensor \"lm_head.weight\" of the index is missing"));
    verify(&out).assert().code(1).stdout(told);
}

#[test]
fn verify_takes_the_recipe_by_hand() {
    let folder = TempDir::new().unwrap();
    let recipe = "[[tensor]]\nname = \"a\"\nshape = [4, 6]\ninit = \"he_normal\"\n[[tensor]]\nname = \"b\"\nshape = [3]\ninit = \"ones\"\n";
    let recipe = write_recipe(&folder, recipe);
    let out = folder.path().join("out.safetensors");
    init(&recipe, &out, &["--device", "cpu"]).assert().code(0);
    let bytes = fs::read(&out).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let values = |name: &str| file.tensor(name).unwrap().data().to_vec();
    let write = |tensors: &[(&str, &[usize], Vec<u8>)]| {
        let views = tensors.iter().map(|(name, shape, bytes)| {
            (*name, safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), bytes).unwrap())
        });
        safetensors::serialize_to_file(views, None, &out).unwrap();
    };
    let by_hand = |seed: &str| {
        let mut command = seedtensors();
        command.arg("verify").arg(&out).arg(&recipe).args(["--seed", seed, "--device", "cpu"]);
        command
    };
    write(&[("a", &[4, 6], values("a")), ("b", &[3], values("b"))]);
    let told = "out.safetensors does not record its recipe and seed; give them: --seed N and a recipe";
    seedtensors().arg("verify").arg(&out).assert().code(1).stderr(predicate::str::contains(told));
    seedtensors()
        .arg("verify")
        .arg(&out)
        .arg(&recipe)
        .assert()
        .code(1)
        .stderr(predicate::str::contains("needs --seed"));
    by_hand("42").assert().code(0).stdout("");
    by_hand("43").assert().code(1).stdout(predicate::str::starts_with("tensor \"a\" element [0, 0] should be "));
    write(&[("a", &[6, 4], values("a")), ("c", &[3], values("b"))]);
    let output = text(&by_hand("42").assert().code(1).get_output().stdout);
    let mut lines: Vec<&str> = output.lines().collect();
    lines.sort_unstable();
    let expected = [
        "tensor \"a\" should be [4, 6] of F32, is [6, 4] of F32",
        "tensor \"b\" is missing",
        "tensor \"c\" is not of the recipe",
    ];
    assert_eq!(lines, expected);

    init(&recipe, &out, &["--device", "cpu", "--arithmetic", "native", "--force"]).assert().code(0);
    let told = "the values are native, the device's own: only exact ones can be verified";
    seedtensors().arg("verify").arg(&out).assert().code(1).stderr(predicate::str::contains(told));
}

#[test]
fn inspect_says_what_values_are_like() {
    let folder = TempDir::new().unwrap();
    let config = config(&folder, "bert");
    let out = folder.path().join("out");
    init_family(&config, &out, &[]).assert().code(0);
    let inspect = |path: &Path, more: &[&str]| {
        let mut command = seedtensors();
        command.arg("inspect").arg(path).args(more);
        command
    };
    let list: Value = serde_json::from_slice(&inspect(&out, &["--json"]).assert().code(0).get_output().stdout).unwrap();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 42);
    let mut drawn = 0;
    for tensor in list {
        assert_eq!((&tensor["nans"], &tensor["infinities"]), (&json!(0), &json!(0)));
        match tensor["std_errors"].as_f64() {
            // a false alarm in 1.7 million
            Some(errors) => assert!(errors.abs() < 5.0, "{tensor}"),
            None => assert_eq!((&tensor["std"], &tensor["promised_std"]), (&json!(0.0), &json!(0.0))),
        }
        drawn += usize::from(tensor["std_errors"].is_number());
    }
    assert_eq!(drawn, 16);
    let words = list.iter().find(|t| t["name"] == "bert.embeddings.word_embeddings.weight").unwrap();
    // the padding's row
    assert_eq!(words["zeros"], 128);

    let some = ["--tensor", "*LayerNorm*"];
    let table = text(&inspect(&out, &some).assert().code(0).get_output().stdout);
    assert_eq!(table.lines().count(), 1 + 12);
    let (svg, png) = (folder.path().join("p.svg"), folder.path().join("p.png"));
    inspect(&out, &["--plot", svg.to_str().unwrap()])
        .assert()
        .code(0)
        .stderr(predicate::str::contains("drew 16 tensors"));
    let drawing = fs::read_to_string(&svg).unwrap();
    assert!(drawing.starts_with("<svg") && drawing.contains("promised") && drawing.matches("<polyline").count() >= 16);
    inspect(&out, &["--plot", png.to_str().unwrap()]).assert().code(0);
    assert!(fs::read(&png).unwrap().starts_with(b"\x89PNG"));
    let told = predicate::str::contains("exists and is kept; --force");
    inspect(&out, &["--plot", png.to_str().unwrap()]).assert().code(1).stderr(told);

    // any safetensors file, of any dtype
    let view = |dtype, shape: Vec<usize>, bytes| safetensors::tensor::TensorView::new(dtype, shape, bytes).unwrap();
    let nan: Vec<u8> = [f32::NAN, f32::INFINITY, 3.0, -1.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let foreign = folder.path().join("foreign.safetensors");
    let views = [
        ("floats", view(safetensors::Dtype::F32, vec![4], &nan)),
        ("bytes", view(safetensors::Dtype::I8, vec![2, 2], &[1, 255, 0, 0])),
        ("complex", view(safetensors::Dtype::C64, vec![1], &[0; 8])),
        ("none", view(safetensors::Dtype::F64, vec![0], &[])),
    ];
    safetensors::serialize_to_file(views, None, &foreign).unwrap();
    let list: Value =
        serde_json::from_slice(&inspect(&foreign, &["--json"]).assert().code(0).get_output().stdout).unwrap();
    let of = |name: &str| list.as_array().unwrap().iter().find(|tensor| tensor["name"] == name).unwrap().clone();
    let floats = of("floats");
    assert_eq!([&floats["nans"], &floats["infinities"], &floats["mean"]], [&json!(1), &json!(1), &json!(1.0)]);
    assert_eq!(floats["std"], json!(8f64.sqrt()));
    assert_eq!([&of("bytes")["min"], &of("bytes")["zeros"]], [&json!(-1.0), &json!(2)]);
    assert!(of("complex").get("mean").is_none() && of("none")["finite"] == 0.0);
}

#[test]
fn a_checkpoint_like_another_has_its_names_shapes_and_dtypes() {
    let folder = TempDir::new().unwrap();
    let config = config(&folder, "qwen2");
    let (model, again) = (folder.path().join("model"), folder.path().join("again"));
    init_family(&config, &model, &["--dtype", "f16", "--max-shard-size", "200KB"]).assert().code(0);
    let like = |more: &[&str]| {
        let mut command = seedtensors();
        command.args(["init", "--seed", "9", "--device", "cpu", "--like"]).arg(&model).args(more);
        command
    };
    like(&["--out", again.to_str().unwrap()]).assert().code(0);
    assert_eq!(listing(&again), ["config.json", "model.safetensors"]);
    let (before, after) = (tensors(&model), tensors(&again));
    assert!(before.iter().map(|(name, bytes)| (name, bytes.len())).eq(after.iter().map(|(n, b)| (n, b.len()))));
    let norm = "model.norm.weight";
    assert_eq!(
        (&before[norm], &before["model.layers.0.self_attn.q_proj.bias"]),
        (&after[norm], &after["model.layers.0.self_attn.q_proj.bias"])
    );
    assert_ne!(before["model.layers.0.self_attn.q_proj.weight"], after["model.layers.0.self_attn.q_proj.weight"]);
    seedtensors().arg("verify").arg(&again).assert().code(0);

    let rules = folder.path().join("rules.toml");
    let rule = "[[rule]]\nname = \"*.layers.1.*\"\nskip = true\n[[rule]]\nname = \"*bias\"\ninit = \"ones\"\n";
    fs::write(&rules, rule).unwrap();
    let with_rules = ["--rules", rules.to_str().unwrap(), "--out", again.to_str().unwrap(), "--force"];
    let told = predicate::str::contains("no rule is for tensor \"model.embed_tokens.weight\" of shape ").and(
        predicate::str::contains("# 1 tensor of shape [128]\n[[rule]]\nname = \"model.norm.weight\"\ninit = \"?\"\n"),
    );
    like(&with_rules).assert().code(1).stderr(told);
    fs::write(&rules, format!("{rule}[[rule]]\nname = \"*\"\ninit = \"xavier_uniform\"\ndtype = \"bf16\"\n")).unwrap();
    let told =
        predicate::str::contains("the rules give no recipe: tensor \"model.layers.0.input_layernorm.weight\": fan_in");
    like(&with_rules).assert().code(1).stderr(told);
    fs::write(
        &rules,
        format!("{}[[rule]]\nname = \"*\"\ninit = \"xavier_uniform\"\n", rule.replace("*bias", "*{bias,norm.weight}")),
    )
    .unwrap();
    like(&with_rules).assert().code(0);
    assert!(tensors(&again).keys().all(|name| !name.contains(".layers.1.")));
    fs::write(&rules, "[[rule]]\nname = \"*\"\ninit = \"ones\"\ninti = 3\n").unwrap();
    like(&with_rules).assert().code(1).stderr(predicate::str::contains("unknown field `inti`"));
}

/// What others may have made, and its refusal.
#[test]
fn hostile_files_are_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.safetensors");
    let file = |json: &str, values: usize| {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(json.as_bytes());
        bytes.resize(bytes.len() + values, 0);
        bytes
    };
    let tensor = |name: &str, shape: &str, begin: u64, end: u64| {
        format!("{name:?}:{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[{begin},{end}]}}")
    };
    let of = |tensors: &[String]| format!("{{{}}}", tensors.join(","));
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    let dims = format!("[{}1]", "1,".repeat(1_000_000));
    let cases = [
        (vec![1, 2, 3], "no safetensors file, it has 3 bytes"),
        (u64::MAX.to_le_bytes().to_vec(), "or a header of 18446744073709551615 bytes: at most 100000000 are read"),
        (100_000_001_u64.to_le_bytes().to_vec(), "or a header of 100000001 bytes"),
        (50_u64.to_le_bytes().to_vec(), "the header ends at byte 58, the file at byte 8"),
        (file("[]", 0), "the header: invalid type: sequence, expected a map of tensors"),
        (file(&deep, 0), "the header: "),
        (file(&of(&[tensor("a", "[2]", 0, 8)]), 4), "tensor \"a\" ends at byte 8, the file's values at byte 4"),
        (file(&of(&[tensor("a", "[2]", 0, 8)]), 12), "the tensors end at byte 8, the file's values at byte 12"),
        (file(&of(&[tensor("a", "[3]", 0, 8)]), 8), "has 8 bytes, which is not shape [3] of F32"),
        (file(&of(&[tensor("a", "[2]", 8, 0)]), 8), "leaves a gap before it: it begins at byte 8, not 0"),
        (file(&of(&[tensor("a", "[2]", 0, 8), tensor("b", "[2]", 4, 12)]), 12), "\"b\" overlaps the tensor before it"),
        (file(&of(&[tensor("a", "[1]", 0, 4), tensor("b", "[1]", 8, 12)]), 12), "\"b\" leaves a gap before it"),
        (file(&of(&[tensor("a", "[1]", 0, 4), tensor("a", "[1]", 0, 4)]), 4), "\"a\" stands twice"),
        (file(&of(&[tensor("a", "[4294967296,4294967296]", 0, 8)]), 8), "which is not shape"),
        (file(&of(&[tensor("a", &dims, 0, 4)]), 4), "expected at most 64 dimensions"),
        (file(&of(&[tensor("../../a", "[1]", 0, 4)]), 4), "as a path it would lead out of a folder"),
        (file(&of(&[tensor("/a", "[1]", 0, 4)]), 4), "as a path it would lead out of a folder"),
        (file(&of(&[tensor("a\\b", "[1]", 0, 4)]), 4), "as a path it would lead out of a folder"),
        (
            file("{\"a\\u001b[2J\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4),
            "it has control characters",
        ),
        (file("{\"__metadata__\":{\"a\":1}}", 0), "the header: invalid type: integer `1`, expected a string"),
    ];
    for (bytes, told) in cases {
        fs::write(&path, bytes).unwrap();
        for command in [&["verify"][..], &["inspect"], &["recipe", "--like"]] {
            seedtensors().args(command).arg(&path).assert().code(1).stdout("").stderr(predicate::str::contains(told));
        }
    }
    let index = folder.path().join("model.safetensors.index.json");
    let cases = [
        ("{}", "missing field `weight_map`"),
        (
            r#"{"weight_map":{"a":"../x.safetensors"}}"#,
            "the index names \"../x.safetensors\", a file of its own directory",
        ),
        (r#"{"weight_map":{"a":"/etc/x.safetensors"}}"#, "a file of its own directory"),
        (r#"{"weight_map":{"a":"..\\x.safetensors"}}"#, "a file of its own directory"),
        (r#"{"weight_map":{"a":"config.json"}}"#, "a file of its own directory"),
        (r#"{"weight_map":{"a":"x.safetensors","a":"y.safetensors"}}"#, "\"a\" stands twice"),
    ];
    for (json, told) in cases {
        fs::write(&index, json).unwrap();
        seedtensors().arg("verify").arg(&index).assert().code(1).stderr(predicate::str::contains(told));
    }
    seedtensors().args(["inspect", "/dev/zero"]).assert().code(1).stderr(predicate::str::contains("no regular file"));
}

/// Templates that would never end, or fill the memory; within 2 GB of addresses.
#[test]
#[cfg(target_os = "linux")]
fn hostile_templates_and_configs_are_refused() {
    let folder = TempDir::new().unwrap();
    let template = folder.path().join("t.jinja");
    let doubling = "{% set x = 'aaaaaaaaaaaaaaaa' %}".to_owned() + &"{% set x = x ~ x %}".repeat(60) + "{{ x }}";
    let loops = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}";
    let cases = [
        // by the limit of steps, or on a slow machine by that of time
        (loops.to_owned(), "t.jinja"),
        (doubling, "t.jinja"),
        ("{{ 'x' * 10000000000 }}".to_owned(), "too l"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}".to_owned(), "recursion"),
        ("{{ ".to_owned() + &"(".repeat(100_000), "t.jinja:1: "),
        // minijinja 3.1.0 panics on this one, which the fuzzer found
        ("{% import 'shared/tensors.jinja' as 1 %}".to_owned(), "the template is none that minijinja can read"),
        ("{% include 't.jinja' %}".to_owned(), "t.jinja"),
        ("{% include '/etc/passwd' %}".to_owned(), "/etc/passwd"),
        ("{% include '../recipes/families/llama.jinja' %}".to_owned(), "llama.jinja"),
        ("x = ".to_owned() + &"[".repeat(200_000), "the rendered recipe"),
        ("a.".repeat(100_000) + "b = 1", "the rendered recipe"),
    ];
    let limited = |arguments: String| {
        let program = assert_cmd::cargo::cargo_bin("seedtensors");
        let script = format!("ulimit -v 2000000; exec {} {arguments}", program.display());
        assert_cmd::Command::new("sh").args(["-c", &script]).assert()
    };
    for (text, told) in cases {
        fs::write(&template, &text).unwrap();
        let run = limited(format!("recipe --recipe {}", template.display()));
        run.code(1).stdout("").stderr(predicate::str::contains(told));
    }
    // the fuzzer's, too: a layer's name went into its tensors' unchecked, and so many layers filled the memory
    let layer = |name: &str, layers: u64| {
        format!("[[layer]]\nname = {name:?}\nlayer = {{ lstm = {{ inputs = 3, hidden = 4, layers = {layers} }} }}\n")
    };
    for (text, told) in [
        (layer("../a", 1), ":2: a tensor cannot be named \"../a.weight_ih_l0\""),
        (layer("a", 9_000_000_000_000_000_000), "a recurrent layer has at most 10000 layers, not 9000000000000000000"),
    ] {
        let recipe = write_recipe(&folder, &text);
        limited(format!("recipe {}", recipe.display())).code(1).stdout("").stderr(predicate::str::contains(told));
    }
    let config = folder.path().join("config.json");
    for (text, told) in [
        ("[".repeat(1_000_000), "is no config"),
        ("{\"model_type\": \"llama\"".to_owned(), "is no config"),
        (r#"{"model_type": "llama", "hidden_size": "x", "intermediate_size": 1, "num_attention_heads": 1, "num_hidden_layers": 1, "vocab_size": 1}"#.to_owned(), "shared/decoder.jinja:"),
        (r#"{"model_type": "../../etc/passwd"}"#.to_owned(), "there is no recipe for model_type"),
        (r#"{"model_type": "gpt2", "n_embd": 18446744073709551612, "n_layer": 1, "n_positions": 1, "vocab_size": 2}"#.to_owned(), "the rendered recipe:"),
        (r#"{"model_type": "gpt2", "n_embd": -3, "n_layer": 1, "n_positions": 1, "vocab_size": 2}"#.to_owned(), "n_embd must be a whole number above 0, not -3"),
    ] {
        fs::write(&config, text).unwrap();
        limited(format!("recipe --config {}", config.display())).code(1).stdout("").stderr(predicate::str::contains(told));
    }
}
