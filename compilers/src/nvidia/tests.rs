//! Small listings in the form that NAK prints.

use super::{count, execute};
use crate::machine::{Launch, Output};

/// Puts every lane's index into r0, and the address of the word with that index into r2 and r3.
const HEAD: &str = "
    block.u 0 L0 [] -> {
        r0     = s2r sr[0x21]                    // delay=4 wr:0
        r2..4  = imad64 r0 0x4 rZ                // delay=6
        r2 p0  = iadd3 r2 c[0x2][0x0] rZ         // delay=6
        r3     = iadd3.x r3 c[0x2][0x4] rZ p0 pF // delay=6
    } -> [1]
";

fn launch(params: &[u32]) -> Launch<'_> {
    Launch { params, source: None, grid: [1, 1], workgroup: 256 }
}

/// Runs the code in 256 lanes and returns the word that each stores.
fn stored(body: &str, params: &[u32]) -> anyhow::Result<Vec<u32>> {
    let mut output = Output { words: vec![0; 256], written: vec![false; 256] };
    execute(&format!("{HEAD}{body}"), &launch(params), &mut output)?;
    Ok(output.words)
}

/// Runs the code in 256 lanes and returns each lane's r4.
fn in_r4(code: &str, params: &[u32]) -> anyhow::Result<Vec<u32>> {
    let end = "st.global.a64.strong.sys.b32 [r2..4] r4 // delay=1\nexit // delay=15";
    stored(&format!("block.u 1 L1 [0] -> {{\n{code}\n{end}\n}} -> []\n"), params)
}

/// The first lane's r4 after code that gives every lane the same.
fn word(code: &str, params: &[u32]) -> u32 {
    in_r4(code, params).unwrap()[0]
}

#[test]
fn lanes_that_diverge_meet_again() {
    let body = "
        block 1 L1 [0] -> {
            p1     = isetp.lt.u32 r0 0x10          // delay=12
            b0     = bclear                        // delay=6
            b0     = bssy b0 pT L9                 // delay=1
        @p1        bra L2                          // delay=5
        } -> [2, 3]
        block 2 L4 [1] -> {
            r4     = mov 0x1                       // delay=6
            bra L3                                 // delay=5
        } -> [4]
        block 3 L2 [1] -> {
            r4     = mov 0x2                       // delay=6
        } -> [4]
        block 4 L3 [2, 3] -> {
            nop L9                                 // delay=1
            bsync b0 pT                            // delay=5
        @!p1       r4     = iadd3 r4 0x10 rZ       // delay=5
            st.global.a64.strong.sys.b32 [r2..4] r4 // delay=1
            exit                                   // delay=15
        } -> []
    ";
    let expected: Vec<u32> = (0..256).map(|lane| if lane < 16 { 2 } else { 0x11 }).collect();
    assert_eq!(stored(body, &[]).unwrap(), expected);
    let mut output = Output { words: vec![0; 256], written: vec![false; 256] };
    let executed = execute(&format!("{HEAD}{body}"), &launch(&[]), &mut output).unwrap();
    // all 8 warps run the 4 + 4 + 5 instructions of blocks 0, 1 and 4 and the 2 of block 2; the first warp has lanes
    // that take the branch, so it also runs the 1 of block 3
    assert_eq!(executed.instructions, 8 * 13 + 8 * 2 + 1);
    assert_eq!(count(&format!("{HEAD}{body}")).unwrap().instructions, 16);
}

#[test]
fn a_loop_runs_as_often_as_each_lane_says() {
    let body = "
        block 1 L1 [0] -> {
            r4 = mov rZ // delay=1
        } -> [2]
        block 2 L2 [1, 2] -> {
            r4 = iadd3 r4 0x3 rZ // delay=5
            p1 = isetp.le.u32 r4 r0 // delay=12
        @p1 bra L2 // delay=5
        } -> [2, 3]
        block 3 L3 [2] -> {
            st.global.a64.weak.b32 [r2..4] r4
            exit
        } -> []
    ";
    let expected: Vec<u32> = (0..256).map(|lane| (lane / 3 + 1) * 3).collect();
    assert_eq!(stored(body, &[]).unwrap(), expected);
}

#[test]
fn carries_are_those_of_the_sum() {
    assert_eq!(word("r5 p1 = iadd3 c[0x1][0x0] c[0x1][0x4] rZ\nr4 = sel p1 0x7 rZ", &[u32::MAX, 1]), 7);
    assert_eq!(word("r5 p1 = iadd3 c[0x1][0x0] c[0x1][0x4] rZ\nr4 = sel p1 0x7 rZ", &[u32::MAX, 0]), 0);
    // 5 - 0 does not borrow, and NVIDIA's carry is that of 5 + !0 + 1
    assert_eq!(word("r5 p1 = iadd3 0x5 -c[0x1][0x0] rZ\nr4 = sel p1 0x7 rZ", &[0]), 7);
    assert_eq!(word("r5 p1 = iadd3 0x5 -c[0x1][0x0] rZ\nr4 = sel p1 0x7 rZ", &[6]), 0);
    assert_eq!(word("r4 = iadd3.x 0x5 !c[0x1][0x0] rZ pT pF", &[3]), 2);
}

