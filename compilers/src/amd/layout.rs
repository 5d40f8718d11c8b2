//! The contents of the scalar registers when a wave begins.

use anyhow::{Result, ensure};

use super::instruction::Instruction;
use super::operand::{EXEC, NULL, Place, VCC};

/// RADV's order (Mesa, radv_shader_args.c, compute shaders): the pointer to descriptor set 0, the pointer to the push
/// constants and the dynamic descriptors behind them, then the workgroup's x and y. The registers follow each other,
/// with gaps for arguments that the shader does not use. A shader reads its arguments before it writes their registers,
/// so the four registers that are read before they are written are these four, in this order.
///
/// A wrong order is noticed: src/amd/wave.rs allows stores through the set's descriptor alone, and reads the uniform
/// buffer through the dynamic one alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout([u8; 4]);

impl Layout {
    pub(super) fn of(program: &[(Instruction, String)]) -> Result<Self> {
        let mut written = [false; 256];
        let mut first = Vec::new();
        // in the order of the listing, which is the order of execution: no shader here has a loop
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
        // with a fifth register the shader would read one that nothing has set
        let found = <[u8; 4]>::try_from(first.as_slice());
        ensure!(found.is_ok(), "four scalar registers must be read before they are written, not {first:?}");
        Ok(Self(found.unwrap_or_default()))
    }

    pub(super) fn registers(self, values: [u32; 4]) -> impl Iterator<Item = (u8, u32)> {
        self.0.into_iter().zip(values)
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
        Instruction::Shift64 { by, from, .. } => ([places(&[*by]), wide(from)].concat(), Vec::new()),
        Instruction::Mad64 { from, add, .. } => ([places(from), wide(add)].concat(), Vec::new()),
        Instruction::Scalar(scalar) if scalar.wide => {
            let reads = scalar.from.iter().flat_map(wide).collect();
            (reads, two(scalar.to))
        }
        Instruction::Scalar(scalar) => (scalar.from.iter().flat_map(one).collect(), vec![scalar.to]),
        Instruction::Load { to, words, base, offset, buffer, .. } => {
            // a descriptor has four registers, a pointer two
            let last = if *buffer { base + 3 } else { base + 1 };
            ([(*base..=last).collect(), one(offset)].concat(), (*to..to + words).collect())
        }
        Instruction::Memory(memory) => {
            let descriptor = memory.descriptor..memory.descriptor + 4;
            ([descriptor.collect(), one(&memory.scalar)].concat(), Vec::new())
        }
        // `exec` is above vcc, so that it never counts as an argument
        Instruction::Swap(..) | Instruction::Branch(..) | Instruction::End | Instruction::Nothing => {
            (Vec::new(), vec![EXEC])
        }
    }
}
