//! How a range of a buffer is cut into dispatches: windows no larger than a binding may be, in each the
//! 16-byte slots by fours, and the words before and after them; of a shard the slots where its rows are whole
//! blocks, else its rows one by one where they are long, else its elements.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use super::pipeline::{Digits, Entry};
use crate::key::words;
use crate::sampler::Coefficients;
use crate::{Dtype, Fill, Shard};

/// Threads of a workgroup, as in shaders/fill.wgsl.
pub(crate) const WORKGROUP_SIZE: u32 = 256;
/// Bytes of a slot: an element of the shader's `array<vec4<u32>>`.
const SLOT: u64 = 16;
/// Bytes that a thread of `fill_slots` writes.
const THREAD: u64 = 4 * SLOT;
/// Digits of a shard's place that a shader divides by at most.
pub(super) const MOST_DIGITS: usize = 7;
/// Elements from which on a fill is worth a dispatch for its slots and others for its ends.
const WORTH_SLOTS: u64 = 1 << 14;
/// Elements from which on a row of a shard is worth dispatches of its own.
const LONG_ROW: u64 = 1 << 14;
/// Places of a shard that the digits of one dispatch count at most, so that a place is below 2^31.
const MOST_PLACES: u64 = 1 << 30;
/// On Metal larger bindings miscompute, on Vulkan and DX12 they may not be made.
const LARGEST_WINDOW: u64 = (1 << 31) - 1;

/// The `Params` of shaders/fill.wgsl.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Params {
    pub(crate) key: [u32; 2],
    pub(crate) block: [u32; 2],
    pub(crate) count: u32,
    pub(crate) width: u32,
    pub(crate) first: u32,
    pub(crate) lead: u32,
    pub(crate) zero: u32,
    pub(crate) origin: u32,
    pub(crate) limit: u32,
    pub(crate) padding: u32,
    pub(crate) last: [u32; 2],
    pub(crate) carry: [u32; 2],
    pub(crate) jump: [u32; 2],
    pub(crate) space: [u32; 2],
    pub(crate) coefficients: Coefficients,
    pub(crate) gap: [u32; 2],
    pub(crate) sides: [Side; MOST_DIGITS],
}

/// The `Side` of shaders/fill.wgsl.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Side {
    pub(crate) extent: u32,
    pub(crate) magic: u32,
    pub(crate) shift: u32,
    pub(crate) padding: u32,
    pub(crate) stride: [u32; 2],
    pub(crate) end: [u32; 2],
}

impl Side {
    /// A digit of radix `extent` between 2 and 2^30, dividing places below 2^31 by a product (Granlund and
    /// Montgomery, "Division by invariant integers using multiplication", 1994).
    fn new(extent: u64, stride: u64) -> Self {
        let bits = extent.next_power_of_two().trailing_zeros();
        let magic = small((1 << (31 + bits)) / extent + u64::from(!extent.is_power_of_two()));
        Self { extent: small(extent), magic, shift: bits - 1, stride: words(stride), ..Self::default() }
    }
}

/// What of a device's limits a plan depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) binding: u64,
    pub(super) alignment: u64,
    pub(super) workgroups: u32,
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
pub(super) struct Dispatch {
    pub(super) entry: Entry,
    /// The bytes of the buffer to bind.
    pub(super) binding: Range<u64>,
    pub(super) params: Params,
    pub(super) grid: [u32; 2],
}

/// The dispatches that fill `count` elements from byte `offset` on.
pub(super) fn plan(
    fill: &Fill,
    dtype: Dtype,
    coefficients: Coefficients,
    offset: u64,
    count: u64,
    bounds: Bounds,
) -> Vec<Dispatch> {
    let window = bounds.binding.min(LARGEST_WINDOW) / bounds.alignment * bounds.alignment;
    let end = offset + count * dtype.size();
    let mut dispatches = Vec::new();
    let mut at = offset;
    while at < end {
        let base = at / bounds.alignment * bounds.alignment;
        let limit = end.min(base + window);
        let binding = base..limit.next_multiple_of(4);
        let mut piece = Piece { fill, dtype, coefficients, offset, bounds, binding, dispatches: &mut dispatches };
        match fill.shard {
            None => piece.range(at..limit),
            Some(shard) => piece.shard(&shard, at..limit),
        }
        at = limit;
    }
    dispatches
}

/// One window of a plan.
struct Piece<'a> {
    fill: &'a Fill,
    dtype: Dtype,
    coefficients: Coefficients,
    offset: u64,
    bounds: Bounds,
    binding: Range<u64>,
    dispatches: &'a mut Vec<Dispatch>,
}

