//! Decodes names and modifiers into operations. It takes modifiers and operands in the order in which NAK prints them.

use anyhow::{Context, Result, ensure};

use super::decode_arithmetic::{SIGNS, float, integer};
use super::instruction::{Combine, Compare, Condition, Instruction, Operation, Source};
use super::memory::Width;
use super::operand::{self, Signs};
use super::parts::{Labels, Parts};

const COMPARES: [(&str, Compare); 6] = [
    ("eq", Compare::Equal),
    ("ne", Compare::NotEqual),
    ("lt", Compare::Less),
    ("le", Compare::LessEqual),
    ("gt", Compare::Greater),
    ("ge", Compare::GreaterEqual),
];
/// Comparisons of floats that also hold for NaN.
const UNORDERED: [(&str, Compare); 6] = [
    ("equ", Compare::Equal),
    ("neu", Compare::NotEqual),
    ("ltu", Compare::Less),
    ("leu", Compare::LessEqual),
    ("gtu", Compare::Greater),
    ("geu", Compare::GreaterEqual),
];
const COMBINES: [(&str, Combine); 3] = [("and", Combine::And), ("or", Combine::Or), ("xor", Combine::Xor)];
const WIDTHS: [(&str, Width); 7] = [
    ("u8", Width::U8),
    ("i8", Width::I8),
    ("u16", Width::U16),
    ("i16", Width::I16),
    ("b32", Width::B32),
    ("b64", Width::B64),
    ("b128", Width::B128),
];

/// Decodes an instruction by its name and takes the parts that belong to it. What is left over is an error
/// (src/nvidia/parse.rs).
pub(super) fn decode(parts: &mut Parts<'_>, to: &mut Instruction, labels: &Labels<'_>) -> Result<()> {
    to.operation = match parts.name {
        "nop" | "bclear" | "bssy" | "bsync" | "bra" | "exit" | "bar" | "membar" => flow(parts, to, labels)?,
        "ld" | "st" | "ldc" | "s2r" => memory(parts, to)?,
        "isetp" | "fsetp" => comparison(parts, to)?,
        "fadd" | "fmul" | "ffma" | "fmnmx" | "i2f" | "f2i" | "mufu" => float(parts, to)?,
        _ => integer(parts, to)?,
    };
    Ok(())
}

fn flow(parts: &mut Parts<'_>, to: &Instruction, labels: &Labels<'_>) -> Result<Operation> {
    let find = |label: &str| labels.get(label).copied().with_context(|| format!("unknown label `{label}`"));
    match parts.name {
        "exit" => return Ok(Operation::Exit),
        "bar" => {
            ensure!(parts.modifier()? == "sync", "an unknown barrier");
            ensure!(to.guard == Condition::Always, "a barrier of some lanes is unknown");
            return Ok(Operation::Barrier);
        }
        // each lane's accesses are in order here, and others see them behind a barrier alone
        "membar" => {
            // NAK prints two points in front of the scope
            let order = [parts.modifier()?, parts.modifier()?, parts.modifier()?];
            ensure!(order == ["sc", "", "gpu"], "an unknown order of accesses");
        }
        "bra" => return Ok(Operation::Branch { target: find(parts.operand()?)? }),
        // the label marks where diverged lanes meet; src/nvidia/run.rs finds that by itself
        "nop" if parts.has_operand() => drop(find(parts.operand()?)?),
        "bclear" => barrier(parts.target()?)?,
        // barriers do nothing here, but their operands are checked, so that no other form passes unseen
        "bssy" => {
            barrier(parts.target()?)?;
            barrier(parts.operand()?)?;
            always(parts.operand()?)?;
            find(parts.operand()?)?;
        }
        "bsync" => {
            barrier(parts.operand()?)?;
            always(parts.operand()?)?;
        }
        _ => {}
    }
    Ok(Operation::Nothing)
}

fn barrier(text: &str) -> Result<()> {
    // the number of a barrier does not matter: lanes meet again without it
    let number = text.strip_prefix('b').and_then(|number| number.parse::<u8>().ok());
    ensure!(number.is_some(), "unknown barrier `{text}`");
    Ok(())
}

