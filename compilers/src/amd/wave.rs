//! A wave: its registers, its memory, and the loop that runs it.

use anyhow::{Context, Result, bail, ensure};

use super::instruction::{Condition, Instruction, Memory};
use super::operand::{EXEC, Place, SCALARS, VCC};
use super::scalar::Scalars;
use crate::machine::Executed;

/// The most vector registers that a wave can have.
const VECTORS: usize = 256;
/// The value of a register that nothing has written: -6.3e18 as f32, and an offset outside every buffer.
const NOISE: u32 = 0xdead_beef;
/// The most instructions that a wave may run; no shader here has a loop.
const MOST_STEPS: u64 = 1 << 20;
/// The high half of the addresses that RADV's 32-bit pointers have.
const HIGH: u32 = 0xffff_8000;
/// The low halves of the addresses of the descriptor set and of the dynamic descriptors.
pub(super) const SET: u32 = 0x1000;
pub(super) const DYNAMIC: u32 = 0x2000;
/// Tags in the first words of the descriptors: by them a use of the wrong one is found.
const STORAGE: u32 = 0x5701_0000;
const UNIFORM: u32 = 0x0f02_0000;

/// The buffers that a dispatch is bound to.
#[derive(Clone, Copy)]
pub(super) struct Memories<'a> {
    pub(super) params: &'a [u32],
    pub(super) storage: &'a [u32],
}

pub(super) struct Wave<'a, const W: usize> {
    pub(super) scalars: Scalars,
    pub(super) vectors: Box<[[u32; W]; VECTORS]>,
    pub(super) executed: Executed,
    memories: Memories<'a>,
    /// The index in the storage buffer and the value of each stored word.
    pub(super) stores: Vec<(u32, u32)>,
}

impl<'a, const W: usize> Wave<'a, W> {
    /// The mask of every lane.
    pub(super) const FULL: u64 = u64::MAX >> (64 - W);

    pub(super) fn new(memories: Memories<'a>) -> Self {
        let scalars = Scalars { registers: [NOISE; SCALARS], scc: false };
        let vectors = Box::new([[NOISE; W]; VECTORS]);
        Self { scalars, vectors, executed: Executed::default(), memories, stores: Vec::new() }
    }

    /// Fills every register with noise and turns all lanes on. `scc` keeps its value.
    pub(super) fn reset(&mut self) {
        self.scalars.registers = [NOISE; SCALARS];
        self.vectors.fill([NOISE; W]);
        self.set_mask(EXEC, Self::FULL);
    }

    #[inline(always)]
    pub(super) fn exec(&self) -> u64 {
        self.get_mask(EXEC)
    }

