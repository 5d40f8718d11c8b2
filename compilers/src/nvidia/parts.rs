//! An instruction's parts, which its decoder takes one after the other.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

use super::instruction::{Condition, Instruction, Source};
use super::operand::{self, Signs};

/// The index of an instruction by its label. Blocks have labels, and so have `nop`s where diverged lanes meet.
pub(super) type Labels<'a> = HashMap<&'a str, usize>;

/// The parts of an instruction that are not decoded yet. All of them must be.
pub(super) struct Parts<'a> {
    pub(super) name: &'a str,
    modifiers: Vec<&'a str>,
    targets: Vec<&'a str>,
    operands: Vec<&'a str>,
}

impl<'a> Parts<'a> {
    pub(super) const fn new(
        name: &'a str,
        modifiers: Vec<&'a str>,
        targets: Vec<&'a str>,
        operands: Vec<&'a str>,
    ) -> Self {
        Self { name, modifiers, targets, operands }
    }

    /// Takes a modifier, wherever it is, and returns whether it was there.
    pub(super) fn has(&mut self, modifier: &str) -> bool {
        let at = self.modifiers.iter().position(|found| *found == modifier);
        at.map(|at| self.modifiers.remove(at)).is_some()
    }

    /// Takes the next modifier and returns its value; it must be one of `values`.
    pub(super) fn one_of<T: Copy>(&mut self, values: &[(&str, T)]) -> Result<T> {
        let found = self.modifier()?;
        let value = values.iter().find(|(name, _)| *name == found);
        value.map(|(_, value)| *value).with_context(|| format!("unknown modifier `{found}`"))
    }

    /// As `one_of`, but returns `missing` where the next modifier is another or there is none.
    pub(super) fn one_of_or<T: Copy>(&mut self, values: &[(&str, T)], missing: T) -> Result<T> {
        match self.modifiers.first() {
            Some(found) if values.iter().any(|(name, _)| name == found) => self.one_of(values),
            _ => Ok(missing),
        }
    }

    /// Takes the next modifier.
    pub(super) fn modifier(&mut self) -> Result<&'a str> {
        ensure!(!self.modifiers.is_empty(), "a modifier is missing");
        Ok(self.modifiers.remove(0))
    }

    /// Takes the next operand.
    pub(super) fn operand(&mut self) -> Result<&'a str> {
        ensure!(!self.operands.is_empty(), "an operand is missing");
        Ok(self.operands.remove(0))
    }

    /// Whether there are more operands.
    pub(super) fn has_operand(&self) -> bool {
        !self.operands.is_empty()
    }

    /// Takes the next target.
    pub(super) fn target(&mut self) -> Result<&'a str> {
        ensure!(!self.targets.is_empty(), "what is written is missing");
        Ok(self.targets.remove(0))
    }

    /// Whether there are more targets.
    pub(super) fn has_target(&self) -> bool {
        !self.targets.is_empty()
    }

    /// Takes the next operand, a source of one word.
    pub(super) fn source(&mut self, signs: Signs) -> Result<Source> {
        operand::source(self.operand()?, signs)
    }

    /// Takes the next `count` operands as sources.
    pub(super) fn sources(&mut self, to: &mut Instruction, count: usize, signs: Signs) -> Result<()> {
        to.sources[..count].iter_mut().try_for_each(|source| {
            *source = self.source(signs)?;
            Ok(())
        })
    }

    /// Takes the next operand, two registers or zero.
    pub(super) fn source_64(&mut self) -> Result<Source> {
        match self.operand()? {
            "rZ" => Ok(Source::ZERO),
            text => Ok(Source::register(operand::registers(text, 2)?)),
        }
    }

    /// Takes the next operand, a condition.
    pub(super) fn condition(&mut self) -> Result<Condition> {
        operand::condition(self.operand()?)
    }

    /// Takes the next target, `count` registers, and returns the first.
    pub(super) fn registers(&mut self, count: u16) -> Result<Option<u16>> {
        Ok(Some(operand::registers(self.target()?, count)?))
    }

    /// Takes the next target, a predicate or none.
    pub(super) fn predicate(&mut self) -> Result<Option<u8>> {
        match self.target()? {
            "null" => Ok(None),
            text => Ok(Some(operand::predicate(text)?)),
        }
    }

    /// Fails if a part was not taken.
    pub(super) fn finish(&self) -> Result<()> {
        match (self.modifiers.first(), self.operands.first(), self.targets.first()) {
            (Some(modifier), ..) => bail!("unknown modifier `{modifier}`"),
            (_, Some(operand), _) => bail!("unknown operand `{operand}`"),
            (.., Some(target)) => bail!("unknown target `{target}`"),
            _ => Ok(()),
        }
    }
}
