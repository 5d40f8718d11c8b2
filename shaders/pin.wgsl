// WGSL lets a compiler fuse a product into an add and regroup sums and products. `pin` hides a value
// behind an exclusive or with a uniform that is 0 at run time and that no compiler knows, so that the
// value must be rounded to f32 where it stands. Twin: none, Rust neither fuses nor regroups.

// Set from `params.zero` by every entry point.
var<private> zero: u32;

fn pin(x: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) ^ vec4(zero));
}
