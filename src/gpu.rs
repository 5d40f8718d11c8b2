//! Fills on the GPU: the only code that names wgpu.

pub(crate) mod check;
mod chosen;
mod device;
mod doctor;
mod fill;
mod form;
mod guard;
mod pipeline;
mod plan;
pub(crate) mod probes;
mod read;
mod requirements;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crate::Dtype;
use crate::sampler::{Coefficients, Kind};
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
/// [`Error::InexactDevice`](crate::Error::InexactDevice).
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
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gpu").field("info", &self.info).field("form", &self.form()).finish_non_exhaustive()
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
