//! A selection of elements, cut into chunks for the threads, and these into groups of blocks for cpu/blocks.rs. Twin:
//! src/dispatch/plan.rs.

#[cfg(feature = "rayon")]
use rayon::prelude::*;

use super::blocks::{BLOCKS, Blocks, Counters, GROUP, Strip, strip_blocks};
use super::dtype::element_size;
use crate::Dtype;
use crate::coefficients::Coefficients;
use crate::fill::Selection;
use crate::kernel::KernelKind;

/// Blocks that are gathered from the runs of a shard: each call that computes has a cost of its own.
const GATHERED: usize = 4 * BLOCKS;
/// Strips that are gathered.
const STRIPS: usize = 64;
/// Elements that one task of the thread pool fills: about 10 microseconds of work, so that waking a thread pays.
const CHUNK: usize = 64 * GROUP;
/// The end of a run has a strip of its own if it is at least a strip divided by this.
const OVERLAP: usize = 4;
/// The size of the largest element in bytes.
const LARGEST: usize = 4;

/// Fills `out` with the elements of a selection that fits it.
// `out` is split into chunks for the threads (`fill_all`), a chunk into runs (`fill`), a run into groups (`run`), and a
// group into vectors (`Blocks`).
pub(crate) fn elements(
    kind: KernelKind,
    coefficients: &Coefficients,
    dtype: Dtype,
    selection: &Selection,
    out: &mut [u8],
) {
    let filler = Chunks { kind, coefficients, dtype, size: element_size(dtype), selection };
    // every chunk of a run but the first begins with a whole block
    let lead = if selection.shard.is_none() { (selection.start.wrapping_neg() % 4) as usize } else { 0 };
    let (head, rest) = out.split_at_mut((lead * filler.size).min(out.len()));
    let first = (head.len() / filler.size) as u64;
    // at most three elements
    filler.fill(0, head);
    if rest.len() <= CHUNK * filler.size {
        // too little to wake a thread for
        filler.fill(first, rest);
        return;
    }
    filler.fill_all(first, rest);
}

/// A selection and the code for its elements.
#[derive(Clone, Copy)]
struct Chunks<'a> {
    /// The code that turns words into values.
    kind: KernelKind,
    coefficients: &'a Coefficients,
    dtype: Dtype,
    /// Bytes of an element.
    size: usize,
    selection: &'a Selection,
}

impl Chunks<'_> {
    /// Fills chunks on every thread.
    #[cfg(feature = "rayon")]
    fn fill_all(&self, first: u64, out: &mut [u8]) {
        out.par_chunks_mut(CHUNK * self.size)
            .enumerate()
            .for_each(|(i, chunk)| self.fill(first + (i * CHUNK) as u64, chunk));
    }

    /// Fills chunks on this thread.
    #[cfg(not(feature = "rayon"))]
    fn fill_all(&self, first: u64, out: &mut [u8]) {
        for (i, chunk) in out.chunks_mut(CHUNK * self.size).enumerate() {
            self.fill(first + (i * CHUNK) as u64, chunk);
        }
    }

    /// Fills a chunk from an element of the selection on: one run, or the runs of a shard.
    fn fill(&self, first: u64, out: &mut [u8]) {
        // after the last word of a key nothing is left to fill, and only this start wraps
        let start = self.selection.start.wrapping_add(first);
        match self.selection.shard {
            None => self.run(start, out),
            Some(shard) => {
                let elements = start..start + (out.len() / self.size) as u64;
                Runs::new(self, out).fill(shard.runs(elements));
            }
        }
    }

    /// Fills a run of elements that begins at any index.
    fn run(&self, start: u64, out: &mut [u8]) {
        let group = GROUP * self.size;
        // elements of the first block that come before the run
        let mut lead = (start % 4) as usize * self.size;
        // whole groups are filled in place; others are cut out of a copy, because vectors write whole blocks
        let whole = if lead == 0 { out.len() / group * group } else { 0 };
        let (body, mut tail) = out.split_at_mut(whole);
        self.blocks(Counters::From(self.counter(start)), body);
        // the rest, or all of a run that begins within a block
        let mut counter = self.counter(start).wrapping_add((whole / self.size / 4) as u64);
        let mut copy = [0; GROUP * LARGEST];
        while !tail.is_empty() {
            self.blocks(Counters::From(counter), &mut copy[..group]);
            let (cut, rest) = tail.split_at_mut((group - lead).min(tail.len()));
            cut.copy_from_slice(&copy[lead..][..cut.len()]);
            (tail, lead, counter) = (rest, 0, counter.wrapping_add(BLOCKS as u64));
        }
    }

    /// The counter of an element's block.
    const fn counter(&self, index: u64) -> u64 {
        self.selection.key.offset.wrapping_add(index / 4)
    }

    /// Fills whole groups of blocks.
    fn blocks(&self, counters: Counters<'_>, out: &mut [u8]) {
        let Self { kind, dtype, coefficients, .. } = *self;
        Blocks { kind, dtype, key: self.selection.key, counters, coefficients }.fill(out);
    }
}

