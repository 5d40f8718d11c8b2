// WGSL lets a compiler fuse a product into a sum and regroup sums and products. `pin` hides a value
// behind an exclusive or with a uniform that is 0 at run time and that no compiler knows, so that the
// value must be rounded to f32 where it stands. Twin: none, Rust neither fuses nor regroups.

// Set from `params.zero` by every entry point.
var<private> zero: u32;

// Whether the device is Mesa's llvmpipe, of which two things are known: it never fuses a product into a sum, and it stores
// lane by lane, and works out lane by lane whatever it can take apart into lanes before a store.
override LLVMPIPE: bool = false;

fn pin(x: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) ^ vec4(zero));
}

// A product that feeds a sum.
fn rounded(x: vec4<f32>) -> vec4<f32> {
    if LLVMPIPE {
        return x;
    }
    return pin(x);
}
