// The elements of structured matrices, by their indices. Twin: src/cpu/matrix.rs, src/cpu/permutation.rs and
// src/cpu/orthogonal.rs. Host: src/dispatch/matrix.rs.

// The numbers of `StructureKind` in src/dispatch/structure.rs.
const STRUCTURE_NONE: u32 = 0u;
const STRUCTURE_EYE: u32 = 1u;
const STRUCTURE_DIRAC_OUT_IN: u32 = 2u;
const STRUCTURE_DIRAC_IN_OUT: u32 = 3u;
const STRUCTURE_SPARSE: u32 = 4u;
const STRUCTURE_TALL: u32 = 5u;
const STRUCTURE_WIDE: u32 = 6u;
const STRUCTURE_DELTA_OUT_IN: u32 = 7u;
const STRUCTURE_DELTA_IN_OUT: u32 = 8u;
override STRUCTURE: u32 = 0u;
// Whether coordinates need 64 bits.
override FAR: bool = false;

struct Matrix {
    // extents of the innermost coordinate and of the next one: columns and rows, or those of a convolution
    inner: vec2<u32>,
    middle: vec2<u32>,
    // coordinates of the first thread's element
    at_inner: vec2<u32>,
    at_middle: vec2<u32>,
    at_outer: vec2<u32>,
    // convolutions: the index of the kernel's centre
    centre: vec2<u32>,
    // dirac: outputs of a group
    group: vec2<u32>,
    // sparse: the key of the permutations, (low, high), and the counter of its first block
    key: vec2<u32>,
    offset: vec2<u32>,
    // sparse: rows with a place below this are 0
    zeros: u32,
    // sparse: the sides of the grid, and the rows
    width: u32,
    height: u32,
    rows: u32,
    // orthogonal: the columns that were computed, where they begin in `source`, and the elements of each
    start: u32,
    vectors: u32,
    strips: u32,
    length: u32,
    // sparse: shifts of a permutation
    rounds: u32,
    // orthogonal: the vectors of the whole matrix
    count: u32,
}

// The computed vectors of an orthogonal matrix.
@group(0) @binding(2) var<storage, read> source: array<f32>;

// A 64-bit number divided by another.
struct Quotient {
    quotient: vec2<u32>,
    rest: vec2<u32>,
}

fn is_below(a: vec2<u32>, b: vec2<u32>) -> bool {
    return a.y < b.y || (a.y == b.y && a.x < b.x);
}

