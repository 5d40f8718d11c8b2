// Probabilities to quantiles of the standard normal, four at a time. Twin: src/cpu/inverse_normal.rs, which gives the
// derivation and the error; the coefficients are scripts/generate/minimax.py's.
// The barriers follow the rule of pin.wgsl.

const SQRT_TAU: f32 = 2.5066283;
const CENTRE_TOP_0: f32 = 15.285134;
const CENTRE_TOP_1: f32 = 2602.228;
const CENTRE_TOP_2: f32 = 60632.55;
const CENTRE_TOP_3: f32 = 224865.06;
const CENTRE_TOP_4: f32 = 29325.777;
const CENTRE_BOTTOM_1: f32 = 283.62476;
const CENTRE_BOTTOM_2: f32 = 11727.016;
const CENTRE_BOTTOM_3: f32 = 103497.3;
const CENTRE_BOTTOM_4: f32 = 168316.64;
const TAIL: f32 = 0.02275;
const LOG2_1: f32 = -1.4426941;
const LOG2_2: f32 = 0.7213442;
const LOG2_3: f32 = -0.48101994;
const LOG2_4: f32 = 0.36091906;
const LOG2_5: f32 = -0.28458983;
const LOG2_6: f32 = 0.2347787;
const LOG2_7: f32 = -0.25200307;
const LOG2_8: f32 = 0.23161308;
const TAIL_TOP_0: f32 = -1.1289943;
const TAIL_TOP_1: f32 = 0.5331928;
const TAIL_TOP_2: f32 = 0.16421998;
const TAIL_TOP_3: f32 = -0.005039137;
const TAIL_TOP_4: f32 = -0.0003184611;
const TAIL_TOP_5: f32 = -1.3924011e-7;
const TAIL_BOTTOM_1: f32 = 0.85105026;
const TAIL_BOTTOM_2: f32 = 0.09569751;
const TAIL_BOTTOM_3: f32 = 0.0016595781;
const FAR_TOP_0: f32 = -2.3766751;
const FAR_TOP_1: f32 = -1.1331162;
const FAR_TOP_2: f32 = 0.27434865;
const FAR_TOP_3: f32 = 0.044833343;
const FAR_TOP_4: f32 = 0.0005396359;
const FAR_TOP_5: f32 = -1.395175e-5;
const FAR_TOP_6: f32 = -8.537063e-8;
const FAR_BOTTOM_1: f32 = 1.4823257;
const FAR_BOTTOM_2: f32 = 0.34915718;
const FAR_BOTTOM_3: f32 = 0.019989291;
const FAR_BOTTOM_4: f32 = 0.00029257947;
const FAR_BOTTOM_5: f32 = 8.4298864e-7;
const FAR_BOTTOM_6: f32 = -5.973806e-11;
const RECIPROCAL_MAGIC: u32 = 0x7EF33400u;
const RECIPROCAL_STEP: f32 = 3.001919;

// A numerator, not a bare sum, and a positive denominator.
struct Fraction {
    top: vec4<f32>,
    bottom: vec4<f32>,
}

// top / bottom
fn quotient(fraction: Fraction) -> vec4<f32> {
    let bottom = fraction.bottom;
    let seed = bitcast<vec4<f32>>(vec4(RECIPROCAL_MAGIC) - bitcast<vec4<u32>>(bottom));
    // about 1
    let z = pin(bottom * seed);
    // pinned, as it meets `top` and the remainder in further products
    let inverse = pin(mul_add(z - RECIPROCAL_STEP, z, vec4(RECIPROCAL_STEP)) * seed);
    let first = pin(fraction.top * inverse);
    return mul_add(inverse, sub_mul(fraction.top, bottom, first), first);
}

