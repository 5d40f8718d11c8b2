// Words to standard normals (Box and Muller, 1958), two blocks at a time in vectors of four words. Twin:
// src/cpu/box_muller.rs, which gives the derivation and the error; the coefficients are scripts/generate/minimax.py's.
// The barriers follow the rule of pin.wgsl.

const LN2_HIGH: f32 = 0.69314575;
const LN2_LOW: f32 = 1.4286068e-6;
const LOG_2: f32 = -0.25000006;
const LOG_3: f32 = 0.08333297;
const LOG_4: f32 = -0.031248419;
const LOG_5: f32 = 0.012507444;
const LOG_6: f32 = -0.005221534;
const LOG_7: f32 = 0.0021848169;
const LOG_8: f32 = -0.0009286483;
const LOG_9: f32 = 0.0005504258;
const LOG_10: f32 = -0.00027276884;
const RSQRT_MAGIC: u32 = 0x5F376908u;
const RSQRT_STEP: f32 = 3.0017579;
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

// The power of two that a positive n is within a third of, 2^k, as k << 23.
fn nearest_power(n: vec4<f32>) -> vec4<u32> {
    // subtracts the bits of 2/3: the exponent's bias goes with them, and from 4/3 of a power on the next one is reached
    return (bitcast<vec4<u32>>(n) - vec4(0x3f2aaaabu)) & vec4(0xff800000u);
}

// sqrt(2 e ln2 - 2 ln(1 + f / 2 + f_low / 2)), 2 e ln2 in two parts; all four are exact or pinned
fn root(f: vec4<f32>, f_low: vec4<f32>, e_ln2: vec4<f32>, e_ln2_low: vec4<f32>) -> vec4<f32> {
    // 2 ln(1 + f / 2 + f_low / 2) - f - e_ln2_low
    var p = horner(vec4(LOG_10), f, LOG_9);
    p = horner(p, f, LOG_8);
    p = horner(p, f, LOG_7);
    p = horner(p, f, LOG_6);
    p = horner(p, f, LOG_5);
    p = horner(p, f, LOG_4);
    p = horner(p, f, LOG_3);
    p = horner(p, f, LOG_2);
    // in the order of the CPU's `guess`: every f32 operation is rounded once, and in this order
    let q = pin(pin(mul_add(rounded(f * f), p, f_low)) - e_ln2_low);
    let square = pin(e_ln2 - f) - q;

    // y is about 2/r; s is r to 12 bits, so that s * s is exact
    let seed = bitcast<vec4<f32>>(vec4(RSQRT_MAGIC) - (bitcast<vec4<u32>>(square) >> vec4(1u)));
    let y = rounded(seed * sub_mul(vec4(RSQRT_STEP), rounded(square * seed), seed));
    let s = 0.5 * bitcast<vec4<f32>>(bitcast<vec4<u32>>(square * y) & vec4(0xfffff000u));

    // an eighth of r^2 - s^2; half of r + s, and four times its inverse
    let d = 0.125 * (pin(pin(e_ln2 - exact(s * s)) - f) - q);
    let middle = mul_add(d, y, s);
    let inverse = rounded(y * sub_mul(vec4(4.0), middle, y));
    return mul_add(d, inverse, s);
}

// sqrt(-2 ln((w + 1/2) 2^-32))
fn radius(w: vec4<u32>) -> vec4<f32> {
    // halves of 16 bits convert exactly, and so does the product
    let w_high = vec4<f32>(vec4<i32>(w >> vec4(16u))) * 65536.0;
    let w_low = pin(vec4<f32>(vec4<i32>(w & vec4(0xffffu))) + 0.5);
    let power = nearest_power(w_high + w_low);
    // w + 1/2 - 2^k = rest + rest_low, exactly
    let above = pin(w_high - bitcast<vec4<f32>>(vec4(0x3f800000u) + power));
    let rest = pin(above + w_low);
    let rest_low = w_low - pin(rest - above);
    // a power of two
    let scale = bitcast<vec4<f32>>(vec4(0x40000000u) - power);
    // 32 - k, times 2^23
    let e = vec4<f32>(bitcast<vec4<i32>>(vec4(0x10000000u) - power));
    return root(
        exact(rest * scale),
        exact(rest_low * scale),
        exact(e * (LN2_HIGH * 0x1p-22f)),
        rounded(e * (LN2_LOW * 0x1p-22f)),
    );
}

