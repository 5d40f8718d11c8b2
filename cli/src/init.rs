//! `seedtensors init`.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use seedtensors::gpu::{Gpu, Select};
use seedtensors_checkpoint::{Error, Recipe, Source, Write, write};

use crate::args::{Arithmetic, Device, Init};

pub(crate) fn run(arguments: &Init) -> anyhow::Result<()> {
    let say = |line: String| {
        if !arguments.quiet {
            eprintln!("{line}");
        }
    };
    let recipe = recipe(&arguments.recipe, arguments)?;
    let bytes = recipe.tensors.iter().map(|t| u128::from(t.elements()) * u128::from(t.dtype.size())).sum::<u128>();
    if !arguments.force && arguments.out.symlink_metadata().is_ok() {
        return Err(Error::Exists(arguments.out.clone()).into());
    }
    let source = source(arguments, &say)?;
    let stop = stop_on_signals()?;
    let bar = progress(bytes, arguments.quiet);
    let begin = Instant::now();
    let how = Write {
        arithmetic: arguments.arithmetic.into(),
        force: arguments.force,
        ..Write::new(arguments.seed, &source, &arguments.out)
    };
    let result = write(&recipe, &how, &mut |written| {
        bar.inc(written);
        !stop.load(Ordering::Relaxed)
    });
    bar.finish_and_clear();
    result?;
    say(format!(
        "wrote {}: {} tensors, {} in {:.2?}",
        arguments.out.display(),
        recipe.tensors.len(),
        HumanBytes(u64::try_from(bytes).unwrap_or(u64::MAX)),
        begin.elapsed(),
    ));
    Ok(())
}

/// Reads the recipe; an error names the file and the line.
fn recipe(path: &Path, arguments: &Init) -> anyhow::Result<Recipe> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the recipe {}", path.display()))?;
    Recipe::parse_with_dtype(&text, arguments.dtype.map(Into::into)).map_err(|error| match error.line {
        Some(line) => anyhow!("{}:{line}: {}", path.display(), error.message),
        None => anyhow!("{}: {}", path.display(), error.message),
    })
}

/// What was asked for, opened and told.
fn source(arguments: &Init, say: &dyn Fn(String)) -> anyhow::Result<Source> {
    let opened = match arguments.device {
        Device::Cpu => Err(String::new()),
        Device::Auto => hardware(arguments),
        Device::Gpu => Ok(Gpu::open(&Select::Default)?),
        Device::Index(index) => Ok(Gpu::open(&Select::Index(index))?),
    };
    Ok(match opened {
        Ok(gpu) => {
            say(format!("filling on {}, checked in {:.0?}", gpu.info(), gpu.check_time()));
            Source::Gpu(Box::new(gpu))
        }
        Err(why) => {
            say(format!("filling on the CPU{why}"));
            Source::Cpu
        }
    })
}

/// A GPU that can do what is asked, or why it is the CPU, which is faster than a software driver.
fn hardware(arguments: &Init) -> Result<Gpu, String> {
    let exact = matches!(arguments.arithmetic, Arithmetic::Exact);
    match Gpu::open(&Select::Hardware) {
        Ok(gpu) if exact && !gpu.is_exact() => Err(format!(": {} is not exact", gpu.info())),
        Ok(gpu) => Ok(gpu),
        Err(seedtensors::Error::NoAdapter { .. }) => Err(": there is no GPU".to_owned()),
        Err(error) => Err(format!(": {error}")),
    }
}

/// True once Ctrl-C, or a request to end, has come.
fn stop_on_signals() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)).context("cannot watch for Ctrl-C")?;
    Ok(stop)
}

/// A bar on stderr where that is a terminal.
fn progress(bytes: u128, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let length = u64::try_from(bytes).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    let template = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
