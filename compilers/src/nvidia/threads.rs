//! Runs one instruction in the lanes of a mask.

use anyhow::{Result, bail, ensure};

use super::arithmetic::{self, Results};
use super::instruction::{Change, Condition, Instruction, Operation, PREDICATES, Place, Source};
use super::lanes::{ALL, Lanes, NONE, WARP, blend, count, splat};
use super::memory::Memory;
use crate::machine::Executed;
use crate::shared::Shared;

/// The value of an unwritten register. No shader may rely on it.
const UNWRITTEN: u32 = 0xdead_beef;

/// A workgroup's registers, its index and its memory.
pub(super) struct Threads<'a> {
    pub(super) registers: Vec<Lanes>,
    predicates: Vec<Lanes>,
    // room for sources that have to be changed first; kept, because a value of every lane is 1 KiB
    spare: Box<[Lanes; 6]>,
    results: Box<Results>,
    group: [u32; 2],
    pub(super) memory: &'a Memory<'a>,
    pub(super) shared: Shared,
    /// The number of threads.
    pub(super) threads: u64,
    pub(super) executed: Executed,
}

/// An instruction of arithmetic, which is compiled for each vector extension that a processor may have.
struct Arithmetic<'a, 'b> {
    threads: &'a mut Threads<'b>,
    instruction: &'a Instruction,
    mask: &'a Lanes,
}

impl pulp::NullaryFnOnce for Arithmetic<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.threads.compute(self.instruction, self.mask);
        self.threads.write(self.instruction, self.mask);
    }
}

impl<'a> Threads<'a> {
    pub(super) fn new(registers: usize, threads: u32, group: [u32; 2], memory: &'a Memory<'a>) -> Self {
        Self {
            registers: vec![splat(UNWRITTEN); registers],
            predicates: vec![splat(0); PREDICATES],
            spare: Box::new([NONE; 6]),
            results: Box::default(),
            group,
            memory,
            shared: Shared::default(),
            threads: threads.into(),
            executed: Executed::default(),
        }
    }

    /// The lanes of a mask for which a condition holds.
    pub(super) fn guarded(&self, condition: Condition, active: &Lanes) -> Lanes {
        let mut mask = *active;
        let mut spare = NONE;
        for (mask, holds) in mask.iter_mut().zip(condition_of(&self.predicates, condition, &mut spare)) {
            *mask &= holds;
        }
        mask
    }

    /// Runs an instruction that is no branch in the lanes of a mask.
    pub(super) fn run(&mut self, instruction: &Instruction, active: &Lanes) -> Result<()> {
        let guarded;
        let mask = match instruction.guard {
            Condition::Always => active,
            guard => {
                guarded = self.guarded(guard, active);
                &guarded
            }
        };
        match instruction.operation {
            Operation::Nothing | Operation::Barrier => return Ok(()),
            Operation::Load { .. }
            | Operation::Store { .. }
            | Operation::LoadShared { .. }
            | Operation::StoreShared { .. } => return self.access(instruction, mask),
            Operation::Any => self.any(instruction.conditions[0], mask),
            Operation::System(number) => self.results.low = self.system(number)?,
            Operation::MoveUniform => self.move_uniform(instruction, mask)?,
            _ => {
                pulp::Arch::new().dispatch(Arithmetic { threads: self, instruction, mask });
                return Ok(());
            }
        }
        self.write(instruction, mask);
        Ok(())
    }

    /// Computes the results in every lane.
    #[inline(always)]
    fn compute(&mut self, instruction: &Instruction, mask: &Lanes) {
        let [a, b, c, p, q, r] = &mut *self.spare;
        let [first, second, third] = instruction.sources;
        let sources =
            [read(&self.registers, first, a), read(&self.registers, second, b), read(&self.registers, third, c)];
        let [first, second, third] = instruction.conditions;
        let conditions = [
            condition_of(&self.predicates, first, p),
            condition_of(&self.predicates, second, q),
            condition_of(&self.predicates, third, r),
        ];
        // only `imad64` has a third source of two registers
        let upper = match (instruction.operation, instruction.sources[2].place) {
            (Operation::MultiplyAdd64, Place::Register(register)) => &self.registers[usize::from(register) + 1],
            _ => &NONE,
        };
        arithmetic::compute(instruction.operation, sources, upper, conditions, &mut self.results);
        if instruction.is_fused() {
            // lanes that are off compute as well, but are not counted
            self.executed.fused += count(mask);
            self.executed.fused_matter +=
                self.results.high.iter().zip(mask).map(|(matters, mask)| u64::from(matters & mask & 1)).sum::<u64>();
        }
    }

