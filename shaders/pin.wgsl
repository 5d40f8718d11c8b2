// Barriers against fusing and regrouping. WGSL lets a compiler fuse a product into a sum and regroup sums and products,
// and wgpu has no way to forbid it. This file has no twin: Rust neither fuses nor regroups.
//
// The rule, which tests/barriers.rs enforces on the shaders as compilers get them, inlined and folded:
//
// - A product or a sum that reaches a sum, and a product that reaches a product, passes a barrier first: `pin`,
//   `rounded`, `mul_add` or `sub_mul`. Selects, negations, changes of the sign bit and factors of a power of two do not
//   count as passing one.
// - `exact` marks the exceptions: operations that are exact, so that every grouping gives the same bits.
// - The barrier is an inclusive or with a uniform that is 0 at run time and that no compiler knows. It is idempotent,
//   so two of them merge into one and never into none, whatever constant is between them. Exclusive ors with one word
//   cancel: (x ^ zero) ^ zero is x. Sums of it do not cancel, but they do not merge either.

// The ways to round a product that feeds a sum.
const PRODUCTS_PINNED: u32 = 0u;
// A fused multiply-add of the product and a uniform that is 1 at run time. The product by 1 is exact, so the bits are
// the same whether a compiler fuses it, splits it, or leaves it as it is; only regrouping (a b) 1 to a (b 1) would
// harm. It saves the barrier's instruction.
const PRODUCTS_FMA: u32 = 1u;
// 2 is PRODUCTS_BARE of llvmpipe.wgsl, where `rounded` is.
override PRODUCTS: u32 = 0u;

var<private> zero: u32;
var<private> one: f32;

// Called by every entry point with `params.zero`.
fn hide(unknown: u32) {
    zero = unknown;
    one = bitcast<f32>(unknown | 0x3f800000u);
}

// A barrier.
fn pin(x: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) | vec4(zero));
}

// a b + c, both operations rounded.
fn mul_add(a: vec4<f32>, b: vec4<f32>, c: vec4<f32>) -> vec4<f32> {
    if PRODUCTS == PRODUCTS_FMA {
        return fma(a * b, vec4(one), c);
    }
    return rounded(a * b) + c;
}

// c - a b, both operations rounded.
fn sub_mul(c: vec4<f32>, a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    if PRODUCTS == PRODUCTS_FMA {
        return fma(-(a * b), vec4(one), c);
    }
    return c - rounded(a * b);
}

// An operation that is exact in f32.
fn exact(x: vec4<f32>) -> vec4<f32> {
    return x;
}

// sum x + coefficient: a step of Horner's rule.
fn horner(sum: vec4<f32>, x: vec4<f32>, coefficient: f32) -> vec4<f32> {
    return mul_add(sum, x, vec4(coefficient));
}
