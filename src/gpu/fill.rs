//! Filling the caller's buffers, and buffers of the library's own.

use super::handle::Gpu;
use super::matrix_steps::Resources;
use super::record::Step;
use super::target::Target;
use crate::coefficients::constant;
use crate::cpu::Filler;
use crate::dispatch::entry::Variant;
use crate::dispatch::orthogonal::Commands;
use crate::dispatch::plan::{Bounds, Dispatch, plan};
use crate::fill::Selection;
use crate::kernel::{Kernel, KernelKind};
use crate::{Dtype, Error, Fill, Key, Matrix, Result};

/// A fill that was checked: its kernel, its elements and its target.
struct Plan<'a> {
    /// The kernel in the target's dtype.
    kernel: Kernel,
    /// The key, and the elements to fill.
    selection: Selection,
    /// The range of the buffer, which was checked.
    target: Target<'a>,
    /// The steps of a matrix; none for another kernel, and for a matrix that the CPU must compute.
    matrix: Option<Commands>,
}

impl<'a> Plan<'a> {
    /// Refuses parameters that the sampler refuses, and a target that does not fit.
    fn new(fill: &Fill, target: &Target<'a>, bounds: Bounds) -> Result<Self> {
        target.check(fill.elements(), wgpu::BufferUsages::STORAGE)?;
        let kernel = Kernel::of(fill, target.dtype, fill.arithmetic())?;
        let selection = *fill.selection();
        let matrix = match &kernel {
            Kernel::Matrix(matrix) if selection.count > 0 => {
                Commands::new(matrix, &selection, target.dtype, target.offset, bounds)?
            }
            _ => None,
        };
        Ok(Self { kernel, selection, target: *target, matrix })
    }

    /// The kernels and dtypes that the device must have been checked for.
    fn needed(&self) -> impl Iterator<Item = (KernelKind, Dtype)> {
        let kernel = match self.kernel {
            // a fill of nothing needs no check
            _ if self.selection.count == 0 => None,
            Kernel::Elementwise(kind, _) => Some((kind, self.target.dtype)),
            // the last half word of a matrix that the CPU computes
            Kernel::Matrix(_) if self.matrix.is_none() => Some((KernelKind::Constant, self.target.dtype)),
            Kernel::Matrix(_) => None,
        };
        kernel.into_iter().chain(self.matrix.iter().flat_map(|matrix| matrix.needed(self.target.dtype)))
    }
}

impl Gpu {
    /// Records a fill into the caller's encoder. Its commands write the target's range and nothing else, once the
    /// encoder is submitted.
    ///
    /// The first fill of a sampler in a dtype also compares the device with the CPU: it submits commands of its own to
    /// the queue and waits for them. [`check_all`](Self::check_all) does that beforehand.
    ///
    /// # Errors
    ///
    /// [`Error::MisalignedRange`], [`Error::BufferTooSmall`], [`Error::MissingUsage`] and [`Error::ShapeOverflow`] for
    /// the range, [`Error::BadParameter`] for the sampler, [`Error::InexactDevice`] where the device failed the check
    /// of this sampler, [`Error::OtherDevice`] for an encoder or a buffer of another instance, [`Error::Wgpu`] for a
    /// buffer that is destroyed or another device's, and [`Error::DeviceLost`] or [`Error::OutOfMemory`]. For a matrix
    /// also [`Error::NoMemory`] and [`Error::BufferTooLarge`]. On an error nothing was
    /// recorded.
    ///
    /// wgpu itself reports an encoder of another device of the same instance when that encoder is finished, and a
    /// buffer that is mapped when the encoder is submitted. An encoder whose pass is still open is refused here or when
    /// it is finished.
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
    /// let fill = Fill::from_sampler(Key::new(42), Sampler::Normal { mean: 0.0, std: 0.02 }, 101);
    /// gpu.fill(&mut encoder, &fill, &Target::new(&buffer, Dtype::BF16).at(256))?;
    /// gpu.queue().submit([encoder.finish()]);
    /// # Ok::<(), seedtensors::Error>(())
    /// ```
    #[cfg(not(target_arch = "wasm32"))]
    pub fn fill(&self, encoder: &mut wgpu::CommandEncoder, fill: &Fill, target: &Target<'_>) -> Result<()> {
        pollster::block_on(self.fill_async(encoder, fill, target))
    }

    /// [`fill`](Self::fill) without blocking.
    ///
    /// # Errors
    ///
    /// Those of [`fill`](Self::fill).
    pub async fn fill_async(&self, encoder: &mut wgpu::CommandEncoder, fill: &Fill, target: &Target<'_>) -> Result<()> {
        self.fill_all_async(encoder, &[(*fill, *target)]).await
    }

