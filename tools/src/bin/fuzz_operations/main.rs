//! Runs whole operations of the command on mutilated files, each in a process with limits of time and memory:
//!
//! ```sh
//! cargo build --release && cargo run --release -p seedtensors-tools --bin fuzz_operations -- MINUTES [SEED [ONLY]]
//! ```
//!
//! Each run must end in time with exit code 0, 1 or 2, print only what is safe for a terminal, and leave nothing behind
//! when it fails. `verify` must not accept a checkpoint whose values were changed. The input of a run that breaks a
//! rule is kept in `target/fuzz/`, and the exit code is 1. ONLY is the number of one case, which then runs alone.

pub(crate) mod child;
mod inputs;
#[path = "../../../../checkpoint/tests/common/mutate.rs"]
mod mutate;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use child::Outcome;

/// Time that a run may take: its own limits, and what a busy machine adds.
const LIMIT: Duration = Duration::from_secs(40);

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Makes cases from valid inputs and a seed, and runs them.
pub(crate) struct Fuzzer {
    program: PathBuf,
    folder: tempfile::TempDir,
    seed: u64,
}

impl Fuzzer {
    pub(crate) fn new(program: &Path, seed: u64) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let valid = folder.path().join("valid");
        fs::create_dir(&valid)?;
        inputs::valid(program, &valid)?;
        Ok(Self { program: program.to_owned(), folder, seed })
    }

    /// Makes the case of this number and runs it: how it ended, and the faults, each with its command.
    pub(crate) fn case(&self, number: u64) -> Result<(Option<i32>, Vec<String>)> {
        let mut random = SmallRng::seed_from_u64(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let folder = self.folder.path().join("case");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        inputs::copy(&self.folder.path().join("valid"), &folder)?;
        let spoilt = inputs::mutilate(&folder, &mut random)?;
        let arguments = arguments(&mut random);
        let outcome = child::run(&self.program, &arguments, &folder, LIMIT)?;
        let mut faults: Vec<String> = outcome.fault.iter().cloned().collect();
        faults.extend(judge(&arguments, &outcome, &folder, spoilt)?);
        let faults: Vec<String> = faults
            .iter()
            .map(|fault| format!("case {number}, seed {}: {}\n  {fault}", self.seed, arguments.join(" ")))
            .collect();
        if !faults.is_empty() {
            let kept = PathBuf::from(format!("target/fuzz/{}-{number}", self.seed));
            let _ = fs::remove_dir_all(&kept);
            inputs::copy(&folder, &kept)?;
            fs::write(kept.join("faults"), faults.join("\n"))?;
        }
        Ok((outcome.code, faults))
    }
}

/// An operation.
fn arguments(random: &mut SmallRng) -> Vec<String> {
    let checkpoint =
        ["sharded", "single", "recipe", "sharded/model.safetensors.index.json", "recipe/model.safetensors"];
    let checkpoint = checkpoint[random.random_range(0..checkpoint.len())];
    let made = "--seed 7 --device cpu --out out";
    let line = match random.random_range(0..12) {
        0..3 => format!("verify {checkpoint} --device cpu"),
        3 => format!("verify {checkpoint} --device cpu --config config.json --seed 7"),
        4 => format!("inspect {checkpoint} --json"),
        5 => format!("inspect {checkpoint} --plot p.svg"),
        6 => format!("recipe --like {checkpoint} --rules rules.toml"),
        7 => format!("init --like {checkpoint} {made}"),
        8 => format!("init --like {checkpoint} --rules rules.toml {made} --max-shard-size 4KB"),
        9 => "recipe --recipe t.jinja --config config.json".to_owned(),
        10 => format!("init --config config.json --style torchtitan {made}"),
        _ => format!("init recipe.toml {made}"),
    };
    line.split(' ').map(str::to_owned).collect()
}

/// The rules of this operation that the outcome breaks.
fn judge(arguments: &[String], outcome: &Outcome, folder: &Path, spoilt: bool) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let done = outcome.code == Some(0);
    let is_sharded = arguments.get(1).is_some_and(|path| path.starts_with("sharded"));
    if arguments[0] == "verify" && done && spoilt && is_sharded {
        faults.push(format!("verified a spoilt checkpoint: {}", String::from_utf8_lossy(&outcome.stderr)));
    }
    if arguments.iter().any(|argument| argument == "--json") && done {
        serde_json::from_slice::<serde_json::Value>(&outcome.stdout)?;
    }
    let out = folder.join("out");
    if !done && out.exists() && fs::read_dir(&out)?.next().is_some() {
        faults.push("a run that failed left files".to_owned());
    }
    if !done && folder.join("p.svg").exists() {
        faults.push("a plot that failed left a file".to_owned());
    }
    if let Ok(svg) = fs::read_to_string(folder.join("p.svg"))
        && svg.chars().any(|c| (c.is_control() && !c.is_whitespace()) || ('\u{fffe}'..='\u{ffff}').contains(&c))
    {
        faults.push("the plot is no XML".to_owned());
    }
    Ok(faults)
}

#[allow(dead_code, reason = "the test that shares this file has no use for it")]
#[allow(clippy::print_stdout, reason = "its result")]
fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let minutes: f64 = arguments.next().map_or(Ok(1.0), |minutes| minutes.parse())?;
    let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
    let only: Option<u64> = arguments.next().map(|number| number.parse()).transpose()?;
    let program = std::env::current_exe()?.with_file_name("seedtensors").canonicalize();
    let fuzzer = Fuzzer::new(&program.map_err(|error| format!("cargo build --release first: {error}"))?, seed)?;
    let (begin, mut failures) = (Instant::now(), 0);
    let mut codes = [0_u64; 3];
    for number in only.map_or(0..u64::MAX, |number| number..number + 1) {
        if only.is_none() && begin.elapsed() > Duration::from_secs_f64(60.0 * minutes) {
            break;
        }
        let (code, faults) = fuzzer.case(number)?;
        if let Some(count) = code.and_then(|code| codes.get_mut(usize::try_from(code).ok()?)) {
            *count += 1;
        }
        failures += faults.len();
        faults.iter().for_each(|fault| println!("{fault}"));
    }
    println!("seed {seed}, {:.0?}: exit codes 0, 1, 2: {codes:?}, {failures} failures", begin.elapsed());
    if failures == 0 { Ok(()) } else { Err("there are failures: their inputs are in target/fuzz".into()) }
}
