//! Fills on the GPU, by wgpu. Feature `gpu`.
//!
//! [`Gpu`] opens a device or takes yours; [`Target`] is a range of your buffer.

// This is the only code that names wgpu. gpu/fill.rs plans a fill (dispatch/plan.rs) and records its dispatches
// (gpu/record.rs) with the pipelines of a device (gpu/context.rs, gpu/pipeline.rs). gpu/check.rs compares a kernel with
// the CPU's bits before its first use, by the fills of dispatch/probes.rs. gpu/choice.rs chooses between equivalent
// texts of the shaders.

mod check;
mod choice;
mod context;
mod devices;
mod fill;
mod guard;
mod handle;
mod info;
mod matrix_steps;
mod open;
mod pipeline;
mod read;
mod record;
mod reflect_check;
mod requirements;
mod target;
#[cfg(test)]
mod tests;

// the rest is used within the module
pub use crate::dispatch::{Form, Multiply, Products, Slot};
#[cfg(not(target_arch = "wasm32"))]
pub use devices::devices;
pub use devices::{Select, devices_async};
pub use handle::Gpu;
pub use info::{DeviceInfo, DeviceKind};
pub use target::Target;
