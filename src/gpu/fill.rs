//! Recording a fill, and tensors of our own.

use super::Gpu;
use super::pipeline::Variant;
use super::plan::{Bounds, Dispatch, Params, plan};
use crate::{Dtype, Error, Fill, Result};

/// A range of the caller's buffer: `count` elements of `dtype` from byte `offset` on.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// A buffer with usage `STORAGE`.
    pub buffer: &'a wgpu::Buffer,
    /// Where the range starts; a multiple of 4.
    pub offset: u64,
    /// How many elements it holds. An odd number of half-precision elements leaves the other half of the
    /// last word as it is.
    pub count: u64,
    /// The elements' type.
    pub dtype: Dtype,
}

impl Target<'_> {
    /// The bytes of whole words that the range lies in.
    fn check(&self, usage: wgpu::BufferUsages) -> Result<()> {
        check_range(self.buffer, self.offset, self.count, self.dtype.size(), usage).map(drop)
    }
}

/// The end of a range, rounded up to whole words, where it lies in the buffer and the buffer may be used so.
pub(super) fn check_range(
    buffer: &wgpu::Buffer,
    offset: u64,
    count: u64,
    size: u64,
    usage: wgpu::BufferUsages,
) -> Result<u64> {
    if !offset.is_multiple_of(4) {
        return Err(Error::MisalignedRange { offset });
    }
    let end = count.checked_mul(size).and_then(|bytes| offset.checked_add(bytes)?.checked_next_multiple_of(4));
    let end = end.ok_or_else(|| Error::ShapeOverflow {
        what: format!("the end of {count} elements of {size} bytes from byte {offset}"),
    })?;
    if end > buffer.size() {
        return Err(Error::BufferTooSmall { end, size: buffer.size() });
    }
    if !buffer.usage().contains(usage) {
        return Err(Error::MissingUsage { missing: usage - buffer.usage(), found: buffer.usage() });
    }
    Ok(end)
}

