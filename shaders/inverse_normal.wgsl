// Probabilities to quantiles of the standard normal, four at a time. Twin: src/cpu/inverse_normal.rs, which gives the
// derivation and the error; the coefficients are scripts/generate/minimax.py's.
// The barriers follow the rule of pin.wgsl.

const SQRT_TAU: f32 = 2.5066283;
const CENTRE_SHIFT: f32 = 0.16;
const CENTRE_TOP_0: f32 = 4.357816;
const CENTRE_TOP_1: f32 = 41.557693;
const CENTRE_TOP_2: f32 = 65.26394;
const CENTRE_BOTTOM_1: f32 = 14.464951;
const CENTRE_BOTTOM_2: f32 = 52.925232;
const CENTRE_BOTTOM_3: f32 = 39.18293;
const TAIL_SHIFT: f32 = 0.875;
const TAIL_TOP_0: f32 = 2.2143989;
const TAIL_TOP_1: f32 = 3.170874;
const TAIL_TOP_2: f32 = -1.1906087;
const TAIL_TOP_3: f32 = -0.36874917;
const TAIL_TOP_4: f32 = -0.010991786;
const TAIL_BOTTOM_1: f32 = 4.668761;
const TAIL_BOTTOM_2: f32 = 3.4670193;
const TAIL_BOTTOM_3: f32 = 0.5043263;
const TAIL_BOTTOM_4: f32 = 0.012670949;
const RECIPROCAL_MAGIC: u32 = 0x7EF311C3u;

// top / bottom for a positive bottom
fn quotient(top: vec4<f32>, bottom: vec4<f32>) -> vec4<f32> {
    let seed = bitcast<vec4<f32>>(vec4(RECIPROCAL_MAGIC) - bitcast<vec4<u32>>(bottom));
    let error = pin(sub_mul(vec4(1.0), bottom, seed));
    // pinned as a whole, as it meets `top` and the remainder in further products
    let inverse = pin(mul_add(seed, pin(mul_add(error, error, error)), seed));
    let first = pin(top * inverse);
    return mul_add(inverse, sub_mul(top, bottom, first), first);
}

// The smallest x at or above 0 that a standard normal exceeds with probability (q + 1/2) 2^-exponent; from `centre`
// on in its high words q is near a half, where exponent is 64.
fn upper_quantile(q_high: vec4<u32>, q_low: vec4<u32>, exponent: f32, centre: u32) -> vec4<f32> {
    let central = q_high >= vec4(centre);
    let high = select(q_high, q_high ^ vec4(0x7fffffffu), central);
    let low = select(q_low, ~q_low, central);
    // summed from the lowest bits up, so that n is rounded once
    // the products with powers of two are exact, so only the sums are pinned
    let n_low = pin(float(low & vec4(0xffffu)) + 0.5);
    let n_middle = pin(float(low >> vec4(16u)) * 65536.0 + n_low);
    let n_high = pin(float(high & vec4(0xffffu)) * 4294967296.0 + n_middle);
    let n = pin(float(high >> vec4(16u)) * 281474976710656.0 + n_high);

    // both branches for every element: a vector takes one path
    let c = n * 0x1p-64f;
    let cc = pin(c * c);
    let v = pin(CENTRE_SHIFT - cc);
    var centre_top = horner(vec4(CENTRE_TOP_2), v, CENTRE_TOP_1);
    centre_top = horner(centre_top, v, CENTRE_TOP_0);
    var centre_bottom = horner(vec4(CENTRE_BOTTOM_3), v, CENTRE_BOTTOM_2);
    centre_bottom = horner(centre_bottom, v, CENTRE_BOTTOM_1);
    centre_bottom = horner(centre_bottom, v, 1.0);

    let power = nearest_power(n);
    // 2 (n 2^-k - 1)
    let f = pin(2.0 * (bitcast<vec4<f32>>(bitcast<vec4<u32>>(n) - power) - 1.0));
    let e = exponent - vec4<f32>(bitcast<vec4<i32>>(power) >> vec4(23u));
    // f_low is 0: n is rounded already
    let r = pin(root(f, vec4(0.0), exact(e * (2.0 * LN2_HIGH)), rounded(e * (2.0 * LN2_LOW))));
    var tail_top = horner(vec4(TAIL_TOP_4), r, TAIL_TOP_3);
    tail_top = horner(tail_top, r, TAIL_TOP_2);
    tail_top = horner(tail_top, r, TAIL_TOP_1);
    tail_top = horner(tail_top, r, TAIL_TOP_0);
    var tail_bottom = horner(vec4(TAIL_BOTTOM_4), r, TAIL_BOTTOM_3);
    tail_bottom = horner(tail_bottom, r, TAIL_BOTTOM_2);
    tail_bottom = horner(tail_bottom, r, TAIL_BOTTOM_1);
    tail_bottom = horner(tail_bottom, r, 1.0);

    let top = pin(select(tail_top, centre_top, central));
    let bottom = pin(select(tail_bottom, centre_bottom, central));
    let main = pin(select(r - TAIL_SHIFT, SQRT_TAU * c, central));
    let factor = pin(select(vec4(-1.0), c * cc, central));
    return mul_add(factor, quotient(top, bottom), main);
}

// 16 bits as f32, exactly.
fn float(bits: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(vec4<i32>(bits));
}

// The quantile at (p + 1/2) 2^-exponent; the top bit of p says that it is above a half.
fn signed_quantile(high: vec4<u32>, low: vec4<u32>, exponent: f32, centre: u32) -> vec4<f32> {
    let above = high >> vec4(31u);
    // the complement of a probability above a half is the upper tail
    let mask = vec4(0u) - above;
    let x = upper_quantile(high ^ mask, low ^ mask, exponent, centre);
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) | ((above ^ vec4(1u)) << vec4(31u)));
}
