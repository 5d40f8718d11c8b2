//! The numbers that a device gives to a plan: its form of the shaders, and its limits.

use crate::dispatch::form::Form;
use crate::dispatch::plan::Bounds;

/// The fastest form for a device, by the table in docs/compilers.md. A device that is not in it gets the safest form,
/// as do Metal and DirectX 12, whose compilers may regroup.
pub(super) fn form_of(device: &wgpu::Device) -> Form {
    let info = device.adapter_info();
    let int64 = device.features().contains(wgpu::Features::SHADER_INT64);
    // docs/compilers.md has the measurements behind each row; without 64-bit integers there is one form only
    match (int64, info.backend, info.driver.as_str()) {
        // a feature of the device, not of the adapter: the caller may have opened it without 64-bit integers
        (false, ..) => Form::SAFEST,
        // names as the drivers give them; another driver of the same GPU has another compiler
        (true, wgpu::Backend::Vulkan, "llvmpipe") => Form::LLVMPIPE,
        (true, wgpu::Backend::Vulkan, "radv") => Form::RADV,
        (true, wgpu::Backend::Vulkan, "NVK") => Form::NVK,
        (true, ..) => Form::SAFEST_U64,
    }
}

impl From<&wgpu::Limits> for Bounds {
    fn from(limits: &wgpu::Limits) -> Self {
        Self::new(
            limits.max_storage_buffer_binding_size,
            limits.min_storage_buffer_offset_alignment,
            limits.max_compute_workgroups_per_dimension,
        )
    }
}
