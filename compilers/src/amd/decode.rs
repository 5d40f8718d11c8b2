//! Reads a listing of ACO's into instructions. Everything unknown is an error: an instruction that is skipped or
//! guessed would make the comparison worthless.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

use super::instruction::{Access, Condition, Instruction, Load};
use super::line::Line;
use super::operand::place;
use super::scalar_decode;
use super::vector_decode::operation;

/// The instructions of a listing, and its lines for errors.
pub(super) fn decode(listing: &str) -> Result<Vec<(Instruction, String)>> {
    let mut labels = HashMap::new();
    let mut lines = Vec::new();
    for line in listing.lines() {
        // text behind a semicolon is a comment
        let line = line.split(';').next().unwrap_or_default().trim();
        match line.strip_suffix(':') {
            Some(label) => {
                // a label is the index of the instruction that follows it
                labels.insert(label, lines.len());
            }
            None if line.is_empty() || line.starts_with('(') => {}
            None => lines.push(line),
        }
    }
    let decoded = lines.iter().map(|line| {
        let instruction = match line.split_once(" :: ") {
            Some(two) => dual(two, &labels),
            None => Line::parse(line).and_then(|parsed| parsed.decode(&labels)),
        };
        Ok((instruction.with_context(|| format!("`{line}`"))?, (*line).to_owned()))
    });
    decoded.collect()
}

/// Two instructions in one: `v_dual_mul_f32 v1, v2, v3 :: v_dual_mov_b32 v4, v5`.
fn dual(two: (&str, &str), labels: &HashMap<&str, usize>) -> Result<Instruction> {
    let half = |text: &str| {
        let rest = text.trim().strip_prefix("v_dual_").context("an unknown instruction of two")?;
        // the listing does not name the mask, which is always this one
        let mask = if rest.starts_with("cndmask") { ", vcc" } else { "" };
        Line::parse(&format!("v_{rest}{mask}"))?.decode(labels)
    };
    let halves = [half(two.0)?, half(two.1)?];
    let [first, second] = [halves[0].vector(), halves[1].vector()];
    ensure!(first.is_some() && second.is_some() && first != second, "an unknown instruction of two");
    Ok(Instruction::Dual(Box::new(halves)))
}

impl Line<'_> {
    fn decode(&self, labels: &HashMap<&str, usize>) -> Result<Instruction> {
        if let Some(memory) = self.memory()? {
            return Ok(memory);
        }
        if self.name.starts_with("ds_") {
            return self.shared();
        }
        if self.name.starts_with("s_") {
            if let Some(branch) = self.branch(labels)? {
                return Ok(branch);
            }
            if scalar_decode::does_nothing(self.name, &self.operands) {
                return Ok(Instruction::Nothing);
            }
            if let Some(load) = self.scalar_load()? {
                return Ok(load);
            }
            self.no_modifiers()?;
            return scalar_decode::decode(self);
        }
        if let Some(operation) = operation(self.base()) {
            return self.vector(operation);
        }
        // comparisons read their own modifiers (`parts` in src/amd/vector_decode.rs)
        if !self.name.starts_with("v_cmp") {
            self.no_modifiers()?;
        }
        self.other()
    }

    fn branch(&self, labels: &HashMap<&str, usize>) -> Result<Option<Instruction>> {
        let condition = match self.name {
            "s_endpgm" => return Ok(Some(Instruction::End)),
            "s_barrier" => return Ok(Some(Instruction::Barrier)),
            "s_branch" => Condition::Always,
            "s_cbranch_execz" => Condition::ExecZero,
            "s_cbranch_execnz" => Condition::ExecNotZero,
            "s_cbranch_scc0" => Condition::SccZero,
            "s_cbranch_scc1" => Condition::SccOne,
            "s_cbranch_vccz" => Condition::VccZero,
            "s_cbranch_vccnz" => Condition::VccNotZero,
            _ => return Ok(None),
        };
        let label = self.operand(0)?;
        let to = labels.get(label).with_context(|| format!("there is no label {label}"))?;
        Ok(Some(Instruction::Branch(condition, *to)))
    }

    fn scalar_load(&self) -> Result<Option<Instruction>> {
        // s_load reads through a pointer, s_buffer_load through a descriptor
        let (rest, buffer) = match (self.name.strip_prefix("s_load_"), self.name.strip_prefix("s_buffer_load_")) {
            (Some(rest), _) => (rest, false),
            (_, Some(rest)) => (rest, true),
            _ => return Ok(None),
        };
        // the constant offset is added to the operand's
        let mut plus = 0;
        for modifier in &self.modifiers {
            plus = number(modifier.strip_prefix("offset:").with_context(|| format!("unknown modifier `{modifier}`"))?)?;
        }
        self.expect(3)?;
        let (to, base, words) = (self.scalar_register(0)?, self.scalar_register(1)?, words_of(rest)?);
        Ok(Some(Instruction::Load(Load { to, words, base, buffer, offset: place(self.operand(2)?)?, plus })))
    }

    fn memory(&self) -> Result<Option<Instruction>> {
        let (rest, store) = match (self.name.strip_prefix("buffer_store_"), self.name.strip_prefix("buffer_load_")) {
            (Some(rest), _) => (rest, true),
            (_, Some(rest)) => (rest, false),
            _ => return Ok(None),
        };
        let (mut offset, mut offen) = (0, false);
        for modifier in &self.modifiers {
            match (*modifier, modifier.strip_prefix("offset:")) {
                (_, Some(bytes)) => offset = number(bytes)?,
                ("offen", _) => offen = true,
                // hints to the caches; no value depends on them
                ("glc" | "slc" | "dlc", _) => {}
                _ => bail!("unknown modifier `{modifier}`"),
            }
        }
        self.expect(4)?;
        // `offen` means that a vector register holds each lane's offset, `off` that there is none
        let address = if offen {
            Some(self.vector_register(1)?)
        } else {
            ensure!(self.operand(1)? == "off", "an address that is neither `offen` nor `off`");
            None
        };
        let (data, words) = (self.vector_register(0)?, words_of(rest)?);
        let (descriptor, scalar) = (self.scalar_register(2)?, place(self.operand(3)?)?);
        Ok(Some(Instruction::Memory(Access { store, data, words, address, descriptor, scalar, offset })))
    }
}

pub(super) fn words_of(suffix: &str) -> Result<u8> {
    Ok(match suffix {
        "dword" | "b32" => 1,
        "dwordx2" | "b64" => 2,
        "dwordx3" | "b96" => 3,
        "dwordx4" | "b128" => 4,
        "dwordx8" | "b256" => 8,
        "dwordx16" | "b512" => 16,
        _ => bail!("an unknown width `{suffix}`"),
    })
}

pub(super) fn number(text: &str) -> Result<u32> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.with_context(|| format!("`{text}` is no number"))
}
