//! Elements on the CPU, sixteen blocks side by side, so that the compiler makes vector instructions of them.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::dtype::Element;
use crate::key::words;
use crate::philox::{philox_bump, philox_round};
use crate::sampler::{Coefficients, Kind, sample};
use crate::{Fill, Key};

/// Blocks worked on side by side, one to a lane.
const LANES: usize = 16;
/// Blocks whose words are worked out column by column before they are woven into elements.
const BLOCKS: usize = 64;
const GROUP: usize = 4 * BLOCKS;
/// Elements that one task of the thread pool fills.
const CHUNK: usize = 64 * GROUP;

/// Fills `out` with the elements of a fill that fits it, on the threads of rayon's current pool.
pub(crate) fn elements<T: Element>(kind: Kind, coefficients: &Coefficients, fill: &Fill, out: &mut [T]) {
    // chunks of a range begin at whole blocks, but for the first
    let in_step = if fill.shard.is_none() { (fill.start.wrapping_neg() % 4) as usize } else { 0 };
    let (head, rest) = out.split_at_mut(in_step.min(out.len()));
    let head_len = head.len() as u64;
    fill_chunk(kind, fill, coefficients, head);
    let rest_fill = |skip: usize| Fill { start: fill.start + head_len + skip as u64, ..*fill };
    if rest.len() <= CHUNK {
        // not worth waking a thread
        fill_chunk(kind, &rest_fill(0), coefficients, rest);
        return;
    }
    rest.par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(i, chunk)| fill_chunk(kind, &rest_fill(i * CHUNK), coefficients, chunk));
}

/// Fills a piece on one thread: a run, or a shard's runs one after another.
#[expect(clippy::cast_possible_truncation, reason = "a run within a slice")]
fn fill_chunk<T: Element>(kind: Kind, fill: &Fill, coefficients: &Coefficients, mut out: &mut [T]) {
    match fill.shard {
        None => fill_run(kind, fill.key, fill.start, coefficients, out),
        Some(shard) if shard.run() < GROUP as u64 => {
            let mut scattered = Scattered::new(kind, fill.key, coefficients);
            for (index, count) in shard.runs(fill.start..fill.start + out.len() as u64) {
                scattered.push(index, count, out);
            }
            scattered.flush(out);
        }
        Some(shard) => {
            for (index, count) in shard.runs(fill.start..fill.start + out.len() as u64) {
                let (run, rest) = out.split_at_mut(count as usize);
                fill_run(kind, fill.key, index, coefficients, run);
                out = rest;
            }
        }
    }
}

/// Fills a run of elements that begins anywhere.
fn fill_run<T: Element>(kind: Kind, key: Key, start: u64, coefficients: &Coefficients, out: &mut [T]) {
    let lead = (start % 4) as usize;
    // groups that begin and end with `out` are filled in place, others are cut out of a copy
    let whole = if lead == 0 { out.len() / GROUP * GROUP } else { 0 };
    let (body, mut tail) = out.split_at_mut(whole);
    groups(kind, key, start / 4, coefficients, body);
    let mut block = start / 4 + (whole / 4) as u64;
    let mut lead = lead;
    while !tail.is_empty() {
        let mut group = [T::zeroed(); GROUP];
        groups(kind, key, block, coefficients, &mut group);
        let (cut, rest) = tail.split_at_mut((GROUP - lead).min(tail.len()));
        cut.copy_from_slice(&group[lead..][..cut.len()]);
        (tail, lead, block) = (rest, 0, block + BLOCKS as u64);
    }
}

/// Short runs, whose blocks are gathered from everywhere until there are enough of them to be worked out side
/// by side.
struct Scattered<'a> {
    kind: Kind,
    key: Key,
    coefficients: &'a Coefficients,
    counters: [u64; BLOCKS],
    /// For each block where its elements go, the first of them, and the number of them.
    places: [(usize, u8, u8); BLOCKS],
    blocks: usize,
    at: usize,
}

impl<'a> Scattered<'a> {
    const fn new(kind: Kind, key: Key, coefficients: &'a Coefficients) -> Self {
        Self { kind, key, coefficients, counters: [0; BLOCKS], places: [(0, 0, 0); BLOCKS], blocks: 0, at: 0 }
    }

    /// Adds a run, whose place in `out` is behind the last.
    #[expect(clippy::cast_possible_truncation, reason = "places within a block")]
    fn push<T: Element>(&mut self, index: u64, count: u64, out: &mut [T]) {
        let (mut index, end) = (index, index + count);
        while index < end {
            if self.blocks == BLOCKS {
                self.flush(out);
            }
            let skip = index % 4;
            let take = (4 - skip).min(end - index);
            self.counters[self.blocks] = self.key.offset.wrapping_add(index / 4);
            self.places[self.blocks] = (self.at, skip as u8, take as u8);
            self.blocks += 1;
            self.at += take as usize;
            index += take;
        }
    }

