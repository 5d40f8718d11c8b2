//! Puts a launch's constants in the place of constant buffers.

use anyhow::{Context, Result, bail, ensure};

use super::instruction::{GENERAL, Instruction, Place};
use super::lanes::LANES;
use super::memory::Memory;
use crate::machine::Launch;

/// A program with a launch's constants in the place of constant buffers.
pub(super) struct Bound {
    pub(super) instructions: Vec<Instruction>,
    /// How many registers it has.
    pub(super) registers: usize,
}

/// A program for one launch.
pub(super) fn bind(program: &[Instruction], launch: &Launch<'_>, memory: &Memory) -> Result<Bound> {
    ensure!(launch.workgroup as usize <= LANES, "a workgroup may have {LANES} threads, not {}", launch.workgroup);
    let mut instructions = program.to_vec();
    let mut registers = usize::from(GENERAL);
    for instruction in &mut instructions {
        for source in &mut instruction.sources {
            if let Place::Constant { buffer, offset } = source.place {
                let word = constant(buffer, offset, launch, memory).with_context(|| instruction.text.clone())?;
                source.place = Place::Word(word);
            }
            // a source or target may be of four registers
            if let Place::Register(register) = source.place {
                registers = registers.max(usize::from(register) + 4);
            }
        }
        registers = registers.max(usize::from(instruction.target.unwrap_or(0)) + 4);
    }
    Ok(Bound { instructions, registers })
}

/// A word of a constant buffer: 0 is NVK's root table, which begins with the first workgroup's place and the grid
/// (`struct nvk_root_descriptor_table`); 1 is the uniform buffer; 2 is the descriptor set, the storage buffer's alone, for
/// that of a dynamic uniform buffer stands in the root table.
fn constant(buffer: u32, offset: u32, launch: &Launch<'_>, memory: &Memory) -> Result<u32> {
    let [columns, rows] = launch.grid;
    let root = [0, 0, 0, columns, rows, 1];
    let descriptor = memory.descriptor();
    let words: &[u32] = match buffer {
        0 => &root,
        1 => launch.params,
        2 => &descriptor,
        _ => bail!("unknown constant buffer {buffer}"),
    };
    ensure!(offset.is_multiple_of(4), "constant {offset:#x} must be a word");
    let word = words.get(offset as usize / 4).copied();
    word.with_context(|| format!("unknown constant {offset:#x} of buffer {buffer}"))
}
