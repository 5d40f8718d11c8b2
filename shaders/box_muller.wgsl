// Words to standard normals (Box and Muller, 1958), two blocks at a time, four words side by side. Twin: src/box_muller.rs, which
// gives the derivation and the error; the coefficients are scripts/minimax.py's.
// Whatever a compiler might fuse or regroup is pinned, except where every grouping is exact.

const LN2_HIGH: f32 = 0.69314575;
const LN2_LOW: f32 = 1.4286068e-6;
const LOG_2: f32 = -0.5000001;
const LOG_3: f32 = 0.33333188;
const LOG_4: f32 = -0.24998735;
const LOG_5: f32 = 0.20011911;
const LOG_6: f32 = -0.16708909;
const LOG_7: f32 = 0.13982828;
const LOG_8: f32 = -0.11886698;
const LOG_9: f32 = 0.140909;
const LOG_10: f32 = -0.13965765;
const RSQRT_MAGIC: u32 = 0x5F376908u;
const RSQRT_STEP: f32 = 1.5008789;
const SIN_1: f32 = 1.5707963;
const SIN_3: f32 = -0.64596105;
const SIN_5: f32 = 0.079659864;
const SIN_7: f32 = -0.004554165;
const COS_2: f32 = -1.2337005;
const COS_4: f32 = 0.25366852;
const COS_6: f32 = -0.020855254;
const COS_8: f32 = 0.00089357217;
// -2 ln 2, and 2 pi 2^-32
const NATIVE_LOG: f32 = -1.3862944;
const NATIVE_TURN: f32 = 0x1.921fb6p-30f;

// n = (1 + m) 2^exponent with m in [-1/3, 1/3), for a positive n.
struct Decomposed {
    m: vec4<f32>,
    exponent: vec4<i32>,
}

fn decompose(n: vec4<f32>) -> Decomposed {
    let bits = bitcast<vec4<u32>>(n);
    let offset = bits - vec4(0x3f2aaaabu);
    let m = pin(bitcast<vec4<f32>>(bits - (offset & vec4(0xff800000u))) - 1.0);
    return Decomposed(m, bitcast<vec4<i32>>(offset) >> vec4(23u));
}

// sqrt(2 (e ln2 - ln(1 + f + f_low))), e ln2 in two parts, each of them exact or pinned
fn root(f: vec4<f32>, f_low: vec4<f32>, e_ln2: vec4<f32>, e_ln2_low: vec4<f32>) -> vec4<f32> {
    // ln(1 + f + f_low) - f - e_ln2_low
    var p = pin(LOG_10 * f) + LOG_9;
    p = pin(p * f) + LOG_8;
    p = pin(p * f) + LOG_7;
    p = pin(p * f) + LOG_6;
    p = pin(p * f) + LOG_5;
    p = pin(p * f) + LOG_4;
    p = pin(p * f) + LOG_3;
    p = pin(p * f) + LOG_2;
    let q = pin(pin(pin(f * f) * p) + f_low) - e_ln2_low;
    let half_square = pin(e_ln2 - f) - q;

    // y is about 1/r; s is r to 12 bits, so that s * s is exact
    let seed = bitcast<vec4<f32>>(
        vec4(RSQRT_MAGIC) - ((bitcast<vec4<u32>>(half_square) + vec4(0x00800000u)) >> vec4(1u))
    );
    let y = pin(seed * (RSQRT_STEP - pin(pin(half_square * seed) * seed)));
    let s = bitcast<vec4<f32>>(bitcast<vec4<u32>>(2.0 * half_square * y) & vec4(0xfffff000u));

    // r - s = (r^2 - s^2) / (r + s) = d / middle
    let d = pin(pin(e_ln2 - 0.5 * (s * s)) - f) - q;
    let middle = s + pin(d * (0.5 * y));
    let inverse = pin(y * (2.0 - pin(middle * y)));
    return s + pin(d * inverse);
}