#[test]
fn words_are_worked_out() {
    let params = [0x1234_5678, 0x89ab_cdef];
    for (code, expected) in [
        ("r4 = imad c[0x1][0x0] 0x3 0x1", 0x1234_5678_u32.wrapping_mul(3) + 1),
        ("r4 = lop3.LUT[0x3c] c[0x1][0x0] c[0x1][0x4] rZ", params[0] ^ params[1]),
        ("r4 = lop3.LUT[0xea] c[0x1][0x0] c[0x1][0x4] 0xf", (params[0] & params[1]) | 0xf),
        (
            "r4 = lop3.LUT[0xe4] c[0x1][0x0] c[0x1][0x4] 0xff00ff",
            (params[0] & 0x00ff_00ff) | (params[1] & !0x00ff_00ff),
        ),
        ("r4 = prmt c[0x1][0x0] [0x5410] c[0x1][0x4]", 0xcdef_5678),
        ("r4 = prmt c[0x1][0x4] [0x44bb] rZ", 0x0000_ffff),
        ("r4 = shf.l.w.u32 c[0x1][0x0] rZ 0x24", 0x2345_6780),
        ("r4 = shf.l.w.u64.hi c[0x1][0x0] c[0x1][0x4] 0x4", 0x9abc_def1),
        ("r4 = shf.r.w.u32.hi rZ c[0x1][0x4] 0x4", 0x089a_bcde),
        ("r4 = shf.r.w.i32.hi rZ c[0x1][0x4] 0x4", 0xf89a_bcde),
        ("r4 = imnmx.i32 c[0x1][0x0] c[0x1][0x4] pT", params[1]),
        ("r4 = imnmx.u32 c[0x1][0x0] c[0x1][0x4] pT", params[0]),
        ("p1 = isetp.gt.u32.and c[0x1][0x4] c[0x1][0x0] !p0\nr4 = sel p1 0x1 0x2", 1),
        ("p1 null = plop3 pT pF pT LUT[0xcc] LUT[0x0]\nr4 = sel p1 0x1 0x2", 2),
    ] {
        assert_eq!(word(code, &params), expected, "{code}");
    }
}

#[test]
fn floats_are_rounded_once_where_they_are_fused() {
    // x^2 - (1 + 2 eps) is eps^2, which rounding the product loses
    let (x, y) = (1.0_f32 + f32::EPSILON, -1.0_f32 - 2.0 * f32::EPSILON);
    let params = [x.to_bits(), y.to_bits(), 1, (-3_i32).cast_unsigned()];
    let fused = "r4 = ffma.ftz c[0x1][0x0] c[0x1][0x0] c[0x1][0x4]";
    let apart = "r4 = fmul.ftz c[0x1][0x0] c[0x1][0x0]\nr4 = fadd.ftz r4 c[0x1][0x4]";
    assert_eq!(word(fused, &params), (f32::EPSILON * f32::EPSILON).to_bits());
    assert_eq!(word(apart, &params), 0);
    assert_eq!(word("r4 = fadd.ftz c[0x1][0x8] -rZ", &params), 0);
    assert_eq!(word("r4 = fadd c[0x1][0x8] -rZ", &params), 1);
    assert_eq!(word("r4 = fadd.ftz -rZ -|c[0x1][0x4]|", &params), y.to_bits());
    assert_eq!(word("r4 = i2f.f32.i32.re c[0x1][0xc]", &params), (-3.0_f32).to_bits());
    assert_eq!(word("r5 = mov 0x407fffff\nr4 = f2i.u32.f32.rz.ftz r5", &[]), 3);
    assert_eq!(word("r5 = mov 0xc07fffff\nr4 = f2i.u32.f32.rz.ftz r5", &[]), 0);
    assert_eq!(word("p1 = fsetp.gt.ftz c[0x1][0x0] c[0x1][0x4]\nr4 = sel p1 0x1 0x2", &params), 1);
    let mut output = Output { words: vec![0; 256], written: vec![false; 256] };
    let listing = format!("{HEAD}block 1 L1 [0] -> {{\n{fused}\nexit\n}} -> []");
    let executed = execute(&listing, &launch(&params), &mut output).unwrap();
    assert_eq!((executed.fused, executed.fused_matter), (256, 256));
}

#[test]
fn every_width_is_stored_and_loaded() {
    let code = |store: &str| {
        format!("block.u 1 L1 [0] -> {{\nr4 = mov 0x11223344\nr5 = mov 0x55667788\n{store}\nexit\n}} -> []")
    };
    let run = |store: &str| stored(&code(store), &[]).unwrap();
    assert_eq!(run("st.global.a64.strong.sys.u16 [r2..4+0x2] r4")[9], 0x3344_0000);
    assert_eq!(run("st.global.a64.strong.sys.u8 [r2..4] r4")[9], 0x44);
    let even = "p1 = isetp.eq.i32 r0 0x6\n@p1 st.global.a64.strong.sys.b64 [r2..4] r4..6";
    assert_eq!(run(even)[5..9], [0, 0x1122_3344, 0x5566_7788, 0]);
    let loaded = "r6 = iadd3 r0 0x8001 rZ\nst.global.a64.weak.b32 [r2..4] r6\nr7 = ld.global.a64.weak.i16 [r2..4]\n\
        st.global.a64.weak.b32 [r2..4] r7";
    assert_eq!(run(loaded)[2], 0xffff_8003);
}

