//! Runs AMD's scalar instructions.

use anyhow::{Result, bail};

use super::instruction::{Kind, Relation, Scalar, ScalarOperation};
use super::operand::{EXEC, NULL, Place, SCALARS};

/// Scalar registers, `vcc` and `exec` among them, and the flag `scc`.
#[derive(Clone)]
pub(super) struct Scalars {
    pub(super) registers: [u32; SCALARS],
    pub(super) scc: bool,
}

impl Scalars {
    pub(super) fn word(&self, place: Place) -> Result<u32> {
        match place {
            Place::Scalar(NULL) => Ok(0),
            Place::Scalar(number) => Ok(self.registers[usize::from(number)]),
            Place::Literal(low, _) => Ok(low),
            Place::Flag => Ok(self.scc.into()),
            Place::Vector(number) => bail!("v{number} as a scalar"),
        }
    }

    /// The 64 bits of a pair of registers or of a literal.
    pub(super) fn wide(&self, place: Place) -> Result<u64> {
        match place {
            Place::Scalar(NULL) => Ok(0),
            Place::Scalar(number) => Ok(self.pair(number)),
            Place::Literal(low, high) => Ok(joined(low, high)),
            Place::Vector(number) => bail!("v{number} as a scalar"),
            Place::Flag => bail!("a flag of 64 bits"),
        }
    }

    pub(super) const fn pair(&self, first: u8) -> u64 {
        joined(self.registers[first as usize], self.registers[first as usize + 1])
    }

    pub(super) fn set(&mut self, to: u8, word: u32) {
        if to != NULL {
            self.registers[usize::from(to)] = word;
        }
    }

    pub(super) fn set_pair(&mut self, to: u8, bits: u64) {
        if to != NULL {
            let [low, high] = split(bits);
            self.registers[usize::from(to)] = low;
            self.registers[usize::from(to) + 1] = high;
        }
    }

    pub(super) fn run(&mut self, scalar: &Scalar) -> Result<()> {
        if scalar.wide { self.run_wide(scalar) } else { self.run_word(scalar) }
    }

    fn run_word(&mut self, scalar: &Scalar) -> Result<()> {
        use ScalarOperation as Op;
        let (a, b) = (self.word(scalar.from[0])?, self.word(scalar.from[1])?);
        let signed = (a.cast_signed(), b.cast_signed());
        // logic and shifts set scc to whether the result is not 0
        let not_zero = |word: u32| (word, Some(word != 0));
        let (word, flag) = match scalar.operation {
            Op::Mov => (a, None),
            Op::Not => not_zero(!a),
            Op::Brev => (a.reverse_bits(), None),
            // signed sums set scc on overflow, unsigned ones to the carry or borrow
            Op::AddI => (a.wrapping_add(b), Some(signed.0.checked_add(signed.1).is_none())),
            Op::SubI => (a.wrapping_sub(b), Some(signed.0.checked_sub(signed.1).is_none())),
            Op::AddU => (a.wrapping_add(b), Some(a.checked_add(b).is_none())),
            Op::SubU => (a.wrapping_sub(b), Some(a < b)),
            Op::AddCarry => {
                let sum = u64::from(a) + u64::from(b) + u64::from(self.scc);
                (split(sum)[0], Some(sum >> 32 != 0))
            }
            // products and moves leave scc as it is
            Op::Mul => (a.wrapping_mul(b), None),
            Op::MulHi => (split(u64::from(a) * u64::from(b))[1], None),
            Op::And => not_zero(a & b),
            Op::AndNot => not_zero(a & !b),
            Op::Nand => not_zero(!(a & b)),
            Op::Or => not_zero(a | b),
            Op::Xor => not_zero(a ^ b),
            Op::Lshl => not_zero(a << (b & 31)),
            Op::Lshr => not_zero(a >> (b & 31)),
            // scc is the carry, of the shift as well
            Op::LshlAdd(by) => {
                let sum = (u64::from(a) << by) + u64::from(b);
                (split(sum)[0], Some(sum >> 32 != 0))
            }
            // scc says whether the first operand was taken
            Op::MinU => (a.min(b), Some(a < b)),
            Op::MaxU => (a.max(b), Some(a > b)),
            // both counts are below 32, so that neither shift overflows
            Op::Bfm => (((1 << (a & 31)) - 1) << (b & 31), None),
            Op::BfeU => {
                // the second operand holds the offset in its low bits and the width from bit 16 on
                let width = (b >> 16) & 0x7f;
                let mask = if width >= 32 { u32::MAX } else { (1 << width) - 1 };
                not_zero((a >> (b & 31)) & mask)
            }
            Op::PackLow => ((a & 0xffff) | (b << 16), None),
            Op::PackHigh => ((a >> 16) | (b & 0xffff_0000), None),
            Op::Select => (if self.scc { a } else { b }, None),
            Op::AndSaveExec => {
                let old = self.registers[usize::from(EXEC)];
                self.set(EXEC, a & old);
                (old, Some(a & old != 0))
            }
            // the word goes to null (src/amd/scalar_decode.rs)
            Op::Compare(relation, kind) => (0, Some(holds(relation, kind, a, b)?)),
        };
        self.set(scalar.to, word);
        self.scc = flag.unwrap_or(self.scc);
        Ok(())
    }

