//! Runs AMD's vector instructions over the lanes of a wave. The loops over lanes are plain, so that the compiler
//! vectorises them.
//!
//! RADV runs shaders with f32 denormals flushed, in operands and results, unless they ask otherwise, which naga's never
//! do (Mesa, aco_instruction_selection_setup.cpp, `setup_fp_mode`: "preserving fp32 denorms is expensive, so only do it
//! if asked"). No listing changes the mode: decode.rs does not know the instructions that do.

use anyhow::{Context, Result, bail, ensure};

use super::instruction::{Instruction, Operation, Vector};
use super::operand::{Operand, Place};
use super::scalar::{joined, split};
use super::wave::Wave;
use crate::lanes::{all_ones, blend, float, flushed, mul_high};

/// One word of each lane.
pub(super) type Lanes<const W: usize> = [u32; W];

#[inline(always)]
pub(super) fn map<const W: usize>(f: impl Fn(usize) -> u32) -> Lanes<W> {
    let mut out = [0; W];
    for (lane, out) in out.iter_mut().enumerate() {
        *out = f(lane);
    }
    out
}

impl<const W: usize> Wave<W> {
    /// A source's value in each lane.
    #[inline(always)]
    pub(super) fn read(&self, operand: &Operand) -> Result<Lanes<W>> {
        let lanes = self.place(operand.place)?;
        if operand.is_plain() {
            return Ok(lanes);
        }
        let (part, keep, flip) = (operand.part, operand.keep, operand.flip);
        // sign extension: with the part's highest bit as `sign`, (x ^ sign) - sign; without, x
        let sign = if operand.signed { part.mask ^ (part.mask >> 1) } else { 0 };
        Ok(map(|i| (((((lanes[i] >> part.shift) & part.mask) ^ sign).wrapping_sub(sign)) & keep) ^ flip))
    }

    #[inline(always)]
    fn place(&self, place: Place) -> Result<Lanes<W>> {
        Ok(match place {
            Place::Vector(number) => self.vectors[usize::from(number)],
            scalar => [self.scalars.word(scalar)?; W],
        })
    }

    /// 64 bits in each lane, low words and high words.
    #[inline(always)]
    fn wide_place(&self, place: Place) -> Result<(Lanes<W>, Lanes<W>)> {
        Ok(match place {
            Place::Vector(number) => (self.vectors[usize::from(number)], self.vectors[usize::from(number) + 1]),
            scalar => {
                let [low, high] = split(self.scalars.wide(scalar)?);
                ([low; W], [high; W])
            }
        })
    }

    /// Writes the lanes that are on.
    #[inline(always)]
    pub(super) fn write(&mut self, to: u8, value: &Lanes<W>) {
        let exec = self.exec();
        let register = &mut self.vectors[usize::from(to)];
        // with all lanes on there is nothing to keep
        if exec == Self::FULL {
            *register = *value;
        } else {
            *register = map(|i| blend(all_ones(exec, i), value[i], register[i]));
        }
    }