// sqrt(-2 ln((w + 1/2) 2^-32))
fn radius(w: vec4<u32>) -> vec4<f32> {
    // n + n_low = w + 1/2, exactly
    let w_high = vec4<f32>(vec4<i32>(w >> vec4(16u))) * 65536.0;
    let w_low = vec4<f32>(vec4<i32>(w & vec4(0xffffu))) + 0.5;
    let n = pin(w_high + w_low);
    let n_low = w_low - pin(n - w_high);

    // (w + 1/2) 2^-32 = (1 + f + f_low) 2^-e with f in [-1/3, 1/3); e * LN2_HIGH is exact
    let parts = decompose(n);
    let m_low = n_low * bitcast<vec4<f32>>(vec4(0x3f800000u) - (bitcast<vec4<u32>>(parts.exponent) << vec4(23u)));
    let f = pin(parts.m + m_low);
    let f_low = m_low - pin(f - parts.m);
    let e = vec4<f32>(vec4(32) - parts.exponent);
    return root(f, f_low, e * LN2_HIGH, pin(e * LN2_LOW));
}

// The angle's remainder in (-1/2, 1/2) quarter turns.
fn quarter_turns(w: vec4<u32>) -> vec4<f32> {
    let turns = bitcast<vec4<i32>>((w << vec4(2u)) | vec4(2u));
    let high = vec4<f32>(turns >> vec4(16u)) * 0x1p-16f;
    return high + vec4<f32>(turns & vec4(0xffff)) * 0x1p-32f;
}

// Of t = 2 pi (w + 1/2) 2^-32.
struct CosSin {
    cos: vec4<f32>,
    sin: vec4<f32>,
}

fn cos_sin(w: vec4<u32>) -> CosSin {
    let x = quarter_turns(w);
    let xx = x * x;
    var c = pin(COS_8 * xx) + COS_6;
    c = pin(c * xx) + COS_4;
    c = pin(c * xx) + COS_2;
    c = pin(c * xx) + 1.0;
    var s = pin(SIN_7 * xx) + SIN_5;
    s = pin(s * xx) + SIN_3;
    s = pin(s * xx) + SIN_1;
    s = s * x;
    let quadrant = (w + vec4(0x20000000u)) >> vec4(30u);
    let odd = (quadrant & vec4(1u)) == vec4(1u);
    let cos_bits = bitcast<vec4<u32>>(select(c, s, odd)) ^ (((quadrant + vec4(1u)) & vec4(2u)) << vec4(30u));
    let sin_bits = bitcast<vec4<u32>>(select(s, c, odd)) ^ ((quadrant & vec4(2u)) << vec4(30u));
    return CosSin(bitcast<vec4<f32>>(cos_bits), bitcast<vec4<f32>>(sin_bits));
}

// The values of two blocks.
struct Normals {
    a: vec4<f32>,
    b: vec4<f32>,
}

// Of two blocks' cosines and sines, their radii multiplied in.
fn woven(cos: vec4<f32>, sin: vec4<f32>) -> Normals {
    return Normals(vec4(cos.x, sin.x, cos.y, sin.y), vec4(cos.z, sin.z, cos.w, sin.w));
}

fn box_muller(a: vec4<u32>, b: vec4<u32>) -> Normals {
    let r = radius(vec4(a.xz, b.xz));
    let t = cos_sin(vec4(a.yw, b.yw));
    return woven(pin(r * t.cos), pin(r * t.sin));
}

// The same with the device's own functions, the words taken as signed, which is the cheaper conversion: a
// negative one is a turn less. `max` keeps the radius a number where the device's log of a number near 1
// comes back above 0.
fn box_muller_native(a: vec4<u32>, b: vec4<u32>) -> Normals {
    let turns = vec4<f32>(bitcast<vec4<i32>>(vec4(a.xz, b.xz))) * 0x1p-32f + 0x1p-33f;
    let u = select(turns, turns + 1.0, turns < vec4(0.0));
    let r = sqrt(max(NATIVE_LOG * log2(u), vec4(0.0)));
    let t = vec4<f32>(bitcast<vec4<i32>>(vec4(a.yw, b.yw))) * NATIVE_TURN + 0.5 * NATIVE_TURN;
    return woven(r * cos(t), r * sin(t));
}
