//! `seedtensors verify`.

use std::io::Write as _;

use anyhow::bail;
use indicatif::DecimalBytes;
use seedtensors_checkpoint::{Checkpoint, Record, verify};

use crate::args::{Arithmetic, Verify};
use crate::progress::Reporter;
use crate::{advice, backend, print, recipe};

/// Verifies a checkpoint; `true` where every value is the one that its seed gives.
pub(crate) fn run(arguments: &Verify) -> anyhow::Result<bool> {
    let say = |line: String| {
        if !arguments.quiet {
            print::note(line);
        }
    };
    // a seed and a recipe together, or neither: either alone would be mixed with the record of the files
    let record = match (arguments.seed, recipe::is_given(&arguments.recipe)) {
        (None, false) => None,
        (Some(seed), true) => {
            let recipe = recipe::load(&arguments.recipe)?.recipe;
            Some(Record::new(recipe, seed, seedtensors::Arithmetic::Exact))
        }
        (Some(_), false) => bail!("--seed needs the recipe, too: RECIPE.toml, --config or --like"),
        (None, true) => bail!("a recipe needs --seed, too"),
    };
    let checkpoint = Checkpoint::open(&arguments.path)?;
    let backend = backend::open(arguments.device.device, Arithmetic::Exact, &say)?;
    let tensors = || checkpoint.files.iter().flat_map(|file| &file.header.tensors);
    let bytes = tensors().map(|tensor| tensor.end - tensor.begin).sum();
    let reporter = Reporter::new(bytes, tensors().count(), arguments.quiet)?;
    let verified = verify(&checkpoint, record.as_ref(), &backend, &|progress| reporter.report(progress));
    let time = reporter.end();
    let verified = verified.map_err(advice::verify)?;
    // the verdict is the exit code, whether or not it can be printed
    let mut out = print::verdict_out();
    for finding in &verified.findings {
        // one finding is one line: a name with a line feed must not look like another finding
        writeln!(out, "{}", finding.to_string().replace('\n', "\\n"))?;
    }
    // one file of several: the rest was not looked at, and the message must say so
    let of = if verified.of > verified.tensors as u64 && verified.findings.is_empty() {
        format!("a part of its checkpoint: {} of {}", verified.tensors, verified.of)
    } else {
        verified.tensors.to_string()
    };
    let what = format!("{of} tensors, {} in {time:.2?}", DecimalBytes(verified.bytes));
    if verified.findings.is_empty() {
        say(format!("verified: every bit is what seed {} gives, {what}", verified.seed));
        return Ok(true);
    }
    let count = match verified.findings.len() {
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    say(format!("not verified: {count}, seed {}, {what}", verified.seed));
    Ok(false)
}