    #[inline(always)]
    pub(super) fn vector(&mut self, vector: &Vector) -> Result<()> {
        use Operation as Op;
        let a = self.read(&vector.from[0])?;
        let b = self.read(&vector.from[1])?;
        let value: Lanes<W> = match vector.operation {
            // moves and integer operations take bits as they are: only float operations flush
            Op::Mov => a,
            Op::Not => map(|i| !a[i]),
            Op::LowHalf => map(|i| a[i] & 0xffff),
            Op::FloatI32 => map(|i| (a[i].cast_signed() as f32).to_bits()),
            Op::FloatU32 => map(|i| (a[i] as f32).to_bits()),
            // below 0 and above the largest integer it takes the nearest, as Rust does
            Op::IntegerU32 => map(|i| float(a[i]) as u32),
            // a division of integers begins with it, and corrects what is not exact
            Op::Reciprocal => map(|i| flushed(1.0 / float(a[i]))),
            Op::Add => map(|i| a[i].wrapping_add(b[i])),
            Op::Sub => map(|i| a[i].wrapping_sub(b[i])),
            Op::SubRev => map(|i| b[i].wrapping_sub(a[i])),
            Op::And => map(|i| a[i] & b[i]),
            Op::Or => map(|i| a[i] | b[i]),
            Op::Xor => map(|i| a[i] ^ b[i]),
            // the Rev forms have the count first; counts are modulo 32
            Op::LshlRev => map(|i| b[i] << (a[i] & 31)),
            Op::LshrRev => map(|i| b[i] >> (a[i] & 31)),
            Op::AshrRev => map(|i| (b[i].cast_signed() >> (a[i] & 31)).cast_unsigned()),
            Op::MulLo => map(|i| a[i].wrapping_mul(b[i])),
            Op::MulHi => map(|i| mul_high(a[i], b[i])),
            // the upper bytes of both factors are ignored
            Op::MulU24 => map(|i| (a[i] & 0xff_ffff).wrapping_mul(b[i] & 0xff_ffff)),
            Op::MinU => map(|i| a[i].min(b[i])),
            Op::MaxU => map(|i| a[i].max(b[i])),
            Op::AddF => map(|i| flushed(float(a[i]) + float(b[i]))),
            Op::SubF => map(|i| flushed(float(a[i]) - float(b[i]))),
            Op::SubRevF => map(|i| flushed(float(b[i]) - float(a[i]))),
            Op::MulF => map(|i| flushed(float(a[i]) * float(b[i]))),
            operation => {
                let c = self.read(&vector.from[2])?;
                self.three(operation, &a, &b, &c)?
            }
        };
        self.finish(vector, value);
        Ok(())
    }

    #[inline(always)]
    fn three(&mut self, operation: Operation, a: &Lanes<W>, b: &Lanes<W>, c: &Lanes<W>) -> Result<Lanes<W>> {
        use Operation as Op;
        Ok(match operation {
            Op::Add3 => map(|i| a[i].wrapping_add(b[i]).wrapping_add(c[i])),
            Op::LshlAdd => map(|i| (a[i] << (b[i] & 31)).wrapping_add(c[i])),
            Op::AddLshl => map(|i| a[i].wrapping_add(b[i]) << (c[i] & 31)),
            Op::LshlOr => map(|i| (a[i] << (b[i] & 31)) | c[i]),
            Op::AndOr => map(|i| (a[i] & b[i]) | c[i]),
            Op::Or3 => map(|i| a[i] | b[i] | c[i]),
            Op::Xor3 => map(|i| a[i] ^ b[i] ^ c[i]),
            Op::Xad => map(|i| (a[i] ^ b[i]).wrapping_add(c[i])),
            // offset and width are modulo 32, so that a width of 32 would be 0
            Op::BfeU => map(|i| (a[i] >> (b[i] & 31)) & ((1 << (c[i] & 31)) - 1)),
            Op::Bfi => map(|i| (a[i] & b[i]) | (!a[i] & c[i])),
            // the first operand is the upper word
            Op::AlignBit => map(|i| split(joined(b[i], a[i]) >> (c[i] & 31))[0]),
            Op::MadU24 => map(|i| (a[i] & 0xff_ffff).wrapping_mul(b[i] & 0xff_ffff).wrapping_add(c[i])),
            Op::MadU16 => map(|i| a[i].wrapping_mul(b[i]).wrapping_add(c[i])),
            // the product is rounded, and flushed, before the sum
            Op::Mad => map(|i| flushed(float(flushed(float(a[i]) * float(b[i]))) + float(c[i]))),
            Op::Fma => {
                let fused: Lanes<W> = map(|i| flushed(float(a[i]).mul_add(float(b[i]), float(c[i]))));
                let exec = self.exec();
                // rounded twice, to count the lanes in which the fusion changes the result
                let split: Lanes<W> = map(|i| flushed(float(flushed(float(a[i]) * float(b[i]))) + float(c[i])));
                // lanes that are off are not counted: they may hold anything; nor are the bits of two NaNs
                let nan = |bits: u32| f32::from_bits(bits).is_nan();
                let differ = |i: usize| fused[i] != split[i] && !(nan(fused[i]) && nan(split[i]));
                let differ: Lanes<W> = map(|i| u32::from(differ(i)) & all_ones(exec, i));
                self.executed.fused += u64::from(exec.count_ones());
                self.executed.fused_matter += u64::from(differ.iter().sum::<u32>());
                fused
            }
            operation => bail!("{operation:?} has no three operands"),
        })
    }

