// The only file with bindings and entry points. `fill_slots` writes 16-byte slots, four to a
// thread, whose first element begins a block; `fill_words` writes whatever is left, word by word.

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
    @align(16) coefficients: Coefficients,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> slots: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;

// fill_words only: half-precision elements that start at an odd index, so that words straddle blocks.
override STRADDLE: bool;

// The four values of the block that comes `index` after the first thread's.
fn quad(index: u32) -> vec4<u32> {
    let low = params.block.x + index;
    let high = params.block.y + select(0u, 1u, low < index);
    return sample(philox4x32_10(vec4(low, high, 0u, 0u), params.key), params.coefficients);
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
