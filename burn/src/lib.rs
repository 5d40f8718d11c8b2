//! Initial weights for [burn](https://burn.dev) models: same seed, same bits, on every backend.
//!
//! [`Seed::init`] fills every float parameter of a module. A parameter's values are a pure function of the seed, its
//! path, its shape, its initialiser and its dtype. They are the same on Vulkan, Metal, CUDA and a CPU, with and without
//! fusion and autodiff, and in a file that the command `seedtensors init` writes.
//!
//! ```
//! use burn::nn::{Linear, LinearConfig};
//! use burn::tensor::Device;
//! use seedtensors_burn::Seed;
//!
//! let device = Device::flex(); // or any other
//! let layer: Linear = LinearConfig::new(784, 10).init(&device);
//! let layer = Seed::new(42).init(layer)?; // burn draws nothing
//!
//! let weights = layer.weight.val().into_data().try_to_vec::<f32>()?;
//! let again = Seed::new(42).init(LinearConfig::new(784, 10).init(&device))?;
//! assert_eq!(weights, again.weight.val().into_data().try_to_vec::<f32>()?);
//! assert!(weights.iter().all(|w| w.abs() <= 1.0 / 28.0)); // U(+-1 / sqrt(784)), burn's default and PyTorch's
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # On the GPU
//!
//! Values are computed on the CPU and handed to the backend, except on a wgpu device that [`SharedDevice`] opened: there
//! they are computed on the GPU, in burn's own buffers.
//!
//! ```no_run
//! use burn::nn::LinearConfig;
//! use burn::tensor::DeviceKind;
//! use seedtensors_burn::{Seed, SharedDevice};
//!
//! let shared = SharedDevice::open(DeviceKind::DefaultDevice)?; // before burn's first tensor on this device
//! let layer = LinearConfig::new(784, 10).init(shared.device());
//! let layer = Seed::new(42).with_device(&shared).init(layer)?;
//! # Ok::<(), seedtensors_burn::Error>(())
//! ```
//!
//! # Initialisers
//!
//! Each kind of module of burn-nn has its default, in burn's [`Convention`] or PyTorch's. [`Rules`] give other
//! initialisers by globs on the parameters' names. [`Seed::parameters`] lists what would be filled, and with which
//! initialiser. [`Seed::recipe`] writes that list for the command.
//!
//! # Features
//!
//! - `wgpu` (default): [`SharedDevice`]. Without it nothing of wgpu is built. It is not there in a browser, where the CPU
//!   computes the values, also for burn's wgpu backend.
//! - `fusion` (default): on exactly where burn's own feature `fusion` is on, as it is with burn's default features.
//!
//! # Errors
//!
//! Bad input is an [`Error`] that names the rule and the value. A model is checked as a whole before its first parameter
//! is filled.
//!
#![cfg_attr(not(feature = "wgpu"), doc = "[`SharedDevice`]: #features")]

#[cfg(all(feature = "wgpu", target_arch = "wasm32"))]
compile_error!(
    "the feature `wgpu` of seedtensors-burn blocks, which a browser does not allow: use `default-features = false` there"
);

mod create;
mod error;
mod fill_model;
mod layers;
mod parameter;
mod plan;
mod recipe;
mod rules;
mod seed;
#[cfg(feature = "wgpu")]
mod shared_device;

pub use error::{Error, Result};
pub use layers::Convention;
pub use parameter::Parameter;
pub use rules::Rules;
pub use seed::Seed;
#[cfg(feature = "wgpu")]
pub use shared_device::SharedDevice;
// the caller's keys and initialisers are of these types
pub use seedtensors;

// the README's examples run as tests of the documentation
#[cfg(all(doctest, feature = "wgpu"))]
#[doc = include_str!("../README.md")]
struct Readme;
