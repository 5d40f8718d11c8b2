// Householder reflections, a panel of them at a time. Twin: src/cpu/reflectors.rs, which gives the algorithm and its
// source. Host: src/dispatch/orthogonal.rs. The barriers follow the rule of pin.wgsl.
//
// The entry points run in their order, for each panel from the last to the first. All of them work on one buffer.

// Reflectors of a panel.
const PANEL: u32 = 64u;
// Rows whose products are added one after the other.
const BLOCK: u32 = 128u;
// The sides of the square of sums that a workgroup computes, four by four in a thread.
const TILE: u32 = 64u;
// Products of each sum for which factors are loaded at a time.
const DEPTH: u32 = 16u;
// The bits of the bounds below which values count as 0: 2^-40, 2^-60 and 2^-80.
const SMALL: u32 = 0x2b800000u;
const SMALL_SOLUTION: u32 = 0x21800000u;
const SMALL_SIDE: u32 = 0x17800000u;
// First guesses of the reciprocal square root and of 2 / x.
const ROOT_MAGIC: u32 = 0x5f375a86u;
const TWO_OVER_MAGIC: u32 = 0x7f7311c3u;

struct Panel {
    // the first reflector, which is also the first row, and the number of reflectors
    first: u32,
    reflectors: u32,
    // elements of a vector
    length: u32,
    // the first vector of the batch, and the number of vectors
    start: u32,
    vectors: u32,
    // 0, which no compiler knows: see pin.wgsl
    zero: u32,
    // where the parts of the buffer begin, in f32. The normals, which become the reflectors: PANEL rows of `length`.
    normals: u32,
    // sums of squares: for each block of rows PANEL sums, then PANEL errors
    squares: u32,
    // PANEL heads, then PANEL inverses of squares
    heads: u32,
    // products of reflectors: PANEL rows of PANEL
    gram: u32,
    // products of reflectors and vectors, and then their solutions: PANEL rows of `vectors`
    sides: u32,
    // the vectors: rows of `length`
    strips: u32,
}

@group(0) @binding(0) var<uniform> panel: Panel;
@group(0) @binding(1) var<storage, read_write> scratch: array<f32>;

var<workgroup> left: array<f32, 1024>;
var<workgroup> right: array<f32, 1024>;

// 0 where the value is below a bound in magnitude.
fn without_small(value: vec4<f32>, bound: u32) -> vec4<f32> {
    return select(vec4(0.0), value, (bitcast<vec4<u32>>(value) & vec4(0x7fffffffu)) >= vec4(bound));
}

// Numbers, each with an error that is to be added to it.
struct Sum {
    value: vec4<f32>,
    error: vec4<f32>,
}

fn add_exactly(a: Sum, b: Sum) -> Sum {
    let sum = pin(a.value + b.value);
    let part = pin(sum - a.value);
    let rest = pin(pin(a.value - pin(sum - part)) + pin(b.value - part));
    return Sum(sum, pin(a.error + pin(rest + b.error)));
}

// The squares of the elements behind the heads, one block of rows of four reflectors for each thread.
@compute @workgroup_size(64)
fn reflect_squares(@builtin(global_invocation_id) id: vec3<u32>) {
    hide(panel.zero);
    let k = 4u * (id.x % (PANEL / 4u));
    let block = id.x / (PANEL / 4u);
    let begin = panel.first + BLOCK * block;
    if begin >= panel.length {
        return;
    }
    let end = min(begin + BLOCK, panel.length);
    let heads = panel.first + vec4(k, k + 1u, k + 2u, k + 3u);
    let rows = panel.normals + vec4(k, k + 1u, k + 2u, k + 3u) * panel.length;
    var sum = Sum(vec4(0.0), vec4(0.0));
    for (var i = begin; i < end; i++) {
        let loaded = vec4(scratch[rows.x + i], scratch[rows.y + i], scratch[rows.z + i], scratch[rows.w + i]);
        let values = select(vec4(0.0), without_small(loaded, SMALL), vec4(i) > heads);
        sum = add_exactly(sum, Sum(pin(values * values), vec4(0.0)));
    }
    let out = panel.squares + 2u * PANEL * block + k;
    for (var lane = 0u; lane < 4u; lane++) {
        scratch[out + lane] = sum.value[lane];
        scratch[out + PANEL + lane] = sum.error[lane];
    }
}

// A square root to some units in the last place.
fn square_root(square: vec4<f32>) -> vec4<f32> {
    let half = 0.5 * square;
    var y = bitcast<vec4<f32>>(vec4(ROOT_MAGIC) - (bitcast<vec4<u32>>(square) >> vec4(1u)));
    y = pin(y * pin(sub_mul(vec4(1.5), pin(half * y), y)));
    y = pin(y * pin(sub_mul(vec4(1.5), pin(half * y), y)));
    y = pin(y * pin(sub_mul(vec4(1.5), pin(half * y), y)));
    return pin(square * y);
}

