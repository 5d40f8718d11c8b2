//! NVIDIA's machine code, as Mesa's compiler NAK lists it, interpreted. The meaning of an instruction is that of NAK's own
//! constant folding (src/nouveau/compiler/nak/ir.rs, `Foldable`), where it has one, else of NVIDIA's PTX, of which the
//! instructions are the images.
//!
//! Two things are not in the listing: the sign of `imad64`, whose factors are taken as unsigned, as the shaders' all are,
//! and negative offsets of addresses, which NAK does not print. Either would show as words that differ.

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
    let memory = Memory::new(output);
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

/// Counts that a listing gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Instructions as they stand.
    pub(crate) instructions: u64,
    /// Fused multiply-adds among them.
    pub(crate) fused: u64,
    /// The cycles that a warp waits before it issues the next instruction, summed over the instructions as they stand:
    /// the static schedule. Waits for memory and for results of no fixed delay are not in it. Mesa 25.0's NAK does not
    /// reorder instructions yet, so that it compares versions of a shader less well than the number of instructions.
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