// The angle's remainder in (-1/2, 1/2) quarter turns.
fn quarter_turns(w: vec4<u32>) -> vec4<f32> {
    let turns = (w << vec4(2u)) | vec4(2u);
    let high = vec4<f32>(bitcast<vec4<i32>>(turns & vec4(0xffff0000u)));
    return (high + vec4<f32>(bitcast<vec4<i32>>(turns & vec4(0xffffu)))) * 0x1p-32f;
}

// The cosine and the sine of t = 2 pi (w + 1/2) 2^-32.
struct CosSin {
    cos: vec4<f32>,
    sin: vec4<f32>,
}

fn cos_sin(w: vec4<u32>) -> CosSin {
    let x = quarter_turns(w);
    let xx = rounded(x * x);
    var c = horner(vec4(COS_8), xx, COS_6);
    c = horner(c, xx, COS_4);
    c = horner(c, xx, COS_2);
    c = horner(c, xx, 1.0);
    var s = horner(vec4(SIN_7), xx, SIN_5);
    s = horner(s, xx, SIN_3);
    s = horner(s, xx, SIN_1);
    s = s * x;
    // the highest bits of v are the quadrant
    // an eighth of a turn is added, so that the quadrant is the nearest one
    let v = w + vec4(0x20000000u);
    let odd = (v & vec4(0x40000000u)) != vec4(0u);
    let cos_bits = bitcast<vec4<u32>>(select(c, s, odd)) ^ ((v + vec4(0x40000000u)) & vec4(0x80000000u));
    let sin_bits = bitcast<vec4<u32>>(select(s, c, odd)) ^ (v & vec4(0x80000000u));
    return CosSin(bitcast<vec4<f32>>(cos_bits), bitcast<vec4<f32>>(sin_bits));
}

// The values of two blocks.
struct Normals {
    a: vec4<f32>,
    b: vec4<f32>,
}

// The normals of two blocks in order, from their cosines and sines times the radii.
fn interleaved(cos: vec4<f32>, sin: vec4<f32>) -> Normals {
    return Normals(vec4(cos.x, sin.x, cos.y, sin.y), vec4(cos.z, sin.z, cos.w, sin.w));
}

fn box_muller(a: vec4<u32>, b: vec4<u32>) -> Normals {
    // even words give radii, odd words angles: four pairs of words, one vector each
    let r = radius(vec4(a.xz, b.xz));
    let t = cos_sin(vec4(a.yw, b.yw));
    return interleaved(rounded(r * t.cos), rounded(r * t.sin));
}

// The same with the device's own functions. Words are converted as signed numbers, which is cheaper; a negative one is
// a turn less. `max` keeps the radius a number where the device's logarithm of a number near 1 is above 0.
fn box_muller_native(a: vec4<u32>, b: vec4<u32>) -> Normals {
    let turns = vec4<f32>(bitcast<vec4<i32>>(vec4(a.xz, b.xz))) * 0x1p-32f + 0x1p-33f;
    // a signed word below 0 is a turn less, so 1 is added
    let u = select(turns, turns + 1.0, turns < vec4(0.0));
    let r = sqrt(max(NATIVE_LOG * log2(u), vec4(0.0)));
    let t = vec4<f32>(bitcast<vec4<i32>>(vec4(a.yw, b.yw))) * NATIVE_TURN + 0.5 * NATIVE_TURN;
    return interleaved(r * cos(t), r * sin(t));
}