// 2 / x.
fn two_over(x: vec4<f32>) -> vec4<f32> {
    let half = 0.5 * x;
    var y = bitcast<vec4<f32>>(vec4(TWO_OVER_MAGIC) - bitcast<vec4<u32>>(x));
    y = pin(mul_add(y, pin(sub_mul(vec4(1.0), half, y)), y));
    y = pin(mul_add(y, pin(sub_mul(vec4(1.0), half, y)), y));
    y = pin(mul_add(y, pin(sub_mul(vec4(1.0), half, y)), y));
    let x_high = bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) & vec4(0xfffff000u));
    let y_high = bitcast<vec4<f32>>(bitcast<vec4<u32>>(y) & vec4(0xfffff000u));
    let x_low = pin(x - x_high);
    let y_low = pin(y - y_high);
    var rest = pin(sub_mul(vec4(2.0), x_high, y_high));
    rest = pin(sub_mul(rest, x_high, y_low));
    rest = pin(sub_mul(rest, x_low, y_high));
    rest = pin(sub_mul(rest, x_low, y_low));
    return mul_add(0.5 * y, rest, y);
}

// The heads of four reflectors for each thread, and the elements of their vectors that begin as columns of the identity.
@compute @workgroup_size(16)
fn reflect_heads(@builtin(global_invocation_id) id: vec3<u32>) {
    hide(panel.zero);
    let k = 4u * id.x;
    var sum = Sum(vec4(0.0), vec4(0.0));
    let blocks = (panel.length - panel.first + BLOCK - 1u) / BLOCK;
    for (var block = 0u; block < blocks; block++) {
        let at = panel.squares + 2u * PANEL * block + k;
        let values = vec4(scratch[at], scratch[at + 1u], scratch[at + 2u], scratch[at + 3u]);
        let errors = at + PANEL;
        let rest = vec4(scratch[errors], scratch[errors + 1u], scratch[errors + 2u], scratch[errors + 3u]);
        sum = add_exactly(sum, Sum(values, rest));
    }
    let tail = pin(sum.value + sum.error);
    var first: vec4<f32>;
    for (var lane = 0u; lane < 4u; lane++) {
        if k + lane < panel.reflectors {
            first[lane] = scratch[panel.normals + (k + lane) * panel.length + panel.first + k + lane];
        }
    }
    first = without_small(first, SMALL);
    let square = mul_add(first, first, tail);
    let length = square_root(pin(square));
    let negative = first < vec4(0.0);
    let lengthened = select(first + length, first - length, negative);
    let head = pin(select(lengthened, vec4(1.0), square == vec4(0.0)));
    let inverse = two_over(pin(mul_add(head, head, tail)));
    for (var lane = 0u; lane < 4u; lane++) {
        let there = k + lane < panel.reflectors;
        scratch[panel.heads + k + lane] = select(0.0, head[lane], there);
        scratch[panel.heads + PANEL + k + lane] = select(0.0, inverse[lane], there);
        let vector = panel.first + k + lane;
        if there && vector >= panel.start && vector - panel.start < panel.vectors {
            scratch[panel.strips + (vector - panel.start) * panel.length + vector] = select(-1.0, 1.0, negative[lane]);
        }
    }
}

// Turns normals into reflectors, an element for each thread.
@compute @workgroup_size(64)
fn reflect_vectors(@builtin(global_invocation_id) id: vec3<u32>) {
    let k = id.y;
    let i = panel.first + id.x;
    if i >= panel.length {
        return;
    }
    let at = panel.normals + k * panel.length + i;
    let head = panel.first + k;
    let value = without_small(vec4(scratch[at]), SMALL).x;
    if k >= panel.reflectors || i < head {
        scratch[at] = 0.0;
    } else if i == head {
        scratch[at] = scratch[panel.heads + k];
    } else {
        scratch[at] = value;
    }
}

// Adds products with one factor to sums.
fn add_product(sum: vec4<f32>, factor: f32, factors: vec4<f32>) -> vec4<f32> {
    return pin(mul_add(vec4(factor), factors, sum));
}

// Subtracts products with one factor from a rest.
fn subtract_product(rest: vec4<f32>, factor: f32, factors: vec4<f32>) -> vec4<f32> {
    return pin(sub_mul(rest, vec4(factor), factors));
}

// Adds the products of DEPTH pairs of factors to 4 x 4 sums.
fn add_products(sums: array<vec4<f32>, 4>, x: u32, y: u32) -> array<vec4<f32>, 4> {
    var s = sums;
    for (var d = 0u; d < DEPTH; d++) {
        let a = d * TILE + 4u * y;
        let b = d * TILE + 4u * x;
        let factors = vec4(right[b], right[b + 1u], right[b + 2u], right[b + 3u]);
        s[0] = add_product(s[0], left[a], factors);
        s[1] = add_product(s[1], left[a + 1u], factors);
        s[2] = add_product(s[2], left[a + 2u], factors);
        s[3] = add_product(s[3], left[a + 3u], factors);
    }
    return s;
}

