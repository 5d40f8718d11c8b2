//! Proves without a GPU that GPU compilers keep the shaders exact. Real drivers compile them on devices that only
//! compile, this program interprets the machine code, and every word that it stores is compared with the CPU's.

mod amd;
mod bounds;
mod cases;
mod compare;
mod compiler;
mod driver;
mod emit;
mod jobs;
mod lanes;
mod machine;
mod matrices;
mod nvidia;
mod place;
mod report;
mod shared;
mod step;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

use bounds::{Bounds, Cost};
use cases::Case;
use compiler::{Beside, Compiled, Compiler};
use jobs::Jobs;
use report::Row;

/// Compiles the shaders with GPU compilers, interprets the machine code and compares every word with the CPU's.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Subcommands>,
    /// Whole tensors have 2 to the power of this many elements.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(14..28))]
    bits: u32,
    /// Every sampler and dtype in every layout; by default most cases are left out.
    #[arg(long)]
    every: bool,
    /// Runs only the cases whose names contain this. Bounds cannot be written then.
    #[arg(long, default_value = "")]
    only: String,
    /// Runs only the compilers whose names contain this.
    #[arg(long, default_value = "")]
    compiler: String,
    /// The script that runs a program on Mesa 25: scripts/mesa25.
    #[arg(long)]
    mesa25: Option<PathBuf>,
    /// The library by which NVK compiles without a GPU: scripts/nvk_shim prints its path.
    #[arg(long, requires = "mesa25")]
    nvk_shim: Option<PathBuf>,
    /// Upper bounds of the kernels' costs.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/bounds.csv"))]
    bounds: PathBuf,
    /// Writes the costs of this run as the bounds.
    #[arg(long)]
    write_bounds: bool,
    /// Prints the tables as Markdown.
    #[arg(long)]
    markdown: bool,
    /// Keeps every pipeline's listing in this directory.
    #[arg(long)]
    listings: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Compiles with the driver of this process's environment and prints what the driver says.
    Compile {
        /// SPIR-V files, each followed by its entry point.
        #[arg(required = true)]
        shaders: Vec<String>,
    },
}

#[expect(clippy::print_stdout, reason = "its output")]
fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // src/compiler.rs starts this program again, in the environment of the driver
    if let Some(Subcommands::Compile { shaders }) = &arguments.command {
        let (pairs, rest) = shaders.as_chunks::<2>();
        ensure!(rest.is_empty(), "every file must be followed by its entry point");
        let shaders: Vec<_> = pairs.iter().map(|[file, entry]| (PathBuf::from(file), entry.clone())).collect();
        print!("{}", driver::compile(&shaders)?);
        return Ok(());
    }
    prove(&arguments)
}

/// Results of all compilers.
#[derive(Default)]
struct Found {
    rows: Vec<Row>,
    costs: Vec<(String, String, Cost, u32)>,
    /// Listings that could not be run.
    faults: Vec<String>,
}

#[expect(clippy::print_stdout, reason = "its output")]
fn prove(arguments: &Arguments) -> Result<()> {
    let beside = Beside { mesa25: arguments.mesa25.clone(), nvk_shim: arguments.nvk_shim.clone() };
    let (mut compilers, missing) = Compiler::there(&beside)?;
    compilers.retain(|compiler| compiler.name.contains(&arguments.compiler));
    ensure!(!compilers.is_empty(), "there is no compiler `{}`", arguments.compiler);
    let mut found = Found::default();
    // the form decides the shaders: compilers of one form share the SPIR-V
    for form in [seedtensors::gpu::Form::RADV, seedtensors::gpu::Form::NVK] {
        let compilers: Vec<_> = compilers.iter().filter(|compiler| compiler.form == form).cloned().collect();
        if !compilers.is_empty() {
            found.all_of(form, &compilers, &beside, arguments)?;
        }
    }

    let markdown = arguments.markdown;
    println!("{}", report::table(markdown, &report::agreement(&found.rows)));
    println!("{}", report::table(markdown, &report::power(&found.rows)));
    println!("{}", report::table(markdown, &report::costs(&found.costs)));
    for name in missing {
        println!("not there, so not compared: {name} (--mesa25, --nvk-shim)");
    }
    let mut faults = report::faults(&found.rows, |name| compilers.iter().any(|c| c.name == name && c.fuses));
    faults.extend(found.judge(arguments)?);
    faults.append(&mut found.faults);
    for fault in &faults {
        println!("{fault}");
    }
    ensure!(faults.is_empty(), "{} faults", faults.len());
    println!("every compiler keeps the shaders exact");
    Ok(())
}

