//! An instruction's parts, taken one by one by what understands it.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

use super::instruction::{Condition, Instruction, Source};
use super::operand::{self, Signs};

/// Indices of instructions by their labels: those of blocks, and of `nop`s where diverged lanes meet.
pub(super) type Labels<'a> = HashMap<&'a str, usize>;

/// The parts of an instruction that have not been decoded. All must be.
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

    /// Takes a modifier, if it is there.
    pub(super) fn has(&mut self, modifier: &str) -> bool {
        let at = self.modifiers.iter().position(|found| *found == modifier);
        at.map(|at| self.modifiers.remove(at)).is_some()
    }

    /// Takes the next modifier, of those that have a value.
    pub(super) fn one_of<T: Copy>(&mut self, values: &[(&str, T)]) -> Result<T> {
        let found = self.modifier()?;
        let value = values.iter().find(|(name, _)| *name == found);
        value.map(|(_, value)| *value).with_context(|| format!("unknown modifier `{found}`"))
    }

    /// The same, where it may be missing.
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

    /// Takes the next thing that is written.
    pub(super) fn target(&mut self) -> Result<&'a str> {
        ensure!(!self.targets.is_empty(), "what is written is missing");
        Ok(self.targets.remove(0))
    }

    /// Whether there is more that is written.
    pub(super) fn has_target(&self) -> bool {
        !self.targets.is_empty()
    }

    /// Takes the next operand, one word that is read.
    pub(super) fn source(&mut self, signs: Signs) -> Result<Source> {
        operand::source(self.operand()?, signs)
    }

    /// Takes so many of them.
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

    /// Takes the next operand, a predicate that is read.
    pub(super) fn condition(&mut self) -> Result<Condition> {
        operand::condition(self.operand()?)
    }

    /// Takes the next target, the first of so many registers.
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

    /// Fails where something has not been taken.
    pub(super) fn finish(&self) -> Result<()> {
        match (self.modifiers.first(), self.operands.first(), self.targets.first()) {
            (Some(modifier), ..) => bail!("unknown modifier `{modifier}`"),
            (_, Some(operand), _) => bail!("unknown operand `{operand}`"),
            (.., Some(target)) => bail!("unknown target `{target}`"),
            _ => Ok(()),
        }
    }
}
