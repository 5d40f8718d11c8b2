// Words to values, as the bits of f32, for two blocks at a time. Twin: src/cpu/sampler.rs. The coefficients come from
// src/coefficients.rs.

// The numbers of `KernelKind` in src/kernel.rs; tests/shaders.rs compares them.
const SAMPLER_WORDS: u32 = 0u;
const SAMPLER_CONSTANT: u32 = 1u;
const SAMPLER_UNIFORM: u32 = 2u;
const SAMPLER_NORMAL: u32 = 3u;
const SAMPLER_NORMAL_NATIVE: u32 = 4u;
const SAMPLER_TRUNCATED: u32 = 5u;
const SAMPLER_TRUNCATED_NARROW: u32 = 6u;
const SAMPLER_NORMAL_CENTRED: u32 = 7u;
const SAMPLER_TRUNCATED_CENTRAL: u32 = 8u;
const SAMPLER_TRUNCATED_SKEWED: u32 = 9u;
const SAMPLER_TRUNCATED_FAR: u32 = 10u;
override SAMPLER: u32;

// src/coefficients.rs says what each member means for each sampler.
struct Coefficients {
    scale: f32,
    bias: f32,
    top: f32,
    bottom: f32,
    scale_exponent: u32,
    bits: u32,
    zero: u32,
    exponent: u32,
    base: vec2<f32>,
    share: f32,
    offset: f32,
    quarter: f32,
    residue: f32,
    shift: f32,
    start: f32,
    step: f32,
    series_2: f32,
    series_3: f32,
    series_4: f32,
    series_5: f32,
}

// The bits of a value divided by its scale, or 0 where that is below 2^-126 in magnitude. The scale's exponent comes in
// the position of an f32's exponent.
fn flush(value: vec4<f32>, scale_exponent: u32) -> vec4<u32> {
    let bits = bitcast<vec4<u32>>(value);
    let exponent = bits & vec4(0x7f800000u);
    return select(vec4(0u), bits - vec4(scale_exponent), exponent > vec4(scale_exponent));
}

fn uniform_values(w: vec4<u32>, c: Coefficients) -> vec4<u32> {
    // 24 bits convert exactly; as signed numbers, which is cheaper
    let u = vec4<f32>(vec4<i32>(w & vec4(0xffffffu)));
    let value = mul_add(u, vec4(c.scale), vec4(c.bias));
    // the sum may round up to `high`, which is excluded
    return flush(select(value, vec4(c.top), value > vec4(c.top)), c.scale_exponent);
}

fn normal_values(z: vec4<f32>, c: Coefficients) -> vec4<u32> {
    return flush(mul_add(z, vec4(c.scale), vec4(c.bias)), c.scale_exponent);
}

// 16 bits as f32, exactly.
fn float(bits: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(vec4<i32>(bits));
}

// Words as f32, rounded once: a bare sum.
fn unsigned_float(n: vec4<u32>) -> vec4<f32> {
    return exact(float(n >> vec4(16u)) * 65536.0) + float(n & vec4(0xffffu));
}

// The places of words in a wide window.
struct Place {
    // the probability of the nearer tail
    q: vec4<f32>,
    // the distance from a half, negative below the mean
    distance: vec4<f32>,
}

fn symmetric_place(w: vec4<u32>, c: Coefficients) -> Place {
    // the number of words from the nearer end has 31 bits: the upper half of the words is flipped
    let n = w ^ bitcast<vec4<u32>>(bitcast<vec4<i32>>(w) >> vec4(31u));
    let q = pin(mul_add(unsigned_float(n), vec4(c.share), vec4(c.base.x)));
    // flipping the top bit subtracts 2^31
    let high = vec4<f32>(bitcast<vec4<i32>>(w ^ vec4(0x80000000u)) >> vec4(16u));
    let distance = pin(exact(high * 65536.0) + float(w & vec4(0xffffu))) + 0.5;
    return Place(q, pin(distance * c.share));
}

fn skewed_place(w: vec4<u32>, c: Coefficients) -> Place {
    let above = w >= vec4(c.zero);
    let n = select(w, ~w, above);
    let base = select(vec4(c.base.x), vec4(c.base.y), above);
    // 33 bits with the sign, in two exact parts
    let high = vec4<f32>(bitcast<vec4<i32>>((w >> vec4(16u)) - vec4(c.zero >> 16u)));
    let low = vec4<f32>(bitcast<vec4<i32>>((w & vec4(0xffffu)) - vec4(c.zero & 0xffffu))) + 0.5;
    let distance = exact(high * 65536.0) + pin(low);
    return Place(
        pin(mul_add(unsigned_float(n), vec4(c.share), base)),
        pin(mul_add(distance, vec4(c.share), vec4(c.offset))),
    );
}

fn central_values(w: vec4<u32>, c: Coefficients) -> vec4<u32> {
    let place = symmetric_place(w, c);
    let v = centre_variable(place.q);
    let x = pin(place.distance * centre_factor(v, quotient(centre_fraction(v)), c.quarter));
    // no flush: see `KernelKind::TruncatedCentral`
    return bitcast<vec4<u32>>(clamped(mul_add(x, vec4(c.scale), vec4(c.bias)), c));
}

