//! Operands of AMD's instructions, as ACO's listings write them.

use anyhow::{Context, Result, bail, ensure};

/// Numbers of the scalar registers that have names.
pub(super) const VCC: u8 = 106;
pub(super) const NULL: u8 = 125;
pub(super) const EXEC: u8 = 126;
/// Scalar registers, the named ones among them.
pub(super) const SCALARS: usize = 128;

/// The source of an operand's bits. A 64-bit operand is named by the first of its two registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Vector(u8),
    Scalar(u8),
    /// The flag `scc` as 0 or 1.
    Flag,
    /// 32 bits, and those above them in an operand of 64.
    Literal(u32, u32),
}

/// The part of a register that an SDWA instruction takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) shift: u32,
    /// The bits of the part, shifted down to bit 0.
    pub(super) mask: u32,
}

impl Part {
    pub(super) const WHOLE: Self = Self { shift: 0, mask: u32::MAX };
    pub(super) const LOW: Self = Self { shift: 0, mask: 0xffff };
    pub(super) const HIGH: Self = Self { shift: 16, mask: 0xffff };

    pub(super) fn parse(text: &str) -> Result<Self> {
        let (shift, mask) = match text {
            "DWORD" => (0, u32::MAX),
            "WORD_0" => (0, 0xffff),
            "WORD_1" => (16, 0xffff),
            "BYTE_0" => (0, 0xff),
            "BYTE_1" => (8, 0xff),
            "BYTE_2" => (16, 0xff),
            "BYTE_3" => (24, 0xff),
            _ => bail!("unknown part of a register `{text}`"),
        };
        Ok(Self { shift, mask })
    }
}

/// A source: its register or literal, the part that is read, and the change to a float's sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operand {
    pub(super) place: Place,
    pub(super) part: Part,
    /// Whether the part is extended by its highest bit.
    pub(super) signed: bool,
    /// Bits that are kept (the absolute value), then bits that are flipped (the negation).
    pub(super) keep: u32,
    pub(super) flip: u32,
}

impl Operand {
    pub(super) const fn plain(place: Place) -> Self {
        Self { place, part: Part::WHOLE, signed: false, keep: u32::MAX, flip: 0 }
    }

    /// Whether all bits are read unchanged.
    pub(super) fn is_plain(&self) -> bool {
        *self == Self::plain(self.place)
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        if let Some(inner) = text.strip_prefix("sext(").and_then(|rest| rest.strip_suffix(')')) {
            return Ok(Self { signed: true, ..Self::plain(place(inner)?) });
        }
        // the sign of a literal such as -1 or -0.5 is part of the number
        let (text, flip) = match text.strip_prefix('-') {
            Some(rest) if rest.starts_with(['v', 's', '|']) => (rest, 0x8000_0000),
            _ => (text, 0),
        };
        let (text, keep) = match text.strip_prefix('|').and_then(|rest| rest.strip_suffix('|')) {
            Some(inner) => (inner, 0x7fff_ffff),
            None => (text, u32::MAX),
        };
        Ok(Self { keep, flip, ..Self::plain(place(text)?) })
    }
}

/// A register (of a pair or quadruple the first), or a literal.
pub(super) fn place(text: &str) -> Result<Place> {
    if let Some(number) = register(text, 'v')? {
        return Ok(Place::Vector(number));
    }
    if let Some(number) = scalar(text)? {
        return Ok(Place::Scalar(number));
    }
    if text == "src_scc" {
        return Ok(Place::Flag);
    }
    let (low, high) = literal(text).with_context(|| format!("unknown operand `{text}`"))?;
    Ok(Place::Literal(low, high))
}

/// A scalar register's number.
pub(super) fn scalar(text: &str) -> Result<Option<u8>> {
    Ok(match text {
        "vcc" | "vcc_lo" => Some(VCC),
        "vcc_hi" => Some(VCC + 1),
        "exec" | "exec_lo" => Some(EXEC),
        "exec_hi" => Some(EXEC + 1),
        "m0" => Some(124),
        "null" => Some(NULL),
        _ => {
            // s106 and above have names and must be written by them
            let number = register(text, 's')?;
            ensure!(number.is_none_or(|number| number < VCC), "there is no scalar register `{text}`");
            number
        }
    })
}

/// The number of `v7` or of the first of `v[8:11]`.
fn register(text: &str, file: char) -> Result<Option<u8>> {
    let Some(rest) = text.strip_prefix(file) else { return Ok(None) };
    let number = match rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(range) => range.split_once(':').with_context(|| format!("unknown registers `{text}`"))?.0,
        None => rest,
    };
    Ok(number.parse().ok())
}

/// An integer, which is extended by its sign to 64 bits, or the bits of an f32.
fn literal(text: &str) -> Option<(u32, u32)> {
    if let Some(digits) = text.strip_prefix("0x") {
        return Some((u32::from_str_radix(digits, 16).ok()?, 0));
    }
    if let Ok(integer) = text.parse::<i32>() {
        return Some((integer.cast_unsigned(), (integer >> 31).cast_unsigned()));
    }
    let decimal = text.contains('.') && text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    // in a 64-bit operand it would be an f64, which no shader here has
    decimal.then(|| text.parse::<f32>().ok().map(|value| (value.to_bits(), 0)))?
}
