//! A device's name, kind and driver.

use std::fmt;

// in the order in which `Select::Default` prefers them
/// The kind of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
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

/// A device's properties, known before it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// Its name, as the driver gives it.
    pub name: String,
    /// Its kind.
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
            // either may be empty; then the space between them is cut off
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        }
    }
}

impl fmt::Display for DeviceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // as a person reads it: `doctor` and the errors print this
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
