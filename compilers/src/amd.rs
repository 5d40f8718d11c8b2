//! Interprets the machine code of AMD GPUs as Mesa's ACO lists it: GCN (vega10), RDNA2 (navi21) and RDNA3 (navi31). A
//! wave runs as the hardware runs it, with scalar registers, masks of lanes and branches. The waves of a workgroup run
//! one after the other, from barrier to barrier.

mod access;
mod compare_decode;
mod decode;
mod instruction;
mod layout;
mod line;
mod masks;
mod memory;
mod operand;
mod scalar;
mod scalar_decode;
mod shared_decode;
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
use memory::{Buffers, DYNAMIC, Memory, SET, Store};
use wave::{Stop, Wave};

/// What a workgroup did: its counts, the words that it stored, and the words and threads of its loads.
struct Done {
    counts: Executed,
    stores: Vec<Store>,
    loads: Vec<(u32, u32)>,
}

/// Runs a listing with waves of `lanes` lanes; errors name the instruction.
pub(crate) fn execute(listing: &str, lanes: u32, launch: &Launch<'_>, output: &mut Output) -> Result<Executed> {
    let program = decode::decode(listing)?;
    let layout = Layout::of(&program, launch.grid)?;
    // stores are collected and written below, so no workgroup sees another's, whatever order rayon takes
    let buffers = Buffers { params: launch.params, storage: &output.words, source: launch.source };
    let done = match lanes {
        64 => groups::<64>(&program, &layout, launch, buffers)?,
        32 => groups::<32>(&program, &layout, launch, buffers)?,
        _ => bail!("waves have 32 or 64 lanes, not {lanes}"),
    };
    ensure_ordered(&done, output.words.len())?;
    let mut executed = Executed::default();
    for Done { counts, stores, .. } in done {
        executed += counts;
        for Store { place, word, .. } in stores {
            output.words[place as usize] = word;
            output.written[place as usize] = true;
        }
    }
    Ok(executed)
}

/// Fails where the buffer's words would depend on the order in which a device runs the threads: where two store one
/// word, or where one loads what another stores.
fn ensure_ordered(done: &[Done], words: usize) -> Result<()> {
    let mut writers = vec![None; words];
    for (group, done) in done.iter().enumerate() {
        for Store { place, thread, .. } in &done.stores {
            let before = writers[*place as usize].replace((group, *thread));
            ensure!(before.is_none(), "word {place} of the buffer is stored twice");
        }
    }
    for (group, done) in done.iter().enumerate() {
        for (place, thread) in &done.loads {
            let same = writers[*place as usize].is_none_or(|writer| writer == (group, *thread));
            ensure!(same, "word {place} of the buffer is loaded by one thread and stored by another");
        }
    }
    Ok(())
}

/// Runs every workgroup, on every core.
fn groups<const W: usize>(
    program: &[(Instruction, String)],
    layout: &Layout,
    launch: &Launch<'_>,
    buffers: Buffers<'_>,
) -> Result<Vec<Done>> {
    let [columns, rows] = launch.grid;
    let group = |waves: &mut Vec<Wave<W>>, index: u32| -> Result<Done> {
        let group = [index % columns, index / columns];
        let mut memory = Memory::new(buffers);
        for (wave, first) in waves.iter_mut().zip((0..).step_by(W)) {
            // without this a read of an unwritten register would find the last wave's value and pass by chance
            wave.begin(first..launch.workgroup);
            // src/amd/layout.rs has the order of these four
            for (register, value) in layout.registers([SET, DYNAMIC, group[0], group[1]]) {
                wave.scalars.set(register, value);
            }
        }
        workgroup(program, waves, &mut memory).with_context(|| format!("workgroup {group:?}"))?;
        let mut counts = Executed::default();
        waves.iter().for_each(|wave| counts += wave.executed);
        Ok(Done { counts, stores: memory.stores, loads: memory.loads })
    };
    // a wave's registers take up to 64 KiB, so waves are reused and not made for each workgroup
    let waves = || (0..launch.workgroup.div_ceil(W as u32)).map(|_| Wave::new()).collect();
    (0..columns * rows).into_par_iter().map_init(waves, group).collect()
}

/// Runs the waves of a workgroup one after the other, from barrier to barrier.
fn workgroup<const W: usize>(
    program: &[(Instruction, String)],
    waves: &mut [Wave<W>],
    memory: &mut Memory<'_>,
) -> Result<()> {
    loop {
        let mut ended = 0;
        for (index, wave) in waves.iter_mut().enumerate() {
            // the loop over instructions is compiled for each vector extension, and the processor's own is chosen here
            let stop = pulp::Arch::new().dispatch(
                #[inline(always)]
                || wave.run(program, memory),
            );
            let stop = stop.with_context(|| format!("wave {index}"))?;
            ended += usize::from(stop == Stop::End);
        }
        if ended == waves.len() {
            return Ok(());
        }
        ensure!(ended == 0, "{ended} waves end where others wait at a barrier");
        memory.shared.barrier();
    }
}
