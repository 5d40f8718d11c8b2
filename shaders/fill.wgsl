// Bindings and entry points; no other file has any. Twin: src/cpu/blocks.rs. Host: src/dispatch/plan.rs.
//
// `fill_slots` writes 16-byte slots, four per thread, whose first element begins a block. `fill_words` writes what is
// left, word by word. Shards whose runs begin or end within blocks have `fill_runs`, or `fill_scattered` where the runs
// are short; `fill_boundaries` writes the words that two runs share. shard.wgsl turns numbers into indices of the tensor.

const WORKGROUP_SIZE: u32 = 256u;

struct Params {
    // Philox's key, (low, high)
    key: vec2<u32>,
    // counter of the first thread's block, (low, high)
    block: vec2<u32>,
    // slots: the number of threads, a quarter of the slots; words: the number of elements
    count: u32,
    // threads of the grid in x; i = y * width + x numbers them
    width: u32,
    // the first slot, or the first word, of the binding that is written
    first: u32,
    // the number of elements of the first thread's block that come before its first element
    lead: u32,
    // 0, which no compiler knows: see pin.wgsl
    zero: u32,
    // shards: the first thread's number; for the coordinate above those that are divided by its stride, and an index
    // that is added where it reaches its limit
    origin: u32,
    limit: u32,
    // shards: the number of elements of a run
    run: u32,
    last: vec2<u32>,
    carry: vec2<u32>,
    // slots: the distance of a thread's slots in the tensor, in blocks, where it is always the same
    jump: vec2<u32>,
    // `fill_runs`: the number of threads of a run
    threads: u32,
    @align(16) @size(96) coefficients: Coefficients,
    // shards: the dimensions that are divided by, the innermost first
    dims: array<Dim, 7>,
    // structured matrices
    matrix: Matrix,
}

