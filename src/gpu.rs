//! Fills on the GPU, by wgpu. Feature `gpu`.
//!
//! [`Gpu`] opens a device or takes yours; [`Target`] is a range of your buffer.

// This is the only code that names wgpu. gpu/fill.rs plans a fill (gpu/plan.rs) and records its dispatches
// (gpu/record.rs) with the pipelines of a device (gpu/context.rs, gpu/pipeline.rs). gpu/check.rs compares a kernel with
// the CPU's bits before its first use, by the fills of gpu/probes.rs. gpu/form.rs chooses between equivalent texts of
// the shaders.

mod check;
mod chosen;
mod context;
mod coordinates;
mod devices;
pub(crate) mod family;
mod fill;
mod form;
mod guard;
mod handle;
mod info;
pub(crate) mod matrix;
mod matrix_steps;
mod open;
pub(crate) mod orthogonal;
pub(crate) mod params;
pub(crate) mod pipeline;
pub(crate) mod plan;
pub(crate) mod probes;
mod read;
mod record;
pub(crate) mod reflect;
mod reflect_check;
mod requirements;
pub(crate) mod structure;
mod target;
#[cfg(test)]
mod tests;

// the rest is used within the module; testing.rs reaches `family`, `pipeline`, `plan` and `probes`
#[cfg(not(target_arch = "wasm32"))]
pub use devices::devices;
pub use devices::{Select, devices_async};
pub use form::{Form, Multiply, Products, Slot};
pub use handle::Gpu;
pub use info::{DeviceInfo, DeviceKind};
pub use target::Target;
