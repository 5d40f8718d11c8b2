//! Decodes operands: registers, constants, predicates and addresses.

use anyhow::{Context, Result, bail, ensure};

use super::instruction::{Change, Condition, GENERAL, GENERAL_PREDICATES, Place, REGISTERS, Source};

/// The kinds of sign and complement that an operand may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Signs {
    None,
    /// `-`: two's complement.
    Negate,
    /// `!`: every bit.
    Not,
    /// `-` and `| |`: a float's.
    Float,
}

/// Decodes a source of one word.
pub(super) fn source(text: &str, signs: Signs) -> Result<Source> {
    let (inner, change) = match signs {
        Signs::None => (text, Change::None),
        Signs::Negate => text.strip_prefix('-').map_or((text, Change::None), |text| (text, Change::Negate)),
        Signs::Not => text.strip_prefix('!').map_or((text, Change::None), |text| (text, Change::Not)),
        Signs::Float => {
            let (positive, negate) = text.strip_prefix('-').map_or((text, false), |text| (text, true));
            // the absolute value is taken first, then the sign is changed
            let inner = positive.strip_prefix('|').and_then(|text| text.strip_suffix('|'));
            let absolute = inner.is_some();
            (inner.unwrap_or(positive), Change::Float { absolute, negate })
        }
    };
    Ok(Source { place: place(inner)?, change })
}

fn place(text: &str) -> Result<Place> {
    // the register that always holds 0
    if text == "rZ" {
        return Ok(Place::Word(0));
    }
    if text.starts_with("0x") {
        return Ok(Place::Word(hexadecimal(text)?));
    }
    if let Some((buffer, offset)) = text.strip_prefix("c[").and_then(|text| text.split_once("][")) {
        let offset = offset.strip_suffix(']').with_context(|| format!("unknown operand `{text}`"))?;
        let offset = hexadecimal(offset.strip_prefix('+').unwrap_or(offset))?;
        return Ok(Place::Constant { buffer: hexadecimal(buffer)?, offset });
    }
    Ok(Place::Register(register(text)?))
}

/// The number of a general register, `r7`, or of a uniform one, `ur7`.
pub(super) fn register(text: &str) -> Result<u16> {
    let (number, first, end) = match (text.strip_prefix("ur"), text.strip_prefix('r')) {
        (Some(number), _) => (number, GENERAL, u16::try_from(REGISTERS)?),
        (_, Some(number)) => (number, 0, GENERAL),
        _ => bail!("unknown operand `{text}`"),
    };
    let number = first + number.parse::<u16>().ok().with_context(|| format!("unknown operand `{text}`"))?;
    ensure!(number < end, "`{text}` must be a register that there is");
    Ok(number)
}

/// The first of `count` consecutive registers: `r7`, `r8..10`.
pub(super) fn registers(text: &str, count: u16) -> Result<u16> {
    let Some((first, end)) = text.split_once("..") else {
        ensure!(count == 1, "`{text}` must be {count} registers");
        return register(text);
    };
    let first = register(first)?;
    let end = end.parse::<u16>().ok().with_context(|| format!("unknown operand `{text}`"))?;
    // the listing counts uniform registers from 0, and its ranges exclude their end
    ensure!(first % GENERAL + count == end, "`{text}` must be {count} registers");
    Ok(first)
}

/// A condition: `pT`, `p2`, `!up0`.
pub(super) fn condition(text: &str) -> Result<Condition> {
    let (name, inverted) = text.strip_prefix('!').map_or((text, false), |name| (name, true));
    match (name, inverted) {
        // pT always holds and pF never does
        ("pT", false) | ("pF", true) => Ok(Condition::Always),
        ("pT", true) | ("pF", false) => Ok(Condition::Never),
        _ => Ok(Condition::Predicate { number: predicate(name)?, inverted }),
    }
}

/// The number of a general predicate, `p2`, or of a uniform one, `up2`.
pub(super) fn predicate(text: &str) -> Result<u8> {
    let (number, first) = match (text.strip_prefix("up"), text.strip_prefix('p')) {
        (Some(number), _) => (number, GENERAL_PREDICATES),
        (_, Some(number)) => (number, 0),
        _ => bail!("unknown predicate `{text}`"),
    };
    let number = number.parse::<u8>().ok().filter(|number| *number < GENERAL_PREDICATES);
    Ok(first + number.with_context(|| format!("unknown predicate `{text}`"))?)
}

/// An address of `count` registers, such as `[r8..10]` or `[r8..10+0x10]`, or `[r8+0x10]` for one: the first of them, and
/// the offset.
pub(super) fn address(text: &str, count: u16) -> Result<(u16, u32)> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let inner = inner.with_context(|| format!("unknown address `{text}`"))?;
    // NAK does not print negative offsets (src/nvidia.rs)
    let (base, offset) = inner.split_once('+').unwrap_or((inner, "0x0"));
    Ok((registers(base, count)?, hexadecimal(offset)?))
}

/// A truth table: `LUT[0x3c]`.
pub(super) fn table(text: &str) -> Result<u8> {
    let number = text.strip_prefix("LUT[").and_then(|text| text.strip_suffix(']'));
    Ok(u8::try_from(hexadecimal(number.with_context(|| format!("unknown logic `{text}`"))?)?)?)
}

/// `0x3c`.
pub(super) fn hexadecimal(text: &str) -> Result<u32> {
    let digits = text.strip_prefix("0x").with_context(|| format!("unknown number `{text}`"))?;
    u32::from_str_radix(digits, 16).with_context(|| format!("unknown number `{text}`"))
}

/// A number in brackets, after a name: `sr[0x25]`, `[0x4410]`.
pub(super) fn bracketed(text: &str, name: &str) -> Result<u32> {
    let number =
        text.strip_prefix(name).and_then(|text| text.strip_prefix('[')).and_then(|text| text.strip_suffix(']'));
    hexadecimal(number.with_context(|| format!("unknown operand `{text}`"))?)
}
