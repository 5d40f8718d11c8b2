//! A line of ACO's listing, split into words, and its operands.

use anyhow::{Context, Result, bail, ensure};

use super::operand::{Operand, Place, place, scalar};

/// A line: its name, its operands, and the modifiers that follow them.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) operands: Vec<&'a str>,
    pub(super) modifiers: Vec<&'a str>,
}

impl<'a> Line<'a> {
    pub(super) fn parse(line: &'a str) -> Result<Self> {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        // a modifier that is a list has commas of its own, and it comes last
        let (rest, list) = match rest.find(" op_sel:[") {
            Some(at) => (&rest[..at], Some(rest[at..].trim())),
            None => (rest, None),
        };
        let mut operands: Vec<&str> = rest.split(',').map(str::trim).filter(|text| !text.is_empty()).collect();
        // any other list would be split at its commas and read as operands
        ensure!(!rest.contains(":["), "an unknown modifier");
        let mut modifiers: Vec<&str> = list.into_iter().collect();
        // modifiers follow the last operand without a comma
        if let Some(last) = operands.pop() {
            let mut words = last.split(' ').filter(|word| !word.is_empty());
            operands.extend(words.next());
            modifiers.extend(words);
        }
        Ok(Self { name, operands, modifiers })
    }

    /// The name without its encoding.
    pub(super) fn base(&self) -> &'a str {
        // encodings of one operation give the same value; what SDWA selects is in its modifiers
        ["_e32", "_e64", "_sdwa"].iter().find_map(|ending| self.name.strip_suffix(ending)).unwrap_or(self.name)
    }

    pub(super) fn operand(&self, index: usize) -> Result<&'a str> {
        self.operands.get(index).copied().with_context(|| format!("there is no operand {index}"))
    }

    pub(super) fn expect(&self, operands: usize) -> Result<()> {
        ensure!(self.operands.len() == operands, "{} operands, not {operands}", self.operands.len());
        Ok(())
    }

    pub(super) fn no_modifiers(&self) -> Result<()> {
        ensure!(self.modifiers.is_empty(), "unknown modifiers {:?}", self.modifiers);
        Ok(())
    }

    pub(super) fn vector_register(&self, index: usize) -> Result<u8> {
        let text = self.operand(index)?;
        match place(text)? {
            Place::Vector(number) => Ok(number),
            _ => bail!("`{text}` is no vector register"),
        }
    }

    pub(super) fn scalar_register(&self, index: usize) -> Result<u8> {
        let text = self.operand(index)?;
        scalar(text)?.with_context(|| format!("`{text}` is no scalar register"))
    }

    pub(super) fn source(&self, index: usize) -> Result<Operand> {
        Operand::parse(self.operand(index)?)
    }

    pub(super) fn pair(&self, first: usize) -> Result<[Operand; 2]> {
        Ok([self.source(first)?, self.source(first + 1)?])
    }
}
