//! The dispatches of a fill. A range of a buffer is cut into windows no larger than a binding may be. In each window
//! the 16-byte slots are filled by one dispatch, and the words before and after them by two more. A shard is filled by
//! slots where its runs are whole blocks. Else its runs get a dispatch each where they are long, share one where they
//! are shorter, and are filled element by element where they are shorter than two blocks.

use std::ops::Range;

use super::coordinates::{Units, coordinates};
use super::entry::Entry;
use super::matrix::{MatrixParams, MatrixPlan};
use super::params::{Params, small};
use super::structure::Structure;
use crate::bits::words;
use crate::coefficients::Coefficients;
use crate::fill::Selection;
use crate::{Dtype, Shard};

/// Threads of a workgroup, as in shaders/fill.wgsl.
pub(crate) const WORKGROUP_SIZE: u32 = 256;
/// Workgroups of a dispatch in each of two dimensions: a window below 2^31 bytes has at most 2^28 threads.
pub(crate) const LEAST_WORKGROUPS: u64 = 1 << 10;
/// Bytes of a slot: an element of the shader's `array<Slot>`.
const SLOT: u64 = 16;
/// Bytes that a thread of `fill_slots` writes.
const THREAD: u64 = 4 * SLOT;
/// A fill of at least this many elements gets a dispatch for its slots and others for its ends. Fewer are filled word
/// by word: three dispatches cost more than they save.
const WORTH_SLOTS: u64 = 1 << 14;
/// A run of a shard with at least this many elements gets dispatches of its own: it need not be whole.
const LONG_RUN: u64 = 1 << 14;
/// A run of a shard with at least this many elements is filled by blocks, a shorter one by elements.
const LEAST_RUN: u64 = 8;
/// Larger bindings compute wrongly on Metal, and cannot be made on Vulkan and DX12.
const LARGEST_WINDOW: u64 = (1 << 31) - 1;

/// The device's limits that a plan depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes of the largest storage binding.
    pub(crate) binding: u64,
    /// Bytes that the start of a binding is a multiple of; at least a slot.
    pub(crate) alignment: u64,
    /// Workgroups of a dispatch in each dimension.
    pub(crate) workgroups: u32,
}

impl Bounds {
    /// `alignment` is the device's own, which may be less than a slot.
    pub(crate) fn new(binding: u64, alignment: u32, workgroups: u32) -> Self {
        Self { binding, alignment: u64::from(alignment).max(SLOT), workgroups }
    }
}

/// One dispatch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dispatch {
    pub(crate) entry: Entry,
    /// The bytes of the buffer to bind.
    pub(crate) binding: Range<u64>,
    pub(crate) params: Params,
    /// Workgroups in x and y.
    pub(crate) grid: [u32; 2],
}

/// The dispatches that fill a selection's elements from byte `offset` on.
pub(crate) fn plan(
    selection: &Selection,
    dtype: Dtype,
    coefficients: Coefficients,
    offset: u64,
    bounds: Bounds,
) -> Vec<Dispatch> {
    plan_matrix(None, selection, dtype, coefficients, offset, bounds)
}

/// The dispatches that fill a selection of a structured matrix, or of a tensor without structure.
pub(crate) fn plan_matrix(
    matrix: Option<&MatrixPlan>,
    selection: &Selection,
    dtype: Dtype,
    coefficients: Coefficients,
    offset: u64,
    bounds: Bounds,
) -> Vec<Dispatch> {
    // a multiple of the alignment, so that every window but the first begins where a binding may begin
    let window = bounds.binding.min(LARGEST_WINDOW) / bounds.alignment * bounds.alignment;
    let end = offset + selection.count * dtype.size();
    let mut dispatches = Vec::new();
    let mut at = offset;
    while at < end {
        // the first window begins before its first byte where that is not aligned
        let base = at / bounds.alignment * bounds.alignment;
        let limit = end.min(base + window);
        // half of a last word is written as a whole word, with the other half as it was
        let binding = base..limit.next_multiple_of(4);
        let dispatches = &mut dispatches;
        let mut piece = Piece { matrix, selection, dtype, coefficients, offset, bounds, binding, dispatches };
        match &selection.shard {
            shard if matrix.is_some() => piece.scattered(shard.as_ref(), at..limit),
            None => piece.range(at..limit),
            Some(shard) => piece.shard(shard, at..limit),
        }
        at = limit;
    }
    dispatches
}

/// One window of a plan.
struct Piece<'a> {
    matrix: Option<&'a MatrixPlan>,
    selection: &'a Selection,
    dtype: Dtype,
    coefficients: Coefficients,
    /// The byte of the buffer at which the selection begins.
    offset: u64,
    bounds: Bounds,
    /// The bytes of the window; `Params::first` counts from its start.
    binding: Range<u64>,
    dispatches: &'a mut Vec<Dispatch>,
}

