// Special cases for llvmpipe, Mesa's software driver. `Form::LLVMPIPE` selects them, by `PRODUCTS_BARE`; for other
// drivers the conditions are constant and vanish. One more rule for its sake is in fill.wgsl: `fill_slots` has no early
// return, since after one llvmpipe reads uniforms lane by lane. Included by src/dispatch/form.rs.

// No barrier for products, since llvmpipe fuses nothing. It does regroup: a b + a c becomes a (b + c).
const PRODUCTS_BARE: u32 = 2u;

// A barrier for a product that shares no factor with what it meets. On llvmpipe it would only cost an instruction.
fn rounded(product: vec4<f32>) -> vec4<f32> {
    if PRODUCTS == PRODUCTS_BARE {
        return product;
    }
    return pin(product);
}

// 32, the shift of the high word in a 64-bit integer. llvmpipe stores 64-bit integers lane by lane, and it computes
// lane by lane whatever it can take apart before such a store. It cannot take a shift apart that it does not know.
fn high_word() -> u32 {
    if PRODUCTS == PRODUCTS_BARE {
        return 32u + zero;
    }
    return 32u;
}
