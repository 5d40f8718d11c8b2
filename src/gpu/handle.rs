//! An open GPU.

use super::check::Checks;
use super::context::Context;
use super::info::DeviceInfo;
use crate::Result;
use crate::dispatch::form::Form;

/// A GPU, opened or taken from the caller, that fills buffers and reads them back.
///
/// Samplers are not checked when the device is opened, but before the first use of each in a dtype: the device's fills
/// are then compared with the CPU's bits. That first use submits commands and waits for the device.
/// [`check_all`](Self::check_all) does all comparisons at once. A sampler that differs is refused with
/// [`Error::InexactDevice`](crate::Error::InexactDevice). Normals in native arithmetic can still be filled if the
/// random words agree: they have no fixed bits.
///
/// Threads may share it by reference or in an `Arc`: fills and reads take `&self`. Functions without `_async` block, and
/// do not exist on wasm32: a browser's thread must not wait.
///
/// ```no_run
/// use seedtensors::gpu::{Gpu, Select};
/// use seedtensors::{Dtype, Fill, Init, Key, Shape, cpu};
///
/// let gpu = Gpu::open(&Select::Default)?;
/// println!("{}", gpu.info());
///
/// let shape = Shape::new(&[4096, 4096])?;
/// let fill = Fill::new(Key::new(42).named("fc1.weight"), Init::he_normal(), &shape)?;
/// let buffer = gpu.tensor(&fill, Dtype::F32)?;
/// let weights: Vec<f32> = gpu.read(&buffer, 0, 16)?;
/// assert_eq!(weights, cpu::tensor::<f32>(&fill.range(0..16)?)?);
/// # Ok::<(), seedtensors::Error>(())
/// ```
pub struct Gpu {
    /// The device with its pipelines.
    pub(super) context: Context,
    /// The comparisons with the CPU so far.
    pub(super) checks: Checks,
}

impl Gpu {
    /// The device's name, kind and driver.
    #[must_use]
    pub const fn info(&self) -> &DeviceInfo {
        &self.context.info
    }

    /// The wgpu device.
    #[must_use]
    pub const fn device(&self) -> &wgpu::Device {
        &self.context.device
    }

    /// The wgpu queue.
    #[must_use]
    pub const fn queue(&self) -> &wgpu::Queue {
        &self.context.queue
    }

    /// The form of the shaders that the device runs. A kernel that is not exact in this form runs in the safest form.
    #[must_use]
    pub fn form(&self) -> Form {
        self.checks.first_form()
    }

    /// Compares every sampler in every dtype with the CPU's bits now, instead of before its first use. A sampler that
    /// differs is no error here: see [`is_exact`](Self::is_exact).
    ///
    /// Pipelines of short fills, unaligned ends, shards and native normals are still compiled at their first use.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost) and
    /// [`Error::Wgpu`](crate::Error::Wgpu).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn check_all(&self) -> Result<()> {
        // waits on this thread; the futures need no executor
        pollster::block_on(self.check_all_async())
    }

    /// [`check_all`](Self::check_all) without blocking.
    ///
    /// # Errors
    ///
    /// Those of [`check_all`](Self::check_all).
    pub async fn check_all_async(&self) -> Result<()> {
        self.checks.check_all(&self.context).await
    }

    /// Whether every sampler that was checked so far gave the CPU's bits.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.checks.is_exact()
    }

    /// Copies `count` elements back from byte `offset` of a buffer on, once all that was submitted before is done.
    /// `T` is any plain type, such as `f32`, `half::bf16` or `u32`.
    ///
    /// # Errors
    ///
    /// [`MisalignedRange`](crate::Error::MisalignedRange), [`BufferTooSmall`](crate::Error::BufferTooSmall),
    /// [`MissingUsage`](crate::Error::MissingUsage) (it needs `COPY_SRC`),
    /// [`ShapeOverflow`](crate::Error::ShapeOverflow), [`NoMemory`](crate::Error::NoMemory),
    /// [`OtherDevice`](crate::Error::OtherDevice), [`Wgpu`](crate::Error::Wgpu) for a buffer that is mapped or destroyed,
    /// [`OutOfMemory`](crate::Error::OutOfMemory), [`DeviceLost`](crate::Error::DeviceLost).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn read<T: bytemuck::Pod>(&self, buffer: &wgpu::Buffer, offset: u64, count: u64) -> Result<Vec<T>> {
        pollster::block_on(self.read_async(buffer, offset, count))
    }

    /// [`read`](Self::read) without blocking. Any executor will do: the device is polled on a thread of its own.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub async fn read_async<T: bytemuck::Pod>(&self, buffer: &wgpu::Buffer, offset: u64, count: u64) -> Result<Vec<T>> {
        self.context.read(buffer, offset, count).await
    }
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // wgpu's own objects would print pages
        f.debug_struct("Gpu").field("info", self.info()).field("form", &self.form()).finish_non_exhaustive()
    }
}
