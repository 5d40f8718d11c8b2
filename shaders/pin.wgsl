// WGSL lets a compiler fuse a product into a sum and regroup sums and products. `pin` hides a value
// behind an exclusive or with a uniform that is 0 at run time and that no compiler knows, so that the
// value must be rounded to f32 where it stands. Twin: none, Rust neither fuses nor regroups.

// Whether the device is Mesa's llvmpipe, of which two things are known: it never fuses a product into a sum, and it stores
// lane by lane, and works out lane by lane whatever it can take apart into lanes before a store.
override LLVMPIPE: bool = false;

// 0, and 0 for products that feed sums, which llvmpipe may know to be 0.
var<private> zero: u32;
var<private> product_zero: u32;

// Called by every entry point with `params.zero`.
fn hide(unknown: u32) {
    zero = unknown;
    product_zero = select(unknown, 0u, LLVMPIPE);
}

fn pin(x: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) ^ vec4(zero));
}

// `pin` of a product that feeds a sum.
fn rounded(x: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) ^ vec4(product_zero));
}
