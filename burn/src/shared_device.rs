//! A wgpu device that burn and this library both use.

use std::sync::Arc;

use burn::backend::Wgpu;
use burn::tensor::wgpu::{WgpuOptions, WgpuSetup};
use burn::tensor::{Device, DeviceKind, Tensor};
use cubecl_wgpu::{AutoCompiler, WgpuServer};
use seedtensors::Fill;
use seedtensors::gpu::{Gpu, Target};

use crate::create::dtype_of;
use crate::{Error, Result};

/// A wgpu device of burn's, opened so that its tensors can be filled in place.
///
/// burn opens a device once, at the first use. It gives the wgpu handles to the code that opens it, and does not expose
/// them afterwards. So open the device here, before burn's first tensor on it. From then on burn's own selector of the same kind is this
/// device: after `SharedDevice::open(DeviceKind::DefaultDevice)`, `Device::wgpu(DeviceKind::DefaultDevice)` is it, too.
///
/// A device that burn opened by itself is filled by the CPU, with the same bits.
///
/// ```no_run
/// use burn::tensor::{DeviceKind, Tensor};
/// use seedtensors_burn::seedtensors::{Fill, Init, Key, Shape, cpu};
/// use seedtensors_burn::SharedDevice;
///
/// let shared = SharedDevice::open(DeviceKind::DefaultDevice)?;
/// let fill = Fill::new(Key::new(42).named("fc1.weight"), Init::he_normal(), &Shape::new(&[512, 784])?)?;
/// let weights = Tensor::<2>::empty([512, 784], shared.device());
/// shared.fill(&weights, &fill)?; // recorded behind burn's work so far, and before what follows
///
/// let values = weights.into_data().try_to_vec::<f32>()?;
/// assert_eq!(values, cpu::tensor::<f32>(&fill)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SharedDevice {
    /// burn's handle.
    device: Device,
    /// The same device with this library's pipelines.
    gpu: Arc<Gpu>,
}

impl SharedDevice {
    /// Opens burn's wgpu device of a kind.
    ///
    /// # Errors
    ///
    /// [`Error::Open`] where there is no such device, or burn already uses it, and the errors of [`Gpu::from_wgpu`].
    pub fn open(kind: DeviceKind) -> Result<Self> {
        Self::with_options(Device::wgpu_options().device_kind(kind))
    }

    /// Opens a device with burn's options: graphics API, memory, number of tasks.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    ///
    /// ```no_run
    /// use burn::tensor::Device;
    /// use seedtensors_burn::SharedDevice;
    ///
    /// let shared = SharedDevice::with_options(Device::wgpu_options().tasks_max(64))?;
    /// # Ok::<(), seedtensors_burn::Error>(())
    /// ```
    pub fn with_options(options: WgpuOptions) -> Result<Self> {
        let opened = options.init_with_setup().map_err(|error| Error::Open { reason: error.to_string() })?;
        Self::from_setup(opened.0, &opened.1)
    }

    /// Takes a device that the caller opened with `init_with_setup`, or registered in burn with `setup`. The two must
    /// belong together: of another device, [`fill`](Self::fill) is an error of wgpu.
    ///
    /// # Errors
    ///
    /// Those of [`Gpu::from_wgpu`].
    pub fn from_setup(device: Device, setup: &WgpuSetup) -> Result<Self> {
        let gpu = Gpu::from_wgpu(setup.device.clone(), setup.queue.clone())?;
        Ok(Self { device: device.without_autodiff(), gpu: Arc::new(gpu) })
    }

    /// burn's device, without autodiff.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// This library's device.
    #[must_use]
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Fills a tensor in place, in its dtype: behind what burn has recorded on this thread, and before what it will.
    ///
    /// Clones, reshaped views and slices of the tensor may share its memory, and have the new values, too.
    /// [`Seed::fill`](crate::Seed::fill) makes a new tensor instead. A tensor that is used for autodiff is filled as a leaf: nothing is recorded in its graph.
    ///
    /// # Errors
    ///
    /// [`Error::OtherDevice`], [`Error::Dtype`], [`Error::WrongShape`], [`Error::NotContiguous`], and the errors of
    /// [`Gpu::fill`].
    pub fn fill<const D: usize>(&self, tensor: &Tensor<D>, fill: &Fill) -> Result<()> {
        let found = tensor.device();
        if found != self.device {
            return Err(Error::OtherDevice { found: format!("{found:?}") });
        }
        let shape = tensor.shape();
        let dtype = dtype_of(tensor.dtype(), &format!("shape {:?}", shape.as_slice()))?;
        if shape.num_elements() as u64 != fill.elements() {
            return Err(Error::WrongShape { elements: fill.elements(), shape: shape.to_vec() });
        }
        // a buffer of no bytes need not exist
        if fill.elements() == 0 {
            return Ok(());
        }
        let burn = |error: &dyn std::fmt::Debug| Error::Burn(format!("{error:?}"));
        let cube = tensor.clone().without_autodiff().try_into_primitive::<Wgpu>().map_err(|error| burn(&error))?;
        // with fusion a tensor is a promise: what is recorded for it is executed here
        #[cfg(feature = "fusion")]
        let cube = cube.client.clone().resolve_tensor_float::<burn::backend::wgpu::CubeBackend>(cube);
        if !cube.is_contiguous() {
            let strides = cube.meta.strides().to_vec();
            return Err(Error::NotContiguous { shape: shape.to_vec(), strides });
        }
        let resource = cube.client.get_resource::<WgpuServer<AutoCompiler>>(cube.handle.clone());
        let resource = resource.map_err(|error| burn(&error))?;
        let memory = resource.resource();
        // the queue then holds all that burn has recorded, and executes what follows behind it
        cube.client.flush().map_err(|error| burn(&error))?;
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        self.gpu.fill(&mut encoder, fill, &Target::new(&memory.buffer, dtype).at(memory.offset))?;
        self.gpu.queue().submit([encoder.finish()]);
        Ok(())
    }
}

impl std::fmt::Debug for SharedDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedDevice").field("device", &self.device).finish_non_exhaustive()
    }
}