// The fraction of the centre, for `v = q - q^2`.
fn centre_fraction(v: vec4<f32>) -> Fraction {
    var top = horner(vec4(CENTRE_TOP_4), v, CENTRE_TOP_3);
    top = horner(top, v, CENTRE_TOP_2);
    top = horner(top, v, CENTRE_TOP_1);
    top = horner(top, v, CENTRE_TOP_0);
    var bottom = horner(vec4(CENTRE_BOTTOM_4), v, CENTRE_BOTTOM_3);
    bottom = horner(bottom, v, CENTRE_BOTTOM_2);
    bottom = horner(bottom, v, CENTRE_BOTTOM_1);
    bottom = horner(bottom, v, 1.0);
    return Fraction(pin(top), bottom);
}

// q - q^2, for a q that is no bare sum
fn centre_variable(q: vec4<f32>) -> vec4<f32> {
    return pin(q - pin(q * q));
}

// The quantile over its distance from a half, from the quotient.
fn centre_factor(v: vec4<f32>, quotient: vec4<f32>, quarter: f32) -> vec4<f32> {
    return mul_add(quarter - v, quotient, vec4(SQRT_TAU));
}

// -log2 (q 2^-exponent); the exponent comes in the position of an f32's
fn negative_log2(q: vec4<f32>, exponent: u32) -> vec4<f32> {
    let power = nearest_power(q);
    // q 2^-k - 1
    let f = bitcast<vec4<f32>>(bitcast<vec4<u32>>(q) - power) - 1.0;
    var p = horner(vec4(LOG2_8), f, LOG2_7);
    p = horner(p, f, LOG2_6);
    p = horner(p, f, LOG2_5);
    p = horner(p, f, LOG2_4);
    p = horner(p, f, LOG2_3);
    p = horner(p, f, LOG2_2);
    p = horner(p, f, LOG2_1);
    let e = vec4<f32>(bitcast<vec4<i32>>(vec4(exponent) - power));
    return pin(mul_add(p, f, exact(e * 0x1p-23)));
}

// The fraction of the tails, for `l = -log2 q`.
fn tail_fraction(l: vec4<f32>) -> Fraction {
    var top = horner(vec4(TAIL_TOP_5), l, TAIL_TOP_4);
    top = horner(top, l, TAIL_TOP_3);
    top = horner(top, l, TAIL_TOP_2);
    top = horner(top, l, TAIL_TOP_1);
    top = horner(top, l, TAIL_TOP_0);
    var bottom = horner(vec4(TAIL_BOTTOM_3), l, TAIL_BOTTOM_2);
    bottom = horner(bottom, l, TAIL_BOTTOM_1);
    bottom = horner(bottom, l, 1.0);
    return Fraction(pin(top), bottom);
}

// The quantile above the mean in a tail, from the quotient.
fn tail_quantile(l: vec4<f32>, quotient: vec4<f32>) -> vec4<f32> {
    return exact(l * 0.25) + pin(quotient);
}

// The quantile above the mean that a standard normal exceeds with probability q 2^-exponent, from 1/16 down.
fn far_quantile(q: vec4<f32>, exponent: u32) -> vec4<f32> {
    let l = negative_log2(q, exponent);
    var top = horner(vec4(FAR_TOP_6), l, FAR_TOP_5);
    top = horner(top, l, FAR_TOP_4);
    top = horner(top, l, FAR_TOP_3);
    top = horner(top, l, FAR_TOP_2);
    top = horner(top, l, FAR_TOP_1);
    top = horner(top, l, FAR_TOP_0);
    var bottom = horner(vec4(FAR_BOTTOM_6), l, FAR_BOTTOM_5);
    bottom = horner(bottom, l, FAR_BOTTOM_4);
    bottom = horner(bottom, l, FAR_BOTTOM_3);
    bottom = horner(bottom, l, FAR_BOTTOM_2);
    bottom = horner(bottom, l, FAR_BOTTOM_1);
    bottom = horner(bottom, l, 1.0);
    return pin(exact(l * 0.125) + pin(quotient(Fraction(pin(top), bottom)))) + 1.0;
}