impl Found {
    /// Compiles and runs every case for the compilers that share a form of the shaders.
    #[expect(clippy::print_stderr, reason = "its progress")]
    fn all_of(
        &mut self,
        form: seedtensors::gpu::Form,
        compilers: &[Compiler],
        beside: &Beside,
        arguments: &Arguments,
    ) -> Result<()> {
        let directory = tempfile::tempdir()?;
        let mut cases = Case::all(arguments.bits, arguments.every)?;
        cases.retain(|case| case.to_string().contains(&arguments.only));
        // a filter that matches nothing must not pass as success
        ensure!(!cases.is_empty(), "there is no case `{}`", arguments.only);
        let jobs = Jobs::new(form, cases, directory.path())?;
        let start = Instant::now();
        let compiled = jobs.compile(compilers, beside)?;
        eprintln!("{} pipelines by {} compilers in {:.0?}", jobs.pipelines(), compilers.len(), start.elapsed());
        if let Some(directory) = &arguments.listings {
            keep(directory, compilers, &compiled)?;
        }
        let start = Instant::now();
        for job in &jobs.jobs {
            // native values may differ between devices: they are counted, not compared
            self.count(job, compilers, &compiled)?;
            if job.case.is_exact() {
                self.compare(job, compilers, &compiled)?;
            }
        }
        eprintln!("interpreted in {:.0?}", start.elapsed());
        Ok(())
    }

    fn count(&mut self, job: &jobs::Job, compilers: &[Compiler], compiled: &[Vec<Compiled>]) -> Result<()> {
        for (compiler, compiled) in compilers.iter().zip(compiled) {
            let shaders = job.shaders;
            // bounds are of the shaders that users run: the driver's own form, with its barriers
            if shaders.change == emit::Change::None && shaders.form == compiler.form && bounds::is_bounded(&job.case) {
                let main = job.main(compiled).context("a case must have a dispatch")?;
                // bounds.csv separates its cells by commas
                let kernel = job.case.to_string().replace(',', "");
                let cost = Cost::of(compiler, main)?;
                self.costs.push((compiler.name.to_owned(), kernel, cost, job.case.per_thread()));
            }
        }
        Ok(())
    }

    fn compare(&mut self, job: &jobs::Job, compilers: &[Compiler], compiled: &[Vec<Compiled>]) -> Result<()> {
        let expected = job.case.expected()?;
        for (compiler, compiled) in compilers.iter().zip(compiled) {
            let run = compare::run(job, compiler.machine, compiled, &expected);
            // one unknown instruction must not hide the results of the other listings
            let outcome = match run {
                Ok(outcome) => outcome,
                Err(error) => {
                    self.faults.push(format!("{}, {}, {error:#}", compiler.name, job.shaders.form));
                    continue;
                }
            };
            self.rows.push(Row {
                compiler: compiler.name,
                case: job.case.to_string(),
                form: job.shaders.form.to_string(),
                change: job.shaders.change,
                outcome,
            });
        }
        Ok(())
    }

    /// Compares costs with their bounds, or writes them.
    fn judge(&self, arguments: &Arguments) -> Result<Vec<String>> {
        let file = &arguments.bounds;
        let rows = self.costs.iter();
        if arguments.write_bounds {
            // bounds of a part of the cases would be mixed with older ones
            ensure!(arguments.only.is_empty(), "bounds are written of all cases, without --only");
            let old = if file.exists() { Bounds::read(file)? } else { Bounds::default() };
            let found: Vec<_> =
                rows.map(|(compiler, kernel, cost, _)| (compiler.clone(), kernel.clone(), *cost)).collect();
            old.write(file, &found)?;
            return Ok(Vec::new());
        }
        let bounds = Bounds::read(file)?;
        Ok(rows.flat_map(|(compiler, kernel, cost, _)| bounds.judge(compiler, kernel, cost)).collect())
    }
}

/// Writes every listing to a file.
fn keep(directory: &std::path::Path, compilers: &[Compiler], compiled: &[Vec<Compiled>]) -> Result<()> {
    std::fs::create_dir_all(directory)?;
    for (compiler, compiled) in compilers.iter().zip(compiled) {
        for (index, pipeline) in compiled.iter().enumerate() {
            let name = format!("{} {index}.txt", compiler.name).replace(' ', "_");
            std::fs::write(directory.join(name), &pipeline.listing)?;
        }
    }
    Ok(())
}
