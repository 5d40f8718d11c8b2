//! Decodes names and modifiers of arithmetic into operations.

use anyhow::{Context, Result, bail, ensure};

use super::instruction::{Change, Function, Instruction, Operation};
use super::operand::{self, Signs};
use super::parts::Parts;

/// Whether integers are signed.
pub(super) const SIGNS: [(&str, bool); 2] = [("i32", true), ("u32", false)];
/// Whether an integer is signed, and its bits.
const INTEGERS: [(&str, (bool, u32)); 4] =
    [("i32", (true, 32)), ("u32", (false, 32)), ("i64", (true, 64)), ("u64", (false, 64))];
const FUNCTIONS: [(&str, Function); 7] = [
    ("cos", Function::Cosine),
    ("sin", Function::Sine),
    ("exp2", Function::Exponential2),
    ("log2", Function::Logarithm2),
    ("rcp", Function::Reciprocal),
    ("rsq", Function::ReciprocalRoot),
    ("sqrt", Function::Root),
];

/// Decodes an instruction of floats.
pub(super) fn float(parts: &mut Parts<'_>, to: &mut Instruction) -> Result<Operation> {
    to.target = parts.registers(1)?;
    let name = parts.name;
    if name == "i2f" {
        ensure!(parts.modifier()? == "f32", "a float must be of 32 bits");
        let signed = parts.one_of(&SIGNS)?;
        // `as f32` rounds to nearest even, and the interpreter has no other rounding
        ensure!(parts.modifier()? == "re", "it must be rounded to nearest");
        to.sources[0] = parts.source(Signs::None)?;
        return Ok(Operation::Float { signed });
    }
    if name == "f2i" {
        let known = ["u32", "f32", "rz"].map(|expected| parts.has(expected)) == [true; 3];
        ensure!(known, "it must be cut off to an unsigned integer");
        let flush = parts.has("ftz");
        to.sources[0] = parts.source(Signs::Float)?;
        return Ok(Operation::Integer { flush });
    }
    if name == "mufu" {
        let function = parts.one_of(&FUNCTIONS)?;
        to.sources[0] = parts.source(Signs::Float)?;
        return Ok(Operation::Approximate(function));
    }
    // the only modifier: another, such as a rounding or `sat`, is left over and an error
    let flush = parts.has("ftz");
    parts.sources(to, if name == "ffma" { 3 } else { 2 }, Signs::Float)?;
    Ok(match name {
        "fadd" => Operation::Add { flush },
        "fmul" => Operation::Multiply { flush },
        "ffma" => Operation::FusedMultiplyAdd { flush },
        _ => {
            to.conditions[0] = parts.condition()?;
            Operation::MinMaxFloats { flush }
        }
    })
}

/// Decodes an instruction of integers, bits or predicates.
pub(super) fn integer(parts: &mut Parts<'_>, to: &mut Instruction) -> Result<Operation> {
    if parts.name == "plop3" {
        return predicates(parts, to);
    }
    if parts.name == "vote" {
        ensure!(parts.has("any"), "an unknown vote");
        to.flags[0] = parts.predicate()?;
        to.conditions[0] = parts.condition()?;
        return Ok(Operation::Any);
    }
    if parts.name == "imad64" {
        to.target = parts.registers(2)?;
        // the product has two registers, and so has the third source
        to.sources = [parts.source(Signs::None)?, parts.source(Signs::None)?, parts.source_64()?];
        return Ok(Operation::MultiplyAdd64);
    }
    to.target = parts.registers(1)?;
    match parts.name {
        // r2ur moves to a uniform register, for which the lanes of a warp must agree
        "mov" | "r2ur" => {
            to.sources[0] = parts.source(Signs::None)?;
            Ok(if parts.name == "mov" { Operation::Move } else { Operation::MoveUniform })
        }
        "sel" => {
            to.conditions[0] = parts.condition()?;
            parts.sources(to, 2, Signs::None)?;
            Ok(Operation::Select)
        }
        "iadd3" => sum(parts, to),
        "imad" => {
            parts.sources(to, 3, Signs::None)?;
            Ok(Operation::MultiplyAdd)
        }
        "imnmx" => {
            let signed = parts.one_of(&SIGNS)?;
            parts.sources(to, 2, Signs::None)?;
            to.conditions[0] = parts.condition()?;
            Ok(Operation::MinMaxIntegers { signed })
        }
        "lop3" => {
            let table = operand::table(parts.modifier()?)?;
            parts.sources(to, 3, Signs::None)?;
            Ok(Operation::Logic(table))
        }
        "prmt" => {
            to.sources[0] = parts.source(Signs::None)?;
            // the selector is printed in brackets between the two words that it selects from
            let selector = parts.operand()?;
            let selector = selector.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
            to.sources[1] = operand::source(selector.context("a selector must be in brackets")?, Signs::None)?;
            to.sources[2] = parts.source(Signs::None)?;
            Ok(Operation::Permute)
        }
        "shf" => {
            let right = parts.one_of(&[("r", true), ("l", false)])?;
            let wrap = parts.has("w");
            let (signed, bits) = parts.one_of(&INTEGERS)?;
            let high = parts.has("hi");
            parts.sources(to, 3, Signs::None)?;
            Ok(Operation::Shift { right, wrap, signed, bits, high })
        }
        name => bail!("unknown instruction `{name}`"),
    }
}

fn sum(parts: &mut Parts<'_>, to: &mut Instruction) -> Result<Operation> {
    if parts.has_target() {
        to.flags[0] = parts.predicate()?;
    }
    // `iadd3.x` takes carries in and inverts sources; plain `iadd3` negates them
    let extended = parts.has("x");
    parts.sources(to, 3, if extended { Signs::Not } else { Signs::Negate })?;
    if extended {
        to.conditions[..2].copy_from_slice(&[parts.condition()?, parts.condition()?]);
    }
    // -x is !x + 1: the 1 is added in the sum, so that its carry is NVIDIA's (src/nvidia/tests.rs)
    let mut negated = 0;
    for source in to.sources.iter_mut().filter(|source| source.change == Change::Negate) {
        source.change = Change::Not;
        negated += 1;
    }
    Ok(Operation::Add3 { negated })
}

fn predicates(parts: &mut Parts<'_>, to: &mut Instruction) -> Result<Operation> {
    // two results and three sources, with a truth table for each result
    to.flags = [parts.predicate()?, parts.predicate()?];
    to.conditions = [parts.condition()?, parts.condition()?, parts.condition()?];
    Ok(Operation::LogicPredicates([operand::table(parts.operand()?)?, operand::table(parts.operand()?)?]))
}