    fn flush<T: Element>(&mut self, out: &mut [T]) {
        let columns = columns(self.kind, self.key, &self.counters, self.coefficients);
        for (block, &(at, skip, take)) in self.places[..self.blocks].iter().enumerate() {
            for (word, value) in (skip..skip + take).zip(&mut out[at..]) {
                *value = T::round(columns[usize::from(word)][block]);
            }
        }
        self.blocks = 0;
    }
}

/// The values of any blocks, word by word.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2",))]
fn columns(kind: Kind, key: Key, counters: &[u64; BLOCKS], coefficients: &Coefficients) -> [[u32; BLOCKS]; 4] {
    match kind {
        Kind::Words => each_column(Kind::Words, key, counters, coefficients),
        Kind::Constant => each_column(Kind::Constant, key, counters, coefficients),
        Kind::Uniform => each_column(Kind::Uniform, key, counters, coefficients),
        Kind::Normal => each_column(Kind::Normal, key, counters, coefficients),
        Kind::NormalNative => each_column(Kind::NormalNative, key, counters, coefficients),
        Kind::Truncated => each_column(Kind::Truncated, key, counters, coefficients),
        Kind::TruncatedNarrow => each_column(Kind::TruncatedNarrow, key, counters, coefficients),
    }
}

#[inline(always)]
fn each_column(kind: Kind, key: Key, counters: &[u64; BLOCKS], coefficients: &Coefficients) -> [[u32; BLOCKS]; 4] {
    let mut columns = [[0; BLOCKS]; 4];
    for (i, counters) in counters.as_chunks::<LANES>().0.iter().enumerate() {
        for (column, words) in columns.iter_mut().zip(blocks(counters, words(key.seed))) {
            column[i * LANES..(i + 1) * LANES].copy_from_slice(&words);
        }
    }
    values(kind, &mut columns, coefficients);
    columns
}

/// Words to values in place. A pass of its own, in which several chains of dependent steps are under way at once.
#[inline(always)]
fn values(kind: Kind, columns: &mut [[u32; BLOCKS]; 4], coefficients: &Coefficients) {
    let [c0, c1, c2, c3] = columns.each_mut().map(|column| column.as_chunks_mut::<LANES>().0);
    for (((c0, c1), c2), c3) in c0.iter_mut().zip(c1).zip(c2).zip(c3) {
        [*c0, *c1, *c2, *c3] = sample(kind, [*c0, *c1, *c2, *c3], coefficients);
    }
}

/// Fills whole groups of blocks, from the block `block` of the key on, compiled for each width of vector
/// unit and chosen when it runs.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2",))]
fn groups<T: Element>(kind: Kind, key: Key, block: u64, coefficients: &Coefficients, out: &mut [T]) {
    // a kind known to the compiler in each arm, so that its loop holds nothing of the others
    match kind {
        Kind::Words => each_group(Kind::Words, key, block, coefficients, out),
        Kind::Constant => each_group(Kind::Constant, key, block, coefficients, out),
        Kind::Uniform => each_group(Kind::Uniform, key, block, coefficients, out),
        Kind::Normal => each_group(Kind::Normal, key, block, coefficients, out),
        Kind::NormalNative => each_group(Kind::NormalNative, key, block, coefficients, out),
        Kind::Truncated => each_group(Kind::Truncated, key, block, coefficients, out),
        Kind::TruncatedNarrow => each_group(Kind::TruncatedNarrow, key, block, coefficients, out),
    }
}

#[inline(always)]
fn each_group<T: Element>(kind: Kind, key: Key, block: u64, coefficients: &Coefficients, out: &mut [T]) {
    let first = key.offset.wrapping_add(block);
    let mut columns = [[0; BLOCKS]; 4];
    for (i, group) in out.chunks_exact_mut(GROUP).enumerate() {
        // not `each_column`: counters made here stay in registers, an array of them costs a quarter to a half
        for lane in (0..BLOCKS).step_by(LANES) {
            let counter = first.wrapping_add((i * BLOCKS + lane) as u64);
            let counters = std::array::from_fn(|lane| counter.wrapping_add(lane as u64));
            for (column, words) in columns.iter_mut().zip(blocks(&counters, words(key.seed))) {
                column[lane..lane + LANES].copy_from_slice(&words);
            }
        }
        values(kind, &mut columns, coefficients);
        let [c0, c1, c2, c3] = &columns;
        for ((((quad, a), b), c), d) in group.as_chunks_mut::<4>().0.iter_mut().zip(c0).zip(c1).zip(c2).zip(c3) {
            *quad = [T::round(*a), T::round(*b), T::round(*c), T::round(*d)];
        }
    }
}

/// The blocks of `LANES` counters, word by word.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "a lane is an index into four arrays")]
fn blocks(counters: &[u64; LANES], mut key: [u32; 2]) -> [[u32; LANES]; 4] {
    let mut w = [[0; LANES]; 4];
    for lane in 0..LANES {
        [w[0][lane], w[1][lane]] = words(counters[lane]);
    }
    for _ in 0..10 {
        for lane in 0..LANES {
            let counter = [w[0][lane], w[1][lane], w[2][lane], w[3][lane]];
            [w[0][lane], w[1][lane], w[2][lane], w[3][lane]] = philox_round(counter, key);
        }
        key = philox_bump(key);
    }
    w
}
