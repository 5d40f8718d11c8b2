//! Proves without a GPU that GPU compilers keep the shaders exact: real drivers compile them on devices that only compile,
//! their machine code is interpreted, and every word that it stores is compared with the CPU's.

mod amd;
mod cases;
mod compare;
mod compiler;
mod driver;
mod emit;
mod jobs;
mod lanes;
mod machine;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Compiles the shaders with GPU compilers, interprets the machine code and compares it with the CPU.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Subcommands>,
    #[arg(long, default_value_t = 20)]
    bits: u32,
    #[arg(long)]
    mesa25: Option<PathBuf>,
    #[arg(long, default_value = "")]
    only: String,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Compiles with the driver of this process's environment and prints what it says.
    Compile {
        /// SPIR-V files, each followed by its entry point.
        #[arg(required = true)]
        shaders: Vec<String>,
    },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(Subcommands::Compile { shaders }) = arguments.command {
        let shaders: Vec<_> = shaders.chunks(2).map(|p| (PathBuf::from(&p[0]), p[1].clone())).collect();
        print!("{}", driver::compile(&shaders)?);
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let start = std::time::Instant::now();
    let mut jobs = jobs::Jobs::new(seedtensors::gpu::Form::RADV, arguments.bits, &arguments.only, dir.path())?;
    let (mut there, _) = compiler::Compiler::there(arguments.mesa25.as_deref())?;
    if let Ok(c) = std::env::var("C") { there.retain(|x| x.name.contains(&c)); }
    println!("{} pipelines {:?}", jobs.pipelines(), start.elapsed());
    let compiled = jobs.compile(&there, arguments.mesa25.as_deref())?;
    println!("compiled {:?}", start.elapsed());
    jobs.jobs.retain(|j| j.case.is_exact());
    for job in &jobs.jobs {
        let expected = job.case.expected()?;
        for (c, all) in there.iter().zip(&compiled) {
            let t = std::time::Instant::now();
            match compare::run(&job.case, c.machine, job.compiled(all), &expected) {
                Ok(o) => println!("{} {} {:?} {:?} differ {} unwritten {} outside {} fused {} matter {} {:?}", c.name, job.case, job.shaders.form.products, job.shaders.change, o.differ, o.unwritten, o.outside, o.executed.fused, o.executed.fused_matter, t.elapsed()),
                Err(e) => println!("{} {} {:?} {:?} ERROR {e:#}", c.name, job.case, job.shaders.form.products, job.shaders.change),
            }
        }
    }
    println!("{:?}", start.elapsed());
    Ok(())
}
