//! Costs of each kernel as the compilers count them, and their upper bounds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use seedtensors::Dtype;

use crate::cases::Case;
use crate::compiler::{Compiled, Compiler, Machine};
use crate::nvidia;
use crate::place::Place;

const HEADER: &str = "compiler,kernel,instructions,registers,cycles\n";

/// A kernel's cost by one compiler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    pub(crate) instructions: u64,
    /// Vector registers of a thread.
    pub(crate) registers: u64,
    /// Estimates: ACO's inverse throughput, or the sum of the delays in NAK's listing, without waits for memory.
    pub(crate) cycles: u64,
    /// ACO's alone: cycles from a wave's begin to its end, and the waves that a SIMD holds at once.
    pub(crate) latency: Option<u64>,
    pub(crate) waves: Option<u64>,
}

impl Cost {
    pub(crate) fn of(compiler: &Compiler, compiled: &Compiled) -> Result<Self> {
        let statistic = |name| compiled.statistic(name).map(|value| value as u64);
        match compiler.machine {
            // RADV's own names of its statistics
            Machine::Amd => Ok(Self {
                instructions: statistic("Instructions")?,
                registers: statistic("VGPRs")?,
                cycles: statistic("Inverse Throughput")?,
                latency: Some(statistic("Latency")?),
                waves: Some(statistic("Subgroups per SIMD")?),
            }),
            Machine::Nvidia => {
                // instructions and cycles come from the listing (docs/compilers.md, Costs), registers from the driver
                let counted = nvidia::count(&compiled.listing)?;
                let (instructions, cycles) = (counted.instructions, counted.cycles);
                let registers = statistic("Number of GPRs")?;
                Ok(Self { instructions, registers, cycles, latency: None, waves: None })
            }
        }
    }
}

/// Whether a case's kernel has a bound: every sampler and dtype of whole tensors, and normal f32 in every layout. Those
/// of matrices have none.
pub(crate) fn is_bounded(case: &Case) -> bool {
    case.place == Some(Place::Slots) || (case.sampler == "normal" && case.dtype == Dtype::F32)
}

/// The bounds of the committed file, by compiler and kernel.
#[derive(Debug, Default)]
pub(crate) struct Bounds(BTreeMap<(String, String), [u64; 3]>);

impl Bounds {
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let rows = text.strip_prefix(HEADER).with_context(|| format!("the first line must be `{HEADER}`"))?;
        let row = |line: &str| {
            // names of kernels have no commas: main.rs takes them out
            let cells: Vec<&str> = line.split(',').collect();
            ensure!(cells.len() == 5, "a bound must have 5 cells: `{line}`");
            let number = |cell: &str| cell.parse::<u64>().with_context(|| format!("`{line}`"));
            let bounds = [number(cells[2])?, number(cells[3])?, number(cells[4])?];
            Ok(((cells[0].to_owned(), cells[1].to_owned()), bounds))
        };
        Ok(Self(rows.lines().map(row).collect::<Result<_>>()?))
    }

    /// Faults of a cost: a number above its bound, or more than a twentieth below it.
    pub(crate) fn judge(&self, compiler: &str, kernel: &str, cost: &Cost) -> Vec<String> {
        let Some(bounds) = self.0.get(&(compiler.to_owned(), kernel.to_owned())) else {
            return vec![format!("{compiler}, {kernel}: there is no bound; add it with --write-bounds")];
        };
        // a bound far above the cost would let a later regression pass, so it must follow an improvement
        let found = [cost.instructions, cost.registers, cost.cycles];
        let names = ["instructions", "registers", "cycles"];
        let judged = found.into_iter().zip(bounds).zip(names).filter_map(|((found, bound), name)| {
            if found > *bound {
                Some(format!("{compiler}, {kernel}: {found} {name}, above the bound of {bound}"))
            } else if found * 20 < bound * 19 {
                Some(format!("{compiler}, {kernel}: {found} {name}; lower the bound of {bound}"))
            } else {
                None
            }
        });
        judged.collect()
    }

    /// Writes the costs that were found as the bounds. Bounds of compilers that were not run stay.
    pub(crate) fn write(mut self, file: &Path, found: &[(String, String, Cost)]) -> Result<()> {
        for (compiler, kernel, cost) in found {
            let bounds = [cost.instructions, cost.registers, cost.cycles];
            self.0.insert((compiler.clone(), kernel.clone()), bounds);
        }
        let mut text = HEADER.to_owned();
        for ((compiler, kernel), [instructions, registers, cycles]) in &self.0 {
            writeln!(text, "{compiler},{kernel},{instructions},{registers},{cycles}")?;
        }
        std::fs::write(file, text).with_context(|| file.display().to_string())
    }
}