    /// Scales a result and writes it to its part of the register.
    #[inline(always)]
    fn finish(&mut self, vector: &Vector, mut value: Lanes<W>) {
        // powers of two, which are exact, so that only denormals of the scaled result change again
        if vector.factor != 1.0 {
            value = map(|i| flushed(f32::from_bits(value[i]) * vector.factor));
        }
        let part = vector.part;
        if part.mask != u32::MAX {
            let old = self.vectors[usize::from(vector.to)];
            // UNUSED_PRESERVE keeps the rest of the register, UNUSED_PAD clears it
            let kept = if vector.preserve { !(part.mask << part.shift) } else { 0 };
            value = map(|i| ((value[i] & part.mask) << part.shift) | (old[i] & kept));
        }
        self.write(vector.to, &value);
    }

    #[inline(always)]
    pub(super) fn shift64(&mut self, to: u8, right: bool, by: &Operand, from: Place) -> Result<()> {
        let (by, (low, high)) = (self.read(by)?, self.wide_place(from)?);
        let shifted = |i: usize| {
            let bits = joined(low[i], high[i]);
            split(if right { bits >> (by[i] & 63) } else { bits << (by[i] & 63) })
        };
        // both words before either is written: the destination may overlap the source
        let (low, high) = (map(|i| shifted(i)[0]), map(|i| shifted(i)[1]));
        self.write(to, &low);
        self.write(to + 1, &high);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn mad64(&mut self, to: u8, from: &[Operand; 2], add: Place) -> Result<()> {
        let (a, b, (low, high)) = (self.read(&from[0])?, self.read(&from[1])?, self.wide_place(add)?);
        let sum = |i: usize| split((u64::from(a[i]) * u64::from(b[i])).wrapping_add(joined(low[i], high[i])));
        // as in `shift64`: the destination may overlap a source
        let (low, high) = (map(|i| sum(i)[0]), map(|i| sum(i)[1]));
        self.write(to, &low);
        self.write(to + 1, &high);
        Ok(())
    }

    /// Runs two instructions as if at once.
    #[inline(always)]
    pub(super) fn dual(&mut self, [first, second]: &[Instruction; 2]) -> Result<()> {
        let to = usize::from(first.vector().context("no vector register")?);
        let old = self.vectors[to];
        self.lane(first)?;
        // the second must read what the first has replaced; it writes another register
        let new = std::mem::replace(&mut self.vectors[to], old);
        self.lane(second)?;
        self.vectors[to] = new;
        Ok(())
    }

    #[inline(always)]
    fn lane(&mut self, instruction: &Instruction) -> Result<()> {
        match instruction {
            Instruction::Vector(vector) => self.vector(vector),
            Instruction::Select { to, from, mask } => self.select(*to, from, *mask),
            _ => bail!("one of two that must not be"),
        }
    }

    /// Moves the word of the first lane that is on to a scalar register.
    pub(super) fn first_lane(&mut self, to: u8, from: u8) -> Result<()> {
        let exec = self.exec();
        ensure!(exec != 0, "no lane is on");
        self.scalars.set(to, self.vectors[usize::from(from)][exec.trailing_zeros() as usize]);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn swap(&mut self, a: u8, b: u8) {
        let (old_a, old_b) = (self.vectors[usize::from(a)], self.vectors[usize::from(b)]);
        self.write(a, &old_b);
        self.write(b, &old_a);
    }
}
