//! Ranges of the caller's buffers.

use crate::{Dtype, Error, Result};

/// A range of the caller's buffer for a fill's elements: from byte `offset` on, as elements of `dtype`.
///
/// Elements are consecutive, in the order of the fill. Of two half-precision elements in a 4-byte word, the first is
/// the low half. The buffer must reach to the end of the last word. It may be larger than the limit
/// `max_storage_buffer_binding_size`: the fill binds parts of it.
///
/// A buffer of another library's pool will do if it is of the same device: give its offset, and flush that library's
/// pending work before you submit.
///
/// ```no_run
/// # fn example(buffer: &seedtensors::wgpu::Buffer) {
/// use seedtensors::Dtype;
/// use seedtensors::gpu::Target;
///
/// let target = Target::new(buffer, Dtype::BF16).at(256);
/// assert_eq!((target.offset, target.dtype), (256, Dtype::BF16));
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Target<'a> {
    /// A buffer of the same device with usage `STORAGE`. An orthogonal [`Matrix`](crate::Matrix) that is too large for
    /// the device's bindings is computed on the CPU and copied, and needs `COPY_DST`, too.
    pub buffer: &'a wgpu::Buffer,
    /// The byte of the first element; a multiple of 4. An odd number of half-precision elements leaves the other half
    /// of the last word as it is.
    pub offset: u64,
    /// The elements' type.
    pub dtype: Dtype,
}

impl<'a> Target<'a> {
    /// The beginning of a buffer.
    #[must_use]
    pub const fn new(buffer: &'a wgpu::Buffer, dtype: Dtype) -> Self {
        Self { buffer, offset: 0, dtype }
    }

    /// The same buffer from this byte on.
    #[must_use]
    pub const fn at(self, offset: u64) -> Self {
        Self { offset, ..self }
    }

    /// Refuses a range of `count` elements that does not lie in the buffer, and a buffer without a usage.
    pub(super) fn check(&self, count: u64, usage: wgpu::BufferUsages) -> Result<()> {
        check_range(self.buffer, self.offset, count, self.dtype.size(), usage).map(drop)
    }
}

/// The end of a range of `count` elements of `size` bytes, rounded up to whole words. Refuses a range that does not lie
/// in the buffer, and a buffer without a usage.
pub(super) fn check_range(
    buffer: &wgpu::Buffer,
    offset: u64,
    count: u64,
    size: u64,
    usage: wgpu::BufferUsages,
) -> Result<u64> {
    // shaders write whole words, and wgpu copies them
    if !offset.is_multiple_of(4) {
        return Err(Error::MisalignedRange { offset });
    }
    // rounded up, because half of a last word is read and written as a whole one
    let end = count.checked_mul(size).and_then(|bytes| offset.checked_add(bytes)?.checked_next_multiple_of(4));
    let end = end.ok_or_else(|| Error::ShapeOverflow {
        what: format!("the end of {count} elements of {size} bytes from byte {offset}"),
    })?;
    if end > buffer.size() {
        return Err(Error::BufferTooSmall { end, size: buffer.size() });
    }
    if !buffer.usage().contains(usage) {
        let missing = format!("{:?}", usage - buffer.usage());
        return Err(Error::MissingUsage { missing, found: format!("{:?}", buffer.usage()) });
    }
    Ok(end)
}
