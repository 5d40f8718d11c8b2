// The addressing of shards: an element of a shard, or a block of it, to its index in the tensor. Host: src/dispatch/plan.rs.
//
// A shard's elements are numbered in row-major order. The number is divided into coordinates, and the index in the
// tensor is the sum of the coordinates times their strides.

// The number of coordinates that are divided by; more than 7 where there is no shard.
override COORDINATES: u32;
// Whether the indices of a dispatch are 2^32 or more apart.
override WIDE: bool;

// The sum of two indices; without WIDE their high words are 0.
fn add_indices(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    if !WIDE {
        return vec2(a.x + b.x, 0u);
    }
    return add_wide(a, b);
}

// The sum of two 64-bit indices, whatever WIDE says.
fn add_wide(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2(low, a.y + b.y + select(0u, 1u, low < b.x));
}

// The stride times the coordinate.
fn stride_times(stride: vec2<u32>, coordinate: u32) -> vec2<u32> {
    if !WIDE {
        return vec2(stride.x * coordinate, 0u);
    }
    return vec2(stride.x * coordinate, mul_high(vec4(stride.x), vec4(coordinate)).x + stride.y * coordinate);
}

// A number that is partly divided: the index so far, and the quotient of the coordinates that were taken.
struct Divided {
    index: vec2<u32>,
    rest: u32,
}

// The number, below 2^31, divided by the dimension's extent. GPUs have no fast integer division, so it is a product.
fn over_extent(number: u32, dim: Dim) -> u32 {
    return mul_high(vec4(number), vec4(dim.magic)).x >> dim.shift;
}

// Takes the next coordinate, in dimension `dim`, off the rest, which is below 2^31.
fn divide(number: Divided, dim: Dim) -> Divided {
    let rest = over_extent(number.rest, dim);
    let coordinate = number.rest - rest * dim.extent;
    return Divided(add_indices(number.index, stride_times(dim.stride, coordinate)), rest);
}

// The index in the tensor of the shard's unit `number`, counted from the first thread's: of a block, in blocks, for
// `fill_slots`; else of an element, or of a thread's first element for `fill_runs`. Unrolled, because wgpu adds a counter to every loop.
fn locate(number: u32) -> vec2<u32> {
    if COORDINATES > 7u {
        return vec2(number, 0u);
    }
    var divided = Divided(vec2(0u), params.origin + number);
    if COORDINATES > 0u {
        divided = divide(divided, params.dims[0]);
    }
    if COORDINATES > 1u {
        divided = divide(divided, params.dims[1]);
    }
    if COORDINATES > 2u {
        divided = divide(divided, params.dims[2]);
    }
    if COORDINATES > 3u {
        divided = divide(divided, params.dims[3]);
    }
    if COORDINATES > 4u {
        divided = divide(divided, params.dims[4]);
    }
    if COORDINATES > 5u {
        divided = divide(divided, params.dims[5]);
    }
    if COORDINATES > 6u {
        divided = divide(divided, params.dims[6]);
    }
    // the coordinate above may reach its extent once in a dispatch; then the next outer one moves on
    if divided.rest >= params.limit {
        divided.index = add_indices(divided.index, params.carry);
    }
    return add_indices(divided.index, stride_times(params.last, divided.rest));
}

// The block of an element of a shard, counted from the first thread's block, and the element's word in it.
fn block_of(index: vec2<u32>) -> vec3<u32> {
    // the first thread's index need not begin a block: its word in it is the lead
    let element = add_indices(index, vec2(params.lead, 0u));
    return vec3((element.x >> 2u) | (element.y << 30u), element.y >> 2u, element.x & 3u);
}
