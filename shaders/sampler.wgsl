// A block's four words to four values, as the bits of f32. Twin: src/sampler.rs, which works out the
// coefficients.

const SAMPLER_WORDS: u32 = 0u;
const SAMPLER_CONSTANT: u32 = 1u;
const SAMPLER_UNIFORM: u32 = 2u;
const SAMPLER_NORMAL: u32 = 3u;
const SAMPLER_NORMAL_NATIVE: u32 = 4u;
override SAMPLER: u32;

struct Coefficients {
    scale: f32,
    bias: f32,
    top: f32,
    lift: u32,
    pattern: u32,
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
    return w;
}
