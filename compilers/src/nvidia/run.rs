//! Runs a workgroup. Its lanes stand at instructions of their own; those at the lowest are run until they branch or come
//! to where others stand, so that lanes that diverged meet again.

use anyhow::{Context, Result, ensure};

use super::bind::Bound;
use super::instruction::Operation;
use super::lanes::{Lanes, blend, splat, warps, word};
use super::memory::Memory;
use super::threads::Threads;
use crate::machine::{Executed, Launch};

/// Where a lane stands that has ended.
const ENDED: u32 = u32::MAX;
/// Instructions after which a workgroup is taken not to end.
const MOST: u64 = 1 << 22;
/// Runs the workgroup at a place of the grid.
pub(super) fn workgroup(program: &Bound, launch: &Launch<'_>, group: [u32; 2], memory: &Memory) -> Result<Executed> {
    let mut threads = Threads::new(program.registers, group, memory);
    let mut at = splat(ENDED);
    at[..launch.workgroup as usize].fill(0);
    let mut steps = 0;
    loop {
        let lowest = at.iter().copied().min().unwrap_or(ENDED);
        if lowest == ENDED {
            return Ok(threads.executed);
        }
        let others = at.iter().copied().filter(|place| *place > lowest).min().unwrap_or(ENDED);
        steps += threads.stretch(program, &mut at, lowest, others)?;
        ensure!(steps <= MOST, "the workgroup must end within {MOST} instructions");
    }
}

impl Threads<'_> {
    /// Runs the lanes that stand at `first` up to a branch, or to `others`, and gives how many instructions that were.
    fn stretch(&mut self, program: &Bound, at: &mut Lanes, first: u32, others: u32) -> Result<u64> {
        let active = at.map(|place| word(place == first));
        let warps = warps(&active);
        let mut place = first;
        loop {
            let instruction =
                program.instructions.get(place as usize).context("the code must not end without `exit`")?;
            self.executed.instructions += warps;
            let next = place + 1;
            let jump = match instruction.operation {
                Operation::Exit => Some(ENDED),
                Operation::Branch { target } => Some(u32::try_from(target)?),
                _ => None,
            };
            if let Some(jump) = jump {
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
            self.run(instruction, &active).with_context(|| format!("instruction `{}`", instruction.text))?;
            if next == others {
                blend(at, &splat(next), &active);
                return Ok(u64::from(next - first));
            }
            place = next;
        }
    }
}
