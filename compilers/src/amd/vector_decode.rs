//! Reads AMD's vector instructions.

use anyhow::{Result, bail, ensure};

use super::instruction::{Instruction, Operation, Vector};
use super::line::Line;
use super::operand::{Operand, Part, Place, place};

impl Line<'_> {
    /// Decodes an instruction that works in each lane alone.
    pub(super) fn vector(&self, operation: Operation) -> Result<Instruction> {
        let name = self.base();
        let sources = operation.sources();
        let to = self.vector_register(0)?;
        let nothing = Operand::plain(Place::Literal(0, 0));
        let mut from = [nothing; 3];
        // the two-operand forms add to the destination's old value
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
            // sext() of a part is allowed; a minus or an absolute value is not
            let unsigned = |operand: &Operand| Operand { signed: false, ..*operand }.is_plain();
            ensure!(from.iter().all(unsigned), "a sign on an integer operand");
        }
        let mut vector = Vector { operation, to, part: Part::WHOLE, preserve: false, from, factor: 1.0 };
        if operation == Operation::MadU16 {
            // without op_sel both factors are low halves
            vector.from[0].part = Part::LOW;
            vector.from[1].part = Part::LOW;
        }
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
                ("op_sel", list) if vector.operation == Operation::MadU16 => {
                    // a 1 takes the high half of the first or of the second operand; other lists are unknown
                    let halves = match list {
                        "[1,0,0,0]" => [Part::HIGH, Part::LOW],
                        "[0,1,0,0]" => [Part::LOW, Part::HIGH],
                        "[1,1,0,0]" => [Part::HIGH; 2],
                        _ => bail!("unknown modifier `{modifier}`"),
                    };
                    [vector.from[0].part, vector.from[1].part] = halves;
                }
                _ => bail!("unknown modifier `{modifier}`"),
            }
        }
        // a factor multiplies a float, and would read an integer's bits as one
        ensure!(vector.factor == 1.0 || vector.operation.is_float(), "a factor on an integer result");
        Ok(())
    }

    /// Decodes instructions with masks or with 64-bit operands.
    pub(super) fn other(&self) -> Result<Instruction> {
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
            "v_cmp_class_f32" => self.class(false),
            "v_cmp_class_f16" => self.class(true),
            "v_readfirstlane_b32" => {
                self.expect(2)?;
                Ok(Instruction::FirstLane { to: self.scalar_register(0)?, from: self.vector_register(1)? })
            }
            "v_swap_b32" => Ok(Instruction::Swap(self.vector_register(0)?, self.vector_register(1)?)),
            name => self.compare(name),
        }
    }
}

pub(super) fn operation(name: &str) -> Option<Operation> {
    Some(match name {
        "v_mov_b32" => Operation::Mov,
        "v_not_b32" => Operation::Not,
        "v_cvt_f32_i32" => Operation::FloatI32,
        "v_cvt_u32_f32" => Operation::IntegerU32,
        "v_rcp_f32" => Operation::Reciprocal,
        "v_cvt_f32_u32" => Operation::FloatU32,
        // generations name some operations differently
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
        "v_mad_u32_u16" => Operation::MadU16,
        "v_cvt_u32_u16" => Operation::LowHalf,
        "v_add_f32" => Operation::AddF,
        "v_sub_f32" => Operation::SubF,
        "v_subrev_f32" => Operation::SubRevF,
        "v_mul_f32" => Operation::MulF,
        // fma rounds once, mad rounds the product as well; ak and mk have a literal as one operand
        "v_fma_f32" | "v_fmac_f32" | "v_fmaak_f32" | "v_fmamk_f32" => Operation::Fma,
        "v_mad_f32" | "v_mac_f32" | "v_madak_f32" | "v_madmk_f32" => Operation::Mad,
        _ => return None,
    })
}

impl Operation {
    /// The number of sources; the destination is not counted.
    const fn sources(self) -> usize {
        match self {
            Self::Mov
            | Self::Not
            | Self::LowHalf
            | Self::FloatI32
            | Self::FloatU32
            | Self::IntegerU32
            | Self::Reciprocal => 1,
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
            | Self::MadU16
            | Self::Fma
            | Self::Mad => 3,
            _ => 2,
        }
    }

    /// Whether operands may have a float's signs, and the result a factor.
    const fn is_float(self) -> bool {
        matches!(self, Self::AddF | Self::SubF | Self::SubRevF | Self::MulF | Self::Fma | Self::Mad)
    }
}
