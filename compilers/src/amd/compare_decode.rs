//! Reads AMD's comparisons.

use anyhow::{Context, Result, bail, ensure};

use super::instruction::{Compare, Instruction, Kind, Relation};
use super::line::Line;
use super::operand::{EXEC, Operand, Part, Place};

impl Line<'_> {
    /// Two operands. Of an SDWA instruction they are the parts that its modifiers select.
    fn parts(&self, first: usize) -> Result<[Operand; 2]> {
        let mut from = self.pair(first)?;
        for modifier in &self.modifiers {
            match modifier.split_once(':') {
                Some(("src0_sel", part)) => from[0].part = Part::parse(part)?,
                Some(("src1_sel", part)) => from[1].part = Part::parse(part)?,
                _ => bail!("unknown modifier `{modifier}`"),
            }
        }
        Ok(from)
    }

    /// `v_cmp_class` of a constant, by which ACO tests a bit: the second operand has a bit for each class of floats.
    pub(super) fn class(&self, half: bool) -> Result<Instruction> {
        self.expect(3)?;
        let [value, classes] = self.parts(1)?;
        ensure!(value.part == Part::WHOLE, "a part of a constant");
        let Place::Literal(value, _) = value.place else { bail!("the class of what is not constant") };
        // the value is known, so that the comparison is a test of one bit of the second operand
        let class = class_of(value, half)?;
        ensure!(classes.part.mask >> class & 1 == 1, "a class beyond the part that is taken");
        let bit = Operand { part: Part { shift: classes.part.shift + class, mask: 1 }, ..classes };
        let from = [bit, Operand::plain(Place::Literal(0, 0))];
        let to = Some(self.scalar_register(0)?);
        Ok(Instruction::Compare(Compare { relation: Relation::NotEqual, kind: Kind::U32, from, to, exec: false }))
    }

    pub(super) fn compare(&self, name: &str) -> Result<Instruction> {
        let (rest, exec) = match (name.strip_prefix("v_cmp_"), name.strip_prefix("v_cmpx_")) {
            (Some(rest), _) => (rest, false),
            (_, Some(rest)) => (rest, true),
            _ => bail!("an unknown instruction"),
        };
        let (relation, kind) = relation(rest)?;
        // from RDNA on `v_cmpx` writes `exec` alone, which the listings do not name or name as its destination
        let first = self.operands.len().checked_sub(2).context("two operands must be compared")?;
        ensure!(first == 1 || (exec && first == 0), "{} operands", self.operands.len());
        let to = if first == 1 { Some(self.scalar_register(0)?).filter(|to| *to != EXEC) } else { None };
        Ok(Instruction::Compare(Compare { relation, kind, from: self.parts(first)?, to, exec }))
    }
}

/// The number of a float's class: 0 is signalling NaN, 1 quiet NaN; 2 to 5 are minus infinity, negative, negative
/// denormal and -0; 6 to 9 are +0, positive denormal, positive and plus infinity.
fn class_of(bits: u32, half: bool) -> Result<u32> {
    let (sign, mantissa_bits, exponents) = if half { (15, 10, 0x1f) } else { (31, 23, 0xff) };
    let (negative, exponent) = ((bits >> sign) & 1 == 1, (bits >> mantissa_bits) & exponents);
    let mantissa = bits & ((1 << mantissa_bits) - 1);
    let magnitude = match (exponent, mantissa) {
        (0, 0) => 0,
        (0, _) if half => 1,
        (0, _) => bail!("the class of a denormal f32, which may be flushed"),
        (exponent, mantissa) if exponent == exponents && mantissa != 0 => {
            // the mantissa's highest bit marks a quiet NaN
            return Ok((mantissa >> (mantissa_bits - 1)) & 1);
        }
        (exponent, _) if exponent == exponents => 3,
        _ => 2,
    };
    // magnitudes count up from 0: 5 is -0, 6 is +0
    Ok(if negative { 5 - magnitude } else { 6 + magnitude })
}

/// A relation and a type, such as `lt_f32`.
pub(super) fn relation(text: &str) -> Result<(Relation, Kind)> {
    let (relation, kind) = text.split_once('_').context("a comparison must have a type")?;
    let kind = match kind {
        "f32" => Kind::F32,
        "u32" => Kind::U32,
        "i32" => Kind::I32,
        _ => bail!("an unknown type `{kind}`"),
    };
    let relation = match relation {
        "lt" => Relation::Less,
        "le" => Relation::LessEqual,
        "eq" => Relation::Equal,
        "gt" => Relation::Greater,
        "ge" => Relation::GreaterEqual,
        "ne" | "lg" if kind != Kind::F32 => Relation::NotEqual,
        // not equal also for NaN, as Rust's !=
        "neq" => Relation::NotEqual,
        "nlt" => Relation::NotLess,
        "nle" => Relation::NotLessEqual,
        "ngt" => Relation::NotGreater,
        "nge" => Relation::NotGreaterEqual,
        _ => bail!("an unknown comparison `{relation}`"),
    };
    Ok((relation, kind))
}
