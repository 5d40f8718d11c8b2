// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11), four blocks at a
// time, so that a thread has other work while a product is computed. Twin: src/cpu/philox.rs.

// The paper's multipliers and key steps; src/philox.rs has them, too.
const PHILOX_M0: u32 = 0xD2511F53u;
const PHILOX_M1: u32 = 0xCD9E8D57u;
const PHILOX_W0: u32 = 0x9E3779B9u;
const PHILOX_W1: u32 = 0xBB67AE85u;

// 64-bit products, as `multiply` returns them.
struct Product {
    low: vec4<u32>,
    high: vec4<u32>,
}

// Four blocks: their first words, their second words, and so on.
struct Blocks {
    x: vec4<u32>,
    y: vec4<u32>,
    z: vec4<u32>,
    w: vec4<u32>,
}

// One round of four blocks.
fn philox_round(c: Blocks, key: vec2<u32>) -> Blocks {
    let p0 = multiply(vec4(PHILOX_M0), c.x);
    let p1 = multiply(vec4(PHILOX_M1), c.z);
    return Blocks(p1.high ^ c.y ^ vec4(key.x), p1.low, p0.high ^ c.w ^ vec4(key.y), p0.low);
}

// The next round's key.
fn philox_bump(key: vec2<u32>) -> vec2<u32> {
    return key + vec2(PHILOX_W0, PHILOX_W1);
}

// Unrolled, because wgpu adds a counter to every loop.
fn philox4x32_10(counters: Blocks, key: vec2<u32>) -> Blocks {
    var c = philox_round(counters, key);
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
