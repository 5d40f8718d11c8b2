//! The numbers by which shaders/shard.wgsl finds the elements of a shard in the tensor.

use std::ops::Range;

use super::entry::Coordinates;
use super::params::{Dim, Params, small};
use crate::Shard;
use crate::bits::words;
use crate::fill::Selection;

/// The largest number of elements that the coordinates of one dispatch count. An index is then below 2^31.
const MOST_COUNTED: u64 = 1 << 30;

/// The units of a shard that a dispatch numbers. Each is at a whole number of them from the beginning of its run.
#[derive(Clone, Copy)]
pub(super) struct Units {
    /// Units of a run.
    pub(super) of_run: u64,
    /// Elements from one unit of a run to the next.
    pub(super) elements: u64,
    /// The elements that an index counts as one.
    pub(super) counted: u64,
}

impl Units {
    /// Single elements, counted one by one.
    pub(super) const fn elements(shard: &Shard) -> Self {
        Self { of_run: shard.run(), elements: 1, counted: 1 }
    }
}

/// The parameters that turn a shard's units into indices of the tensor, and the range of the tensor that these are
/// in, from the index that the shader counts from. A unit's number is divided into coordinates, the innermost first:
/// as many as count at most `MOST_COUNTED` units. The next coordinate may overflow once within a window.
pub(super) fn coordinates(
    selection: &Selection,
    shard: &Shard,
    numbers: Range<u64>,
    units: Units,
) -> (Coordinates, Range<u64>, Params) {
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
        block: words(selection.key.offset.wrapping_add(index / 4)),
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
