//! The scalar registers' contents when a wave begins.

use anyhow::{Result, ensure};

use super::instruction::Instruction;
use super::operand::{EXEC, NULL, Place, VCC};

/// RADV's order (Mesa, radv_shader_args.c, compute shaders): the pointer to descriptor set 0, the pointer to the push
/// constants and the dynamic descriptors behind them, then the workgroup's x and y. The registers follow each other, with
/// gaps for arguments that the shader does not use. A shader reads its arguments before it writes their registers, so the
/// four registers that are read before they are written are these four, in this order.
///
/// A wrong order is found: src/amd/wave.rs lets only the set's descriptor be stored through, and only the
/// dynamic one be read as the uniform buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout([u8; 4]);

impl Layout {
    pub(super) fn of(program: &[(Instruction, String)]) -> Result<Self> {
        let mut written = [false; 256];
        let mut first = Vec::new();
        for (instruction, _) in program {
            let (reads, writes) = scalars(instruction);
            for register in reads {
                if !written[usize::from(register)] && register < VCC && !first.contains(&register) {
                    first.push(register);
                }
            }
            for register in writes {
                written[usize::from(register)] = true;
            }
        }
        first.sort_unstable();
        let found = <[u8; 4]>::try_from(first.as_slice());
        ensure!(found.is_ok(), "four scalar registers must be read before they are written, not {first:?}");
        Ok(Self(found.unwrap_or_default()))
    }

    pub(super) fn registers(self, values: [u32; 4]) -> impl Iterator<Item = (u8, u32)> {
        self.0.into_iter().zip(values)
    }
}

/// The scalar registers that an instruction reads and writes. Masks and 64 bits count as two registers, which is one too
/// many for the masks of waves of 32 lanes; these stand in even registers after the four, which no mask precedes.
fn scalars(instruction: &Instruction) -> (Vec<u8>, Vec<u8>) {
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
            let last = if *buffer { base + 3 } else { base + 1 };
            ([(*base..=last).collect(), one(offset)].concat(), (*to..to + words).collect())
        }
        Instruction::Memory(memory) => {
            let descriptor = memory.descriptor..memory.descriptor + 4;
            ([descriptor.collect(), one(&memory.scalar)].concat(), Vec::new())
        }
        Instruction::Swap(..) | Instruction::Branch(..) | Instruction::End | Instruction::Nothing => {
            (Vec::new(), vec![EXEC])
        }
    }
}