/// Each of 256 threads writes its number, and reads that of a thread of another warp.
const EXCHANGE: &str = "r5 = shf.l.w.u32 r0 rZ 0x2
    r6 = iadd3 0x3fc -r5 rZ
    st.shared.strong.cta.b32 [r5+0x1000] r0
    membar.sc..gpu
    bar.sync
    r4 = ld.shared.strong.cta.b32 [r6+0x1000]";

#[test]
fn threads_meet_at_barriers() {
    assert_eq!(in_r4(EXCHANGE, &[]).unwrap(), (0..256).rev().collect::<Vec<_>>());
    let some = "\np1 = isetp.lt.u32 r0 0x10\n@p1 bra L2\n} -> [2, 3]\nblock 2 L3 [1] -> {\nbar.sync\n} -> [3]
        block 3 L2 [1, 2] -> {";
    for (changed, reason) in [
        (EXCHANGE.replace("bar.sync", "nop"), "by different threads"),
        (format!("{EXCHANGE}\nst.shared.strong.cta.b32 [r5+0x1000] r4"), "by different threads"),
        (EXCHANGE.replace("bar.sync", some), "not every thread"),
        (EXCHANGE.replace("bar.sync", "@p1 bar.sync"), "of some lanes"),
        (EXCHANGE.replace("[r6+0x1000]", "[r6+0x2000]"), "read before it is written"),
    ] {
        let error = format!("{:#}", in_r4(&changed, &[]).expect_err(&changed));
        assert!(error.contains(reason), "{changed}: {error}");
    }
}

#[test]
fn a_vote_is_of_a_warp() {
    let code = "p1 = isetp.eq.u32 r0 0x21\nup2 = vote.any p1\nr4 = sel up2 0x1 rZ";
    let expected: Vec<u32> = (0..256).map(|lane| u32::from(lane / 32 == 1)).collect();
    assert_eq!(in_r4(code, &[]).unwrap(), expected);
}

#[test]
fn the_source_is_read() {
    let code = "r6..8 = imad64 r0 0x4 rZ
        r6 p0 = iadd3 r6 c[0x2][0x10] rZ
        r7 = iadd3.x r7 c[0x2][0x14] rZ p0 pF
        r4 = ld.global.a64.constant.b32 [r6..8]
        st.global.a64.strong.sys.b32 [r2..4] r4
        exit";
    let listing = format!("{HEAD}block.u 1 L1 [0] -> {{\n{code}\n}} -> []\n");
    let source: Vec<u32> = (1000..1256).collect();
    let run = |source| {
        let mut output = Output::new(vec![0; 256]);
        execute(&listing, &Launch { source: Some(source), ..launch(&[]) }, &mut output).map(|_| output.words)
    };
    assert_eq!(run(&source).unwrap(), source);
    assert!(run(&source[1..]).is_err());
}

#[test]
fn what_is_unknown_is_an_error() {
    for (code, reason) in [
        ("r4 = popc r0", "unknown instruction `popc`"),
        ("r4 = fadd.sat r0 r1", "unknown modifier `sat`"),
        ("r4 = imad r0 r1 r2 r3", "unknown operand `r3`"),
        ("r4 = mov q1", "unknown operand `q1`"),
        ("r4 = imad -r0 r1 r2", "unknown operand `-r0`"),
        ("r4 = s2r sr[0x50]", "unknown system register 0x50"),
        ("r4 = mov c[0x3][0x0]", "unknown constant buffer 3"),
        ("r4 = mov c[0x1][0x100]", "unknown constant 0x100"),
        ("bra L7", "unknown label `L7`"),
        ("st.global.a64.strong.sys.b32 [r2..4+0x400] r0", "must be in"),
        ("st.global.a64.strong.sys.b64 [r2..4] r4..6", "must be a multiple of 8"),
        ("ur0 = r2ur r0", "a warp's lanes must agree"),
        ("bar.arv", "an unknown barrier"),
        ("membar.sc..cta", "an unknown order of accesses"),
        ("up0 = vote.all p0", "an unknown vote"),
        ("r4 = f2i.i32.f32.rz r0", "cut off to an unsigned integer"),
        ("r4 = ld.shared.strong.cta.b64 [r0]", "must be of 32 bits"),
        ("p1 = isetp.lt.u32.nand r0 r1 p0", "unknown modifier `nand`"),
    ] {
        let error = format!("{:#}", in_r4(code, &[0]).expect_err(code));
        assert!(error.contains(reason), "{code}: {error}");
    }
}
