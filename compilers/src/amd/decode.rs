//! Reads a listing of ACO's into instructions. Whatever is not known is an error.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

use super::instruction::{Compare, Condition, Instruction, Kind, Memory, Operation, Relation, Vector};
use super::operand::{EXEC, Operand, Part, Place, place, scalar};
use super::scalar_decode;

/// The instructions of a listing, and its lines for errors.
pub(super) fn decode(listing: &str) -> Result<Vec<(Instruction, String)>> {
    let mut labels = HashMap::new();
    let mut lines = Vec::new();
    for line in listing.lines() {
        let line = line.split(';').next().unwrap_or_default().trim();
        match line.strip_suffix(':') {
            Some(label) => {
                labels.insert(label, lines.len());
            }
            None if line.is_empty() || line.starts_with('(') => {}
            None => lines.push(line),
        }
    }
    let decoded = lines.iter().map(|line| {
        let instruction = Line::parse(line).and_then(|parsed| parsed.decode(&labels));
        Ok((instruction.with_context(|| format!("`{line}`"))?, (*line).to_owned()))
    });
    decoded.collect()
}

/// A line: its name, its operands, and what stands behind them.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) operands: Vec<&'a str>,
    modifiers: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Result<Self> {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut operands: Vec<&str> = rest.split(',').map(str::trim).filter(|text| !text.is_empty()).collect();
        ensure!(!rest.contains(":["), "an unknown modifier");
        let mut modifiers = Vec::new();
        if let Some(last) = operands.pop() {
            let mut words = last.split(' ').filter(|word| !word.is_empty());
            operands.extend(words.next());
            modifiers.extend(words);
        }
        Ok(Self { name, operands, modifiers })
    }

    /// The name without its encoding.
    pub(super) fn base(&self) -> &'a str {
        ["_e32", "_e64", "_sdwa"].iter().find_map(|ending| self.name.strip_suffix(ending)).unwrap_or(self.name)
    }

    pub(super) fn operand(&self, index: usize) -> Result<&'a str> {
        self.operands.get(index).copied().with_context(|| format!("there is no operand {index}"))
    }

    pub(super) fn expect(&self, operands: usize) -> Result<()> {
        ensure!(self.operands.len() == operands, "{} operands, not {operands}", self.operands.len());
        Ok(())
    }

    fn no_modifiers(&self) -> Result<()> {
        ensure!(self.modifiers.is_empty(), "unknown modifiers {:?}", self.modifiers);
        Ok(())
    }

    fn vector_register(&self, index: usize) -> Result<u8> {
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

    fn source(&self, index: usize) -> Result<Operand> {
        Operand::parse(self.operand(index)?)
    }

    fn pair(&self, first: usize) -> Result<[Operand; 2]> {
        Ok([self.source(first)?, self.source(first + 1)?])
    }

    fn decode(&self, labels: &HashMap<&str, usize>) -> Result<Instruction> {
        if let Some(memory) = self.memory()? {
            return Ok(memory);
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
        self.no_modifiers()?;
        self.other()
    }

    fn branch(&self, labels: &HashMap<&str, usize>) -> Result<Option<Instruction>> {
        let condition = match self.name {
            "s_endpgm" => return Ok(Some(Instruction::End)),
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
        let (rest, buffer) = match (self.name.strip_prefix("s_load_"), self.name.strip_prefix("s_buffer_load_")) {
            (Some(rest), _) => (rest, false),
            (_, Some(rest)) => (rest, true),
            _ => return Ok(None),
        };
        let mut plus = 0;
        for modifier in &self.modifiers {
            plus = number(modifier.strip_prefix("offset:").with_context(|| format!("unknown modifier `{modifier}`"))?)?;
        }
        self.expect(3)?;
        let (to, base, words) = (self.scalar_register(0)?, self.scalar_register(1)?, words_of(rest)?);
        Ok(Some(Instruction::Load { to, words, base, offset: place(self.operand(2)?)?, plus, buffer }))
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
                // caches, which values do not pass
                ("glc" | "slc" | "dlc", _) => {}
                _ => bail!("unknown modifier `{modifier}`"),
            }
        }
        self.expect(4)?;
        let address = if offen {
            Some(self.vector_register(1)?)
        } else {
            ensure!(self.operand(1)? == "off", "an address that is neither `offen` nor `off`");
            None
        };
        let (data, words) = (self.vector_register(0)?, words_of(rest)?);
        let (descriptor, scalar) = (self.scalar_register(2)?, place(self.operand(3)?)?);
        Ok(Some(Instruction::Memory(Memory { store, data, words, address, descriptor, scalar, offset })))
    }

    /// An instruction of each lane alone.
    fn vector(&self, operation: Operation) -> Result<Instruction> {
        let name = self.base();
        let sources = operation.sources();
        let to = self.vector_register(0)?;
        let nothing = Operand::plain(Place::Literal(0, 0));
        let mut from = [nothing; 3];
        // the two-operand forms add to what the destination holds
        let given = if name.starts_with("v_fmac") || name.starts_with("v_mac") {
            from[2] = Operand::plain(Place::Vector(to));
            2
        } else {
            sources
        };
        self.expect(1 + given)?;
        for (index, operand) in from.iter_mut().take(given).enumerate() {
            *operand = self.source(1 + index)?;
        }
        if !operation.is_float() {
            ensure!(from.iter().all(Operand::is_plain), "a sign on an integer operand");
        }
        let mut vector = Vector { operation, to, part: Part::WHOLE, preserve: false, from, factor: 1.0 };
        self.modify(&mut vector)?;
        Ok(Instruction::Vector(vector))
    }

    fn modify(&self, vector: &mut Vector) -> Result<()> {
        for modifier in &self.modifiers {
            let (name, value) = modifier.split_once(':').unwrap_or((modifier, ""));
            match (name, value) {
                ("mul", "2") => vector.factor = 2.0,
                ("mul", "4") => vector.factor = 4.0,
                ("div", "2") => vector.factor = 0.5,
                ("dst_sel", part) => vector.part = Part::parse(part)?,
                ("dst_unused", "UNUSED_PAD") => vector.preserve = false,
                ("dst_unused", "UNUSED_PRESERVE") => vector.preserve = true,
                ("src0_sel", part) => vector.from[0].part = Part::parse(part)?,
                ("src1_sel", part) => vector.from[1].part = Part::parse(part)?,
                _ => bail!("unknown modifier `{modifier}`"),
            }
        }
        ensure!(vector.factor == 1.0 || vector.operation.is_float(), "a factor on an integer result");
        Ok(())
    }

    /// Instructions with masks or with operands of 64 bits.
    fn other(&self) -> Result<Instruction> {
        match self.base() {
            "v_cndmask_b32" => {
                self.expect(4)?;
                let (to, from, mask) = (self.vector_register(0)?, self.pair(1)?, self.scalar_register(3)?);
                Ok(Instruction::Select { to, from, mask })
            }
            "v_add_co_ci_u32" | "v_addc_co_u32" => {
                self.expect(5)?;
                let (to, out, from) = (self.vector_register(0)?, self.scalar_register(1)?, self.pair(2)?);
                Ok(Instruction::Carry { to, out, from, carry: Some(self.scalar_register(4)?) })
            }
            "v_add_co_u32" => {
                self.expect(4)?;
                let (to, out, from) = (self.vector_register(0)?, self.scalar_register(1)?, self.pair(2)?);
                Ok(Instruction::Carry { to, out, from, carry: None })
            }
            "v_mad_u64_u32" => {
                self.expect(5)?;
                let from = self.pair(2)?;
                Ok(Instruction::Mad64 { to: self.vector_register(0)?, from, add: place(self.operand(4)?)? })
            }
            name @ ("v_lshrrev_b64" | "v_lshlrev_b64") => {
                self.expect(3)?;
                let (to, by, from) = (self.vector_register(0)?, self.source(1)?, place(self.operand(2)?)?);
                Ok(Instruction::Shift64 { to, right: name == "v_lshrrev_b64", by, from })
            }
            "v_swap_b32" => Ok(Instruction::Swap(self.vector_register(0)?, self.vector_register(1)?)),
            name => self.compare(name),
        }
    }

    fn compare(&self, name: &str) -> Result<Instruction> {
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
        Ok(Instruction::Compare(Compare { relation, kind, from: self.pair(first)?, to, exec }))
    }
}