impl Piece<'_> {
    /// The index in the tensor, or its shard, of the element at a byte of the buffer.
    fn element(&self, at: u64) -> u64 {
        self.fill.start + (at - self.offset) / self.dtype.size()
    }

    /// The whole threads' worth of slots in a range.
    fn whole_slots(range: &Range<u64>) -> Range<u64> {
        let begin = range.start.next_multiple_of(SLOT);
        begin..begin + range.end.saturating_sub(begin) / THREAD * THREAD
    }

    /// A range of the tensor.
    fn range(&mut self, range: Range<u64>) {
        self.run(range.clone(), self.element(range.start));
    }

    /// A run of elements in a row of the tensor, the first of this index.
    fn run(&mut self, range: Range<u64>, index: u64) {
        let index_at = |at: u64| index + (at - range.start) / self.dtype.size();
        let slots = Self::whole_slots(&range);
        let worth = slots == range || range.end - range.start >= WORTH_SLOTS * self.dtype.size();
        if worth && index_at(slots.start).is_multiple_of(4) {
            let (first, last) = (index_at(slots.start), index_at(slots.end));
            self.words(range.start..slots.start, index);
            let jump = (last - first) / 16;
            let params = Params { block: self.block(first / 4), jump: words(jump), ..Params::default() };
            self.slots(slots.clone(), Entry::Slots { digits: None, even: true }, params);
            self.words(slots.end..range.end, last);
        } else {
            self.words(range, index);
        }
    }

    fn shard(&mut self, shard: &Shard, range: Range<u64>) {
        let elements = self.element(range.start)..self.element(range.end);
        let size = self.dtype.size();
        let slots = Self::whole_slots(&range);
        let in_words = |count: u64| (count * size).is_multiple_of(4);
        if shard.is_of_blocks() && slots.start < slots.end && self.element(slots.start).is_multiple_of(4) {
            self.scattered(shard, range.start..slots.start);
            let places = self.element(slots.start) / 4..self.element(slots.end) / 4;
            let jump = self.jump(shard, &places);
            let (digits, params) = self.places(shard, places, 4);
            let params = Params { jump: words(jump.unwrap_or(0)), ..params };
            self.slots(slots.clone(), Entry::Slots { digits: Some(digits), even: jump.is_some() }, params);
            self.scattered(shard, slots.end..range.end);
        } else if shard.run() >= LONG_ROW && in_words(shard.run()) && in_words(elements.start) {
            let mut at = range.start;
            for (index, count) in shard.runs(elements) {
                self.run(at..at + count * size, index);
                at += count * size;
            }
        } else {
            self.scattered(shard, range);
        }
    }

    /// A range of a shard, element by element.
    fn scattered(&mut self, shard: &Shard, range: Range<u64>) {
        let count = (range.end - range.start) / self.dtype.size();
        if count == 0 {
            return;
        }
        let first = self.element(range.start);
        let (digits, params) = self.places(shard, first..first + count, 1);
        let params = Params { count: small(count), first: small((range.start - self.binding.start) / 4), ..params };
        self.dispatch(Entry::Scattered { digits }, count.div_ceil(4), params);
    }

    /// How many blocks apart the four quarters of a shard's places lie in the tensor, where that is the same for
    /// each of them and the blocks of a slot lie together: where they are whole rows of an even number of blocks.
    fn jump(&self, shard: &Shard, places: &Range<u64>) -> Option<u64> {
        let (row, quarter) = (shard.run() / 4, (places.end - places.start) / 4);
        let together = self.dtype.size() == 4 || (row.is_multiple_of(2) && places.start.is_multiple_of(2));
        let [side] = shard.sides() else { return None };
        (together && quarter.is_multiple_of(row)).then(|| quarter / row * (side.stride / 4))
    }

    /// The parameters that say where in the tensor a shard's places lie from this one on, each of `unit`
    /// elements: the place's digits, the innermost first, of which the shader divides by as many as keep below
    /// `MOST_PLACES`. The next may overflow once within a window.
    fn places(&self, shard: &Shard, places: Range<u64>, unit: u64) -> (Digits, Params) {
        let place = places.start;
        let row = (shard.run() / unit > 1).then_some((shard.run() / unit, 1));
        let sides = shard.sides().iter().map(|side| (side.extent, side.stride / unit));
        let sides: Vec<(u64, u64)> = row.into_iter().chain(sides).collect();
        let mut digits = 0;
        let mut below = 1;
        while digits + 1 < sides.len() && below * sides[digits].0 <= MOST_PLACES {
            below *= sides[digits].0;
            digits += 1;
        }
        let origin = place % below;
        let index = shard.index((place - origin) * unit);
        let mut params = Params {
            block: self.block(index / 4),
            lead: small(index % 4),
            origin: small(origin),
            limit: u32::MAX,
            ..Params::default()
        };
        for (side, &(extent, stride)) in params.sides.iter_mut().zip(&sides).take(digits) {
            *side = Side::new(extent, stride);
        }
        if let Some(&(extent, stride)) = sides.get(digits) {
            params.last = words(stride);
            let left = extent - place / below % extent;
            let next = place - origin + left * below;
            if digits + 1 < sides.len() && left < u64::from(u32::MAX) && next * unit < shard.elements() {
                params.limit = small(left);
                params.carry = words((shard.index(next * unit) - index) / unit - left * stride);
            }
        }
        // the threads behind the last element look one further place up
        let wide =
            (shard.index((places.end * unit).min(shard.elements()) - 1) - index) / unit >= u64::from(u32::MAX) - 8;
        (Digits { count: small(digits as u64), wide }, params)
    }

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
        let straddle = self.dtype.size() == 2 && index % 2 == 1;
        let even = index - u64::from(straddle);
        let params = Params {
            block: self.block(even / 4),
            count: small(count),
            first: small((range.start - self.binding.start) / 4),
            lead: small(even % 4),
            ..Params::default()
        };
        self.dispatch(Entry::Words { straddle }, (even % 4 + count).div_ceil(4), params);
    }

    /// The counter of a block.
    fn block(&self, block: u64) -> [u32; 2] {
        words(self.fill.key.offset.wrapping_add(block))
    }

    fn dispatch(&mut self, entry: Entry, threads: u64, params: Params) {
        let workgroups = small(threads.div_ceil(WORKGROUP_SIZE.into()));
        let rows = workgroups.div_ceil(self.bounds.workgroups);
        let columns = workgroups.div_ceil(rows);
        self.dispatches.push(Dispatch {
            entry,
            binding: self.binding.clone(),
            params: Params {
                key: words(self.fill.key.seed),
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
