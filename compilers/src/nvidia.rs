//! Interprets NVIDIA's machine code as Mesa's compiler NAK lists it. An instruction means what NAK's own constant
//! folding computes (src/nouveau/compiler/nak/ir.rs, `Foldable`), or, where it has none, what the corresponding
//! instruction of NVIDIA's PTX does.
//!
//! The threads of a workgroup run as lanes of one program, and must all come to a barrier together.
//!
//! Two things are not in the listing: the sign of `imad64`, whose factors are taken as unsigned, as all of the shaders'
//! are, and negative offsets of addresses, which NAK does not print. A mistake in either would show as words that
//! differ.

mod access;
mod arithmetic;
mod bind;
mod decode;
mod decode_arithmetic;
mod float;
mod instruction;
mod lanes;
mod memory;
mod operand;
mod parse;
mod parts;
mod run;
mod threads;

use anyhow::{Context, Result};
use rayon::prelude::*;

use crate::machine::{Executed, Launch, Output};
use memory::Memory;

/// Runs a listing; errors name the instruction.
pub(crate) fn execute(listing: &str, launch: &Launch<'_>, output: &mut Output) -> Result<Executed> {
    let program = parse::program(listing)?;
    let memory = Memory::new(output, launch.source);
    // once for each launch, so that no lane looks constants up
    let program = bind::bind(&program, launch, &memory)?;
    let [columns, rows] = launch.grid;
    let executed = (0..rows * columns)
        .into_par_iter()
        .map(|group| {
            let group = [group % columns, group / columns];
            run::workgroup(&program, launch, group, &memory).with_context(|| format!("workgroup {group:?}"))
        })
        .try_reduce(Executed::default, |mut sum, part| {
            sum += part;
            Ok(sum)
        })?;
    memory.into_output(output);
    Ok(executed)
}

/// Counts of a listing, without running it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Instructions in the listing, whether they run or not.
    pub(crate) instructions: u64,
    /// Fused multiply-adds among them.
    pub(crate) fused: u64,
    /// The static schedule: the cycles that a warp waits before it issues the next instruction, summed over the
    /// listing. Waits for memory and for results without a fixed delay are not in it. Mesa 25.0's NAK does not reorder
    /// instructions yet, so the sum compares versions of a shader less well than the number of instructions does.
    pub(crate) cycles: u64,
}

/// Counts a listing's instructions and its schedule.
pub(crate) fn count(listing: &str) -> Result<Counted> {
    let program = parse::program(listing)?;
    let fused = program.iter().filter(|instruction| instruction.is_fused()).count();
    let cycles = program.iter().map(|instruction| u64::from(instruction.delay)).sum();
    Ok(Counted { instructions: program.len() as u64, fused: fused as u64, cycles })
}

#[cfg(test)]
mod tests;
