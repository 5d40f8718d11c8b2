//! `seedtensors init`.

use std::io::Write as _;

use anyhow::{anyhow, bail};
use indicatif::{DecimalBytes, HumanCount};
use seedtensors_checkpoint::{Backend, Plan, Rank, Write, write};

use crate::args::{Init, RankArg};
use crate::progress::Reporter;
use crate::{advice, backend, print, recipe};

pub(crate) fn run(arguments: &Init) -> anyhow::Result<()> {
    // Rank, recipe, plan, check of the output, device, writing: the cheap steps that can fail come before the slow
    // ones.
    let say = |line: String| {
        if !arguments.quiet {
            print::note(line);
        }
    };
    let rank = rank(arguments.rank, arguments.world_size)?;
    let loaded = recipe::load(&arguments.recipe)?;
    let (seed, arithmetic, out) = (arguments.seed, arguments.arithmetic.into(), arguments.out.as_path());
    let plan = Plan::new(&loaded.recipe, seed, arithmetic, out, arguments.max_shard_size, rank.world_size)?;
    if arguments.dry_run {
        return print_plan(&plan, rank);
    }
    let mine: Vec<_> = plan.files.iter().filter(|file| file.rank == rank.rank).collect();
    // no error: a script starts every rank the same way
    if mine.is_empty() {
        let advice = "a directory, and a smaller --max-shard-size, give every rank its share";
        say(format!("rank {} has nothing to write (files: {}): {advice}", rank.rank, plan.files.len()));
        return Ok(());
    }
    let mut how = Write { rank, config: loaded.config.as_deref(), ..Write::new(&Backend::Cpu) };
    (how.force, how.resume) = (arguments.force, arguments.resume);
    // before a device is opened, which takes a second: an output that exists is refused at once
    how.check(&plan).map_err(advice::write)?;
    let backend = backend::open(arguments.device.device, arguments.arithmetic, &say)?;
    how.backend = &backend;
    let bytes = mine.iter().map(|file| file.values_bytes()).fold(0, u64::saturating_add);
    let tensors = mine.iter().map(|file| file.recipe.tensors.len()).sum();
    let reporter = Reporter::new(bytes, tensors, arguments.quiet)?.for_files(mine.len());
    let result = write(&plan, &how, &|progress| reporter.report(progress));
    // before an error is printed, so that the bar is gone
    let time = reporter.end();
    result.map_err(advice::write)?;
    let rate = bytes as f64 / time.as_secs_f64();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes a second")]
    let rate = DecimalBytes(rate as u64);
    say(format!("wrote {}: {tensors} tensors, {} in {time:.2?} ({rate}/s)", out.display(), DecimalBytes(bytes)));
    Ok(())
}

/// The rank of this run, alone or among several.
fn rank(rank: Option<RankArg>, world_size: Option<usize>) -> anyhow::Result<Rank> {
    let rank = match (rank, world_size) {
        (None, None) => Rank::ALONE,
        (Some(RankArg::Env), None) => rank_of_environment()?,
        (Some(RankArg::Index(rank)), Some(world_size)) => Rank { rank, world_size },
        // two sources could contradict each other: ranks would then write overlapping shares
        (Some(RankArg::Env), Some(_)) => bail!("--rank env reads the world size, too: leave --world-size out"),
        (Some(RankArg::Index(_)), None) => bail!("--rank needs --world-size, the number of runs"),
        (None, Some(_)) => bail!("--world-size needs --rank, which of the runs this is"),
    };
    if rank.rank >= rank.world_size {
        bail!("a rank is below the world size {}, not {}", rank.world_size, rank.rank);
    }
    Ok(rank)
}

/// The rank that torchrun, mpirun (Open MPI, MPICH) and srun give to the programs that they start.
fn rank_of_environment() -> anyhow::Result<Rank> {
    // torchrun first: it can itself be started by srun, and then both are set
    let pairs = [
        ("RANK", "WORLD_SIZE"),
        ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
        ("PMI_RANK", "PMI_SIZE"),
        ("SLURM_PROCID", "SLURM_NTASKS"),
    ];
    let number = |name: &str| match std::env::var(name) {
        Ok(text) => text.parse().map(Some).map_err(|_| anyhow!("{name} is a whole number from 0, not {text:?}")),
        Err(_) => Ok(None),
    };
    for (rank, world_size) in pairs {
        match (number(rank)?, number(world_size)?) {
            (Some(rank), Some(world_size)) => return Ok(Rank { rank, world_size }),
            (None, None) => {}
            // half a pair is a mistake, and the next pair may be of an outer launcher
            _ => bail!("--rank env needs both {rank} and {world_size}"),
        }
    }
    let names = pairs.map(|(rank, world_size)| format!("{rank} and {world_size}")).join(", ");
    bail!("--rank env finds none of {names}")
}

/// Prints the files of all ranks, and their totals.
fn print_plan(plan: &Plan, rank: Rank) -> anyhow::Result<()> {
    let mut out = print::out();
    let width = plan.files.iter().map(|file| file.name.len()).max().unwrap_or_default();
    let (mut tensors, mut parameters) = (0, 0);
    for file in &plan.files {
        let count = file.recipe.tensors.len();
        let whose = if rank.world_size > 1 { format!("  rank {}", file.rank) } else { String::new() };
        writeln!(out, "{:width$}  {count:>6} tensors  {:>10}{whose}", file.name, DecimalBytes(file.bytes).to_string())?;
        tensors += count;
        parameters += file.recipe.tensors.iter().map(|tensor| u128::from(tensor.elements())).sum::<u128>();
    }
    // a plan may be larger than 64 bits count: it is printed without separators then
    let count = |count: u128| u64::try_from(count).map_or_else(|_| count.to_string(), |c| HumanCount(c).to_string());
    let bytes = plan.bytes();
    let size = u64::try_from(bytes).map_or_else(|_| bytes.to_string(), |bytes| DecimalBytes(bytes).to_string());
    let files = if plan.files.len() == 1 { "1 file".to_owned() } else { format!("{} files", plan.files.len()) };
    writeln!(out, "{tensors} tensors, {} parameters, {size} ({bytes} bytes) in {files}", count(parameters))?;
    Ok(())
}
