//! Which devices there are, and opening one.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::form::Form;
use super::pipeline::Pipelines;
use super::requirements::{check_limits, check_queue};
use super::{Gpu, check};
use crate::{Error, Result};

/// Which device to open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Select {
    /// The first discrete GPU, else the first integrated, virtual or unknown one, else a software driver.
    #[default]
    Default,
    /// The same, but no software driver.
    Hardware,
    /// By its index in [`devices`].
    Index(usize),
    /// The first whose name contains this, whatever the case.
    Name(String),
}

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeviceKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the processor's memory.
    Integrated,
    /// A GPU lent to a virtual machine.
    Virtual,
    /// The driver does not say.
    Other,
    /// A driver that computes on the processor, such as Mesa's llvmpipe.
    Software,
}

/// What is known of a device before it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its name, as the driver gives it.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// The interface that it is reached by: vulkan, metal, dx12, webgpu.
    pub backend: String,
    /// The driver and its version, as the driver gives them.
    pub driver: String,
}

impl From<wgpu::AdapterInfo> for DeviceInfo {
    fn from(info: wgpu::AdapterInfo) -> Self {
        Self {
            name: info.name,
            kind: match info.device_type {
                wgpu::DeviceType::DiscreteGpu => DeviceKind::Discrete,
                wgpu::DeviceType::IntegratedGpu => DeviceKind::Integrated,
                wgpu::DeviceType::VirtualGpu => DeviceKind::Virtual,
                wgpu::DeviceType::Cpu => DeviceKind::Software,
                wgpu::DeviceType::Other => DeviceKind::Other,
            },
            backend: info.backend.to_string(),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        }
    }
}

impl fmt::Display for DeviceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DeviceKind::Discrete => "discrete GPU",
            DeviceKind::Integrated => "integrated GPU",
            DeviceKind::Virtual => "virtual GPU",
            DeviceKind::Other => "GPU",
            DeviceKind::Software => "software driver",
        };
        write!(f, "{} ({kind}, {}, {})", self.name, self.backend, self.driver)
    }
}

/// Every device, in the order that [`Select::Index`] counts; empty where there is none.
///
/// The environment variable `WGPU_BACKEND` narrows the backends, as wgpu documents it.
#[must_use]
pub fn devices() -> Vec<DeviceInfo> {
    let adapters = pollster::block_on(adapters());
    adapters.iter().map(|adapter| adapter.get_info().into()).collect()
}

async fn adapters() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    instance.enumerate_adapters(wgpu::Backends::all()).await
}

fn select(adapters: Vec<wgpu::Adapter>, select: &Select) -> Result<wgpu::Adapter> {
    let infos: Vec<DeviceInfo> = adapters.iter().map(|adapter| adapter.get_info().into()).collect();
    let best = (0..infos.len()).min_by_key(|&i| infos[i].kind);
    let index = match select {
        Select::Default => best,
        Select::Hardware => best.filter(|&i| infos[i].kind != DeviceKind::Software),
        Select::Index(index) => Some(*index),
        Select::Name(name) => infos.iter().position(|info| info.name.to_lowercase().contains(&name.to_lowercase())),
    };
    let wanted = match select {
        Select::Default | Select::Hardware => "found".to_owned(),
        Select::Index(index) => format!("of index {index}"),
        Select::Name(name) => format!("named {name:?}"),
    };
    let found = match infos.len() {
        0 => "there is no device".to_owned(),
        n => format!(
            "there are {n}, {}",
            infos.iter().map(|info| format!("{:?}", info.name)).collect::<Vec<_>>().join(", ")
        ),
    };
    index.and_then(|index| adapters.into_iter().nth(index)).ok_or(Error::NoAdapter { wanted, found })
}

impl Gpu {
    /// Opens a device with its largest limits, and checks it.
    ///
    /// # Errors
    ///
    /// [`Error::NoAdapter`], and what [`from_wgpu`](Self::from_wgpu) refuses.
    pub fn open(which: &Select) -> Result<Self> {
        pollster::block_on(Self::open_async(which))
    }

    /// The same, without blocking.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub async fn open_async(which: &Select) -> Result<Self> {
        let adapter = select(adapters().await, which)?;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("seedtensors"),
            required_features: adapter.features() & wgpu::Features::SHADER_INT64,
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) =
            adapter.request_device(&descriptor).await.map_err(|error| Error::Wgpu(error.to_string()))?;
        let lost = Arc::new(OnceLock::new());
        let reason = Arc::clone(&lost);
        device.set_device_lost_callback(move |why, message| {
            // a second loss tells nothing new
            let _ = reason.set(format!("{why:?}: {message}"));
        });
        Self::with_fastest_form(device, queue, lost).await
    }

    /// Takes the caller's device and queue, and checks them.
    ///
    /// 64-bit integers are used where the device was made with `Features::SHADER_INT64`. Nothing of the
    /// device is changed: its callbacks stay the caller's.
    ///
    /// # Errors
    ///
    /// [`Error::DeviceLost`], [`Error::DeviceLimit`], [`Error::OtherDevice`] for a queue that is another device's,
    /// [`Error::BufferTooLarge`] and [`Error::OutOfMemory`] for the buffers of the check, and [`Error::Wgpu`] where the
    /// device refuses the shaders.
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue) -> Result<Self> {
        pollster::block_on(Self::from_wgpu_async(device, queue))
    }

    /// The same, without blocking.
    ///
    /// # Errors
    ///
    /// Those of [`from_wgpu`](Self::from_wgpu).
    pub async fn from_wgpu_async(device: wgpu::Device, queue: wgpu::Queue) -> Result<Self> {
        check_queue(&device, &queue).await?;
        Self::with_fastest_form(device, queue, Arc::default()).await
    }

    /// The device with the fastest form known for it. Where the check finds that it is not exact, the safest one.
    async fn with_fastest_form(device: wgpu::Device, queue: wgpu::Queue, lost: Arc<OnceLock<String>>) -> Result<Self> {
        check_limits(&device.limits())?;
        let form = Form::of(&device);
        let gpu = Self::new(device, queue, lost, form, &form.source()).await?;
        if gpu.is_exact() || form == form.safest() {
            return Ok(gpu);
        }
        let form = form.safest();
        Self::new(gpu.device, gpu.queue, gpu.lost, form, &form.source()).await
    }

    /// The same device with a form of the shaders chosen by hand, checked anew.
    ///
    /// # Errors
    ///
    /// [`Error::Wgpu`] where the form needs 64-bit integers and the device has none, and those of
    /// [`from_wgpu`](Self::from_wgpu).
    pub fn with_form(self, form: Form) -> Result<Self> {
        pollster::block_on(Self::new(self.device, self.queue, self.lost, form, &form.source()))
    }

    /// A device with the shaders of this source, checked.
    pub(super) async fn new(
        device: wgpu::Device,
        queue: wgpu::Queue,
        lost: Arc<OnceLock<String>>,
        form: Form,
        source: &str,
    ) -> Result<Self> {
        let gpu = Self {
            info: device.adapter_info().into(),
            pipelines: Pipelines::new(&device, form, source)?,
            checked: Mutex::default(),
            check_time: Duration::ZERO,
            device,
            queue,
            lost,
        };
        check::check(gpu).await
    }
}