// A dimension of a shard: its extent with the numbers that divide by it, and its stride in the tensor, (low, high).
struct Dim {
    @align(16) extent: u32,
    // n / extent is the high word of n * magic, shifted right by `shift`, for n below 2^31
    magic: u32,
    shift: u32,
    stride: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
// one buffer under two types: an entry point uses only one of them
@group(0) @binding(1) var<storage, read_write> slots: array<Slot>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;

// fill_words only: half-precision elements that start at an odd index, so that words straddle blocks.
override STRADDLE: bool;

// fill_slots only: whether a thread's slots are equally far apart in the tensor.
override EVEN: bool;

// The words of four blocks, counted from the first thread's block.
fn blocks_at(a: vec2<u32>, b: vec2<u32>, c: vec2<u32>, d: vec2<u32>) -> Blocks {
    let low = params.block.x + vec4(a.x, b.x, c.x, d.x);
    // the sum wrapped where it is below a summand
    let carry = select(vec4(0u), vec4(1u), low < vec4(params.block.x));
    let high = params.block.y + vec4(a.y, b.y, c.y, d.y) + carry;
    return philox4x32_10(Blocks(low, high, vec4(0u), vec4(0u)), params.key);
}

// The values of two such blocks.
fn values_at(a: vec2<u32>, b: vec2<u32>) -> Pair {
    // the other two are not used, and compilers remove them
    return first_values(blocks_at(a, b, b, b));
}

// The values of the first two of four blocks.
fn first_values(w: Blocks) -> Pair {
    return sample(Pair(vec4(w.x.x, w.y.x, w.z.x, w.w.x), vec4(w.x.y, w.y.y, w.z.y, w.w.y)), params.coefficients);
}

// The values of the last two.
fn last_values(w: Blocks) -> Pair {
    return sample(Pair(vec4(w.x.z, w.y.z, w.z.z, w.w.z), vec4(w.x.w, w.y.w, w.z.w, w.w.w)), params.coefficients);
}

// Writes four blocks: four slots of f32, two of halves, each `params.count` behind the last.
fn store_blocks(slot: u32, inside: bool, w: Blocks) {
    let first = params.first + slot;
    // the first two are stored before the last two are computed, so that fewer registers are in use
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

// The block after this one.
fn next(index: vec2<u32>) -> vec2<u32> {
    return add_indices(index, vec2(1u, 0u));
}

// Four slots per thread, a stride apart, so that neighbouring threads write neighbouring slots. Only the stores are
// guarded, not the whole function: see llvmpipe.wgsl.
@compute @workgroup_size(WORKGROUP_SIZE)
fn fill_slots(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.y * params.width + id.x;
    let inside = i < params.count;
    // before any value: without it the barriers would or with 0 that a compiler knows
    hide(params.zero);
    // the slots of a thread are a quarter of all slots apart
    let i_b = i + params.count;
    let i_c = i_b + params.count;
    let i_d = i_c + params.count;
    // the slots' first blocks
    let blocks = select(2u, 1u, DTYPE == DTYPE_F32);
    let a = locate(blocks * i);
    var b: vec2<u32>;
    var c: vec2<u32>;
    var d: vec2<u32>;
    if EVEN {
        b = add_indices(a, params.jump);
        c = add_indices(b, params.jump);
        d = add_indices(c, params.jump);
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
        // the two blocks of a slot may be apart
        store_blocks(i, inside, blocks_at(a, locate(2u * i + 1u), b, locate(2u * i_b + 1u)));
        store_blocks(i_c, inside, blocks_at(c, locate(2u * i_c + 1u), d, locate(2u * i_d + 1u)));
    }
}

// Stores an element of a run of `length` elements, which begins at `start`. A negative `position`, a wrapped number, is
// outside, too.
fn store_f32(start: u32, position: u32, length: u32, bits: u32) {
    if position < length {
        words[params.first + start + position] = bits;
    }
}

// Stores four elements.
fn store_four(start: u32, position: u32, length: u32, bits: vec4<u32>) {
    store_f32(start, position, length, bits.x);
    store_f32(start, position + 1u, length, bits.y);
    store_f32(start, position + 2u, length, bits.z);
    store_f32(start, position + 3u, length, bits.w);
}

// As store_f32, for two halves in one word of the only run. `position` is even.
fn store_halves(position: u32, pair: u32) {
    if position >= params.count {
        return;
    }
    let word = params.first + position / 2u;
    if position + 1u == params.count {
        // the other half of the word is not ours
        words[word] = (words[word] & 0xffff0000u) | (pair & 0xffffu);
    } else {
        words[word] = pair;
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn fill_words(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.y * params.width + id.x;
    // the first thread's block may begin before the first element; the difference then wraps
    let position = 4u * i - params.lead;
    // nothing to store: the four elements are behind the last one, not before the first
    if position >= params.count && 4u * i >= params.lead {
        return;
    }
    hide(params.zero);
    // the next block is only used where words straddle blocks; else compilers remove it
    let pair = values_at(vec2(i, 0u), vec2(i + 1u, 0u));
    var values = pair.a;
    if STRADDLE {
        values = vec4(values.yzw, pair.b.x);
    }
    if DTYPE == DTYPE_F32 {
        store_four(0u, position, params.count, values);
    } else {
        let pairs = pack_halves(values);
        store_halves(position, pairs.x);
        store_halves(position + 2u, pairs.y);
    }
}

// Four elements per thread. The first begins a word.
@compute @workgroup_size(WORKGROUP_SIZE)
fn fill_scattered(@builtin(global_invocation_id) id: vec3<u32>) {
    let position = 4u * (id.y * params.width + id.x);
    if position >= params.count {
        return;
    }
    hide(params.zero);
    let index = locate(position);
    let first = block_of(index);
    var found: vec4<u32>;
    if COORDINATES > 7u {
        // four consecutive elements lie in two blocks; shift the elements before the first out
        let pair = values_at(first.xy, add_wide(first.xy, vec2(1u, 0u)));
        let odd = vec4((first.z & 1u) == 1u);
        let low = select(pair.a, vec4(pair.a.yzw, pair.b.x), odd);
        let high = select(pair.b, vec4(pair.b.yzw, 0u), odd);
        found = select(low, vec4(low.zw, high.xy), vec4(first.z >= 2u));
    } else {
        // elements behind the last are located, too, and not stored
        let second = block_of(locate(position + 1u));
        let third = block_of(locate(position + 2u));
        let fourth = block_of(locate(position + 3u));
        let blocks = blocks_at(first.xy, second.xy, third.xy, fourth.xy);
        let p = first_values(blocks);
        let q = last_values(blocks);
        found = vec4(p.a[first.z], p.b[second.z], q.a[third.z], q.b[fourth.z]);
    }
    if STRUCTURE != STRUCTURE_NONE {
        let others = vec3(position) + vec3(1u, 2u, 3u);
        let kept = vec4(is_kept(index), is_kept(locate(others.x)), is_kept(locate(others.y)), is_kept(locate(others.z)));
        found = select(vec4(0u), found, kept);
    }
    if DTYPE == DTYPE_F32 {
        store_four(0u, position, params.count, found);
    } else {
        let pairs = pack_halves(found);
        store_halves(position, pairs.x);
        store_halves(position + 2u, pairs.y);
    }
}

// Elements from one thread of `fill_runs` to the next: those of its four blocks. A word of halves may straddle blocks, so
// for them the fourth block is the next thread's first.
fn elements_of_thread() -> u32 {
    return select(12u, 16u, DTYPE == DTYPE_F32);
}

// As store_f32, for two halves of a word, both in the run.
fn store_run_halves(start: u32, position: u32, length: u32, pair: u32) {
    if position < length && position + 1u < length {
        words[params.first + (start + position) / 2u] = pair;
    }
}

// Four blocks of a run per thread. The first may begin before the run. No early return: see llvmpipe.wgsl.
@compute @workgroup_size(WORKGROUP_SIZE)
fn fill_runs(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.y * params.width + id.x;
    hide(params.zero);
    // nothing is inside a run of length 0
    let length = select(0u, params.run, i < params.count);
    let run = select(i, over_extent(i, params.dims[0]), params.threads > 1u);
    let start = run * params.run;
    let block = block_of(locate(i));
    // the position of the first value in the run; negative, so wrapped, where the block begins before it
    let position = (i - run * params.threads) * elements_of_thread() - block.z;
    let second = add_wide(block.xy, vec2(1u, 0u));
    let third = add_wide(block.xy, vec2(2u, 0u));
    let w = blocks_at(block.xy, second, third, add_wide(block.xy, vec2(3u, 0u)));
    let p = first_values(w);
    if DTYPE == DTYPE_F32 {
        store_four(start, position, length, p.a);
        store_four(start, position + 4u, length, p.b);
        let q = last_values(w);
        store_four(start, position + 8u, length, q.a);
        store_four(start, position + 12u, length, q.b);
    } else {
        let q = last_values(w);
        // words begin with even elements of the shard
        let odd = (start + position) & 1u;
        let is_odd = vec4(odd == 1u);
        let a = pack_halves(select(p.a, vec4(p.a.yzw, p.b.x), is_odd));
        let b = pack_halves(select(p.b, vec4(p.b.yzw, q.a.x), is_odd));
        let c = pack_halves(select(q.a, vec4(q.a.yzw, q.b.x), is_odd));
        let first = position + odd;
        store_run_halves(start, first, length, a.x);
        store_run_halves(start, first + 2u, length, a.y);
        store_run_halves(start, first + 4u, length, b.x);
        store_run_halves(start, first + 6u, length, b.y);
        store_run_halves(start, first + 8u, length, c.x);
        store_run_halves(start, first + 10u, length, c.y);
    }
}

// Words that hold the last half of a run and the first of the next: one after every second run of an odd length.
@compute @workgroup_size(WORKGROUP_SIZE)
fn fill_boundaries(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.y * params.width + id.x;
    let inside = i < params.count;
    hide(params.zero);
    let last = (2u * i + 1u) * params.run - 1u;
    let a = block_of(locate(last));
    let b = block_of(locate(last + 1u));
    let pair = values_at(a.xy, b.xy);
    let halves = pack_halves(vec4(pair.a[a.z], pair.b[b.z], 0u, 0u));
    if inside {
        words[params.first + last / 2u] = halves.x;
    }
}
