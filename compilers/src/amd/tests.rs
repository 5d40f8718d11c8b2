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
    run_group(64, body, params)
}

/// The values of v1 in a workgroup's threads.
fn run_group(threads: u32, body: &str, params: &[u32]) -> anyhow::Result<(Vec<u32>, Executed)> {
    let listing = format!("{HEAD}{body}\n    buffer_store_dword v1, v0, s[12:15], 0 offen\n    s_endpgm\n");
    let mut output = Output::new(vec![0xa5a5_a5a5; threads as usize]);
    let launch = Launch { params, source: None, grid: [1, 1], workgroup: threads };
    let executed = execute(&listing, 64, &launch, &mut output)?;
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

/// Each of 256 threads writes its number, and reads that of a thread of another wave.
const EXCHANGE: &str = "v_lshlrev_b32_e32 v2, 2, v9
    v_sub_nc_u32_e32 v3, 0x3fc, v2
    ds_write_b32 v2, v9 offset:4096
    s_waitcnt lgkmcnt(0)
    s_barrier
    ds_read_b32 v1, v3 offset:4096";

#[test]
fn waves_meet_at_barriers() {
    let expected: Vec<u32> = (0..256).rev().collect();
    assert_eq!(run_group(256, EXCHANGE, &[0, 0]).unwrap().0, expected);
    for (changed, reason) in [
        (EXCHANGE.replace("s_barrier", "s_nop 0"), "read before it is written"),
        // words that are read are written again
        (format!("{EXCHANGE}\nds_write_b32 v2, v1 offset:4096"), "by different threads"),
        (EXCHANGE.replace("s_barrier", "v_cmpx_gt_u32_e32 3, v9\ns_barrier"), "not every thread"),
        (EXCHANGE.replace("s_barrier", "s_cbranch_execnz BB1\ns_barrier\nBB1:"), "read before it is written"),
        (EXCHANGE.replace("v3 offset:4096", "v3 offset:8192"), "read before it is written"),
    ] {
        let error = format!("{:#}", run_group(256, &changed, &[0, 0]).expect_err(&changed));
        assert!(error.contains(reason), "{changed}: {error}");
    }
}

#[test]
fn waves_go_on_behind_each_barrier_of_a_loop() {
    // three times each thread takes the word of its neighbour, and adds 1
    let body = "v_lshlrev_b32_e32 v2, 2, v9
        v_add_nc_u32_e32 v3, 4, v2
        v_and_b32_e32 v3, 0x3ff, v3
        v_mov_b32_e32 v1, v9
        s_movk_i32 s20, 3
    BB1:
        s_barrier
        ds_write_b32 v2, v1
        s_barrier
        ds_read_b32 v1, v3
        v_add_nc_u32_e32 v1, 1, v1
        s_sub_u32 s20, s20, 1
        s_cmp_lg_u32 s20, 0
        s_cbranch_scc1 BB1";
    let expected: Vec<u32> = (0..256).map(|thread| (thread + 3) % 256 + 3).collect();
    assert_eq!(run_group(256, body, &[0, 0]).unwrap().0, expected);
}

#[test]
fn shared_words_in_two_parts() {
    let write = "v_lshlrev_b32_e32 v2, 3, v9\nv_mov_b32_e32 v3, s16\nv_mov_b32_e32 v4, s17\n";
    for body in [
        "ds_write2_b32 v2, v3, v4 offset1:1\nds_read_b64 v[6:7], v2\nv_sub_nc_u32_e32 v1, v6, v7",
        "ds_write_b64 v2, v[3:4] offset:8\nds_read2_b32 v[6:7], v2 offset0:2 offset1:3\nv_sub_nc_u32_e32 v1, v6, v7",
        "ds_store_2addr_stride64_b32 v2, v3, v4 offset0:2 offset1:4\nds_load_b32 v6, v2 offset:512
        ds_load_b32 v7, v2 offset:1024\nv_sub_nc_u32_e32 v1, v6, v7",
    ] {
        assert_eq!(word(&format!("{write}{body}"), [12, 5]), 7, "{body}");
    }
}

#[test]
fn a_wave_may_have_fewer_threads_than_lanes() {
    let (words, _) = run_group(16, "v_mov_b32_e32 v1, v9", &[0, 0]).unwrap();
    assert_eq!(words, (0..16).collect::<Vec<_>>());
}

#[test]
fn words_may_not_depend_on_the_order_of_threads() {
    let own = "buffer_load_dword v1, v0, s[12:15], 0 offen";
    assert_eq!(word(own, [0, 0]), 0xa5a5_a5a5);
    // each but the last loads the next one's word
    let next = "v_min_u32_e32 v2, 0xf8, v0\nbuffer_load_dword v1, v2, s[12:15], 0 offen offset:4";
    let error = format!("{:#}", run(next, &[0, 0]).unwrap_err());
    assert!(error.contains("loaded by one thread and stored by another"), "{error}");
}

#[test]
fn the_source_is_read() {
    let body = "s_mov_b32 s0, s2\ns_load_dwordx4 s[20:23], s[0:1], 0x10\nbuffer_load_dword v1, v0, s[20:23], 0 offen";
    let listing = format!("{}{body}\nbuffer_store_dword v1, v0, s[12:15], 0 offen\ns_endpgm", HEAD);
    let run = |source: &[u32]| {
        let mut output = Output::new(vec![0; 64]);
        let launch = Launch { params: &[0, 0], source: Some(source), grid: [1, 1], workgroup: 64 };
        execute(&listing, 64, &launch, &mut output).map(|_| output.words)
    };
    let source: Vec<u32> = (1000..1064).collect();
    assert_eq!(run(&source).unwrap(), source);
    // behind its end is no word that a shader may use
    assert_eq!(run(&source[..63]).unwrap()[62..], [1062, 0xdead_beef]);
}

#[test]
fn a_thread_loads_what_it_has_stored() {
    let body = "v_lshlrev_b32_e32 v3, 1, v0
        v_mov_b32_e32 v2, 7
        v_cmp_gt_u32_e32 vcc, 32, v9
        s_and_saveexec_b64 s[20:21], vcc
        buffer_store_dword v2, v3, s[12:15], 0 offen offset:4
        buffer_load_dword v1, v3, s[12:15], 0 offen offset:4
        v_lshlrev_b32_e32 v0, 1, v0";
    let (words, _) = run(body, &[0, 0]).unwrap();
    assert_eq!(words, vec![7; 64]);
}

#[test]
fn two_instructions_at_once_read_before_they_write() {
    let body = "v_mov_b32_e32 v2, s16
        v_mov_b32_e32 v3, s17
        v_dual_add_f32 v2, v3, v3 :: v_dual_sub_f32 v3, v3, v2
        v_add_f32_e32 v1, v2, v3";
    // 2 b + (b - a)
    assert_eq!(word(body, [1f32.to_bits(), 5f32.to_bits()]), 14f32.to_bits());
    let body = "v_cmp_gt_u32_e32 vcc, 3, v9
        v_dual_mov_b32 v2, 4 :: v_dual_cndmask_b32 v1, 5, v9";
    let (words, _) = run(body, &[0, 0]).unwrap();
    assert_eq!(words[..5], [0, 1, 2, 5, 5]);
}

#[test]
fn words_of_scalars() {
    for (body, params, expected) in [
        // the flag is the carry of the sum
        ("s_lshl4_add_u32 s16, s16, s17\ns_sub_i32 s16, s16, src_scc\nv_mov_b32_e32 v1, s16", [0x1000_0000, 7], 6),
        ("s_lshl2_add_u32 s16, s16, s17\ns_sub_i32 s16, s16, src_scc\nv_mov_b32_e32 v1, s16", [3, 7], 19),
        ("s_bfm_b64 s[20:21], s16, s17\nv_mov_b32_e32 v1, s21", [31, 33], 0xffff_fffe),
        ("v_mov_b32_e32 v2, s16\nv_cvt_u32_f32_e32 v1, v2", [3.9f32.to_bits(), 0], 3),
        ("v_mov_b32_e32 v2, s16\nv_cvt_u32_f32_e32 v1, v2", [(-3.9f32).to_bits(), 0], 0),
        ("v_mov_b32_e32 v2, s16\nv_rcp_f32_e32 v1, v2", [8f32.to_bits(), 0], 0.125f32.to_bits()),
        ("v_cmpx_lt_u32_e32 5, v9\nv_readfirstlane_b32 s20, v9\ns_mov_b64 exec, -1\nv_mov_b32_e32 v1, s20", [0, 0], 6),
    ] {
        assert_eq!(word(body, params), expected, "{body}");
    }
}

#[test]
fn a_workgroup_must_know_its_place_in_the_grid() {
    let listing = "s_mov_b32 s0, s3\ns_movk_i32 s1, 0x8000\ns_load_dwordx4 s[8:11], s[0:1], null
        s_movk_i32 s3, 0x8000\ns_load_dwordx4 s[12:15], s[2:3], null\ns_endpgm";
    let run = |grid| {
        let launch = Launch { params: &[], source: None, grid, workgroup: 64 };
        execute(listing, 64, &launch, &mut Output::new(vec![0; 64]))
    };
    assert!(run([1, 1]).is_ok());
    assert!(run([2, 1]).is_err());
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
        "ds_add_u32 v0, v0",
        "ds_write_b8 v0, v0",
        "ds_write_b32 v0, v0 gds",
        "ds_swizzle_b32 v1, v0 offset:swizzle(SWAP,16)",
        "v_dual_mul_f32 v1, v0, v0 :: v_dual_mov_b32 v1, 0",
        "v_dual_mul_f32 v1, v0, v0 :: s_nop 0",
        // a store outside the buffer
        "v_mov_b32_e32 v0, 0x100",
        // a fifth register that is read before it is written
        "v_mov_b32_e32 v1, s40",
    ] {
        assert!(run(body, &[0, 0]).is_err(), "{body}");
    }
}
