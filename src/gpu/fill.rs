//! Recording fills, and tensors of our own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use half::{bf16, f16};

use super::Gpu;
use super::guard::known;
use super::pipeline::Variant;
use super::plan::{Bounds, Dispatch, Params, plan};
use crate::sampler::Work;
use crate::{Dtype, Element, Error, Fill, Matrix, Result, Sampler};

/// A range of the caller's buffer: `count` elements of `dtype` from byte `offset` on.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// A buffer of the same device, with usage `STORAGE`.
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
    /// [`Error::InexactDevice`] where the device failed the check of this sampler, [`Error::OtherDevice`] for an encoder
    /// or a buffer of another instance, [`Error::Wgpu`] for a buffer that is destroyed or another device's, and
    /// [`Error::DeviceLost`] or [`Error::OutOfMemory`]. On an error nothing was recorded.
    ///
    /// wgpu itself reports an encoder of another device of the same instance when that encoder is finished, and a buffer
    /// that is mapped when the encoder is submitted. An encoder whose pass is still open is refused here or when it is
    /// finished.
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
        self.fill_all(encoder, &[(*fill, *target)])
    }

    /// Records many fills into the caller's encoder, as if one after the other: their dispatches stand in one
    /// compute pass (another begins behind a [`Matrix`], which is copied), with the pipelines, the
    /// bind groups of a buffer and one buffer of parameters shared between them. A whole model is then one
    /// submission.
    ///
    /// # Errors
    ///
    /// Those of [`fill`](Self::fill), for the first fill that has one. On an error nothing was recorded.
    ///
    /// ```no_run
    /// use seedtensors::gpu::{Gpu, Select, Target};
    /// use seedtensors::{Dtype, Fill, Init, Key, Shape};
    ///
    /// let gpu = Gpu::open(&Select::Default)?;
    /// let shape = Shape::new(&[256, 256])?;
    /// let bytes = 4 * shape.elements();
    /// let pool = gpu.device().create_buffer(&wgpu::BufferDescriptor {
    ///     label: None,
    ///     size: 100 * bytes,
    ///     usage: wgpu::BufferUsages::STORAGE,
    ///     mapped_at_creation: false,
    /// });
    /// let sampler = Init::xavier_uniform().sampler(&shape)?;
    /// let layers = (0..100).map(|layer| {
    ///     let fill = Fill::new(Key::new(42).named(&format!("layers.{layer}.weight")), sampler);
    ///     let offset = layer * bytes;
    ///     (fill, Target { buffer: &pool, offset, count: shape.elements(), dtype: Dtype::F32 })
    /// });
    /// let mut encoder = gpu.device().create_command_encoder(&Default::default());
    /// gpu.fill_all(&mut encoder, &layers.collect::<Vec<_>>())?;
    /// gpu.queue().submit([encoder.finish()]);
    /// # Ok::<(), seedtensors::Error>(())
    /// ```
    pub fn fill_all(&self, encoder: &mut wgpu::CommandEncoder, fills: &[(Fill, Target<'_>)]) -> Result<()> {
        self.check_lost()?;
        let bounds = Bounds::from(&self.device.limits());
        let mut steps = Vec::with_capacity(fills.len());
        for (fill, target) in fills {
            self.plan(fill, target, bounds, &mut steps)?;
        }
        if steps.is_empty() {
            return Ok(());
        }
        let (groups, stride) = self.bind(&steps)?;
        self.scoped(0, || record(encoder, &steps, &groups, stride))?
    }

    /// What a fill takes: its dispatches, or a copy and a dispatch for half of a word.
    fn plan<'a>(&self, fill: &Fill, target: &Target<'a>, bounds: Bounds, steps: &mut Vec<Step<'a>>) -> Result<()> {
        target.check(wgpu::BufferUsages::STORAGE)?;
        let work = fill.sampler.work(target.dtype, fill.arithmetic)?;
        let fill = fill.of_range(target.count)?;
        if target.count == 0 {
            return Ok(());
        }
        match work {
            Work::Words(kind, coefficients) => {
                self.check_exact(kind, target.dtype)?;
                for dispatch in plan(&fill, target.dtype, coefficients, target.offset, target.count, bounds) {
                    let pipeline = self.pipeline(Variant { entry: dispatch.entry, kind, dtype: target.dtype })?;
                    steps.push(Step::Dispatch(Box::new(dispatch), pipeline, target.buffer));
                }
                Ok(())
            }
            Work::Matrix(matrix) => match target.dtype {
                Dtype::F32 => self.copy::<f32>(&matrix, &fill, target, bounds, steps),
                Dtype::F16 => self.copy::<f16>(&matrix, &fill, target, bounds, steps),
                Dtype::BF16 => self.copy::<bf16>(&matrix, &fill, target, bounds, steps),
            },
        }
    }

    /// A matrix from the CPU: whole words as a copy, half of one as a fill of its value.
    fn copy<'a, T: Element>(
        &self,
        matrix: &Matrix,
        fill: &Fill,
        target: &Target<'a>,
        bounds: Bounds,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<()> {
        target.check(wgpu::BufferUsages::COPY_DST)?;
        let overflow = |_| Error::ShapeOverflow { what: format!("a Vec of {} elements", target.count) };
        let mut elements = vec![T::zeroed(); usize::try_from(target.count).map_err(overflow)?];
        matrix.fill(fill, &mut elements)?;
        let bytes: &[u8] = bytemuck::cast_slice(&elements);
        let (whole, half) = bytes.split_at(bytes.len() / 4 * 4);
        if !whole.is_empty() {
            let staging = self.filled_buffer(whole, wgpu::BufferUsages::COPY_SRC)?;
            steps.push(Step::Copy(staging, target.buffer, target.offset));
        }
        if !half.is_empty() {
            let value = elements[elements.len() - 1].to_f32();
            let last = Target { offset: target.offset + whole.len() as u64, count: 1, ..*target };
            self.plan(&Fill::new(fill.key, Sampler::Constant { value }), &last, bounds, steps)?;
        }
        Ok(())
    }

    /// Every dispatch's parameters in one buffer, a bind group for each buffer and window, and the distance of
    /// the parameters.
    pub(super) fn bind(&self, steps: &[Step<'_>]) -> Result<(Vec<wgpu::BindGroup>, u32)> {
        let alignment = self.device.limits().min_uniform_buffer_offset_alignment as usize;
        let stride = size_of::<Params>().next_multiple_of(alignment);
        let dispatches = || steps.iter().filter_map(Step::dispatch);
        let mut contents = vec![0; stride * dispatches().count().max(1)];
        for (slot, (dispatch, _)) in contents.chunks_exact_mut(stride).zip(dispatches()) {
            slot[..size_of::<Params>()].copy_from_slice(bytemuck::bytes_of(&dispatch.params));
        }
        let params = self.filled_buffer(&contents, wgpu::BufferUsages::UNIFORM)?;
        // one error scope for all: a model has thousands of buffers
        let groups = self.scoped(0, || self.bind_groups(&params, steps))??;
        let stride =
            u32::try_from(stride).map_err(|_| Error::ShapeOverflow { what: format!("a stride of {stride}") })?;
        Ok((groups, stride))
    }

    /// The bind group of each dispatch. Steps with the same window of the same buffer share one.
    fn bind_groups(&self, params: &wgpu::Buffer, steps: &[Step<'_>]) -> Result<Vec<wgpu::BindGroup>> {
        #[expect(clippy::mutable_key_type, reason = "a buffer is hashed by its identity")]
        let mut made: HashMap<(&wgpu::Buffer, Range<u64>), wgpu::BindGroup> = HashMap::new();
        let mut groups = Vec::with_capacity(steps.len());
        for step in steps {
            let (buffer, window) = match step {
                Step::Dispatch(dispatch, _, buffer) => (*buffer, dispatch.binding.clone()),
                // unused: wgpu would find a fault of the buffer only when the encoder is finished
                Step::Copy(_, buffer, _) => (*buffer, 0..4),
            };
            let group = match made.entry((buffer, window.clone())) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(self.bind_group(params, buffer, window)?),
            };
            if step.dispatch().is_some() {
                groups.push(group.clone());
            }
        }
        Ok(groups)
    }

    /// A bind group of parameters and a window of a buffer. An error of wgpu's is left to the caller's scope.
    fn bind_group(&self, params: &wgpu::Buffer, buffer: &wgpu::Buffer, window: Range<u64>) -> Result<wgpu::BindGroup> {
        let entries = [
            entry(0, params, 0, size_of::<Params>() as u64),
            entry(1, buffer, window.start, window.end - window.start),
        ];
        let descriptor = wgpu::BindGroupDescriptor {
            label: Some("seedtensors"),
            layout: self.pipelines.bindings(),
            entries: &entries,
        };
        known("buffer", || self.device.create_bind_group(&descriptor))
    }

    /// A buffer that holds its contents from its creation on, so that nothing need be submitted.
    fn filled_buffer(&self, contents: &[u8], usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        let bytes = contents.len() as u64;
        self.check_size(bytes)?;
        let buffer = self.scoped(bytes, || {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("seedtensors"),
                size: bytes,
                usage,
                mapped_at_creation: true,
            })
        })?;
        match buffer.get_mapped_range_mut(..) {
            Ok(mut view) => view.copy_from_slice(contents),
            Err(_) => return Err(self.lost_error()),
        }
        buffer.unmap();
        Ok(buffer)
    }

    /// Allocates a buffer for each fill, of so many elements, fills them all and submits once.
    ///
    /// # Errors
    ///
    /// Those of [`tensor`](Self::tensor), for the first that has one.
    pub fn tensors(&self, fills: &[(Fill, Dtype, u64)]) -> Result<Vec<wgpu::Buffer>> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let allocate = |&(_, dtype, count): &(Fill, Dtype, u64)| {
            let bytes = count.checked_mul(dtype.size()).and_then(|bytes| bytes.max(4).checked_next_multiple_of(4));
            let overflow = || Error::ShapeOverflow { what: format!("the size of {count} elements of {dtype}") };
            self.buffer(bytes.ok_or_else(overflow)?, usage)
        };
        let buffers = fills.iter().map(allocate).collect::<Result<Vec<_>>>()?;
        let target = |(&(fill, dtype, count), buffer)| (fill, Target { buffer, offset: 0, count, dtype });
        let mut encoder = self.encoder()?;
        self.fill_all(&mut encoder, &fills.iter().zip(&buffers).map(target).collect::<Vec<_>>())?;
        self.scoped(0, || self.queue.submit([encoder.finish()]))?;
        Ok(buffers)
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
        let mut buffers = self.tensors(&[(*fill, dtype, count)])?;
        Ok(buffers.swap_remove(0))
    }

    /// An encoder, or why there is none.
    pub(super) fn encoder(&self) -> Result<wgpu::CommandEncoder> {
        self.scoped(0, || self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default()))
    }

    fn check_size(&self, bytes: u64) -> Result<()> {
        let limit = self.device.limits().max_buffer_size;
        if bytes > limit { Err(Error::BufferTooLarge { bytes, limit }) } else { Ok(()) }
    }

    /// A buffer, or why there is none.
    pub(super) fn buffer(&self, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        self.check_size(bytes)?;
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

/// One command of a recorded fill.
pub(super) enum Step<'a> {
    Dispatch(Box<Dispatch>, wgpu::ComputePipeline, &'a wgpu::Buffer),
    /// The whole of the first buffer to a byte of the second.
    Copy(wgpu::Buffer, &'a wgpu::Buffer, u64),
}

impl<'a> Step<'a> {
    fn dispatch(&self) -> Option<(&Dispatch, &'a wgpu::Buffer)> {
        match self {
            Self::Dispatch(dispatch, _, buffer) => Some((dispatch, buffer)),
            Self::Copy(..) => None,
        }
    }
}

/// Records the steps in their order: dispatches that follow each other in one pass.
///
/// An encoder of another instance is refused, and nothing has been recorded then: the first thing that it is given is an
/// object that was made for this recording, so that the other instance has none of its number.
pub(super) fn record(
    encoder: &mut wgpu::CommandEncoder,
    steps: &[Step<'_>],
    groups: &[wgpu::BindGroup],
    stride: u32,
) -> Result<()> {
    let mut bound = (0..).step_by(stride.max(1) as usize).zip(groups);
    for steps in steps.chunk_by(|a, b| a.dispatch().is_some() == b.dispatch().is_some()) {
        if let Some(Step::Copy(..)) = steps.first() {
            known("encoder", || {
                for step in steps {
                    if let Step::Copy(from, to, offset) = step {
                        encoder.copy_buffer_to_buffer(from, 0, to, *offset, from.size());
                    }
                }
            })?;
            continue;
        }
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        // the pass ends outside, where an error of its own is no second panic
        known("encoder", || dispatch_all(&mut pass, steps, &mut bound))?;
    }
    Ok(())
}

/// Records dispatches into a pass.
fn dispatch_all<'a>(
    pass: &mut wgpu::ComputePass<'_>,
    steps: &[Step<'_>],
    bound: &mut impl Iterator<Item = (u32, &'a wgpu::BindGroup)>,
) {
    let mut set = None;
    for step in steps {
        if let (Step::Dispatch(dispatch, pipeline, _), Some((offset, group))) = (step, bound.next()) {
            pass.set_bind_group(0, group, &[offset]);
            if set != Some(pipeline) {
                pass.set_pipeline(pipeline);
                set = Some(pipeline);
            }
            pass.dispatch_workgroups(dispatch.grid[0], dispatch.grid[1], 1);
        }
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
