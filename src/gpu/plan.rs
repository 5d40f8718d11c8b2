//! The dispatches of a fill. A range of a buffer is cut into windows no larger than a binding may be. In each window
//! the 16-byte slots are filled by one dispatch, and the words before and after them by two more. A shard is filled by
//! slots where its runs are whole blocks. Else its runs get a dispatch each where they are long, share one where they
//! are shorter, and are filled element by element where they are shorter than two blocks.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use super::matrix::{MatrixParams, MatrixPlan};
use super::pipeline::{Coordinates, Entry};
use super::structure::Structure;
use crate::bits::words;
use crate::coefficients::Coefficients;
use crate::fill::Selection;
use crate::{Dtype, Shard};

/// Threads of a workgroup, as in shaders/fill.wgsl.
pub(crate) const WORKGROUP_SIZE: u32 = 256;
/// Bytes of a slot: an element of the shader's `array<Slot>`.
const SLOT: u64 = 16;
/// Bytes that a thread of `fill_slots` writes.
const THREAD: u64 = 4 * SLOT;
/// The largest number of a shard's coordinates that a shader divides by: all of 8 dimensions but the outermost.
pub(crate) const MOST_COORDINATES: usize = 7;
/// A fill of at least this many elements gets a dispatch for its slots and others for its ends. Fewer are filled word
/// by word: three dispatches cost more than they save.
const WORTH_SLOTS: u64 = 1 << 14;
/// A run of a shard with at least this many elements gets dispatches of its own.
const LONG_RUN: u64 = 1 << 14;
/// A run of a shard with at least this many elements is filled by blocks, a shorter one by elements.
const LEAST_RUN: u64 = 8;
/// The largest number of elements that the coordinates of one dispatch count. An index is then below 2^31.
const MOST_COUNTED: u64 = 1 << 30;
/// Larger bindings compute wrongly on Metal, and cannot be made on Vulkan and DX12.
const LARGEST_WINDOW: u64 = (1 << 31) - 1;

// tests/shaders.rs compares the offsets of both structs
/// The `Params` of shaders/fill.wgsl.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Params {
    /// Philox's key.
    pub(crate) key: [u32; 2],
    /// The counter of the first thread's block.
    pub(crate) block: [u32; 2],
    /// Threads of `fill_slots`, else elements.
    pub(crate) count: u32,
    /// Threads of the grid in x.
    pub(crate) width: u32,
    /// The first slot, or the first word, of the binding that is written.
    pub(crate) first: u32,
    /// Elements of the first block before the first element.
    pub(crate) lead: u32,
    /// 0, which no compiler of the shaders knows.
    pub(crate) zero: u32,
    /// The first thread's unit of a shard.
    pub(crate) origin: u32,
    /// The value of the last coordinate from which `carry` is added.
    pub(crate) limit: u32,
    /// Elements of a shard's run.
    pub(crate) run: u32,
    /// The stride of the last coordinate, which is not divided by.
    pub(crate) last: [u32; 2],
    /// The index that is added from `limit` on.
    pub(crate) carry: [u32; 2],
    /// Blocks of the tensor from one of a thread's slots to the next.
    pub(crate) jump: [u32; 2],
    /// Threads of a run.
    pub(crate) threads: u32,
    /// Padding to the coefficients, which are aligned to 16 bytes.
    pub(crate) space: u32,
    pub(crate) coefficients: Coefficients,
    /// Padding to the dimensions: the coefficients take 96 bytes in the shader.
    pub(crate) gap: [u32; 2],
    /// The coordinates that are divided by, the innermost first.
    pub(crate) dims: [Dim; MOST_COORDINATES],
    /// The parameters of a structured matrix.
    pub(crate) matrix: MatrixParams,
}

/// The `Dim` of shaders/fill.wgsl.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Dim {
    /// Elements along it.
    pub(crate) extent: u32,
    /// `n / extent` is the high word of `n * magic`, shifted right by `shift`.
    pub(crate) magic: u32,
    /// See `magic`.
    pub(crate) shift: u32,
    /// Padding to `stride`, which is aligned to 8 bytes.
    pub(crate) padding: u32,
    pub(crate) stride: [u32; 2],
    /// Padding: the elements of a uniform array are multiples of 16 bytes apart.
    pub(crate) end: [u32; 2],
}

impl Dim {
    /// A coordinate with an extent between 2 and 2^30. The magic number divides indices below 2^31 by a product
    /// (Granlund and Montgomery, "Division by invariant integers using multiplication", 1994).
    fn new(extent: u64, stride: u64) -> Self {
        let bits = extent.next_power_of_two().trailing_zeros();
        // 2^(31 + bits) / extent, rounded up: the error stays below a unit for dividends below 2^31
        let magic = small((1 << (31 + bits)) / extent + u64::from(!extent.is_power_of_two()));
        Self { extent: small(extent), magic, shift: bits - 1, stride: words(stride), ..Self::default() }
    }
}

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

