// f32 bits to f16 and bf16, rounded to nearest, ties to even. Twin: src/cpu/dtype.rs.

// The numbers of `Dtype` in src/dtype.rs.
const DTYPE_F32: u32 = 0u;
const DTYPE_F16: u32 = 1u;
const DTYPE_BF16: u32 = 2u;
override DTYPE: u32;

// f32 bits without a NaN to f16 bits. src/cpu/dtype.rs explains the constants.
fn round_f16(bits: vec4<u32>) -> vec4<u32> {
    let x = bits & vec4(0x7fffffffu);
    let normal = (x - vec4(0x37fff001u) + ((x >> vec4(13u)) & vec4(1u))) >> vec4(13u);
    // below 2^-14: units of 2^-24, which are those of an f32 from a half on
    let subnormal = bitcast<vec4<u32>>(bitcast<vec4<f32>>(x) + 0.5) - vec4(0x3f000000u);
    let magnitude = select(subnormal, min(normal, vec4(0x7c00u)), x >= vec4(0x38800000u));
    return ((bits >> vec4(16u)) & vec4(0x8000u)) | magnitude;
}

// f32 bits without a NaN to bf16 bits.
fn round_bf16(bits: vec4<u32>) -> vec4<u32> {
    return (bits + vec4(0x7fffu) + ((bits >> vec4(16u)) & vec4(1u))) >> vec4(16u);
}

// Four values as two words, the first value in the low half.
fn pack_halves(bits: vec4<u32>) -> vec2<u32> {
    var halves: vec4<u32>;
    if DTYPE == DTYPE_F16 {
        halves = round_f16(bits);
    } else {
        halves = round_bf16(bits);
    }
    return halves.xz | (halves.yw << vec2(16u));
}
