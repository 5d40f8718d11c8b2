//! The devices of this machine, and the choice of one.

use super::info::{DeviceInfo, DeviceKind};
use crate::{Error, Result};

/// A choice of the device to open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
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

/// Every device, in the order that [`Select::Index`] counts; empty where there is none.
///
/// The environment variable `WGPU_BACKEND` narrows the backends, as wgpu documents it.
#[cfg(not(target_arch = "wasm32"))]
#[must_use]
pub fn devices() -> Vec<DeviceInfo> {
    pollster::block_on(devices_async())
}

/// The same without blocking. A browser shows one device, or none.
pub async fn devices_async() -> Vec<DeviceInfo> {
    adapters().await.iter().map(|adapter| adapter.get_info().into()).collect()
}

/// The adapters of every backend, or of those that `WGPU_BACKEND` names.
pub(super) async fn adapters() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    instance.enumerate_adapters(wgpu::Backends::all()).await
}

/// The adapter that was asked for.
pub(super) fn select(adapters: Vec<wgpu::Adapter>, select: &Select) -> Result<wgpu::Adapter> {
    let infos: Vec<DeviceInfo> = adapters.iter().map(|adapter| adapter.get_info().into()).collect();
    // `DeviceKind` is ordered by preference, and `min_by_key` takes the first of equals
    let best = (0..infos.len()).min_by_key(|&i| infos[i].kind);
    let index = match select {
        Select::Default => best,
        Select::Hardware => best.filter(|&i| infos[i].kind != DeviceKind::Software),
        Select::Index(index) => Some(*index),
        Select::Name(name) => infos.iter().position(|info| info.name.to_lowercase().contains(&name.to_lowercase())),
    };
    // text for the error, which lists the devices that there are
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
