//! Small listings in the form of ACO's.

use super::execute;
use crate::machine::{Executed, Launch, Output};

/// Loads both descriptors, and puts the offset of each thread's word into v0. The four arguments are in s2 to s5.
const HEAD: &str = "BB0:
    s_mov_b32 s0, s3
    s_movk_i32 s1, 0x8000
    s_load_dwordx4 s[8:11], s[0:1], null
    s_movk_i32 s3, 0x8000
    s_load_dwordx4 s[12:15], s[2:3], null
    s_add_u32 s6, s4, s5
    s_buffer_load_dwordx2 s[16:17], s[8:11], null
    v_mov_b32_e32 v9, v0
    v_lshlrev_b32_e32 v0, 2, v0
";

/// The values of v1 in 64 threads after a listing was run.
fn run(body: &str, params: &[u32]) -> anyhow::Result<(Vec<u32>, Executed)> {
    let listing = format!("{HEAD}{body}\n    buffer_store_dword v1, v0, s[12:15], 0 offen\n    s_endpgm\n");
    let mut output = Output { words: vec![0xa5a5_a5a5; 64], written: vec![false; 64] };
    let executed = execute(&listing, 64, &Launch { params, grid: [1, 1], workgroup: 64 }, &mut output)?;
    Ok((output.words, executed))
}

fn word(body: &str, params: [u32; 2]) -> u32 {
    run(body, &params).unwrap().0[0]
}

#[test]
fn products_are_rounded_by_mad_and_not_by_fma() {
    // (1 + 2^-12)^2 - (1 + 2^-11) is 2^-24, which rounding the product loses
    let params = [0x3f80_0800, 0xbf80_1000];
    let body = |name| format!("v_mov_b32_e32 v2, s16\nv_mov_b32_e32 v3, s17\n{name} v1, v2, v2, v3");
    assert_eq!(word(&body("v_fma_f32"), params), 2f32.powi(-24).to_bits());
    assert_eq!(word(&body("v_mad_f32"), params), 0);
    let (_, executed) = run(&body("v_fma_f32"), &params).unwrap();
    assert_eq!((executed.fused, executed.fused_matter), (64, 64));
}

#[test]
fn denormals_are_flushed() {
    assert_eq!(word("v_mul_f32_e64 v1, s16, 0.5", [0x0080_0000, 0]), 0);
    assert_eq!(word("v_add_f32_e64 v1, s16, s17", [0x8000_0001, 0x8000_0001]), 0x8000_0000);
    // a move is no float operation
    assert_eq!(word("v_mov_b32_e32 v1, s16", [1, 0]), 1);
}

#[test]
fn lanes_that_are_off_keep_what_they_had() {
    let body = "v_mov_b32_e32 v1, 7
        v_cmp_gt_u32_e32 vcc, 3, v9
        s_and_saveexec_b64 s[20:21], vcc
        v_mov_b32_e32 v1, 8
        s_cbranch_execz BB1
        s_mov_b64 exec, s[20:21]
BB1:";
    let (words, _) = run(body, &[0, 0]).unwrap();
    // lanes 0 to 2 are below 3; the others keep the 7
    assert_eq!(words[..5], [8, 8, 8, 7, 7]);
}

#[test]
fn parts_of_registers() {
    assert_eq!(
        word(
            "v_mov_b32_e32 v2, s16\nv_cvt_f32_i32_sdwa v1, v2 dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:WORD_1",
            [0x8000_0003, 0]
        ),
        32768f32.to_bits()
    );
    assert_eq!(
        word("v_mov_b32_e32 v2, s16\nv_mad_u32_u16 v1, s17, v2, 5 op_sel:[0,1,0,0]", [0x0007_0003, 0xffff_0002]),
        19
    );
    assert_eq!(
        word("v_mov_b32_e32 v2, s16\nv_cmp_class_f32_e32 vcc, 0, v2\nv_cndmask_b32_e32 v1, 1, v2, vcc", [0x40, 0]),
        0x40
    );
    assert_eq!(
        word("v_mov_b32_e32 v2, s16\nv_cmp_class_f32_e32 vcc, 0, v2\nv_cndmask_b32_e32 v1, 1, v2, vcc", [0xbf, 0]),
        1
    );
}

#[test]
fn signs_of_parts_and_of_constants() {
    let body = "v_mov_b32_e32 v2, s16
        v_cvt_f32_i32_sdwa v1, sext(v2) dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:WORD_1";
    assert_eq!(word(body, [0x8000_7fff, 0]), (-32768f32).to_bits());
    assert_eq!(word(body, [0x7fff_8000, 0]), 32767f32.to_bits());
    assert_eq!(word("s_addk_i32 s16, 0xfffe\nv_mov_b32_e32 v1, s16", [5, 0]), 3);
}

#[test]
fn bits_are_tested_by_classes() {
    for (constant, bit) in
        [("0x7c01", 0), ("0x7e00", 1), ("0xfc00", 2), ("0xbc00", 3), ("0x8000", 5), ("0x3c00", 8), ("0x7c00", 9)]
    {
        let body =
            format!("v_mov_b32_e32 v2, s16\nv_cmp_class_f16_e32 vcc, {constant}, v2\nv_cndmask_b32_e32 v1, 0, v2, vcc");
        assert_eq!(word(&body, [1 << bit, 0]), 1 << bit, "{constant}");
        assert_eq!(word(&body, [!(1 << bit), 0]), 0, "{constant}");
    }
}

#[test]
fn comparisons_of_parts() {
    let body = "v_mov_b32_e32 v2, s16
        v_cmp_class_f32_sdwa vcc, 0, v2 src0_sel:DWORD src1_sel:BYTE_3
        v_cndmask_b32_e32 v1, 0, v2, vcc";
    assert_eq!(word(body, [0x4000_0000, 0]), 0x4000_0000);
    assert_eq!(word(body, [0xbfff_ffff, 0]), 0);
}

#[test]
fn what_is_not_known_is_an_error() {
    for body in [
        "v_frobnicate_b32 v1, v0",
        "v_mov_b32_e32 v1, v0 row_shr:1",
        "v_add_f32_e64 v1, v0, v0 clamp",
        "v_add_nc_u32_e32 v1, -v0, v0",
        "v_mov_b32_e32 v1, ttmp9",
        "s_branch BB9",
        "s_sendmsg sendmsg(MSG_INTERRUPT)",
        "s_setreg_imm32_b32 hwreg(HW_REG_MODE, 4, 2), 3",
        // a store outside the buffer
        "v_mov_b32_e32 v0, 0x100",
        // a fifth register that is read before it is written
        "v_mov_b32_e32 v1, s40",
    ] {
        assert!(run(body, &[0, 0]).is_err(), "{body}");
    }
}
