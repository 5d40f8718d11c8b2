//! A wave: its registers, and the loop that runs it.

use anyhow::{Context, Result, ensure};

use super::instruction::{Condition, Instruction};
use super::memory::{Memory, NOISE};
use super::operand::{EXEC, SCALARS, VCC};
use super::scalar::Scalars;
use crate::machine::Executed;

/// The most vector registers that a wave can have.
const VECTORS: usize = 256;
/// The most instructions that a wave may run before it ends or comes to a barrier.
const MOST_STEPS: u64 = 1 << 20;

/// The reason why a wave stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    End,
    /// The wave goes on when all waves of its workgroup have come to a barrier.
    Barrier,
}

pub(super) struct Wave<const W: usize> {
    pub(super) scalars: Scalars,
    pub(super) vectors: Box<[[u32; W]; VECTORS]>,
    pub(super) executed: Executed,
    /// The first lane's thread in the workgroup, and the mask of the lanes that have threads.
    pub(super) first: u32,
    threads: u64,
    /// The next instruction.
    at: usize,
}

impl<const W: usize> Wave<W> {
    /// The mask of every lane.
    pub(super) const FULL: u64 = u64::MAX >> (64 - W);

    pub(super) fn new() -> Self {
        let scalars = Scalars { registers: [NOISE; SCALARS], scc: false };
        let vectors = Box::new([[NOISE; W]; VECTORS]);
        Self { scalars, vectors, executed: Executed::default(), first: 0, threads: 0, at: 0 }
    }

    /// Begins with these threads of a workgroup, the first of them in the first lane. Fills every register with noise,
    /// and turns on the lanes that have threads. `scc` keeps its value.
    pub(super) fn begin(&mut self, threads: std::ops::Range<u32>) {
        self.scalars.registers = [NOISE; SCALARS];
        self.vectors.fill([NOISE; W]);
        self.executed = Executed::default();
        self.first = threads.start;
        self.threads = Self::FULL >> (W as u64 - u64::from(threads.end - threads.start).min(W as u64));
        self.at = 0;
        self.set_mask(EXEC, self.threads);
        // RDNA3 packs the threads' y and z above their x; both are 0 here
        for (lane, thread) in self.vectors[0].iter_mut().zip(threads.start..) {
            *lane = thread;
        }
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

    /// Runs a program to its end or to a barrier.
    #[inline(always)]
    pub(super) fn run(&mut self, program: &[(Instruction, String)], memory: &mut Memory<'_>) -> Result<Stop> {
        let mut at = self.at;
        let mut steps = 0;
        let stop = loop {
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
                Instruction::Dual(two) => self.dual(two),
                Instruction::FirstLane { to, from } => self.first_lane(*to, *from),
                Instruction::Scalar(scalar) => self.scalars.run(scalar),
                Instruction::Load(load) => self.load(memory, load),
                Instruction::Memory(access) => self.access(memory, access),
                Instruction::Shared(access) => self.share(memory, access),
                Instruction::Branch(condition, to) => {
                    if self.holds(*condition) {
                        at = *to;
                    }
                    Ok(())
                }
                Instruction::Nothing => Ok(()),
                Instruction::End => break Stop::End,
                Instruction::Barrier => break Stop::Barrier,
            };
            done.with_context(|| format!("`{line}`"))?;
        };
        self.executed.instructions += steps;
        self.at = at;
        // a barrier is of whole waves: one in a branch that some lanes do not take would be a fault of the shader
        let whole = stop == Stop::End || self.exec() == self.threads;
        ensure!(whole, "a barrier that not every thread comes to");
        Ok(stop)
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
}