    /// A mask of the wave's lanes: one register for 32 lanes, two for 64.
    #[inline(always)]
    pub(super) fn get_mask(&self, register: u8) -> u64 {
        if W == 64 { self.scalars.pair(register) } else { u64::from(self.scalars.registers[usize::from(register)]) }
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a mask of 32 lanes")]
    pub(super) fn set_mask(&mut self, register: u8, mask: u64) {
        if W == 64 { self.scalars.set_pair(register, mask) } else { self.scalars.set(register, mask as u32) }
    }

    /// Runs a program to its end.
    #[inline(always)]
    pub(super) fn run(&mut self, program: &[(Instruction, String)]) -> Result<()> {
        let mut at = 0;
        let mut steps = 0;
        loop {
            // branches go to indices of instructions; one past the end means a listing without an end
            let (instruction, line) = program.get(at).context("the listing must end with s_endpgm")?;
            at += 1;
            steps += 1;
            // a wrong branch must be an error, not a program that hangs
            ensure!(steps < MOST_STEPS, "{MOST_STEPS} instructions and no end");
            let done = match instruction {
                Instruction::Vector(vector) => self.vector(vector),
                Instruction::Compare(compare) => self.compare(compare),
                Instruction::Select { to, from, mask } => self.select(*to, from, *mask),
                Instruction::Carry { to, out, from, carry } => self.carry(*to, *out, from, *carry),
                Instruction::Shift64 { to, right, by, from } => self.shift64(*to, *right, by, *from),
                Instruction::Mad64 { to, from, add } => self.mad64(*to, from, *add),
                Instruction::Swap(a, b) => {
                    self.swap(*a, *b);
                    Ok(())
                }
                Instruction::Scalar(scalar) => self.scalars.run(scalar),
                Instruction::Load { to, words, base, offset, plus, buffer } => {
                    self.load(*to, *words, *base, *offset, *plus, *buffer)
                }
                Instruction::Memory(memory) => self.memory(memory),
                Instruction::Branch(condition, to) => {
                    if self.holds(*condition) {
                        at = *to;
                    }
                    Ok(())
                }
                Instruction::Nothing => Ok(()),
                Instruction::End => break,
            };
            done.with_context(|| format!("`{line}`"))?;
        }
        self.executed.instructions += steps;
        Ok(())
    }

    fn holds(&self, condition: Condition) -> bool {
        match condition {
            Condition::Always => true,
            Condition::ExecZero => self.exec() == 0,
            Condition::ExecNotZero => self.exec() != 0,
            Condition::SccZero => !self.scalars.scc,
            Condition::SccOne => self.scalars.scc,
            Condition::VccZero => self.get_mask(VCC) == 0,
            Condition::VccNotZero => self.get_mask(VCC) != 0,
        }
    }

    /// A scalar load: a descriptor through one of RADV's pointers, or words of the uniform buffer.
    fn load(&mut self, to: u8, words: u8, base: u8, offset: Place, plus: u32, buffer: bool) -> Result<()> {
        let offset = self.scalars.word(offset)?.wrapping_add(plus);
        let pointer = self.scalars.pair(base);
        let memory: &[u32] = if buffer {
            let found = self.scalars.registers[usize::from(base)];
            // a wrong order of the arguments in src/amd/layout.rs is found here and in `memory`
            ensure!(found == UNIFORM, "a descriptor that is not the uniform buffer's: {found:#x}");
            self.memories.params
        } else {
            let bytes = |words: &[u32]| size_of_val(words) as u32;
            ensure!(pointer >> 32 == u64::from(HIGH), "a pointer whose high half is not {HIGH:#x}: {pointer:#x}");
            // a descriptor here is its tag, 0, the size in bytes, and 0
            match pointer as u32 {
                SET => &[STORAGE, 0, bytes(self.memories.storage), 0],
                DYNAMIC => &[UNIFORM, 0, bytes(self.memories.params), 0],
                _ => bail!("an unknown pointer {pointer:#x}"),
            }
        };
        ensure!(offset.is_multiple_of(4), "an offset that is no multiple of 4: {offset}");
        let first = (offset / 4) as usize;
        // a device may return zeros here; a shader that needs them is wrong all the same
        let found = memory.get(first..first + usize::from(words)).context("a load outside its buffer")?.to_vec();
        for (register, word) in (to..).zip(found) {
            self.scalars.set(register, word);
        }
        Ok(())
    }

    /// A load from or a store to the storage buffer by each lane that is on. Loads see the buffer as it was before the
    /// dispatch, so a load of a word that the wave has stored is an error.
    fn memory(&mut self, memory: &Memory) -> Result<()> {
        let found = self.scalars.registers[usize::from(memory.descriptor)];
        ensure!(found == STORAGE, "a descriptor that is not the storage buffer's: {found:#x}");
        let constant = self.scalars.word(memory.scalar)?.wrapping_add(memory.offset);
        let exec = self.exec();
        for lane in (0..W).filter(|lane| (exec >> lane) & 1 == 1) {
            let address = memory.address.map_or(0, |register| self.vectors[usize::from(register)][lane]);
            let offset = address.wrapping_add(constant);
            ensure!(offset.is_multiple_of(4), "an offset that is no multiple of 4: {offset}");
            for word in 0..memory.words {
                let place = offset / 4 + u32::from(word);
                let register = usize::from(memory.data + word);
                // robust access would drop such a store on a device and hide the fault
                let old = self.memories.storage.get(place as usize);
                let old = *old.with_context(|| format!("word {place} lies outside the buffer"))?;
                if memory.store {
                    self.stores.push((place, self.vectors[register][lane]));
                } else {
                    let stored = self.stores.iter().any(|(stored, _)| *stored == place);
                    ensure!(!stored, "word {place} is loaded after it was stored");
                    self.vectors[register][lane] = old;
                }
            }
        }
        Ok(())
    }
}
