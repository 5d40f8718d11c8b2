//! Reads AMD's scalar instructions.

use anyhow::{Result, bail, ensure};

use super::compare_decode::relation;
use super::instruction::{Instruction, Scalar, ScalarOperation};
use super::line::Line;
use super::operand::{NULL, Place, place};

/// Waits, hints and messages that change no value.
pub(super) fn does_nothing(name: &str, operands: &[&str]) -> bool {
    match name {
        "s_waitcnt"
        | "s_waitcnt_depctr"
        | "s_waitcnt_vscnt"
        | "s_clause"
        | "s_nop"
        | "s_delay_alu"
        | "s_inst_prefetch"
        | "s_set_inst_prefetch_distance" => true,
        // gives the wave's registers back before it ends; other messages are unknown
        "s_sendmsg" => operands == ["sendmsg(MSG_DEALLOC_VGPRS)"],
        _ => false,
    }
}

pub(super) fn decode(line: &Line<'_>) -> Result<Instruction> {
    if let Some(rest) = line.name.strip_prefix("s_cmp_") {
        line.expect(2)?;
        let (relation, kind) = relation(rest)?;
        let from = [place(line.operand(0)?)?, place(line.operand(1)?)?];
        let operation = ScalarOperation::Compare(relation, kind);
        return Ok(Instruction::Scalar(Scalar { operation, wide: false, to: NULL, from }));
    }
    // the destination is the first source as well
    if line.name == "s_addk_i32" {
        line.expect(2)?;
        let to = line.scalar_register(0)?;
        let from = [Place::Scalar(to), extended(place(line.operand(1)?)?)?];
        return Ok(Instruction::Scalar(Scalar { operation: ScalarOperation::AddI, wide: false, to, from }));
    }
    // a missing source is the literal 0, which the operation does not read
    let (operation, sources) = operation(line.name)?;
    line.expect(1 + sources)?;
    let mut from = [Place::Literal(0, 0); 2];
    for (index, operand) in from.iter_mut().take(sources).enumerate() {
        *operand = place(line.operand(1 + index)?)?;
        ensure!(!matches!(operand, Place::Vector(_)), "a vector register in a scalar instruction");
    }
    if line.name == "s_movk_i32" {
        from[0] = extended(from[0])?;
    }
    // the type at the end of the name is that of the result
    let wide = line.name.ends_with("64");
    Ok(Instruction::Scalar(Scalar { operation, wide, to: line.scalar_register(0)?, from }))
}

/// A constant of 16 bits, extended by its sign.
fn extended(place: Place) -> Result<Place> {
    let Place::Literal(bits, _) = place else { bail!("a register as a constant") };
    #[expect(clippy::cast_possible_truncation, reason = "the instruction has 16 bits")]
    let bits = i32::from(bits as i16).cast_unsigned();
    Ok(Place::Literal(bits, 0))
}

/// The operation and its number of sources.
fn operation(name: &str) -> Result<(ScalarOperation, usize)> {
    use ScalarOperation as Op;
    Ok(match name {
        "s_mov_b32" | "s_mov_b64" | "s_movk_i32" => (Op::Mov, 1),
        "s_not_b32" | "s_not_b64" => (Op::Not, 1),
        "s_brev_b32" => (Op::Brev, 1),
        "s_and_saveexec_b32" | "s_and_saveexec_b64" => (Op::AndSaveExec, 1),
        "s_add_i32" => (Op::AddI, 2),
        "s_add_u32" => (Op::AddU, 2),
        "s_addc_u32" => (Op::AddCarry, 2),
        "s_sub_i32" => (Op::SubI, 2),
        "s_sub_u32" => (Op::SubU, 2),
        "s_mul_i32" => (Op::Mul, 2),
        "s_mul_hi_u32" => (Op::MulHi, 2),
        "s_and_b32" | "s_and_b64" => (Op::And, 2),
        // one operation under its older and its newer name
        "s_andn2_b32" | "s_andn2_b64" | "s_and_not1_b32" | "s_and_not1_b64" => (Op::AndNot, 2),
        "s_nand_b32" | "s_nand_b64" => (Op::Nand, 2),
        "s_or_b32" | "s_or_b64" => (Op::Or, 2),
        "s_xor_b32" | "s_xor_b64" => (Op::Xor, 2),
        "s_lshl_b32" | "s_lshl_b64" => (Op::Lshl, 2),
        "s_lshr_b32" | "s_lshr_b64" => (Op::Lshr, 2),
        "s_lshl1_add_u32" => (Op::LshlAdd(1), 2),
        "s_lshl2_add_u32" => (Op::LshlAdd(2), 2),
        "s_lshl3_add_u32" => (Op::LshlAdd(3), 2),
        "s_lshl4_add_u32" => (Op::LshlAdd(4), 2),
        "s_min_u32" => (Op::MinU, 2),
        "s_max_u32" => (Op::MaxU, 2),
        "s_bfm_b32" | "s_bfm_b64" => (Op::Bfm, 2),
        "s_bfe_u32" => (Op::BfeU, 2),
        "s_pack_ll_b32_b16" => (Op::PackLow, 2),
        "s_pack_hh_b32_b16" => (Op::PackHigh, 2),
        "s_cselect_b32" | "s_cselect_b64" => (Op::Select, 2),
        _ => bail!("an unknown instruction"),
    })
}