// Products of the reflectors with rows of `length` from `rows` on, block by block: the sums of a tile of TILE x TILE.
fn row_products(thread: u32, x: u32, y: u32, rows: u32, first_row: u32, count: u32) -> array<vec4<f32>, 4> {
    var totals: array<vec4<f32>, 4>;
    // a thread loads four neighbours of a row
    let row = thread / 4u;
    let column = 4u * (thread % 4u);
    for (var begin = panel.first; begin < panel.length; begin += BLOCK) {
        // with an initial value: without one, Chromium's compiler sets it to 0 in the first turn of the loop alone
        var sums = array<vec4<f32>, 4>();
        for (var step = 0u; step < BLOCK / DEPTH; step++) {
            workgroupBarrier();
            for (var d = 0u; d < 4u; d++) {
                let i = begin + DEPTH * step + column + d;
                let at = (column + d) * TILE + row;
                let inside = i < panel.length;
                left[at] = 0.0;
                right[at] = 0.0;
                if inside {
                    left[at] = scratch[panel.normals + row * panel.length + i];
                }
                if inside && first_row + row < count {
                    right[at] = scratch[rows + (first_row + row) * panel.length + i];
                }
            }
            workgroupBarrier();
            sums = add_products(sums, x, y);
        }
        totals[0] = pin(totals[0] + sums[0]);
        totals[1] = pin(totals[1] + sums[1]);
        totals[2] = pin(totals[2] + sums[2]);
        totals[3] = pin(totals[3] + sums[3]);
    }
    return totals;
}

// V^T V.
@compute @workgroup_size(256)
fn reflect_gram(@builtin(local_invocation_index) thread: u32) {
    hide(panel.zero);
    let x = thread % 16u;
    let y = thread / 16u;
    let totals = row_products(thread, x, y, panel.normals, 0u, PANEL);
    for (var k = 0u; k < 4u; k++) {
        let values = without_small(totals[k], SMALL);
        for (var lane = 0u; lane < 4u; lane++) {
            scratch[panel.gram + (4u * y + k) * PANEL + 4u * x + lane] = values[lane];
        }
    }
}

// W = V^T C, a tile of TILE vectors for each workgroup.
@compute @workgroup_size(256)
fn reflect_sides(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) id: vec3<u32>) {
    hide(panel.zero);
    let x = thread % 16u;
    let y = thread / 16u;
    let totals = row_products(thread, x, y, panel.strips, TILE * id.x, panel.vectors);
    for (var k = 0u; k < 4u; k++) {
        for (var lane = 0u; lane < 4u; lane++) {
            let vector = TILE * id.x + 4u * x + lane;
            if vector < panel.vectors {
                scratch[panel.sides + (4u * y + k) * panel.vectors + vector] = totals[k][lane];
            }
        }
    }
}

// Solves the triangular system, a vector for each thread.
@compute @workgroup_size(64)
fn reflect_solve(@builtin(global_invocation_id) id: vec3<u32>) {
    hide(panel.zero);
    let vector = id.x;
    if vector >= panel.vectors {
        return;
    }
    for (var row = panel.reflectors; row > 0u; row--) {
        let k = row - 1u;
        let at = panel.sides + k * panel.vectors + vector;
        var rest = vec4(scratch[at]);
        for (var below = panel.reflectors - 1u; below > k; below--) {
            let solution = scratch[panel.sides + below * panel.vectors + vector];
            rest = subtract_product(rest, scratch[panel.gram + k * PANEL + below], vec4(solution));
        }
        let solution = pin(without_small(rest, SMALL_SIDE) * scratch[panel.heads + PANEL + k]);
        scratch[at] = without_small(solution, SMALL_SOLUTION).x;
    }
    // a row of the padding has no solution
    for (var k = panel.reflectors; k < PANEL; k++) {
        scratch[panel.sides + k * panel.vectors + vector] = 0.0;
    }
}

// C - V X, a tile of TILE rows and TILE vectors for each workgroup.
@compute @workgroup_size(256)
fn reflect_update(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) id: vec3<u32>) {
    hide(panel.zero);
    let x = thread % 16u;
    let y = thread / 16u;
    let first_row = panel.first + TILE * id.x;
    let first_vector = TILE * id.y;
    var sums: array<vec4<f32>, 4>;
    for (var step = 0u; step < PANEL / DEPTH; step++) {
        workgroupBarrier();
        // neighbouring threads load neighbouring elements
        for (var part = 0u; part < 4u; part++) {
            let at = 256u * part + thread;
            let k = DEPTH * step + at / TILE;
            let vector = first_vector + at % TILE;
            let i = first_row + at % TILE;
            left[at] = 0.0;
            right[at] = 0.0;
            if vector < panel.vectors {
                left[at] = scratch[panel.sides + k * panel.vectors + vector];
            }
            if i < panel.length {
                right[at] = scratch[panel.normals + k * panel.length + i];
            }
        }
        workgroupBarrier();
        sums = add_products(sums, x, y);
    }
    for (var j = 0u; j < 4u; j++) {
        for (var lane = 0u; lane < 4u; lane++) {
            let vector = first_vector + 4u * y + j;
            let i = first_row + 4u * x + lane;
            if vector < panel.vectors && i < panel.length {
                let at = panel.strips + vector * panel.length + i;
                scratch[at] = without_small(vec4(scratch[at] - sums[j][lane]), SMALL).x;
            }
        }
    }
}
