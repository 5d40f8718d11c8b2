//! How a range of a buffer is cut into dispatches: windows no larger than a binding may be, in each the
//! 16-byte slots by fours, and the words before and after them.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use super::pipeline::Entry;
use crate::key::words;
use crate::sampler::Coefficients;
use crate::{Dtype, Fill};

/// Threads of a workgroup, as in shaders/fill.wgsl.
pub(crate) const WORKGROUP_SIZE: u32 = 256;
/// Bytes of a slot: an element of the shader's `array<vec4<u32>>`.
const SLOT: u64 = 16;
/// Bytes that a thread of `fill_slots` writes.
const THREAD: u64 = 4 * SLOT;
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
    pub(crate) padding: [u32; 3],
    pub(crate) coefficients: Coefficients,
    pub(crate) end: [u32; 3],
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
        let piece = Piece { fill, dtype, coefficients, offset, bounds, binding: base..limit.next_multiple_of(4) };
        piece.split(at..limit, &mut dispatches);
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
}

impl Piece<'_> {
    /// The index in the tensor of the element at a byte of the buffer.
    fn element(&self, at: u64) -> u64 {
        self.fill.start + (at - self.offset) / self.dtype.size()
    }

    fn split(&self, range: Range<u64>, dispatches: &mut Vec<Dispatch>) {
        let begin = range.start.next_multiple_of(SLOT);
        let slots = begin..begin + range.end.saturating_sub(begin) / THREAD * THREAD;
        if slots.start < slots.end && self.element(slots.start).is_multiple_of(4) {
            self.words(range.start..slots.start, dispatches);
            self.slots(slots.clone(), dispatches);
            self.words(slots.end..range.end, dispatches);
        } else {
            self.words(range, dispatches);
        }
    }

    fn slots(&self, range: Range<u64>, dispatches: &mut Vec<Dispatch>) {
        let count = (range.end - range.start) / THREAD;
        let params = Params {
            block: self.block(self.element(range.start)),
            count: small(count),
            first: small((range.start - self.binding.start) / SLOT),
            ..self.params()
        };
        dispatches.push(self.dispatch(Entry::Slots, count, params));
    }

    fn words(&self, range: Range<u64>, dispatches: &mut Vec<Dispatch>) {
        let count = (range.end - range.start) / self.dtype.size();
        if count == 0 {
            return;
        }
        let element = self.element(range.start);
        let straddle = self.dtype.size() == 2 && element % 2 == 1;
        let even = element - u64::from(straddle);
        let params = Params {
            block: self.block(even),
            count: small(count),
            first: small((range.start - self.binding.start) / 4),
            lead: small(even % 4),
            ..self.params()
        };
        dispatches.push(self.dispatch(Entry::Words { straddle }, (even % 4 + count).div_ceil(4), params));
    }

    /// The counter of an element's block.
    fn block(&self, element: u64) -> [u32; 2] {
        words(self.fill.key.offset.wrapping_add(element / 4))
    }

    fn params(&self) -> Params {
        Params { key: words(self.fill.key.seed), coefficients: self.coefficients, ..Params::default() }
    }

    fn dispatch(&self, entry: Entry, threads: u64, params: Params) -> Dispatch {
        let workgroups = small(threads.div_ceil(WORKGROUP_SIZE.into()));
        let rows = workgroups.div_ceil(self.bounds.workgroups);
        let columns = workgroups.div_ceil(rows);
        Dispatch {
            entry,
            binding: self.binding.clone(),
            params: Params { width: columns * WORKGROUP_SIZE, ..params },
            grid: [columns, rows],
        }
    }
}

/// A count within a window, which is below 2^31 bytes.
#[expect(clippy::cast_possible_truncation, reason = "windows are below 2^31 bytes")]
const fn small(count: u64) -> u32 {
    count as u32
}