    /// Records many fills into the caller's encoder, as if one after the other. Their dispatches share one compute
    /// pass, the pipelines, the bind groups of each buffer and one buffer of parameters; orthogonal matrices also share a
    /// scratch buffer. A whole model is then one submission.
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
    /// let mut layers = Vec::new();
    /// for layer in 0..100 {
    ///     let key = Key::new(42).named(&format!("layers.{layer}.weight"));
    ///     let fill = Fill::new(key, Init::xavier_uniform(), &shape)?;
    ///     layers.push((fill, Target::new(&pool, Dtype::F32).at(layer * bytes)));
    /// }
    /// let mut encoder = gpu.device().create_command_encoder(&Default::default());
    /// gpu.fill_all(&mut encoder, &layers)?;
    /// gpu.queue().submit([encoder.finish()]);
    /// # Ok::<(), seedtensors::Error>(())
    /// ```
    #[cfg(not(target_arch = "wasm32"))]
    pub fn fill_all(&self, encoder: &mut wgpu::CommandEncoder, fills: &[(Fill, Target<'_>)]) -> Result<()> {
        pollster::block_on(self.fill_all_async(encoder, fills))
    }

    /// [`fill_all`](Self::fill_all) without blocking.
    ///
    /// # Errors
    ///
    /// Those of [`fill`](Self::fill), for the first fill that has one. On an error nothing was recorded.
    pub async fn fill_all_async(&self, encoder: &mut wgpu::CommandEncoder, fills: &[(Fill, Target<'_>)]) -> Result<()> {
        // First every check, then the steps, then the recording: an error of any fill leaves the encoder as it was.
        self.context.check_lost()?;
        let bounds = self.bounds();
        let plans = fills.iter().map(|(fill, target)| Plan::new(fill, target, bounds)).collect::<Result<Vec<_>>>()?;
        self.record(encoder, &plans, bounds).await
    }

    /// Checks the plans' kernels and records their steps.
    async fn record(&self, encoder: &mut wgpu::CommandEncoder, plans: &[Plan<'_>], bounds: Bounds) -> Result<()> {
        self.checks.check(&self.context, plans.iter().flat_map(Plan::needed)).await?;
        if plans.iter().filter_map(|plan| plan.matrix.as_ref()).any(Commands::has_panels) {
            self.checks.check_reflect(&self.context).await?;
        }
        // the matrices follow one another, so one scratch buffer serves all of them
        let scratch = match plans.iter().filter_map(|plan| Some(plan.matrix.as_ref()?.scratch)).max() {
            Some(bytes @ 1..) => Some(self.context.buffer(bytes, wgpu::BufferUsages::STORAGE).await?),
            _ => None,
        };
        let mut steps = Vec::with_capacity(plans.len());
        for plan in plans {
            self.steps(plan, bounds, scratch.as_ref(), &mut steps).await?;
        }
        if steps.is_empty() { Ok(()) } else { self.context.record(encoder, &steps).await }
    }

    /// The limits that plans depend on.
    fn bounds(&self) -> Bounds {
        Bounds::from(&self.context.device.limits())
    }

    /// Adds the steps of a fill: its dispatches, or a copy and a dispatch for half of a word.
    async fn steps<'a>(
        &self,
        plan: &Plan<'a>,
        bounds: Bounds,
        scratch: Option<&'a wgpu::Buffer>,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<()> {
        let Plan { kernel, selection, target, matrix } = plan;
        match (kernel, matrix) {
            _ if selection.count == 0 => Ok(()),
            (Kernel::Elementwise(kind, coefficients), _) => {
                let dispatches = self::plan(selection, target.dtype, *coefficients, target.offset, bounds);
                self.dispatches(*kind, target, dispatches, steps).await
            }
            (Kernel::Matrix(_), Some(commands)) => {
                // without the device, which threads cannot share in a browser
                let checks = &self.checks;
                let (form, reflect) = (|kind, dtype| checks.form(kind, dtype), || checks.reflect_form());
                let (context, dtype) = (&self.context, target.dtype);
                let resources =
                    Resources { context, form: &form, reflect: &reflect, target: target.buffer, dtype, scratch };
                resources.steps(&commands.steps, steps).await
            }
            (Kernel::Matrix(matrix), None) => self.copy(matrix, selection, target, bounds, steps).await,
        }
    }

    /// Adds dispatches of an elementwise kernel.
    async fn dispatches<'a>(
        &self,
        kind: KernelKind,
        target: &Target<'a>,
        dispatches: Vec<Dispatch>,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<()> {
        // `record` has checked the kernel, so this is its form or the error that it is not exact
        let form = self.checks.form(kind, target.dtype)?;
        for dispatch in dispatches {
            let variant = Variant { entry: dispatch.entry, kind, dtype: target.dtype };
            let pipeline = self.context.pipeline(form, variant).await?;
            steps.push(Step::Dispatch(Box::new(dispatch), pipeline, target.buffer, None));
        }
        Ok(())
    }

    /// Adds the steps of a matrix that is too large for the device's bindings. The CPU computes it: a copy of whole
    /// words, and a fill of the half word that may be left.
    async fn copy<'a>(
        &self,
        matrix: &Matrix,
        selection: &Selection,
        target: &Target<'a>,
        bounds: Bounds,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<()> {
        // `Plan::new` asked for STORAGE; a copy needs this one as well
        target.check(selection.count, wgpu::BufferUsages::COPY_DST)?;
        let bytes = selection.count * target.dtype.size();
        let mut elements = crate::cpu::zeros::<u8>(bytes)?;
        Filler::from_kernel(Kernel::Matrix(*matrix), *selection, target.dtype).fill_bytes(0, &mut elements)?;
        let (whole, half) = elements.split_at(elements.len() / 4 * 4);
        if !whole.is_empty() {
            let staging = self.context.filled_buffer(whole, wgpu::BufferUsages::COPY_SRC).await?;
            steps.push(Step::Copy(staging, target.buffer, target.offset));
        }
        // a copy writes whole words and would overwrite the neighbour, so one element of a constant is filled
        if let &[low, high] = half {
            let value = target.dtype.half_value(u16::from_ne_bytes([low, high]));
            let selection = Selection::run(selection.key, 0, 1);
            let at = target.offset + whole.len() as u64;
            let constant = constant(value, target.dtype)?;
            let dispatches = self::plan(&selection, target.dtype, constant, at, bounds);
            self.dispatches(KernelKind::Constant, target, dispatches, steps).await?;
        }
        Ok(())
    }

    /// Allocates a buffer for each fill, fills them all and submits once.
    ///
    /// # Errors
    ///
    /// Those of [`tensor`](Self::tensor), for the first that has one.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn tensors(&self, fills: &[(Fill, Dtype)]) -> Result<Vec<wgpu::Buffer>> {
        pollster::block_on(self.tensors_async(fills))
    }

    /// [`tensors`](Self::tensors) without blocking.
    ///
    /// # Errors
    ///
    /// Those of [`tensor`](Self::tensor), for the first that has one.
    pub async fn tensors_async(&self, fills: &[(Fill, Dtype)]) -> Result<Vec<wgpu::Buffer>> {
        let mut buffers = Vec::with_capacity(fills.len());
        for (fill, dtype) in fills {
            buffers.push(self.allocate(fill.elements(), *dtype).await?);
        }
        let target = |(&(fill, dtype), buffer)| (fill, Target::new(buffer, dtype));
        let mut encoder = self.context.encoder().await?;
        self.fill_all_async(&mut encoder, &fills.iter().zip(&buffers).map(target).collect::<Vec<_>>()).await?;
        self.context.submit(encoder).await?;
        Ok(buffers)
    }

    /// Allocates a buffer for the fill's elements, fills it and submits.
    ///
    /// Its size is that of the elements rounded up to 4 bytes, and at least 4; its usages are `STORAGE`,
    /// `COPY_SRC` and `COPY_DST`.
    ///
    /// # Errors
    ///
    /// [`Error::BufferTooLarge`], [`Error::OutOfMemory`], and those of [`fill`](Self::fill).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn tensor(&self, fill: &Fill, dtype: Dtype) -> Result<wgpu::Buffer> {
        pollster::block_on(self.tensor_async(fill, dtype))
    }

    /// [`tensor`](Self::tensor) without blocking.
    ///
    /// # Errors
    ///
    /// Those of [`tensor`](Self::tensor).
    pub async fn tensor_async(&self, fill: &Fill, dtype: Dtype) -> Result<wgpu::Buffer> {
        let mut buffers = self.tensors_async(&[(*fill, dtype)]).await?;
        Ok(buffers.swap_remove(0))
    }

    /// Allocates a buffer of `count` 32-bit words, fills it with the raw random words of a key from word `start` on and
    /// submits. They are the words of [`cpu::words`](crate::cpu::words).
    ///
    /// # Errors
    ///
    /// Those of [`tensor`](Self::tensor), and [`Error::ShapeOverflow`] where `start + count` is above 2^64 - 1.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn words(&self, key: Key, start: u64, count: u64) -> Result<wgpu::Buffer> {
        pollster::block_on(self.words_async(key, start, count))
    }

    /// [`words`](Self::words) without blocking.
    ///
    /// # Errors
    ///
    /// Those of [`words`](Self::words).
    pub async fn words_async(&self, key: Key, start: u64, count: u64) -> Result<wgpu::Buffer> {
        // the indices of a plan do not wrap
        if start.checked_add(count).is_none() {
            return Err(Error::ShapeOverflow { what: format!("start {start} + {count} words") });
        }
        let buffer = self.allocate(count, Dtype::F32).await?;
        // words have no `Fill`, since they have no sampler
        let plan = Plan {
            kernel: Kernel::words(),
            selection: Selection::run(key, start, count),
            target: Target::new(&buffer, Dtype::F32),
            matrix: None,
        };
        let mut encoder = self.context.encoder().await?;
        self.record(&mut encoder, &[plan], self.bounds()).await?;
        self.context.submit(encoder).await?;
        Ok(buffer)
    }

    /// A buffer for `count` elements.
    async fn allocate(&self, count: u64, dtype: Dtype) -> Result<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        // at least one word, because wgpu cannot bind a buffer of no bytes
        let bytes = count.checked_mul(dtype.size()).and_then(|bytes| bytes.max(4).checked_next_multiple_of(4));
        let overflow = || Error::ShapeOverflow { what: format!("the size of {count} elements of {dtype}") };
        self.context.buffer(bytes.ok_or_else(overflow)?, usage).await
    }
}
