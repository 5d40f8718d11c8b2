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
    // shards: the first thread's place; of the digit above those that are divided by, the distance of two of
    // its values, and what it adds from its limit on
    origin: u32,
    limit: u32,
    last: vec2<u32>,
    carry: vec2<u32>,
    // slots: how far apart a thread's slots lie in the tensor, in blocks, where that is always the same
    jump: vec2<u32>,
    @align(16) @size(96) coefficients: Coefficients,
    sides: array<Side, 7>,
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
@group(0) @binding(1) var<storage, read_write> slots: array<Slot>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;

// fill_words only: half-precision elements that start at an odd index, so that words straddle blocks.
override STRADDLE: bool;

// How many digits of a place in a shard are divided by; more than 7 where there is no shard.
override DIGITS: u32;
// Whether the places of a dispatch lie 2^32 or more apart.
override WIDE: bool;
// fill_slots only: whether a thread's slots lie equally far apart in the tensor, too.
override EVEN: bool;

fn add_places(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    if !WIDE {
        return vec2(a.x + b.x, 0u);
    }
    return add_wide(a, b);
}

fn add_wide(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2(low, a.y + b.y + select(0u, 1u, low < b.x));
}

// The place with its lowest digit, `side`'s, counted in and taken off the rest, which is below 2^31.
fn divide(place: Place, side: Side) -> Place {
    let above = mul_high(vec4(place.rest), vec4(side.magic)).x >> side.shift;
    return Place(add_places(place.found, steps(side.stride, place.rest - above * side.extent)), above);
}

struct Place {
    found: vec2<u32>,
    rest: u32,
}

// How far into the tensor the shard's place `index` lies, from its first element on; both in blocks for
// `fill_slots`, in elements for `fill_scattered`. Without a loop, to which wgpu adds a counter.
fn locate(index: u32) -> vec2<u32> {
    if DIGITS > 7u {
        return vec2(index, 0u);
    }
    var place = Place(vec2(0u), params.origin + index);
    if DIGITS > 0u {
        place = divide(place, params.sides[0]);
    }
    if DIGITS > 1u {
        place = divide(place, params.sides[1]);
    }
    if DIGITS > 2u {
        place = divide(place, params.sides[2]);
    }
    if DIGITS > 3u {
        place = divide(place, params.sides[3]);
    }
    if DIGITS > 4u {
        place = divide(place, params.sides[4]);
    }
    if DIGITS > 5u {
        place = divide(place, params.sides[5]);
    }
    if DIGITS > 6u {
        place = divide(place, params.sides[6]);
    }
    if place.rest >= params.limit {
        place.found = add_places(place.found, params.carry);
    }
    return add_places(place.found, steps(params.last, place.rest));
}

fn steps(stride: vec2<u32>, count: u32) -> vec2<u32> {
    if !WIDE {
        return vec2(stride.x * count, 0u);
    }
    return vec2(stride.x * count, mul_high(vec4(stride.x), vec4(count)).x + stride.y * count);
}

// The words of the blocks that come so many after the first thread's.
fn blocks_at(a: vec2<u32>, b: vec2<u32>, c: vec2<u32>, d: vec2<u32>) -> Blocks {
    let low = params.block.x + vec4(a.x, b.x, c.x, d.x);
    let carry = select(vec4(0u), vec4(1u), low < vec4(params.block.x));
    let high = params.block.y + vec4(a.y, b.y, c.y, d.y) + carry;
    return philox4x32_10(Blocks(low, high, vec4(0u), vec4(0u)), params.key);
}

// The values of two such blocks.
fn values_at(a: vec2<u32>, b: vec2<u32>) -> Pair {
    // what becomes of the other two is nothing, and compilers leave it out
    return first_values(blocks_at(a, b, b, b));
}

fn first_values(w: Blocks) -> Pair {
    return sample(Pair(vec4(w.x.x, w.y.x, w.z.x, w.w.x), vec4(w.x.y, w.y.y, w.z.y, w.w.y)), params.coefficients);
}

fn last_values(w: Blocks) -> Pair {
    return sample(Pair(vec4(w.x.z, w.y.z, w.z.z, w.w.z), vec4(w.x.w, w.y.w, w.z.w, w.w.w)), params.coefficients);
}

