// A block's four words to four values, as the bits of f32. Twin: src/sampler.rs, which works out the
// coefficients.

const SAMPLER_WORDS: u32 = 0u;
const SAMPLER_CONSTANT: u32 = 1u;
const SAMPLER_UNIFORM: u32 = 2u;
const SAMPLER_NORMAL: u32 = 3u;
const SAMPLER_NORMAL_NATIVE: u32 = 4u;
const SAMPLER_TRUNCATED: u32 = 5u;
const SAMPLER_TRUNCATED_NARROW: u32 = 6u;
override SAMPLER: u32;

struct Coefficients {
    scale: f32,
    bias: f32,
    top: f32,
    bottom: f32,
    lift: u32,
    pattern: u32,
    flip: u32,
    centre: u32,
    base: vec2<u32>,
    range: vec2<u32>,
    octaves: f32,
    residue: f32,
    shift: f32,
    start: f32,
    step: f32,
    series_2: f32,
    series_3: f32,
    series_4: f32,
    series_5: f32,
}

// Bits of value * 2^-lift, with 0 where that is below 2^-126 in magnitude; lift sits in the exponent's place.
fn storable(value: vec4<f32>, lift: u32) -> vec4<u32> {
    let bits = bitcast<vec4<u32>>(value);
    let exponent = bits & vec4(0x7f800000u);
    return select(vec4(0u), bits - vec4(lift), exponent > vec4(lift));
}

fn uniform_values(w: vec4<u32>, c: Coefficients) -> vec4<u32> {
    let u = vec4<f32>(vec4<i32>(w & vec4(0xffffffu)));
    let value = pin4(u * c.scale) + c.bias;
    return storable(select(value, vec4(c.top), value > vec4(c.top)), c.lift);
}

fn normal_values(z: vec4<f32>, c: Coefficients) -> vec4<u32> {
    return storable(pin4(z * c.scale) + c.bias, c.lift);
}

// base + w range 2^-32, as (low, high)
fn probability(w: u32, c: Coefficients) -> vec2<u32> {
    let carried = mul_wide(w, c.range.x).y;
    let product = mul_wide(w, c.range.y);
    let first = product.x + carried;
    let low = first + c.base.x;
    let high = product.y + c.base.y + select(0u, 1u, first < carried) + select(0u, 1u, low < first);
    return vec2(low, high);
}

fn window_quantiles(w: vec2<u32>, c: Coefficients) -> vec2<f32> {
    let p = probability(w.x, c);
    let q = probability(w.y, c);
    return signed_quantile(vec2(p.y, q.y), vec2(p.x, q.x), c.octaves, c.centre);
}

fn truncated_values(w: vec4<u32>, c: Coefficients) -> vec4<u32> {
    let flipped = w ^ vec4(c.flip);
    let x = vec4(window_quantiles(flipped.xy, c), window_quantiles(flipped.zw, c));
    return inside(pin4(pin4(x) * c.scale) + c.bias, c);
}

fn narrow_values(w: vec4<u32>, c: Coefficients) -> vec4<u32> {
    // t = (w + 1/2) 2^-32 - 1/2
    let high = bitcast<vec4<i32>>(w ^ vec4(0x80000000u)) >> vec4(16u);
    let low = pin4(vec4<f32>(vec4<i32>(w & vec4(0xffffu))) + 0.5);
    let t = pin4(vec4<f32>(high) * 65536.0 + low) * 0x1p-32f;
    let y = pin4(pin4(c.step * t) + c.start);
    var series = pin4(c.series_5 * y) + c.series_4;
    series = pin4(series * y) + c.series_3;
    series = pin4(series * y) + c.series_2;
    series = pin4(pin4(series * y) + 1.0);
    let main = pin4(pin4(c.scale * t) + c.shift);
    return inside(pin4(pin4(main * series) + c.residue) + c.bias, c);
}

fn inside(value: vec4<f32>, c: Coefficients) -> vec4<u32> {
    let above = select(value, vec4(c.bottom), value < vec4(c.bottom));
    return storable(select(above, vec4(c.top), above > vec4(c.top)), c.lift);
}

fn sample(w: vec4<u32>, c: Coefficients) -> vec4<u32> {
    if SAMPLER == SAMPLER_CONSTANT {
        return vec4(c.pattern);
    }
    if SAMPLER == SAMPLER_UNIFORM {
        return uniform_values(w, c);
    }
    if SAMPLER == SAMPLER_NORMAL {
        return normal_values(box_muller(w), c);
    }
    if SAMPLER == SAMPLER_NORMAL_NATIVE {
        return bitcast<vec4<u32>>(box_muller_native(w) * c.scale + c.bias);
    }
    if SAMPLER == SAMPLER_TRUNCATED {
        return truncated_values(w, c);
    }
    if SAMPLER == SAMPLER_TRUNCATED_NARROW {
        return narrow_values(w, c);
    }
    return w;
}