impl Gpu {
    /// Records a fill into the caller's encoder. Nothing outside the target's range is written, and nothing
    /// happens before the encoder's commands are submitted.
    ///
    /// # Errors
    ///
    /// [`Error::MisalignedRange`], [`Error::BufferTooSmall`], [`Error::MissingUsage`] and
    /// [`Error::ShapeOverflow`] for the range, [`Error::BadParameter`] and [`Error::WordsNeedF32`] for the sampler,
    /// [`Error::InexactDevice`] where the device failed the check of this sampler, and
    /// [`Error::DeviceLost`], [`Error::OutOfMemory`] or [`Error::Wgpu`]. On an error nothing was recorded.
    ///
    /// ```no_run
    /// use seedtensors::gpu::{Gpu, Select, Target};
    /// use seedtensors::{Dtype, Fill, Key, Sampler};
    ///
    /// let gpu = Gpu::open(&Select::Default)?;
    /// let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
    ///     label: None,
    ///     size: 4096,
    ///     usage: wgpu::BufferUsages::STORAGE,
    ///     mapped_at_creation: false,
    /// });
    /// let mut encoder = gpu.device().create_command_encoder(&Default::default());
    /// let fill = Fill::new(Key::new(42), Sampler::Normal { mean: 0.0, std: 0.02 });
    /// let target = Target { buffer: &buffer, offset: 256, count: 101, dtype: Dtype::BF16 };
    /// gpu.fill(&mut encoder, &fill, &target)?;
    /// gpu.queue().submit([encoder.finish()]);
    /// # Ok::<(), seedtensors::Error>(())
    /// ```
    pub fn fill(&self, encoder: &mut wgpu::CommandEncoder, fill: &Fill, target: &Target<'_>) -> Result<()> {
        self.check_lost()?;
        target.check(wgpu::BufferUsages::STORAGE)?;
        fill.check_range(target.count)?;
        let kind = fill.sampler.kind(fill.arithmetic);
        let coefficients = fill.sampler.coefficients(target.dtype, fill.arithmetic)?;
        self.check_exact(kind)?;
        if target.count == 0 {
            return Ok(());
        }
        let bounds = Bounds::from(&self.device.limits());
        let dispatches = plan(fill, target.dtype, coefficients, target.offset, target.count, bounds);
        let pipelines = dispatches
            .iter()
            .map(|dispatch| self.pipeline(Variant { entry: dispatch.entry, kind, dtype: target.dtype }))
            .collect::<Result<Vec<_>>>()?;
        let groups = self.bind(&dispatches, target.buffer)?;
        self.scoped(0, || {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for ((dispatch, pipeline), group) in dispatches.iter().zip(&pipelines).zip(&groups) {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, group, &[]);
                pass.dispatch_workgroups(dispatch.grid[0], dispatch.grid[1], 1);
            }
        })
    }

    /// Every dispatch's parameters in one buffer, and its bind group.
    fn bind(&self, dispatches: &[Dispatch], buffer: &wgpu::Buffer) -> Result<Vec<wgpu::BindGroup>> {
        let alignment = self.device.limits().min_uniform_buffer_offset_alignment as usize;
        let stride = size_of::<Params>().next_multiple_of(alignment);
        let mut contents = vec![0; stride * dispatches.len()];
        for (slot, dispatch) in contents.chunks_exact_mut(stride).zip(dispatches) {
            slot[..size_of::<Params>()].copy_from_slice(bytemuck::bytes_of(&dispatch.params));
        }
        let params = self.uniforms(&contents)?;
        let group = |(i, dispatch): (usize, &Dispatch)| {
            self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("seedtensors"),
                layout: self.pipelines.bindings(),
                entries: &[
                    entry(0, &params, (i * stride) as u64, size_of::<Params>() as u64),
                    entry(1, buffer, dispatch.binding.start, dispatch.binding.end - dispatch.binding.start),
                ],
            })
        };
        self.scoped(0, || dispatches.iter().enumerate().map(group).collect())
    }

    /// A buffer of parameters that holds them from its creation on, so that nothing need be submitted.
    fn uniforms(&self, contents: &[u8]) -> Result<wgpu::Buffer> {
        let bytes = contents.len() as u64;
        let params = self.scoped(bytes, || {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("seedtensors parameters"),
                size: bytes,
                usage: wgpu::BufferUsages::UNIFORM,
                mapped_at_creation: true,
            })
        })?;
        match params.get_mapped_range_mut(..) {
            Ok(mut view) => view.copy_from_slice(contents),
            Err(_) => return Err(self.lost_error()),
        }
        params.unmap();
        Ok(params)
    }

    /// Allocates a buffer for `count` elements, fills it and submits.
    ///
    /// Its size is that of the elements rounded up to 4 bytes, and at least 4; its usages are `STORAGE`,
    /// `COPY_SRC` and `COPY_DST`.
    ///
    /// # Errors
    ///
    /// [`Error::BufferTooLarge`], [`Error::OutOfMemory`], and those of [`fill`](Self::fill).
    pub fn tensor(&self, fill: &Fill, dtype: Dtype, count: u64) -> Result<wgpu::Buffer> {
        let bytes = count.checked_mul(dtype.size()).and_then(|bytes| bytes.max(4).checked_next_multiple_of(4));
        let bytes =
            bytes.ok_or_else(|| Error::ShapeOverflow { what: format!("the size of {count} elements of {dtype}") })?;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let buffer = self.buffer(bytes, usage)?;
        let mut encoder = self.encoder()?;
        self.fill(&mut encoder, fill, &Target { buffer: &buffer, offset: 0, count, dtype })?;
        self.scoped(bytes, || self.queue.submit([encoder.finish()]))?;
        Ok(buffer)
    }

    /// An encoder, or why there is none.
    pub(super) fn encoder(&self) -> Result<wgpu::CommandEncoder> {
        self.scoped(0, || self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default()))
    }

    /// A buffer, or why there is none.
    pub(super) fn buffer(&self, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        let limit = self.device.limits().max_buffer_size;
        if bytes > limit {
            return Err(Error::BufferTooLarge { bytes, limit });
        }
        self.scoped(bytes, || {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("seedtensors"),
                size: bytes,
                usage,
                mapped_at_creation: false,
            })
        })
    }
}

fn entry(binding: u32, buffer: &wgpu::Buffer, offset: u64, size: u64) -> wgpu::BindGroupEntry<'_> {
    wgpu::BindGroupEntry {
        binding,
        resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer,
            offset,
            size: wgpu::BufferSize::new(size),
        }),
    }
}