fn sub_wide(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return vec2(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}

// a / b, bit by bit where they may have more than 32.
fn divide_wide(a: vec2<u32>, b: vec2<u32>) -> Quotient {
    if !FAR {
        let quotient = a.x / b.x;
        return Quotient(vec2(quotient, 0u), vec2(a.x - quotient * b.x, 0u));
    }
    var quotient = vec2(0u);
    var rest = vec2(0u);
    for (var i = 0u; i < 64u; i++) {
        let bit = select(a.x >> (63u - i), a.y >> ((63u - i) & 31u), i < 32u) & 1u;
        let carry = rest.y >> 31u;
        rest = vec2((rest.x << 1u) | bit, (rest.y << 1u) | (rest.x >> 31u));
        quotient = vec2(quotient.x << 1u, (quotient.y << 1u) | (quotient.x >> 31u));
        if carry == 1u || !is_below(rest, b) {
            rest = sub_wide(rest, b);
            quotient.x |= 1u;
        }
    }
    return Quotient(quotient, rest);
}

struct Coordinates {
    inner: vec2<u32>,
    middle: vec2<u32>,
    outer: vec2<u32>,
}

// The coordinates of an element, from its index, which counts from the first thread's.
fn coordinates(index: vec2<u32>) -> Coordinates {
    let inner = divide_wide(add_wide(params.matrix.at_inner, index), params.matrix.inner);
    let middle = divide_wide(add_wide(params.matrix.at_middle, inner.quotient), params.matrix.middle);
    return Coordinates(inner.rest, middle.rest, add_wide(params.matrix.at_outer, middle.quotient));
}

// A word as a number below a bound, added to a number below the bound, modulo the bound.
fn shifted(number: u32, word: u32, bound: u32) -> u32 {
    let sum = number + mul_high(vec4(word), vec4(bound)).x;
    return select(sum - bound, sum, sum < bound);
}

// A word of the permutation of a column.
fn shift_word(column: vec2<u32>, round: u32, value: u32) -> u32 {
    // (32 column + round) 2^16 + value
    let scaled = vec2(32u * column.x + round, (column.y << 5u) | (column.x >> 27u));
    let index = vec2((scaled.x << 16u) | value, (scaled.y << 16u) | (scaled.x >> 16u));
    let counter = add_wide(params.matrix.offset, index);
    let blocks = Blocks(vec4(counter.x), vec4(counter.y), vec4(0u), vec4(0u));
    return philox4x32_10(blocks, params.matrix.key).x.x;
}

// The place of a row in its column's permutation.
fn place_of(row: u32, column: vec2<u32>) -> u32 {
    let m = params.matrix;
    var place = row;
    loop {
        var x = place / m.height;
        var y = place % m.height;
        for (var round = 0u; round < m.rounds; round += 2u) {
            x = shifted(x, shift_word(column, round, y), m.width);
            y = shifted(y, shift_word(column, round + 1u, x), m.height);
        }
        place = x * m.height + y;
        if place < m.rows {
            break;
        }
    }
    return place;
}

// Whether an element keeps its kernel's value, and is not 0.
fn is_kept(index: vec2<u32>) -> bool {
    let at = coordinates(index);
    let m = params.matrix;
    if STRUCTURE == STRUCTURE_EYE {
        return all(at.inner == at.middle);
    }
    if STRUCTURE == STRUCTURE_DIRAC_OUT_IN {
        return all(at.inner == m.centre) && all(divide_wide(at.outer, m.group).rest == at.middle);
    }
    if STRUCTURE == STRUCTURE_DIRAC_IN_OUT {
        return all(at.outer == m.centre) && all(divide_wide(at.inner, m.group).rest == at.middle);
    }
    return place_of(at.middle.x, at.inner) >= m.zeros;
}

// An element of an orthogonal matrix, if its vector was computed.
struct Computed {
    value: f32,
    there: bool,
}

fn computed(index: vec2<u32>) -> Computed {
    let at = coordinates(index);
    let m = params.matrix;
    var vector = at.middle.x;
    var element = at.inner.x;
    var there = true;
    if STRUCTURE == STRUCTURE_TALL {
        vector = at.inner.x;
        element = at.middle.x;
    } else if STRUCTURE == STRUCTURE_DELTA_OUT_IN {
        element = at.outer.x;
        there = all(at.inner == m.centre);
    } else if STRUCTURE == STRUCTURE_DELTA_IN_OUT {
        there = all(at.outer == m.centre);
    }
    // vectors take columns from both ends in turn
    let column = select(vector / 2u, m.count - 1u - vector / 2u, (vector & 1u) == 1u);
    there = there && column >= m.start && column - m.start < m.vectors;
    var value = 0.0;
    if there {
        value = source[m.strips + (column - m.start) * m.length + element];
    }
    return Computed(value, there);
}

// Writes those of four elements that were computed. The first begins a word.
fn store_computed(position: u32, bits: vec4<u32>, computed: vec4<bool>) {
    let there = computed & (vec4(position) + vec4(0u, 1u, 2u, 3u) < vec4(params.count));
    if DTYPE == DTYPE_F32 {
        for (var i = 0u; i < 4u; i++) {
            if there[i] {
                words[params.first + position + i] = bits[i];
            }
        }
        return;
    }
    let pairs = pack_halves(bits);
    for (var i = 0u; i < 2u; i++) {
        // the other half may belong to a neighbour or to another batch
        let mask = select(0u, 0xffffu, there[2u * i]) | select(0u, 0xffff0000u, there[2u * i + 1u]);
        if mask != 0u {
            let word = params.first + position / 2u + i;
            words[word] = (words[word] & ~mask) | (pairs[i] & mask);
        }
    }
}

// Four elements for each thread.
@compute @workgroup_size(WORKGROUP_SIZE)
fn fill_orthogonal(@builtin(global_invocation_id) id: vec3<u32>) {
    let position = 4u * (id.y * params.width + id.x);
    if position >= params.count {
        return;
    }
    hide(params.zero);
    let a = computed(locate(position));
    let b = computed(locate(position + 1u));
    let c = computed(locate(position + 2u));
    let d = computed(locate(position + 3u));
    let bits = normal_values(vec4(a.value, b.value, c.value, d.value), params.coefficients);
    store_computed(position, bits, vec4(a.there, b.there, c.there, d.there));
}
