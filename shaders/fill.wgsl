// The only file with bindings and entry points. `fill_slots` writes 16-byte slots, four to a
// thread, whose first element begins a block; `fill_words` writes whatever is left, word by word;
// `fill_scattered` writes the elements of a shard whose rows begin or end within blocks.

const WORKGROUP_SIZE: u32 = 256u;

struct Params {
    key: vec2<u32>,
    // counter of the first thread's block, (low, high)
    block: vec2<u32>,
    // slots: how many threads, a quarter of the slots; words: how many elements
    count: u32,
    // threads in a row of the grid
    width: u32,
    // the first slot, or the first word, of the binding that is written
    first: u32,
    // words: how many elements of the first thread's four come before the first element
    lead: u32,
    zero: u32,
    // shards: the first thread's place, how many of its digits are divided by, and what the digit above them
    // adds to it from its limit on
    origin: u32,
    digits: u32,
    limit: u32,
    carry: vec2<u32>,
    @align(16) @size(96) coefficients: Coefficients,
    sides: array<Side, 8>,
}

// A digit of a place in a shard, the innermost first: its radix with the numbers that divide by it, and how far
// apart two of its values lie in the tensor, (low, high).
struct Side {
    @align(16) extent: u32,
    magic: u32,
    shift: u32,
    stride: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> slots: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;

// fill_words only: half-precision elements that start at an odd index, so that words straddle blocks.
override STRADDLE: bool;

// fill_slots only: the elements are a shard's, whose rows are whole blocks.
override SHARD: bool;

fn add_wide(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2(low, a.y + b.y + select(0u, 1u, low < b.x));
}

// How far into the tensor the shard's place `index` lies, from its first element on; both in blocks for
// `fill_slots`, in elements for `fill_scattered`.
fn locate(index: u32) -> vec2<u32> {
    var rest = params.origin + index;
    var place = vec2(0u);
    var digit = 0u;
    for (; digit < params.digits; digit++) {
        let side = params.sides[digit];
        // rest / extent, for a rest below 2^31
        let above = mul_wide(rest, side.magic).y >> side.shift;
        place = add_wide(place, steps(side.stride, rest - above * side.extent));
        rest = above;
    }
    if rest >= params.limit {
        place = add_wide(place, params.carry);
    }
    return add_wide(place, steps(params.sides[digit].stride, rest));
}

fn steps(stride: vec2<u32>, count: u32) -> vec2<u32> {
    let low = mul_wide(stride.x, count);
    return vec2(low.x, low.y + stride.y * count);
}

// The four values of the block that comes so many after the first thread's.
fn quad_at(blocks: vec2<u32>) -> vec4<u32> {
    let counter = add_wide(params.block, blocks);
    return sample(philox4x32_10(vec4(counter, 0u, 0u), params.key), params.coefficients);
}

fn quad(index: u32) -> vec4<u32> {
    if SHARD {
        return quad_at(locate(index));
    }
    return quad_at(vec2(index, 0u));
}

fn store_slot(slot: u32) {
    if DTYPE == DTYPE_F32 {
        slots[params.first + slot] = quad(slot);
    } else {
        slots[params.first + slot] = vec4(pack_halves(quad(2u * slot)), pack_halves(quad(2u * slot + 1u)));
    }
}

// Four slots a thread, a stride apart so that neighbours write side by side, behind one guard.
@compute @workgroup_size(WORKGROUP_SIZE)
fn fill_slots(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.y * params.width + id.x;
    if i >= params.count {
        return;
    }
    zero = params.zero;
    store_slot(i);
    store_slot(i + params.count);
    store_slot(i + 2u * params.count);
    store_slot(i + 3u * params.count);
}

// `position` may be below 0 (wrapped), which is not below the count either.
fn store_f32(position: u32, bits: u32) {
    if position < params.count {
        words[params.first + position] = bits;
    }
}

fn store_halves(position: u32, pair: u32) {
    if position >= params.count {
        return;
    }
    let word = params.first + position / 2u;
    if position + 1u == params.count {
        // the other half belongs to a neighbour
        words[word] = (words[word] & 0xffff0000u) | (pair & 0xffffu);
    } else {
        words[word] = pair;
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn fill_words(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.y * params.width + id.x;
    let position = 4u * i - params.lead;
    if position >= params.count && 4u * i >= params.lead {
        return;
    }
    zero = params.zero;
    var values = quad(i);
    if STRADDLE {
        values = vec4(values.yzw, quad(i + 1u).x);
    }
    if DTYPE == DTYPE_F32 {
        store_f32(position, values.x);
        store_f32(position + 1u, values.y);
        store_f32(position + 2u, values.z);
        store_f32(position + 3u, values.w);
    } else {
        let pairs = pack_halves(values);
        store_halves(position, pairs.x);
        store_halves(position + 2u, pairs.y);
    }
}

// Four elements a thread, the first of which begins a word.
@compute @workgroup_size(WORKGROUP_SIZE)
fn fill_scattered(@builtin(global_invocation_id) id: vec3<u32>) {
    let position = 4u * (id.y * params.width + id.x);
    if position >= params.count {
        return;
    }
    zero = params.zero;
    var values: vec4<u32>;
    var block: vec2<u32>;
    var found: vec4<u32>;
    for (var i = 0u; i < 4u; i++) {
        let place = add_wide(locate(position + i), vec2(params.lead, 0u));
        let next = vec2((place.x >> 2u) | (place.y << 30u), place.y >> 2u);
        // the neighbour's block serves again where it is the same
        if i == 0u || any(next != block) {
            block = next;
            values = quad_at(block);
        }
        found[i] = values[place.x & 3u];
    }
    if DTYPE == DTYPE_F32 {
        store_f32(position, found.x);
        store_f32(position + 1u, found.y);
        store_f32(position + 2u, found.z);
        store_f32(position + 3u, found.w);
    } else {
        let pairs = pack_halves(found);
        store_halves(position, pairs.x);
        store_halves(position + 2u, pairs.y);
    }
}