// Writes four blocks: four slots of f32, two of halves, each `params.count` behind the last.
fn store_blocks(slot: u32, inside: bool, w: Blocks) {
    let first = params.first + slot;
    // the first two are stored before the last two are worked out, so that fewer values wait
    let p = first_values(w);
    if DTYPE == DTYPE_F32 {
        let a = as_slot(p.a);
        let b = as_slot(p.b);
        if inside {
            slots[first] = a;
            slots[first + params.count] = b;
        }
        let q = last_values(w);
        let c = as_slot(q.a);
        let d = as_slot(q.b);
        if inside {
            slots[first + 2u * params.count] = c;
            slots[first + 3u * params.count] = d;
        }
    } else {
        let a = as_slot(vec4(pack_halves(p.a), pack_halves(p.b)));
        if inside {
            slots[first] = a;
        }
        let q = last_values(w);
        let b = as_slot(vec4(pack_halves(q.a), pack_halves(q.b)));
        if inside {
            slots[first + params.count] = b;
        }
    }
}

fn next(place: vec2<u32>) -> vec2<u32> {
    return add_places(place, vec2(1u, 0u));
}

// Four slots a thread, a stride apart so that neighbours write side by side. Guards stand about the stores alone: behind an
// early return llvmpipe reads uniforms lane by lane.
@compute @workgroup_size(WORKGROUP_SIZE)
fn fill_slots(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.y * params.width + id.x;
    let inside = i < params.count;
    hide(params.zero);
    let i_b = i + params.count;
    let i_c = i_b + params.count;
    let i_d = i_c + params.count;
    // the places of the slots' first blocks
    let blocks = select(2u, 1u, DTYPE == DTYPE_F32);
    let a = locate(blocks * i);
    var b: vec2<u32>;
    var c: vec2<u32>;
    var d: vec2<u32>;
    if EVEN {
        b = add_places(a, params.jump);
        c = add_places(b, params.jump);
        d = add_places(c, params.jump);
    } else {
        b = locate(blocks * i_b);
        c = locate(blocks * i_c);
        d = locate(blocks * i_d);
    }
    if DTYPE == DTYPE_F32 {
        store_blocks(i, inside, blocks_at(a, b, c, d));
    } else if EVEN {
        store_blocks(i, inside, blocks_at(a, next(a), b, next(b)));
        store_blocks(i_c, inside, blocks_at(c, next(c), d, next(d)));
    } else {
        // a slot's two blocks may lie apart
        store_blocks(i, inside, blocks_at(a, locate(2u * i + 1u), b, locate(2u * i_b + 1u)));
        store_blocks(i_c, inside, blocks_at(c, locate(2u * i_c + 1u), d, locate(2u * i_d + 1u)));
    }
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
    hide(params.zero);
    let pair = values_at(vec2(i, 0u), vec2(i + 1u, 0u));
    var values = pair.a;
    if STRADDLE {
        values = vec4(values.yzw, pair.b.x);
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

// The block of an element of a shard, counted from the first thread's, and the element's word in it.
fn block_of(place: vec2<u32>) -> vec3<u32> {
    let element = add_places(place, vec2(params.lead, 0u));
    return vec3((element.x >> 2u) | (element.y << 30u), element.y >> 2u, element.x & 3u);
}

// Four elements a thread, the first of which begins a word.
@compute @workgroup_size(WORKGROUP_SIZE)
fn fill_scattered(@builtin(global_invocation_id) id: vec3<u32>) {
    let position = 4u * (id.y * params.width + id.x);
    if position >= params.count {
        return;
    }
    hide(params.zero);
    let place = locate(position);
    let first = block_of(place);
    var found: vec4<u32>;
    if all(locate(position + 3u) == add_places(place, vec2(3u, 0u))) {
        // four in a row lie in two blocks, of which the first is shifted out
        let pair = values_at(first.xy, add_wide(first.xy, vec2(1u, 0u)));
        let odd = vec4((first.z & 1u) == 1u);
        let low = select(pair.a, vec4(pair.a.yzw, pair.b.x), odd);
        let high = select(pair.b, vec4(pair.b.yzw, 0u), odd);
        found = select(low, vec4(low.zw, high.xy), vec4(first.z >= 2u));
    } else {
        let second = block_of(locate(position + 1u));
        let third = block_of(locate(position + 2u));
        let fourth = block_of(locate(position + 3u));
        let blocks = blocks_at(first.xy, second.xy, third.xy, fourth.xy);
        let p = first_values(blocks);
        let q = last_values(blocks);
        found = vec4(p.a[first.z], p.b[second.z], q.a[third.z], q.b[fourth.z]);
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
