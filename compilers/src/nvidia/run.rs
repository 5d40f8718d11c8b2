//! Runs a workgroup. Each lane has its own next instruction. The lanes with the lowest run until they branch or reach
//! the next instruction of other lanes. So lanes that diverged meet again.

use anyhow::{Context, Result, ensure};

use super::bind::Bound;
use super::instruction::Operation;
use super::lanes::{Lanes, blend, count, splat, warps, word};
use super::memory::Memory;
use super::threads::Threads;
use crate::machine::{Executed, Launch};

/// The next instruction of a lane that has ended.
const ENDED: u32 = u32::MAX;
/// The most instructions of a workgroup: beyond them it is taken for an endless loop.
const MOST: u64 = 1 << 22;
/// Runs the workgroup with this index in the grid.
pub(super) fn workgroup(
    program: &Bound,
    launch: &Launch<'_>,
    group: [u32; 2],
    memory: &Memory<'_>,
) -> Result<Executed> {
    let mut threads = Threads::new(program.registers, launch.workgroup, group, memory);
    let mut at = splat(ENDED);
    // lanes beyond the workgroup's threads never start
    at[..launch.workgroup as usize].fill(0);
    let mut steps = 0;
    loop {
        // the lowest first: lanes that skipped a block wait for those inside it, as both run what follows
        let lowest = at.iter().copied().min().unwrap_or(ENDED);
        if lowest == ENDED {
            return Ok(threads.executed);
        }
        // the nearest instruction at which other lanes wait
        let others = at.iter().copied().filter(|place| *place > lowest).min().unwrap_or(ENDED);
        steps += threads.stretch(program, &mut at, lowest, others)?;
        ensure!(steps <= MOST, "the workgroup must end within {MOST} instructions");
    }
}

impl Threads<'_> {
    /// Runs the lanes whose next instruction is `first`, up to a branch or to `others`, at which other lanes wait.
    /// Returns the number of instructions.
    fn stretch(&mut self, program: &Bound, at: &mut Lanes, first: u32, others: u32) -> Result<u64> {
        let active = at.map(|place| word(place == first));
        let warps = warps(&active);
        let mut place = first;
        loop {
            let instruction =
                program.instructions.get(place as usize).context("the code must not end without `exit`")?;
            // the lanes do not change within a stretch, nor do the warps that issue it
            self.executed.instructions += warps;
            let next = place + 1;
            let jump = match instruction.operation {
                Operation::Exit => Some(ENDED),
                Operation::Branch { target } => Some(u32::try_from(target)?),
                _ => None,
            };
            if let Some(jump) = jump {
                // lanes whose guard does not hold go on behind the branch or the exit
                let taken = self.guarded(instruction.guard, &active);
                for ((at, active), taken) in at.iter_mut().zip(&active).zip(&taken) {
                    *at = if *taken != 0 {
                        jump
                    } else if *active != 0 {
                        next
                    } else {
                        *at
                    };
                }
                return Ok(u64::from(next - first));
            }
            if instruction.operation == Operation::Barrier {
                // lanes that wait elsewhere, or have ended, would never come
                ensure!(count(&active) == self.threads, "a barrier that not every thread comes to");
                self.shared.barrier();
            }
            self.run(instruction, &active).with_context(|| format!("instruction `{}`", instruction.text))?;
            // those lanes run on together from here
            if next == others {
                blend(at, &splat(next), &active);
                return Ok(u64::from(next - first));
            }
            place = next;
        }
    }
}