    fn run_wide(&mut self, scalar: &Scalar) -> Result<()> {
        use ScalarOperation as Op;
        // the counts of a 64-bit mask or shift are one register, so `wide` must not read them
        if scalar.operation == Op::Bfm {
            let (width, offset) = (self.word(scalar.from[0])? & 63, self.word(scalar.from[1])? & 63);
            self.set_pair(scalar.to, ((1 << width) - 1) << offset);
            return Ok(());
        }
        let a = self.wide(scalar.from[0])?;
        if let Op::Lshl | Op::Lshr = scalar.operation {
            let by = self.word(scalar.from[1])? & 63;
            let bits = if scalar.operation == Op::Lshl { a << by } else { a >> by };
            self.set_pair(scalar.to, bits);
            self.scc = bits != 0;
            return Ok(());
        }
        let b = self.wide(scalar.from[1])?;
        let not_zero = |bits: u64| (bits, Some(bits != 0));
        let (bits, flag) = match scalar.operation {
            Op::Mov => (a, None),
            Op::Not => not_zero(!a),
            Op::And => not_zero(a & b),
            Op::AndNot => not_zero(a & !b),
            Op::Nand => not_zero(!(a & b)),
            Op::Or => not_zero(a | b),
            Op::Xor => not_zero(a ^ b),
            Op::Select => (if self.scc { a } else { b }, None),
            Op::AndSaveExec => {
                let old = self.pair(EXEC);
                self.set_pair(EXEC, a & old);
                (old, Some(a & old != 0))
            }
            operation => bail!("{operation:?} of 64 bits is not known"),
        };
        self.set_pair(scalar.to, bits);
        self.scc = flag.unwrap_or(self.scc);
        Ok(())
    }
}

fn holds(relation: Relation, kind: Kind, a: u32, b: u32) -> Result<bool> {
    let order = match kind {
        Kind::U32 => a.cmp(&b),
        Kind::I32 => a.cast_signed().cmp(&b.cast_signed()),
        Kind::F32 => bail!("scalar comparisons of floats are not known"),
    };
    Ok(match relation {
        Relation::Less => order.is_lt(),
        Relation::LessEqual => order.is_le(),
        Relation::Equal => order.is_eq(),
        Relation::NotEqual => order.is_ne(),
        Relation::Greater => order.is_gt(),
        Relation::GreaterEqual => order.is_ge(),
        // the Not relations exist for NaN, which integers do not have
        _ => bail!("{relation:?} of integers is not known"),
    })
}

pub(super) const fn joined(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

#[expect(clippy::cast_possible_truncation, reason = "the two words")]
pub(super) const fn split(bits: u64) -> [u32; 2] {
    [bits as u32, (bits >> 32) as u32]
}
