//! Replaces constant buffers in a program by a launch's values.

use anyhow::{Context, Result, bail, ensure};

use super::instruction::{GENERAL, Instruction, Place};
use super::lanes::LANES;
use super::memory::Memory;
use crate::machine::Launch;

/// A program for one launch: its constants are words.
pub(super) struct Bound {
    pub(super) instructions: Vec<Instruction>,
    /// The number of registers that it uses.
    pub(super) registers: usize,
}

/// A program for one launch.
pub(super) fn bind(program: &[Instruction], launch: &Launch<'_>, memory: &Memory<'_>) -> Result<Bound> {
    // a workgroup's threads are the lanes of one run
    ensure!(launch.workgroup as usize <= LANES, "a workgroup may have {LANES} threads, not {}", launch.workgroup);
    let mut instructions = program.to_vec();
    let mut registers = usize::from(GENERAL);
    for instruction in &mut instructions {
        for source in &mut instruction.sources {
            if let Place::Constant { buffer, offset } = source.place {
                // the buffers do not change during a launch, so a constant can be read now
                let word = constant(buffer, offset, launch, memory).with_context(|| instruction.text.clone())?;
                source.place = Place::Word(word);
            }
            // a source or target may be four registers wide, and only its first is named
            if let Place::Register(register) = source.place {
                registers = registers.max(usize::from(register) + 4);
            }
        }
        registers = registers.max(usize::from(instruction.target.unwrap_or(0)) + 4);
    }
    Ok(Bound { instructions, registers })
}

/// A word of a constant buffer. 0 is NVK's root table, which begins with the first workgroup's index and the grid
/// (`struct nvk_root_descriptor_table`). 1 is the uniform buffer. 2 is the descriptor set, which holds the storage
/// buffers' descriptors, because that of a dynamic uniform buffer is in the root table.
fn constant(buffer: u32, offset: u32, launch: &Launch<'_>, memory: &Memory<'_>) -> Result<u32> {
    let [columns, rows] = launch.grid;
    // the first workgroup is at 0, 0, 0; a use of anything behind the grid is an error
    let root = [0, 0, 0, columns, rows, 1];
    let descriptors = memory.descriptors();
    let words: &[u32] = match buffer {
        0 => &root,
        1 => launch.params,
        2 => &descriptors,
        _ => bail!("unknown constant buffer {buffer}"),
    };
    ensure!(offset.is_multiple_of(4), "constant {offset:#x} must be a word");
    let word = words.get(offset as usize / 4).copied();
    word.with_context(|| format!("unknown constant {offset:#x} of buffer {buffer}"))
}