fn always(text: &str) -> Result<()> {
    ensure!(operand::condition(text)? == Condition::Always, "a barrier of some lanes, `{text}`, is unknown");
    Ok(())
}

fn memory(parts: &mut Parts<'_>, to: &mut Instruction) -> Result<Operation> {
    match parts.name {
        // a system register's number, from which src/nvidia/threads.rs knows its meaning
        "s2r" => {
            to.target = parts.registers(1)?;
            return Ok(Operation::System(operand::bracketed(parts.operand()?, "sr")?));
        }
        // a load from a constant buffer is a move once src/nvidia/bind.rs has replaced the source by its word
        "ldc" => {
            ensure!(parts.has("b32"), "a constant must be of 32 bits");
            to.target = parts.registers(1)?;
            to.sources[0] = parts.source(Signs::None)?;
            return Ok(Operation::Move);
        }
        _ => {}
    }
    let is_load = parts.name == "ld";
    if parts.has("shared") {
        return shared(parts, to, is_load);
    }
    ensure!(
        parts.modifier()? == "global" && parts.modifier()? == "a64",
        "memory must be global, its addresses 64 bits, or shared"
    );
    // scopes and orders are ignored: each lane's accesses are in order here, and no lane reads what another writes
    let scoped = parts.one_of(&[("constant", false), ("weak", false), ("strong", true)])?;
    if scoped {
        parts.one_of(&[("cta", ()), ("gpu", ()), ("sys", ())])?;
    }
    let width = parts.one_of(&WIDTHS)?;
    let (address, offset) = operand::address(parts.operand()?, 2)?;
    to.sources[0] = Source::register(address);
    if is_load {
        to.target = parts.registers(width.registers())?;
        Ok(Operation::Load { width, offset })
    } else {
        let data = parts.operand()?;
        // a single word may also be rZ or a constant
        to.sources[1] = if width.registers() == 1 {
            operand::source(data, Signs::None)?
        } else {
            Source::register(operand::registers(data, width.registers())?)
        };
        Ok(Operation::Store { width, offset })
    }
}

/// Shared memory, of which the library's shaders access single words.
fn shared(parts: &mut Parts<'_>, to: &mut Instruction, is_load: bool) -> Result<Operation> {
    for expected in ["strong", "cta", "b32"] {
        ensure!(
            parts.modifier()? == expected,
            "an access of shared memory must be of 32 bits, strong in the workgroup"
        );
    }
    let (address, offset) = operand::address(parts.operand()?, 1)?;
    to.sources[0] = Source::register(address);
    if is_load {
        to.target = parts.registers(1)?;
        return Ok(Operation::LoadShared { offset });
    }
    to.sources[1] = parts.source(Signs::None)?;
    Ok(Operation::StoreShared { offset })
}

fn comparison(parts: &mut Parts<'_>, to: &mut Instruction) -> Result<Operation> {
    to.flags[0] = parts.predicate()?;
    let is_float = parts.name == "fsetp";
    let compares: Vec<_> =
        if is_float { COMPARES.iter().chain(&UNORDERED).copied().collect() } else { COMPARES.into() };
    // a float comparison comes in an ordered and in an unordered form, with one table for each
    let found = parts.modifier()?;
    let unordered = UNORDERED.iter().any(|(name, _)| *name == found);
    let compare = compares.iter().find(|(name, _)| *name == found).map(|(_, compare)| *compare);
    let compare = compare.with_context(|| format!("unknown comparison `{found}`"))?;
    let flush = parts.has("ftz");
    let signed = !is_float && parts.one_of(&SIGNS)?;
    // where there is nothing to combine with, `and` with `Always` changes nothing
    let combine = parts.one_of_or(&COMBINES, Combine::And)?;
    let signs = if is_float { Signs::Float } else { Signs::None };
    parts.sources(to, 2, signs)?;
    to.conditions[0] = if parts.has_operand() { parts.condition()? } else { Condition::Always };
    Ok(if is_float {
        Operation::CompareFloats { compare, unordered, combine, flush }
    } else {
        Operation::CompareIntegers { compare, signed, combine }
    })
}