/// `lt_f32` and the like.
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
        "neq" => Relation::NotEqual,
        "nlt" => Relation::NotLess,
        "nle" => Relation::NotLessEqual,
        "ngt" => Relation::NotGreater,
        "nge" => Relation::NotGreaterEqual,
        _ => bail!("an unknown comparison `{relation}`"),
    };
    Ok((relation, kind))
}

fn words_of(suffix: &str) -> Result<u8> {
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

fn number(text: &str) -> Result<u32> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.with_context(|| format!("`{text}` is no number"))
}

fn operation(name: &str) -> Option<Operation> {
    Some(match name {
        "v_mov_b32" => Operation::Mov,
        "v_not_b32" => Operation::Not,
        "v_cvt_f32_i32" => Operation::FloatI32,
        "v_cvt_f32_u32" => Operation::FloatU32,
        "v_add_nc_u32" | "v_add_u32" => Operation::Add,
        "v_sub_nc_u32" | "v_sub_u32" => Operation::Sub,
        "v_subrev_nc_u32" | "v_subrev_u32" => Operation::SubRev,
        "v_and_b32" => Operation::And,
        "v_or_b32" => Operation::Or,
        "v_xor_b32" => Operation::Xor,
        "v_lshlrev_b32" => Operation::LshlRev,
        "v_lshrrev_b32" => Operation::LshrRev,
        "v_ashrrev_i32" => Operation::AshrRev,
        "v_mul_lo_u32" => Operation::MulLo,
        "v_mul_hi_u32" => Operation::MulHi,
        "v_mul_u32_u24" => Operation::MulU24,
        "v_min_u32" => Operation::MinU,
        "v_max_u32" => Operation::MaxU,
        "v_add3_u32" => Operation::Add3,
        "v_lshl_add_u32" => Operation::LshlAdd,
        "v_add_lshl_u32" => Operation::AddLshl,
        "v_lshl_or_b32" => Operation::LshlOr,
        "v_and_or_b32" => Operation::AndOr,
        "v_or3_b32" => Operation::Or3,
        "v_xor3_b32" => Operation::Xor3,
        "v_xad_u32" => Operation::Xad,
        "v_bfe_u32" => Operation::BfeU,
        "v_bfi_b32" => Operation::Bfi,
        "v_alignbit_b32" => Operation::AlignBit,
        "v_mad_u32_u24" => Operation::MadU24,
        "v_add_f32" => Operation::AddF,
        "v_sub_f32" => Operation::SubF,
        "v_subrev_f32" => Operation::SubRevF,
        "v_mul_f32" => Operation::MulF,
        "v_fma_f32" | "v_fmac_f32" | "v_fmaak_f32" | "v_fmamk_f32" => Operation::Fma,
        "v_mad_f32" | "v_mac_f32" | "v_madak_f32" | "v_madmk_f32" => Operation::Mad,
        _ => return None,
    })
}

impl Operation {
    /// Sources, the destination not counted.
    const fn sources(self) -> usize {
        match self {
            Self::Mov | Self::Not | Self::FloatI32 | Self::FloatU32 => 1,
            Self::Add3
            | Self::LshlAdd
            | Self::AddLshl
            | Self::LshlOr
            | Self::AndOr
            | Self::Or3
            | Self::Xor3
            | Self::Xad
            | Self::BfeU
            | Self::Bfi
            | Self::AlignBit
            | Self::MadU24
            | Self::Fma
            | Self::Mad => 3,
            _ => 2,
        }
    }

    /// Whether signs of its operands and factors of its result are those of floats.
    const fn is_float(self) -> bool {
        matches!(
            self,
            Self::AddF | Self::SubF | Self::SubRevF | Self::MulF | Self::Fma | Self::Mad
        )
    }
}