fn truncated_values(place: Place, c: Coefficients) -> vec4<u32> {
    // both branches for every element: a vector takes one path
    let v = centre_variable(place.q);
    let l = negative_log2(place.q, 0u);
    let centre = centre_fraction(v);
    let tail = tail_fraction(l);
    let is_tail = place.q < vec4(TAIL);
    // one quotient for both
    let fraction =
        quotient(Fraction(select(centre.top, tail.top, is_tail), select(centre.bottom, tail.bottom, is_tail)));
    let sign = bitcast<vec4<u32>>(place.distance) & vec4(0x80000000u);
    let far = bitcast<vec4<f32>>(bitcast<vec4<u32>>(tail_quantile(l, fraction)) | sign);
    let x = pin(select(place.distance * centre_factor(v, fraction, c.quarter), far, is_tail));
    return inside(mul_add(x, vec4(c.scale), vec4(c.bias)), c);
}

fn far_values(w: vec4<u32>, c: Coefficients) -> vec4<u32> {
    let q = mul_add(unsigned_float(~w), vec4(c.share), vec4(c.base.y));
    return inside(mul_add(far_quantile(q, c.exponent), vec4(c.scale), vec4(c.bias)), c);
}

fn narrow_values(w: vec4<u32>, c: Coefficients) -> vec4<u32> {
    // t = (w + 1/2) 2^-32 - 1/2
    let high = bitcast<vec4<i32>>(w ^ vec4(0x80000000u)) >> vec4(16u);
    let low = pin(vec4<f32>(vec4<i32>(w & vec4(0xffffu))) + 0.5);
    let t = pin(vec4<f32>(high) * 65536.0 + low) * 0x1p-32f;
    let y = mul_add(vec4(c.step), t, vec4(c.start));
    var series = horner(vec4(c.series_5), y, c.series_4);
    series = horner(series, y, c.series_3);
    series = horner(series, y, c.series_2);
    series = horner(series, y, 1.0);
    let main = mul_add(vec4(c.scale), t, vec4(c.shift));
    // the window's middle comes last: added before, it would cost the smaller summands their low bits
    return inside(pin(mul_add(main, series, vec4(c.residue))) + c.bias, c);
}

// Clamps values to the window, which rounding may leave.
fn clamped(value: vec4<f32>, c: Coefficients) -> vec4<f32> {
    let above = select(value, vec4(c.bottom), value < vec4(c.bottom));
    return select(above, vec4(c.top), above > vec4(c.top));
}

// Clamps values to the window and divides them by the scale.
fn inside(value: vec4<f32>, c: Coefficients) -> vec4<u32> {
    return flush(clamped(value, c), c.scale_exponent);
}

// The words or the values of two blocks.
struct Pair {
    a: vec4<u32>,
    b: vec4<u32>,
}

fn sample(w: Pair, c: Coefficients) -> Pair {
    // SAMPLER is known when the pipeline is compiled, so one branch remains
    if SAMPLER == SAMPLER_CONSTANT {
        return Pair(vec4(c.bits), vec4(c.bits));
    }
    if SAMPLER == SAMPLER_UNIFORM {
        return Pair(uniform_values(w.a, c), uniform_values(w.b, c));
    }
    if SAMPLER == SAMPLER_NORMAL {
        let z = box_muller(w.a, w.b);
        return Pair(normal_values(z.a, c), normal_values(z.b, c));
    }
    if SAMPLER == SAMPLER_NORMAL_CENTRED {
        // no bias and no flush: see `KernelKind::NormalCentred`
        let z = box_muller(w.a, w.b);
        return Pair(bitcast<vec4<u32>>(z.a * c.scale), bitcast<vec4<u32>>(z.b * c.scale));
    }
    if SAMPLER == SAMPLER_NORMAL_NATIVE {
        // no barriers: native normals have no promised bits
        let z = box_muller_native(w.a, w.b);
        return Pair(bitcast<vec4<u32>>(z.a * c.scale + c.bias), bitcast<vec4<u32>>(z.b * c.scale + c.bias));
    }
    if SAMPLER == SAMPLER_TRUNCATED_CENTRAL {
        return Pair(central_values(w.a, c), central_values(w.b, c));
    }
    if SAMPLER == SAMPLER_TRUNCATED {
        return Pair(truncated_values(symmetric_place(w.a, c), c), truncated_values(symmetric_place(w.b, c), c));
    }
    if SAMPLER == SAMPLER_TRUNCATED_SKEWED {
        return Pair(truncated_values(skewed_place(w.a, c), c), truncated_values(skewed_place(w.b, c), c));
    }
    if SAMPLER == SAMPLER_TRUNCATED_FAR {
        return Pair(far_values(w.a, c), far_values(w.b, c));
    }
    if SAMPLER == SAMPLER_TRUNCATED_NARROW {
        return Pair(narrow_values(w.a, c), narrow_values(w.b, c));
    }
    return w;
}