    /// Writes the results where the instruction says.
    #[inline(always)]
    fn write(&mut self, instruction: &Instruction, mask: &Lanes) {
        if let Some(target) = instruction.target {
            let target = usize::from(target);
            blend(&mut self.registers[target], &self.results.low, mask);
            // of a fused multiply-add `high` is a mask, not a word of the result
            if instruction.operation == Operation::MultiplyAdd64 {
                blend(&mut self.registers[target + 1], &self.results.high, mask);
            }
        }
        for (flag, result) in instruction.flags.iter().zip(&self.results.flags) {
            if let Some(flag) = flag {
                blend(&mut self.predicates[usize::from(*flag)], result, mask);
            }
        }
    }

    /// A system register: the thread's index in its workgroup, and the workgroup's in the grid (`NAK_SV_TID_X` and
    /// those that follow it).
    fn system(&self, number: u32) -> Result<Lanes> {
        match number {
            0x21 => Ok(std::array::from_fn(|lane| lane as u32)),
            // threads have no y and z, nor has the grid a z
            0x22 | 0x23 | 0x27 => Ok(splat(0)),
            0x25 => Ok(splat(self.group[0])),
            0x26 => Ok(splat(self.group[1])),
            _ => bail!("unknown system register {number:#x}"),
        }
    }

    /// Moves to a register that a warp's lanes share, so they must agree on its value.
    fn move_uniform(&mut self, instruction: &Instruction, mask: &Lanes) -> Result<()> {
        let mut value = splat(0);
        let value = *read(&self.registers, instruction.sources[0], &mut value);
        // lanes that are off may hold anything
        for (value, mask) in value.chunks(WARP).zip(mask.chunks(WARP)) {
            let mut words = value.iter().zip(mask).filter(|(_, mask)| **mask != 0).map(|(word, _)| word);
            let first = words.next();
            ensure!(words.all(|word| Some(word) == first), "a warp's lanes must agree on a uniform register");
        }
        self.results.low = value;
        Ok(())
    }

    /// Whether a condition holds in a lane of the mask, for each warp.
    fn any(&mut self, condition: Condition, mask: &Lanes) {
        let holds = self.guarded(condition, mask);
        for (flags, holds) in self.results.flags[0].chunks_mut(WARP).zip(holds.chunks(WARP)) {
            flags.fill(holds.iter().fold(0, |any, holds| any | holds));
        }
    }
}

/// A condition's lanes, in its predicate or in `spare`.
#[inline(always)]
fn condition_of<'a>(predicates: &'a [Lanes], condition: Condition, spare: &'a mut Lanes) -> &'a Lanes {
    match condition {
        Condition::Always => &ALL,
        Condition::Never => &NONE,
        Condition::Predicate { number, inverted: false } => &predicates[usize::from(number)],
        Condition::Predicate { number, inverted: true } => {
            *spare = predicates[usize::from(number)].map(|holds| !holds);
            spare
        }
    }
}

/// A source's words with their signs changed, in its register or in `spare`.
#[inline(always)]
fn read<'a>(registers: &'a [Lanes], source: Source, spare: &'a mut Lanes) -> &'a Lanes {
    let plain = matches!(source.change, Change::None | Change::Float { absolute: false, negate: false });
    match source.place {
        // most sources are read unchanged, and need no copy
        Place::Register(register) if plain => return &registers[usize::from(register)],
        Place::Register(register) => *spare = registers[usize::from(register)],
        Place::Word(word) => *spare = splat(word),
        Place::Constant { .. } => unreachable!("constants are bound"),
    }
    match source.change {
        Change::None => {}
        Change::Negate => spare.iter_mut().for_each(|word| *word = word.wrapping_neg()),
        Change::Not => spare.iter_mut().for_each(|word| *word = !*word),
        Change::Float { absolute, negate } => {
            let (keep, flip) = (if absolute { 0x7fff_ffff } else { u32::MAX }, u32::from(negate) << 31);
            spare.iter_mut().for_each(|word| *word = (*word & keep) ^ flip);
        }
    }
    spare
}
