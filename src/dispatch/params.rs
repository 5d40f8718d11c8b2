//! The uniform `Params` of shaders/fill.wgsl.

use bytemuck::{Pod, Zeroable};

use super::matrix::MatrixParams;
use crate::bits::words;
use crate::coefficients::Coefficients;

/// The largest number of a shard's coordinates that a shader divides by: all of 8 dimensions but the outermost.
pub(crate) const MOST_COORDINATES: usize = 7;

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
    pub(crate) fn new(extent: u64, stride: u64) -> Self {
        let bits = extent.next_power_of_two().trailing_zeros();
        // 2^(31 + bits) / extent, rounded up: the error stays below a unit for dividends below 2^31
        let magic = small((1 << (31 + bits)) / extent + u64::from(!extent.is_power_of_two()));
        Self { extent: small(extent), magic, shift: bits - 1, stride: words(stride), ..Self::default() }
    }
}

/// A count within a window, which is below 2^31 bytes.
#[expect(clippy::cast_possible_truncation, reason = "windows are below 2^31 bytes")]
pub(crate) const fn small(count: u64) -> u32 {
    count as u32
}