impl Piece<'_> {
    /// The index in the tensor, or its shard, of the element at a byte of the buffer.
    fn element(&self, at: u64) -> u64 {
        self.selection.start + (at - self.offset) / self.dtype.size()
    }

    /// The slots of a range that are a whole number of threads' work.
    fn whole_slots(range: &Range<u64>) -> Range<u64> {
        let begin = range.start.next_multiple_of(SLOT);
        begin..begin + range.end.saturating_sub(begin) / THREAD * THREAD
    }

    /// The first word of a range in the binding.
    const fn first_word(&self, range: &Range<u64>) -> u32 {
        small((range.start - self.binding.start) / 4)
    }

    /// A range of the tensor.
    fn range(&mut self, range: Range<u64>) {
        self.run(range.clone(), self.element(range.start));
    }

    /// A run of elements that are contiguous in the tensor, from this index on.
    fn run(&mut self, range: Range<u64>, index: u64) {
        let index_at = |at: u64| index + (at - range.start) / self.dtype.size();
        let slots = Self::whole_slots(&range);
        // without ends there is one dispatch either way
        let worth = slots == range || range.end - range.start >= WORTH_SLOTS * self.dtype.size();
        // a slot begins with a block: elements that are shifted against their bytes have no such slots
        if worth && index_at(slots.start).is_multiple_of(4) {
            let (first, last) = (index_at(slots.start), index_at(slots.end));
            self.words(range.start..slots.start, index);
            // the four slots of a thread are a quarter of the elements apart, in blocks of four
            let jump = (last - first) / 16;
            let params = Params { block: self.block(first / 4), jump: words(jump), ..Params::default() };
            self.slots(slots.clone(), Entry::Slots { coordinates: None, even: true }, params);
            self.words(slots.end..range.end, last);
        } else {
            self.words(range, index);
        }
    }

    /// A range of a shard.
    fn shard(&mut self, shard: &Shard, range: Range<u64>) {
        let elements = self.element(range.start)..self.element(range.end);
        let size = self.dtype.size();
        let slots = Self::whole_slots(&range);
        let in_words = |count: u64| (count * size).is_multiple_of(4);
        if shard.is_of_blocks() && slots.start < slots.end && self.element(slots.start).is_multiple_of(4) {
            self.scattered(Some(shard), range.start..slots.start);
            let blocks = self.element(slots.start) / 4..self.element(slots.end) / 4;
            let jump = self.jump(shard, &blocks);
            let units = Units { of_run: shard.run() / 4, elements: 4, counted: 4 };
            let (coordinates, _, params) = coordinates(self.selection, shard, blocks, units);
            let params = Params { jump: words(jump.unwrap_or(0)), ..params };
            self.slots(slots.clone(), Entry::Slots { coordinates: Some(coordinates), even: jump.is_some() }, params);
            self.scattered(Some(shard), slots.end..range.end);
        } else if shard.run() >= LONG_RUN && in_words(shard.run()) && in_words(elements.start) {
            // each run has its own index, and `in_words` makes sure that it begins with a whole word
            let mut at = range.start;
            for (index, count) in shard.runs(elements) {
                self.run(at..at + count * size, index);
                at += count * size;
            }
        } else if let Some(whole) = self.whole_runs(shard, &elements) {
            let byte_of = |element: u64| range.start + (element - elements.start) * size;
            self.scattered(Some(shard), range.start..byte_of(whole.start));
            self.runs(shard, byte_of(whole.start)..byte_of(whole.end));
            self.scattered(Some(shard), byte_of(whole.end)..range.end);
        } else {
            self.scattered(Some(shard), range);
        }
    }

    /// The whole runs of a range of a shard's elements, if they are worth a dispatch. They begin and end with a word.
    fn whole_runs(&self, shard: &Shard, elements: &Range<u64>) -> Option<Range<u64>> {
        let (run, size) = (shard.run(), self.dtype.size());
        let begins_word = |element: u64| ((element - elements.start) * size).is_multiple_of(4);
        let mut first = elements.start.next_multiple_of(run);
        if first < elements.end && !begins_word(first) {
            first += run;
        }
        let mut last = elements.end / run * run;
        if last > first && !begins_word(last) {
            last -= run;
        }
        (run >= LEAST_RUN && first < last && begins_word(first) && begins_word(last)).then_some(first..last)
    }

    /// Whole runs of a shard, wherever they begin.
    fn runs(&mut self, shard: &Shard, range: Range<u64>) {
        let (run, size) = (shard.run(), self.dtype.size());
        let runs = self.element(range.start) / run..self.element(range.end) / run;
        // as in the shader: the blocks of a word of halves overlap
        let elements = if size == 4 { 16 } else { 12 };
        // up to three elements of a run's first block are before the run
        let threads = (run + 3).div_ceil(elements);
        let units = Units { of_run: threads, elements, counted: 1 };
        let numbers = runs.start * threads..runs.end * threads;
        let count = numbers.end - numbers.start;
        let (coordinates, _, params) = coordinates(self.selection, shard, numbers, units);
        let first = self.first_word(&range);
        let params = Params { count: small(count), first, run: small(run), threads: small(threads), ..params };
        self.dispatch(Entry::Runs { coordinates }, count, params);
        if !(run * size).is_multiple_of(4) {
            self.boundaries(shard, range);
        }
    }

    /// The words that two runs share, after every second run of an odd length.
    fn boundaries(&mut self, shard: &Shard, range: Range<u64>) {
        let elements = self.element(range.start)..self.element(range.end);
        let count = (elements.end - elements.start) / shard.run() / 2;
        let (coordinates, _, params) = coordinates(self.selection, shard, elements, Units::elements(shard));
        let first = self.first_word(&range);
        let params = Params { count: small(count), first, run: small(shard.run()), ..params };
        self.dispatch(Entry::Boundaries { coordinates }, count, params);
    }

    /// A range of a shard or of a structured matrix, element by element.
    fn scattered(&mut self, shard: Option<&Shard>, range: Range<u64>) {
        let count = (range.end - range.start) / self.dtype.size();
        if count == 0 {
            return;
        }
        let first = self.element(range.start);
        // units of one element: `fill_scattered` locates each by itself
        let (coordinates, indices, params) = match shard {
            Some(shard) => {
                let (coordinates, indices, params) =
                    coordinates(self.selection, shard, first..first + count, Units::elements(shard));
                (Some(coordinates), indices, params)
            }
            None => {
                let params = Params { block: self.block(first / 4), lead: small(first % 4), ..Params::default() };
                (None, first..first + count, params)
            }
        };
        let params = Params { count: small(count), first: self.first_word(&range), ..params };
        let (entry, matrix) = match self.matrix {
            Some(matrix) => matrix.entry(coordinates, &indices),
            None => (Entry::Scattered { coordinates, structure: Structure::default() }, MatrixParams::default()),
        };
        self.dispatch(entry, count.div_ceil(4), Params { matrix, ..params });
    }

    /// The distance in the tensor, in blocks, between the four quarters of a shard's blocks. There is one where every
    /// thread has the same and the blocks of a slot are contiguous: where the quarters are whole runs of an even number
    /// of blocks.
    fn jump(&self, shard: &Shard, blocks: &Range<u64>) -> Option<u64> {
        let (row, quarter) = (shard.run() / 4, (blocks.end - blocks.start) / 4);
        let together = self.dtype.size() == 4 || (row.is_multiple_of(2) && blocks.start.is_multiple_of(2));
        // more dimensions may have equal distances, too, but are not tried
        let [dim] = shard.dims() else { return None };
        (together && quarter.is_multiple_of(row)).then(|| quarter / row * (dim.stride / 4))
    }

    /// A range of whole threads of `fill_slots`.
    fn slots(&mut self, range: Range<u64>, entry: Entry, params: Params) {
        let count = (range.end - range.start) / THREAD;
        let params = Params { count: small(count), first: small((range.start - self.binding.start) / SLOT), ..params };
        self.dispatch(entry, count, params);
    }

    /// A run whose first element has this index, word by word.
    fn words(&mut self, range: Range<u64>, index: u64) {
        let count = (range.end - range.start) / self.dtype.size();
        if count == 0 {
            return;
        }
        // a word then begins with an odd element, and its second half may come from the next block
        let straddle = self.dtype.size() == 2 && index % 2 == 1;
        let even = index - u64::from(straddle);
        let params = Params {
            block: self.block(even / 4),
            count: small(count),
            first: self.first_word(&range),
            lead: small(even % 4),
            ..Params::default()
        };
        // a thread writes the elements of one block, so the lead counts, too
        self.dispatch(Entry::Words { straddle }, (even % 4 + count).div_ceil(4), params);
    }

    /// The counter of a block.
    fn block(&self, block: u64) -> [u32; 2] {
        words(self.selection.key.offset.wrapping_add(block))
    }

    /// Adds a dispatch with this many threads.
    fn dispatch(&mut self, entry: Entry, threads: u64, params: Params) {
        // one dimension of workgroups is too short for a large window
        let workgroups = small(threads.div_ceil(WORKGROUP_SIZE.into()));
        // as few rows as the limit allows, of nearly equal length: fewer idle threads in the last one
        let rows = workgroups.div_ceil(self.bounds.workgroups);
        let columns = workgroups.div_ceil(rows);
        self.dispatches.push(Dispatch {
            entry,
            binding: self.binding.clone(),
            params: Params {
                key: words(self.selection.key.seed),
                width: columns * WORKGROUP_SIZE,
                coefficients: self.coefficients,
                ..params
            },
            grid: [columns, rows],
        });
    }
}
