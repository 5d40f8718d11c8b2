//! The numbers of a fill's kernel, for kernels outside this library, such as the CUDA kernels of the Python package. Not
//! part of the public API.

use crate::kernel::Kernel;
use crate::{Dtype, Fill, Key, Result};

/// Everything that a kernel needs to fill a selection of elements.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelNumbers {
    /// The kernel, by its number in shaders/sampler.wgsl (`SAMPLER`).
    pub kind: u32,
    /// The key of the tensor.
    pub key: Key,
    /// Index of the first element, in the tensor or its shard.
    pub start: u64,
    /// The number of elements.
    pub count: u64,
    /// Index in the tensor of the shard's first element; 0 without a shard.
    pub first: u64,
    /// Length of a contiguous run of the shard; 0 without a shard.
    pub run: u64,
    /// Extent and stride of each dimension over the runs, innermost first.
    pub dims: Vec<[u64; 2]>,
    /// The bytes of `Coefficients` in src/coefficients.rs.
    pub coefficients: Vec<u8>,
}

impl KernelNumbers {
    /// Checks a fill for a dtype. A matrix has no kernel and gives none.
    ///
    /// # Errors
    ///
    /// [`Error::BadParameter`](crate::Error::BadParameter).
    pub fn new(fill: &Fill, dtype: Dtype) -> Result<Option<Self>> {
        let Kernel::Elementwise(kind, coefficients) = Kernel::of(fill, dtype, fill.arithmetic())? else {
            return Ok(None);
        };
        let selection = fill.selection();
        let (first, run, dims) = selection.shard.map_or((0, 0, Vec::new()), |shard| {
            (shard.index(0), shard.run(), shard.dims().iter().map(|dim| [dim.extent, dim.stride]).collect())
        });
        Ok(Some(Self {
            kind: kind as u32,
            key: selection.key,
            start: selection.start,
            count: selection.count,
            first,
            run,
            dims,
            coefficients: bytemuck::bytes_of(&coefficients).to_vec(),
        }))
    }
}
