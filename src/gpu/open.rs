//! Opening a device, or taking the caller's.

use std::sync::{Arc, OnceLock};

use super::check::Checks;
use super::choice::form_of;
use super::context::Context;
use super::devices::{Select, adapters, select};
use super::handle::Gpu;
use super::pipeline::Source;
use super::requirements::{check_limits, check_queue};
use crate::dispatch::form::Form;
use crate::{Error, Result};

impl Gpu {
    /// Opens a device with its largest limits.
    ///
    /// # Errors
    ///
    /// [`Error::NoAdapter`], [`Error::DeviceLimit`], and [`Error::Wgpu`] where the driver refuses the device.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(which: &Select) -> Result<Self> {
        pollster::block_on(Self::open_async(which))
    }

    /// [`open`](Self::open) without blocking.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub async fn open_async(which: &Select) -> Result<Self> {
        // Limits are those of the adapter, because wgpu's defaults cap the size of buffers and bindings. Of the
        // features only 64-bit integers are used.
        let adapter = select(adapters().await, which)?;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("seedtensors"),
            required_features: adapter.features() & wgpu::Features::SHADER_INT64,
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) =
            adapter.request_device(&descriptor).await.map_err(|error| Error::Wgpu(error.to_string()))?;
        // wgpu reports a lost device to this callback only, and a device has one callback
        let lost = Arc::new(OnceLock::new());
        let reason = Arc::clone(&lost);
        device.set_device_lost_callback(move |why, message| {
            // the first reason is kept
            let _ = reason.set(format!("{why:?}: {message}"));
        });
        Self::with_fastest_form(device, queue, lost).await
    }

    /// Takes the caller's device and queue. Both are handles, so the caller passes clones and goes on using its own.
    ///
    /// `Limits::default()` suffice, and no feature is needed. 64-bit integers are used where the device was made with
    /// `Features::SHADER_INT64`. The device is not changed: its callbacks stay the caller's.
    ///
    /// It waits for everything that was submitted before. For that it polls the device on another thread, so callbacks
    /// of the caller may run there. Keep one `Gpu` for each device: it keeps the pipelines and the results of checks.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceLost`], [`Error::DeviceLimit`], [`Error::OtherDevice`] for a queue that is another device's, and
    /// [`Error::Wgpu`].
    ///
    /// ```no_run
    /// use seedtensors::gpu::Gpu;
    ///
    /// # fn example(device: wgpu::Device, queue: wgpu::Queue) -> seedtensors::Result<()> {
    /// let gpu = Gpu::from_wgpu(device.clone(), queue.clone())?;
    /// gpu.check_all()?; // now, and not within the first fills
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(not(target_arch = "wasm32"))]
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue) -> Result<Self> {
        pollster::block_on(Self::from_wgpu_async(device, queue))
    }

    /// [`from_wgpu`](Self::from_wgpu) without blocking.
    ///
    /// # Errors
    ///
    /// Those of [`from_wgpu`](Self::from_wgpu).
    pub async fn from_wgpu_async(device: wgpu::Device, queue: wgpu::Queue) -> Result<Self> {
        // the caller keeps the device's callback, so a lost device is found by trying to map a buffer: see `is_lost`
        check_queue(&device, &queue).await?;
        Self::with_fastest_form(device, queue, Arc::default()).await
    }

    /// The same device with a form of the shaders chosen by hand. Nothing of it is checked yet, and no other form is
    /// tried.
    ///
    /// # Errors
    ///
    /// [`Error::Wgpu`] where the form needs 64-bit integers and the device has none.
    pub fn with_form(self, form: Form) -> Result<Self> {
        if form.needs_int64() && !self.device().features().contains(wgpu::Features::SHADER_INT64) {
            return Err(Error::Wgpu(format!("the device has no 64-bit integers, which {form} needs")));
        }
        // the pipelines stay: they are kept by form
        Ok(Self { checks: Checks::new(vec![form]), ..self })
    }

    /// A device with the fastest form that is known for it, and the safest form to fall back on.
    async fn with_fastest_form(device: wgpu::Device, queue: wgpu::Queue, lost: Arc<OnceLock<String>>) -> Result<Self> {
        check_limits(&device.limits())?;
        let form = form_of(&device);
        // in the order in which they are tried
        let mut forms = vec![form];
        if form != form.safest() {
            forms.push(form.safest());
        }
        Self::new(device, queue, lost, forms, Form::source).await
    }

    /// A device that runs shaders of this source.
    pub(super) async fn new(
        device: wgpu::Device,
        queue: wgpu::Queue,
        lost: Arc<OnceLock<String>>,
        forms: Vec<Form>,
        source: Source,
    ) -> Result<Self> {
        Ok(Self { context: Context::new(device, queue, lost, source).await?, checks: Checks::new(forms) })
    }
}
