//! Loads and stores, lane by lane.

use anyhow::{Context, Result, bail};

use super::instruction::{Instruction, Operation, Place, Source};
use super::lanes::{LANES, Lanes, splat};
use super::memory::joined;
use super::threads::Threads;

impl Threads<'_> {
    /// Runs a load or a store in the lanes of a mask.
    pub(super) fn access(&mut self, instruction: &Instruction, mask: &Lanes) -> Result<()> {
        match instruction.operation {
            Operation::Load { width, offset } => {
                self.each_address(instruction, mask, offset, |threads, lane, address| {
                    let mut words = [0; 4];
                    let words = &mut words[..usize::from(width.registers())];
                    threads.memory.load(address, width, words)?;
                    for (register, word) in (usize::from(instruction.target.unwrap_or(0))..).zip(words) {
                        threads.registers[register][lane] = *word;
                    }
                    Ok(())
                })
            }
            Operation::Store { width, offset } => {
                let mut words = [splat(0); 4];
                self.data(instruction.sources[1], &mut words[..usize::from(width.registers())]);
                self.each_address(instruction, mask, offset, |threads, lane, address| {
                    let words = words.map(|word| word[lane]);
                    threads.memory.store(address, width, &words[..usize::from(width.registers())])
                })
            }
            Operation::LoadShared { offset } => {
                self.each_shared(instruction, mask, offset, |threads, lane, address| {
                    let word = threads.shared.load(lane as u32, address)?;
                    threads.registers[usize::from(instruction.target.unwrap_or(0))][lane] = word;
                    Ok(())
                })
            }
            Operation::StoreShared { offset } => {
                let mut words = [splat(0)];
                self.data(instruction.sources[1], &mut words);
                self.each_shared(instruction, mask, offset, |threads, lane, address| {
                    threads.shared.store(lane as u32, address, words[0][lane])
                })
            }
            _ => bail!("that is no access of memory"),
        }
    }

    /// The words of a store.
    fn data(&self, source: Source, words: &mut [Lanes]) {
        for (at, words) in words.iter_mut().enumerate() {
            *words = match source.place {
                Place::Register(register) => self.registers[usize::from(register) + at],
                Place::Word(word) => splat(word),
                Place::Constant { .. } => unreachable!("constants are bound"),
            };
        }
    }

    fn each_address(
        &mut self,
        instruction: &Instruction,
        mask: &Lanes,
        offset: u32,
        access: impl Fn(&mut Self, usize, u64) -> Result<()>,
    ) -> Result<()> {
        let Place::Register(register) = instruction.sources[0].place else { bail!("an address must be in registers") };
        let register = usize::from(register);
        // copied, because a load may write the registers of its address
        let (low, high) = (self.registers[register], self.registers[register + 1]);
        for lane in (0..LANES).filter(|lane| mask[*lane] != 0) {
            let address = joined(low[lane], high[lane]).wrapping_add(offset.into());
            access(self, lane, address).with_context(|| format!("lane {lane}"))?;
        }
        Ok(())
    }

    fn each_shared(
        &mut self,
        instruction: &Instruction,
        mask: &Lanes,
        offset: u32,
        access: impl Fn(&mut Self, usize, u32) -> Result<()>,
    ) -> Result<()> {
        let Place::Register(register) = instruction.sources[0].place else { bail!("an address must be in a register") };
        let addresses = self.registers[usize::from(register)];
        for lane in (0..LANES).filter(|lane| mask[*lane] != 0) {
            access(self, lane, addresses[lane].wrapping_add(offset)).with_context(|| format!("lane {lane}"))?;
        }
        Ok(())
    }
}