impl From<&wgpu::Limits> for Bounds {
    fn from(limits: &wgpu::Limits) -> Self {
        Self {
            binding: limits.max_storage_buffer_binding_size,
            alignment: u64::from(limits.min_storage_buffer_offset_alignment).max(SLOT),
            workgroups: limits.max_compute_workgroups_per_dimension,
        }
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
pub(super) fn plan_matrix(
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

/// The units of a shard that a dispatch numbers. Each is at a whole number of them from the beginning of its run.
#[derive(Clone, Copy)]
struct Units {
    /// Units of a run.
    of_run: u64,
    /// Elements from one unit of a run to the next.
    elements: u64,
    /// The elements that an index counts as one.
    counted: u64,
}

impl Units {
    /// Single elements, counted one by one.
    const fn elements(shard: &Shard) -> Self {
        Self { of_run: shard.run(), elements: 1, counted: 1 }
    }
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
            let (coordinates, _, params) = self.coordinates(shard, blocks, units);
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
        let elements = self.element(range.start)..self.element(range.end);
        let runs = elements.start / run..elements.end / run;
        // as in the shader: the blocks of a word of halves overlap
        let of_thread = if size == 4 { 16 } else { 12 };
        // up to three elements of a run's first block are before the run
        let threads = (run + 3).div_ceil(of_thread);
        let units = Units { of_run: threads, elements: of_thread, counted: 1 };
        let (coordinates, _, params) = self.coordinates(shard, runs.start * threads..runs.end * threads, units);
        let count = (runs.end - runs.start) * threads;
        let first = small((range.start - self.binding.start) / 4);
        let (count_of, run_of) = (small(count), small(run));
        let params = Params { count: count_of, first, run: run_of, threads: small(threads), ..params };
        self.dispatch(Entry::Runs { coordinates }, count, params);
        if !(run * size).is_multiple_of(4) {
            let (coordinates, _, params) = self.coordinates(shard, elements, Units::elements(shard));
            let pairs = (runs.end - runs.start) / 2;
            let params = Params { count: small(pairs), first, run: run_of, ..params };
            self.dispatch(Entry::Boundaries { coordinates }, pairs, params);
        }
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
                    self.coordinates(shard, first..first + count, Units::elements(shard));
                (Some(coordinates), indices, params)
            }
            None => {
                let params = Params { block: self.block(first / 4), lead: small(first % 4), ..Params::default() };
                (None, first..first + count, params)
            }
        };
        let params = Params { count: small(count), first: small((range.start - self.binding.start) / 4), ..params };
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

    /// The parameters that turn a shard's units into indices of the tensor, and the range of the tensor that these are
    /// in, from the index that the shader counts from. A unit's number is divided into coordinates, the innermost first:
    /// as many as count at most `MOST_COUNTED` units. The next coordinate may overflow once within a window.
    fn coordinates(&self, shard: &Shard, numbers: Range<u64>, units: Units) -> (Coordinates, Range<u64>, Params) {
        let Units { of_run, elements, counted } = units;
        let first = numbers.start;
        let index_of = |number: u64| shard.index(number / of_run * shard.run()) + number % of_run * elements;
        let total = shard.elements() / shard.run() * of_run;
        // the run itself is the innermost coordinate where it has more than one unit
        let run = (of_run > 1).then_some((of_run, elements / counted));
        let dims = shard.dims().iter().map(|dim| (dim.extent, dim.stride / counted));
        let dims: Vec<(u64, u64)> = run.into_iter().chain(dims).collect();
        let mut count = 0;
        // units that the coordinates so far count
        let mut below = 1;
        while count + 1 < dims.len() && below * dims[count].0 <= MOST_COUNTED {
            below *= dims[count].0;
            count += 1;
        }
        // numbers start at a multiple of `below`, so that they stay below 2^31 wherever the window is
        let origin = first % below;
        let index = index_of(first - origin);
        let mut params = Params {
            block: self.block(index / 4),
            lead: small(index % 4),
            origin: small(origin),
            limit: u32::MAX,
            ..Params::default()
        };
        for (dim, &(extent, stride)) in params.dims.iter_mut().zip(&dims).take(count) {
            *dim = Dim::new(extent, stride);
        }
        if let Some(&(extent, stride)) = dims.get(count) {
            params.last = words(stride);
            // coordinates until the next one reaches its extent and starts again, an outer one then being one more
            let left = extent - first / below % extent;
            let next = first - origin + left * below;
            if count + 1 < dims.len() && left < u64::from(u32::MAX) && next < total {
                params.limit = small(left);
                // the jump of the index there, beyond what the stride adds
                params.carry = words((index_of(next) - index) / counted - left * stride);
            }
        }
        let last = index_of(numbers.end.min(total) - 1) + elements - 1;
        // threads behind the last element work out one unit more
        let wide = (last - index) / counted >= u64::from(u32::MAX) - 64;
        (Coordinates { count: small(count as u64), wide }, index..last + 1, params)
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
            first: small((range.start - self.binding.start) / 4),
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

/// A count within a window, which is below 2^31 bytes.
#[expect(clippy::cast_possible_truncation, reason = "windows are below 2^31 bytes")]
const fn small(count: u64) -> u32 {
    count as u32
}
