//! Loads and stores.

use std::borrow::Cow;

use anyhow::{Context, Result, ensure};

use super::instruction::{Access, Load, SharedAccess};
use super::memory::Memory;
use super::wave::Wave;

impl<const W: usize> Wave<W> {
    /// A scalar load: a descriptor through one of RADV's pointers, or words of the uniform buffer.
    pub(super) fn load(&mut self, memory: &Memory<'_>, load: &Load) -> Result<()> {
        let base = load.base;
        let offset = self.scalars.word(load.offset)?.wrapping_add(load.plus);
        let from = if load.buffer {
            Cow::from(memory.params(self.scalars.registers[usize::from(base)])?)
        } else {
            Cow::from(memory.descriptors(self.scalars.pair(base))?)
        };
        ensure!(offset.is_multiple_of(4), "an offset that is no multiple of 4: {offset}");
        let first = (offset / 4) as usize;
        // a device may return zeros here; a shader that needs them is wrong all the same
        let found = from.get(first..first + usize::from(load.words)).context("a load outside its buffer")?;
        for (register, word) in (load.to..).zip(found) {
            self.scalars.set(register, *word);
        }
        Ok(())
    }

    /// A load from or a store to a storage buffer by each lane that is on.
    pub(super) fn access(&mut self, memory: &mut Memory<'_>, access: &Access) -> Result<()> {
        let tag = self.scalars.registers[usize::from(access.descriptor)];
        let constant = self.scalars.word(access.scalar)?.wrapping_add(access.offset);
        for (lane, thread) in self.lanes() {
            let address = access.address.map_or(0, |register| self.vectors[usize::from(register)][lane]);
            let offset = address.wrapping_add(constant);
            ensure!(offset.is_multiple_of(4), "an offset that is no multiple of 4: {offset}");
            for word in 0..access.words {
                let (place, register) = (offset / 4 + u32::from(word), usize::from(access.data + word));
                if access.store {
                    memory.store(tag, thread, place, self.vectors[register][lane])?;
                } else {
                    self.vectors[register][lane] = memory.load(tag, thread, place)?;
                }
            }
        }
        Ok(())
    }

    /// A load from or a store to shared memory by each lane that is on.
    pub(super) fn share(&mut self, memory: &mut Memory<'_>, access: &SharedAccess) -> Result<()> {
        for (lane, thread) in self.lanes() {
            let address = self.vectors[usize::from(access.address)][lane];
            // copied, because a load may write the register of its address
            for part in access.parts.iter().flatten() {
                for word in 0..access.words {
                    let address = address.wrapping_add(part.offset + 4 * u32::from(word));
                    let register = usize::from(part.data + word);
                    if access.store {
                        memory.shared.store(thread, address, self.vectors[register][lane])?;
                    } else {
                        self.vectors[register][lane] = memory.shared.load(thread, address)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The lanes that are on, each with its thread.
    fn lanes(&self) -> impl Iterator<Item = (usize, u32)> + use<W> {
        let (exec, first) = (self.exec(), self.first);
        (0..W).zip(first..).filter(move |(lane, _)| (exec >> lane) & 1 == 1)
    }
}
