// The Philox4x32-10 block (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
// SC11). Twin: src/philox.rs.

const PHILOX_M0: u32 = 0xD2511F53u;
const PHILOX_M1: u32 = 0xCD9E8D57u;
const PHILOX_W0: u32 = 0x9E3779B9u;
const PHILOX_W1: u32 = 0xBB67AE85u;

fn philox_round(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    let p0 = mul_wide(PHILOX_M0, counter.x);
    let p1 = mul_wide(PHILOX_M1, counter.z);
    return vec4(p1.y ^ counter.y ^ key.x, p1.x, p0.y ^ counter.w ^ key.y, p0.x);
}

fn philox_bump(key: vec2<u32>) -> vec2<u32> {
    return key + vec2(PHILOX_W0, PHILOX_W1);
}

// Unrolled, because wgpu adds a counter to every loop.
fn philox4x32_10(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = philox_round(counter, key);
    var k = philox_bump(key);
    c = philox_round(c, k);
    k = philox_bump(k);
    c = philox_round(c, k);
    k = philox_bump(k);
    c = philox_round(c, k);
    k = philox_bump(k);
    c = philox_round(c, k);
    k = philox_bump(k);
    c = philox_round(c, k);
    k = philox_bump(k);
    c = philox_round(c, k);
    k = philox_bump(k);
    c = philox_round(c, k);
    k = philox_bump(k);
    c = philox_round(c, k);
    k = philox_bump(k);
    return philox_round(c, k);
}
