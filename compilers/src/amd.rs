//! Interprets the machine code of AMD GPUs as Mesa's ACO lists it: GCN (vega10), RDNA2 (navi21) and RDNA3 (navi31). A
//! wave runs as the hardware runs it, with scalar registers, masks of lanes and branches.

mod decode;
mod instruction;
mod layout;
mod line;
mod operand;
mod scalar;
mod scalar_decode;
#[cfg(test)]
mod tests;
mod vector;
mod vector_decode;
mod wave;

use anyhow::{Context, Result, bail, ensure};
use rayon::prelude::*;

use crate::machine::{Executed, Launch, Output};
use instruction::Instruction;
use layout::Layout;
use wave::{DYNAMIC, Memories, SET, Wave};

/// The counts of a workgroup, and the index and value of each word that it stored.
type Done = (Executed, Vec<(u32, u32)>);

/// Runs a listing with waves of `lanes` lanes; errors name the instruction.
pub(crate) fn execute(listing: &str, lanes: u32, launch: &Launch<'_>, output: &mut Output) -> Result<Executed> {
    let program = decode::decode(listing)?;
    let layout = Layout::of(&program)?;
    // stores are collected and written below, so no workgroup sees another's, whatever order rayon takes
    let memories = Memories { params: launch.params, storage: &output.words };
    let done = match lanes {
        64 => groups::<64>(&program, layout, launch, memories)?,
        32 => groups::<32>(&program, layout, launch, memories)?,
        _ => bail!("waves have 32 or 64 lanes, not {lanes}"),
    };
    let mut executed = Executed::default();
    for (group, stores) in done {
        executed += group;
        for (place, word) in stores {
            // with two stores to one word the last would win, and which one is last differs between devices
            let place = place as usize;
            ensure!(!output.written[place], "word {place} of the buffer is stored twice");
            output.words[place] = word;
            output.written[place] = true;
        }
    }
    Ok(executed)
}

/// Runs every workgroup, on every core.
fn groups<const W: usize>(
    program: &[(Instruction, String)],
    layout: Layout,
    launch: &Launch<'_>,
    memories: Memories<'_>,
) -> Result<Vec<Done>> {
    let [columns, rows] = launch.grid;
    let waves = launch.workgroup as usize / W;
    ensure!(waves * W == launch.workgroup as usize, "workgroups of whole waves, not {} threads", launch.workgroup);
    let group = |wave: &mut Wave<'_, W>, index: u32| -> Result<Done> {
        let (x, y) = (index % columns, index / columns);
        for first in (0..waves).map(|wave| (wave * W) as u32) {
            // without this a read of an unwritten register would find the last wave's value and pass by chance
            wave.reset();
            // src/amd/layout.rs has the order of these four
            for (register, value) in layout.registers([SET, DYNAMIC, x, y]) {
                wave.scalars.set(register, value);
            }
            // RDNA3 packs the threads' y and z above their x; both are 0 here
            for (lane, thread) in wave.vectors[0].iter_mut().zip(first..) {
                *lane = thread;
            }
            // the loop is compiled for each vector extension, and the processor's own is chosen here
            pulp::Arch::new()
                .dispatch(
                    #[inline(always)]
                    || wave.run(program),
                )
                .with_context(|| format!("workgroup {x}, {y}, threads from {first} on"))?;
        }
        Ok((std::mem::take(&mut wave.executed), std::mem::take(&mut wave.stores)))
    };
    // a wave's registers take up to 64 KiB, so waves are reused and not made for each workgroup
    (0..columns * rows).into_par_iter().map_init(|| Wave::new(memories), group).collect()
}