/// Fills the runs of a shard. A strip is as many blocks as are computed at a time: strips of a run are filled in place.
/// The blocks that are left over are gathered from several runs, computed together and copied.
struct Runs<'a> {
    /// The code for the elements, and their selection.
    chunks: &'a Chunks<'a>,
    out: &'a mut [u8],
    /// The position of the next element in the output.
    position: usize,
    /// Strips to fill; those from `strips_count` on are left from before.
    strips: [Strip; STRIPS],
    strips_count: usize,
    /// The counters of the gathered blocks.
    counters: [u64; GATHERED],
    blocks: usize,
    /// The elements of gathered blocks that are used. There are no more pieces than blocks.
    pieces: [Piece; GATHERED],
    pieces_count: usize,
    /// Room for the bytes of the gathered blocks.
    bytes: [u8; 4 * GATHERED * LARGEST],
}

/// Consecutive elements of the gathered blocks.
#[derive(Clone, Copy)]
struct Piece {
    /// The first, counted in the gathered blocks.
    from: u16,
    /// The number of elements.
    count: u16,
    /// The position of the first in the output.
    to: u32,
}

impl<'a> Runs<'a> {
    const fn new(chunks: &'a Chunks<'a>, out: &'a mut [u8]) -> Self {
        Self {
            chunks,
            out,
            position: 0,
            strips: [Strip { counter: 0, byte: 0 }; STRIPS],
            strips_count: 0,
            counters: [0; GATHERED],
            blocks: 0,
            pieces: [Piece { from: 0, count: 0, to: 0 }; GATHERED],
            pieces_count: 0,
            bytes: [0; 4 * GATHERED * LARGEST],
        }
    }

    /// Fills the output with runs of the tensor, given by their first index and their number of elements.
    fn fill(mut self, runs: impl Iterator<Item = (u64, u64)>) {
        let strip = 4 * strip_blocks();
        for (index, count) in runs {
            self.run(index, count, strip);
        }
        self.fill_strips();
        self.fill_gathered();
    }

    /// Adds a run. `strip` is the number of a strip's elements.
    #[expect(clippy::cast_possible_truncation, reason = "a run within a slice")]
    fn run(&mut self, mut index: u64, count: u64, strip: usize) {
        let mut left = count as usize;
        // strips begin with a block
        let lead = (index.wrapping_neg() % 4) as usize;
        if left >= lead + strip {
            self.gather(index, lead);
            (index, left) = (index + lead as u64, left - lead);
            while left >= strip {
                self.strip(index, self.position);
                self.position += strip;
                (index, left) = (index + strip as u64, left - strip);
            }
            // another strip over the end of the last one leaves no gap for later, which costs more than the elements
            // that are made twice
            let blocks = left / 4 * 4;
            if blocks >= strip / OVERLAP {
                self.strip(index + blocks as u64 - strip as u64, self.position + blocks - strip);
                self.position += blocks;
                (index, left) = (index + blocks as u64, left - blocks);
            }
        }
        self.gather(index, left);
    }

    /// Adds a strip from an element of the tensor on, to be filled at a position of the output.
    fn strip(&mut self, index: u64, position: usize) {
        if self.strips_count == STRIPS {
            self.fill_strips();
        }
        let strip = Strip { counter: self.chunks.counter(index), byte: position * self.chunks.size };
        self.strips[self.strips_count] = strip;
        self.strips_count += 1;
    }

    /// Adds elements of a run to the gathered ones.
    #[expect(clippy::cast_possible_truncation, reason = "positions within a chunk")]
    fn gather(&mut self, mut index: u64, mut left: usize) {
        while left > 0 {
            if self.blocks == GATHERED {
                self.fill_gathered();
            }
            let skip = (index % 4) as usize;
            let blocks = (skip + left).div_ceil(4).min(GATHERED - self.blocks);
            let count = (4 * blocks - skip).min(left);
            let first = self.chunks.counter(index);
            let counters = &mut self.counters[self.blocks..][..blocks];
            counters.iter_mut().zip(0..).for_each(|(counter, i)| *counter = first.wrapping_add(i));
            let from = 4 * self.blocks + skip;
            self.pieces[self.pieces_count] = Piece { from: from as u16, count: count as u16, to: self.position as u32 };
            self.blocks += blocks;
            self.pieces_count += 1;
            self.position += count;
            (index, left) = (index + count as u64, left - count);
        }
    }

    /// Fills the strips.
    fn fill_strips(&mut self) {
        self.chunks.blocks(Counters::Strips(&self.strips[..self.strips_count]), self.out);
        self.strips_count = 0;
    }

    /// Computes the gathered blocks and writes the elements that are used.
    fn fill_gathered(&mut self) {
        let size = self.chunks.size;
        // whole groups, even if fewer blocks were gathered: the others are not copied
        let blocks = self.blocks.next_multiple_of(BLOCKS);
        let bytes = &mut self.bytes[..4 * blocks * size];
        self.chunks.blocks(Counters::List(&self.counters[..blocks]), bytes);
        for piece in &self.pieces[..self.pieces_count] {
            let (from, count) = (usize::from(piece.from) * size, usize::from(piece.count) * size);
            self.out[piece.to as usize * size..][..count].copy_from_slice(&bytes[from..from + count]);
        }
        (self.blocks, self.pieces_count) = (0, 0);
    }
}
