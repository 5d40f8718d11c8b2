//! Fills on the GPU: the only code that names wgpu.

pub(crate) mod check;
mod chosen;
mod device;
mod doctor;
mod fill;
mod form;
mod pipeline;
mod plan;
pub(crate) mod probes;
mod read;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crate::sampler::{Coefficients, Kind};
use crate::{Dtype, Error, Result};
use pipeline::Pipelines;

pub use device::{DeviceInfo, DeviceKind, Select, devices};
pub use doctor::Agreement;
pub use fill::Target;
pub use form::{Form, Multiply, Products, Slot};
pub(crate) use plan::{Params, Side, WORKGROUP_SIZE};

/// A GPU, opened or taken from the caller, that fills buffers and reads them back.
///
/// Opening compiles the shaders and checks the device: fills of every sampler are compared with the CPU's bits, in f32 and
/// in one sampler for each other dtype. A sampler in another dtype is checked when it is first used, which waits for the
/// device. A device that differs still opens, for native arithmetic; exact fills are then refused with
/// [`Error::InexactDevice`].
///
/// ```no_run
/// use seedtensors::gpu::{Gpu, Select};
/// use seedtensors::{Dtype, Fill, Init, Key, Shape};
///
/// let gpu = Gpu::open(&Select::Default)?;
/// println!("{}, checked in {:?}", gpu.info(), gpu.check_time());
///
/// let shape = Shape::new(&[4096, 4096])?;
/// let fill = Fill::new(Key::new(42).named("fc1.weight"), Init::he_normal().sampler(&shape)?);
/// let buffer = gpu.tensor(&fill, Dtype::F32, shape.elements())?;
/// let weights: Vec<f32> = gpu.read(&buffer, 0, 16)?;
///
/// let mut same = [0.0_f32; 16];
/// seedtensors::cpu::fill(&fill, &mut same)?;
/// assert_eq!(weights, same);
/// # Ok::<(), seedtensors::Error>(())
/// ```
pub struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: DeviceInfo,
    pipelines: Pipelines,
    lost: Arc<OnceLock<String>>,
    checked: Mutex<check::Checked>,
    check_time: Duration,
}

impl Gpu {
    /// What the device is.
    #[must_use]
    pub const fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// The wgpu device.
    #[must_use]
    pub const fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// The wgpu queue.
    #[must_use]
    pub const fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// The form of the shaders that the device runs.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.pipelines.form()
    }

    /// The duration of the check when the device was opened. It includes the compilation of the pipelines.
    #[must_use]
    pub const fn check_time(&self) -> Duration {
        self.check_time
    }

    /// Whether every exact fill that was checked so far gave the CPU's bits: every sampler in f32 and each dtype's rounding
    /// when the device is opened, a sampler in another dtype when it is first used.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.nothing_differed()
    }

    /// Runs what makes wgpu objects and turns the first error that wgpu finds in it into ours.
    fn scoped<T>(&self, bytes: u64, make: impl FnOnce() -> T) -> Result<T> {
        self.check_lost()?;
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let made = make();
        let errors = [poll_once(internal.pop()), poll_once(validation.pop()), poll_once(memory.pop())];
        match errors.into_iter().flatten().next() {
            None => Ok(made),
            Some(wgpu::Error::OutOfMemory { .. }) => Err(Error::OutOfMemory { bytes }),
            Some(_) if self.is_lost() => Err(self.lost_error()),
            Some(other) => Err(Error::Wgpu(other.to_string())),
        }
    }

    /// Refuses to go on with a device that is known to be lost.
    fn check_lost(&self) -> Result<()> {
        match self.lost.get() {
            Some(reason) => Err(Error::DeviceLost(reason.clone())),
            None => Ok(()),
        }
    }

    /// Whether the device is lost: wgpu tells it to the callback alone, and that is the caller's where the
    /// device is, but a lost device maps no new buffer.
    fn is_lost(&self) -> bool {
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let probe = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("seedtensors probe"),
            size: 4,
            usage: wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: true,
        });
        let lost = probe.get_mapped_range_mut(..).is_err();
        // what it would report is what `lost` says
        drop(scope);
        lost
    }

    /// The error for an operation that only a lost device refuses.
    fn lost_error(&self) -> Error {
        let reason = self.lost.get().map_or("it maps no buffer", String::as_str);
        Error::DeviceLost(reason.to_owned())
    }
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gpu").field("info", &self.info).field("form", &self.form()).finish_non_exhaustive()
    }
}

/// The value of a future that is ready; wgpu's error scopes are, outside the browser.
fn poll_once<T>(future: impl Future<Output = Option<T>>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => None,
    }
}

/// The dispatches of a fill of a range of bytes, for [`crate::twins::dispatches`].
pub(crate) fn dispatches(
    fill: &crate::Fill,
    kind: Kind,
    dtype: Dtype,
    coefficients: Coefficients,
    range: std::ops::Range<u64>,
    form: Form,
) -> Vec<crate::twins::Dispatch> {
    let bounds = plan::Bounds { binding: u64::MAX, alignment: 256, workgroups: 65_535 };
    let count = (range.end - range.start) / dtype.size();
    let each = |dispatch: plan::Dispatch| crate::twins::Dispatch {
        entry_point: dispatch.entry.name(),
        constants: pipeline::Variant { entry: dispatch.entry, kind, dtype }.constants(form).to_vec(),
        binding: dispatch.binding,
        params: bytemuck::bytes_of(&dispatch.params).to_vec(),
        grid: dispatch.grid,
    };
    plan::plan(fill, dtype, coefficients, range.start, count, bounds).into_iter().map(each).collect()
}
