//! The contents of the scalar registers when a wave begins.

use anyhow::{Result, ensure};

use super::instruction::{Instruction, ScalarOperation};
use super::operand::{EXEC, NULL, Place, VCC};

/// RADV's order (Mesa, radv_shader_args.c, compute shaders): the pointer to descriptor set 0, the pointer to the push
/// constants and the dynamic descriptors behind them, then the workgroup's x and y. The registers follow each other,
/// with gaps for arguments that the shader does not use. A shader reads its arguments before it writes their registers,
/// so the registers that are read before they are written are these, in this order. One that has no use of y, or of x
/// and y, has three or two of them.
///
/// A wrong order is noticed: src/amd/wave.rs allows stores through the set's descriptor alone, and reads the uniform
/// buffer through the dynamic one alone.
#[derive(Clone, Debug)]
pub(super) struct Layout(Vec<u8>);

impl Layout {
    pub(super) fn of(program: &[(Instruction, String)], grid: [u32; 2]) -> Result<Self> {
        let mut written = [false; 256];
        let mut first = Vec::new();
        // in the order of the listing: a loop runs its instructions again, but first in this order
        for (instruction, _) in program {
            let (reads, writes) = scalars(instruction);
            for register in reads {
                // the named registers from vcc on hold no arguments
                if !written[usize::from(register)] && register < VCC && !first.contains(&register) {
                    first.push(register);
                }
            }
            for register in writes {
                written[usize::from(register)] = true;
            }
        }
        // the order of the registers is RADV's; the order of the reads is the compiler's choice
        first.sort_unstable();
        // with a fifth register the shader would read one that nothing has set; and workgroups must know themselves
        let least = match grid {
            [1, 1] => 2,
            [_, 1] => 3,
            _ => 4,
        };
        let known = (least..=4).contains(&first.len());
        ensure!(known, "{least} to 4 scalar registers must be read before they are written, not {first:?}");
        Ok(Self(first))
    }

    pub(super) fn registers(&self, values: [u32; 4]) -> impl Iterator<Item = (u8, u32)> {
        self.0.iter().copied().zip(values)
    }
}

/// The scalar registers that an instruction reads and writes. Masks and 64-bit operands count as two registers. For the
/// masks of waves of 32 lanes that is one too many, which does no harm: they are in even registers behind the four
/// arguments, and no mask is in front of them.
fn scalars(instruction: &Instruction) -> (Vec<u8>, Vec<u8>) {
    // null is no register: it reads as 0
    let one = |place: &Place| match place {
        Place::Scalar(register) if *register != NULL => vec![*register],
        _ => Vec::new(),
    };
    let two = |register: u8| if register == NULL { Vec::new() } else { vec![register, register + 1] };
    let wide = |place: &Place| one(place).into_iter().flat_map(two).collect::<Vec<_>>();
    let places = |operands: &[super::operand::Operand]| {
        operands.iter().flat_map(|operand| one(&operand.place)).collect::<Vec<_>>()
    };
    match instruction {
        // vector results are not listed: arguments are in scalar registers alone
        Instruction::Vector(vector) => (places(&vector.from), Vec::new()),
        Instruction::Compare(compare) => (places(&compare.from), compare.to.map_or(Vec::new(), two)),
        Instruction::Select { from, mask, .. } => ([places(from), two(*mask)].concat(), Vec::new()),
        Instruction::Carry { from, carry, out, .. } => {
            ([places(from), carry.map_or(Vec::new(), two)].concat(), two(*out))
        }
        Instruction::Dual(two) => {
            let [(mut reads, _), (more, _)] = two.each_ref().map(scalars);
            reads.extend(more);
            (reads, Vec::new())
        }
        Instruction::FirstLane { to, .. } => (Vec::new(), vec![*to]),
        Instruction::Shift64 { by, from, .. } => ([places(&[*by]), wide(from)].concat(), Vec::new()),
        Instruction::Mad64 { from, add, .. } => ([places(from), wide(add)].concat(), Vec::new()),
        // the sources of a 64-bit mask are words
        Instruction::Scalar(scalar) if scalar.wide && scalar.operation == ScalarOperation::Bfm => {
            (scalar.from.iter().flat_map(one).collect(), two(scalar.to))
        }
        Instruction::Scalar(scalar) if scalar.wide => {
            let reads = scalar.from.iter().flat_map(wide).collect();
            (reads, two(scalar.to))
        }
        Instruction::Scalar(scalar) => (scalar.from.iter().flat_map(one).collect(), vec![scalar.to]),
        Instruction::Load(load) => {
            // a descriptor has four registers, a pointer two
            let last = if load.buffer { load.base + 3 } else { load.base + 1 };
            ([(load.base..=last).collect(), one(&load.offset)].concat(), (load.to..load.to + load.words).collect())
        }
        Instruction::Memory(memory) => {
            let descriptor = memory.descriptor..memory.descriptor + 4;
            ([descriptor.collect(), one(&memory.scalar)].concat(), Vec::new())
        }
        // `exec` is above vcc, so that it never counts as an argument
        Instruction::Swap(..)
        | Instruction::Shared(_)
        | Instruction::Barrier
        | Instruction::Branch(..)
        | Instruction::End
        | Instruction::Nothing => (Vec::new(), vec![EXEC]),
    }
}
