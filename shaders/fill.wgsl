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
@group(0) @binding(1) var<storage, read_write> slots: array<vec4<u32>>;
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
    let above = mul_wide(place.rest, side.magic).y >> side.shift;
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
    let low = mul_wide(stride.x, count);
    return vec2(low.x, low.y + stride.y * count);
}

// The four values of the block that comes so many after the first thread's.
fn quad_at(blocks: vec2<u32>) -> vec4<u32> {
    let counter = add_wide(params.block, blocks);
    return sample(philox4x32_10(vec4(counter, 0u, 0u), params.key), params.coefficients);
}

fn store_slot(slot: u32, place: vec2<u32>) {
    if DTYPE == DTYPE_F32 {
        slots[params.first + slot] = quad_at(place);
    } else {
        let next = add_places(place, vec2(1u, 0u));
        slots[params.first + slot] = vec4(pack_halves(quad_at(place)), pack_halves(quad_at(next)));
    }
}

// Where the two blocks of a slot of halves may lie apart.
fn store_uneven_slot(slot: u32) {
    if DTYPE == DTYPE_F32 {
        slots[params.first + slot] = quad_at(locate(slot));
    } else {
        let halves = pack_halves(quad_at(locate(2u * slot)));
        slots[params.first + slot] = vec4(halves, pack_halves(quad_at(locate(2u * slot + 1u))));
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
    if EVEN {
        let first = locate(select(2u * i, i, DTYPE == DTYPE_F32));
        let second = add_places(first, params.jump);
        let third = add_places(second, params.jump);
        store_slot(i, first);
        store_slot(i + params.count, second);
        store_slot(i + 2u * params.count, third);
        store_slot(i + 3u * params.count, add_places(third, params.jump));
    } else {
        store_uneven_slot(i);
        store_uneven_slot(i + params.count);
        store_uneven_slot(i + 2u * params.count);
        store_uneven_slot(i + 3u * params.count);
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
    zero = params.zero;
    var values = quad_at(vec2(i, 0u));
    if STRADDLE {
        values = vec4(values.yzw, quad_at(vec2(i + 1u, 0u)).x);
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
    zero = params.zero;
    let place = locate(position);
    let first = block_of(place);
    // four in a row lie in two blocks, of which the first is shifted out
    let a = quad_at(first.xy);
    let b = quad_at(add_wide(first.xy, vec2(1u, 0u)));
    let odd = vec4((first.z & 1u) == 1u);
    let low = select(a, vec4(a.yzw, b.x), odd);
    let high = select(b, vec4(b.yzw, 0u), odd);
    var found = select(low, vec4(low.zw, high.xy), vec4(first.z >= 2u));
    if any(locate(position + 3u) != add_places(place, vec2(3u, 0u))) {
        for (var i = 1u; i < 4u; i++) {
            let other = block_of(locate(position + i));
            found[i] = quad_at(other.xy)[other.z];
        }
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
