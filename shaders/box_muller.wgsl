// Words to standard normals (Box and Muller, 1958), two pairs at a time. Twin: src/box_muller.rs, which
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
    m: vec2<f32>,
    exponent: vec2<i32>,
}

fn decompose(n: vec2<f32>) -> Decomposed {
    let bits = bitcast<vec2<u32>>(n);
    let offset = bits - vec2(0x3f2aaaabu);
    let m = pin(bitcast<vec2<f32>>(bits - (offset & vec2(0xff800000u))) - 1.0);
    return Decomposed(m, bitcast<vec2<i32>>(offset) >> vec2(23u));
}

// sqrt(2 (e ln2 - ln(1 + f + f_low))), e ln2 in two parts, each of them exact or pinned
fn root(f: vec2<f32>, f_low: vec2<f32>, e_ln2: vec2<f32>, e_ln2_low: vec2<f32>) -> vec2<f32> {
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
    let seed = bitcast<vec2<f32>>(
        vec2(RSQRT_MAGIC) - ((bitcast<vec2<u32>>(half_square) + vec2(0x00800000u)) >> vec2(1u))
    );
    let y = pin(seed * (RSQRT_STEP - pin(pin(half_square * seed) * seed)));
    let s = bitcast<vec2<f32>>(bitcast<vec2<u32>>(2.0 * half_square * y) & vec2(0xfffff000u));

    // r - s = (r^2 - s^2) / (r + s) = d / middle
    let d = pin(pin(e_ln2 - 0.5 * (s * s)) - f) - q;
    let middle = s + pin(d * (0.5 * y));
    let inverse = pin(y * (2.0 - pin(middle * y)));
    return s + pin(d * inverse);
}

// sqrt(-2 ln((w + 1/2) 2^-32))
fn radius(w: vec2<u32>) -> vec2<f32> {
    // n + n_low = w + 1/2, exactly
    let w_high = vec2<f32>(vec2<i32>(w >> vec2(16u))) * 65536.0;
    let w_low = vec2<f32>(vec2<i32>(w & vec2(0xffffu))) + 0.5;
    let n = pin(w_high + w_low);
    let n_low = w_low - pin(n - w_high);

    // (w + 1/2) 2^-32 = (1 + f + f_low) 2^-e with f in [-1/3, 1/3); e * LN2_HIGH is exact
    let parts = decompose(n);
    let m_low = n_low * bitcast<vec2<f32>>(vec2(0x3f800000u) - (bitcast<vec2<u32>>(parts.exponent) << vec2(23u)));
    let f = pin(parts.m + m_low);
    let f_low = m_low - pin(f - parts.m);
    let e = vec2<f32>(vec2(32) - parts.exponent);
    return root(f, f_low, e * LN2_HIGH, pin(e * LN2_LOW));
}

// The angle's remainder in (-1/2, 1/2) quarter turns.
fn quarter_turns(w: vec2<u32>) -> vec2<f32> {
    let turns = bitcast<vec2<i32>>((w << vec2(2u)) | vec2(2u));
    let high = vec2<f32>(turns >> vec2(16u)) * 0x1p-16f;
    return high + vec2<f32>(turns & vec2(0xffff)) * 0x1p-32f;
}

// (cos t, cos t, sin t, sin t) of t = 2 pi (w + 1/2) 2^-32
fn cos_sin(w: vec2<u32>) -> vec4<f32> {
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
    let quadrant = (w + vec2(0x20000000u)) >> vec2(30u);
    let odd = (quadrant & vec2(1u)) == vec2(1u);
    let cos_bits = bitcast<vec2<u32>>(select(c, s, odd)) ^ (((quadrant + vec2(1u)) & vec2(2u)) << vec2(30u));
    let sin_bits = bitcast<vec2<u32>>(select(s, c, odd)) ^ ((quadrant & vec2(2u)) << vec2(30u));
    return bitcast<vec4<f32>>(vec4(cos_bits, sin_bits));
}

fn box_muller(w: vec4<u32>) -> vec4<f32> {
    let r = radius(w.xz);
    let t = cos_sin(w.yw);
    return pin4(vec4(r.x, r.x, r.y, r.y) * vec4(t.x, t.z, t.y, t.w));
}

// The same with the device's own functions, the words taken as signed, which is the cheaper conversion: a
// negative one is a turn less. `max` keeps the radius a number where the device's log of a number near 1
// comes back above 0.
fn box_muller_native(w: vec4<u32>) -> vec4<f32> {
    let words = vec4<f32>(bitcast<vec4<i32>>(w));
    let turns = words.xz * 0x1p-32f + 0x1p-33f;
    let u = select(turns, turns + 1.0, turns < vec2(0.0));
    let r = sqrt(max(NATIVE_LOG * log2(u), vec2(0.0)));
    let t = words.yw * NATIVE_TURN + 0.5 * NATIVE_TURN;
    return vec4(r.x * cos(t.x), r.x * sin(t.x), r.y * cos(t.y), r.y * sin(t.y));
}
