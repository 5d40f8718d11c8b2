//! Weight initialisation on the GPU and the CPU: same seed, same bits, everywhere.
//!
//! A tensor's values are a pure function of its [`Key`], its [`Sampler`] and its [`Dtype`]. They are the same on every
//! device, for the whole tensor or a part of it. An [`Init`] such as [`Init::he_normal`] makes a sampler from a
//! [`Shape`]. A [`Fill`] joins key, sampler and elements. [`cpu::fill`] and [`gpu::Gpu::fill`] execute it. A [`Layer`]
//! lists the parameters of a PyTorch layer with PyTorch's defaults.
//!
//! ```
//! use seedtensors::{Fill, Init, Key, Shape, cpu};
//!
//! let key = Key::new(42); // one seed for the model, and a name for each parameter
//! for (name, dims) in [("fc1.weight", [512, 784]), ("fc2.weight", [10, 512])] {
//!     let fill = Fill::new(key.named(name), Init::xavier_uniform(), &Shape::new(&dims)?)?;
//!     let weights: Vec<f32> = cpu::tensor(&fill)?;
//!     let bound = (6.0 / (dims[0] + dims[1]) as f64).sqrt() as f32;
//!     assert!(weights.iter().all(|w| (-bound..bound).contains(w)));
//! }
//! # Ok::<(), seedtensors::Error>(())
//! ```
//!
//! On a GPU, [`gpu::Gpu::from_wgpu`] takes your device, and [`gpu::Gpu::fill`] records a fill into your encoder and
//! your buffer. `examples/own_device.rs` is a whole program.
//!
#![cfg_attr(feature = "gpu", doc = "```no_run")]
#![cfg_attr(not(feature = "gpu"), doc = "```ignore")]
//! use seedtensors::gpu::{Gpu, Target};
//! use seedtensors::{Dtype, Fill, Init, Key, Shape, wgpu};
//!
//! # fn example(device: wgpu::Device, queue: wgpu::Queue, buffer: wgpu::Buffer) -> seedtensors::Result<()> {
//! let gpu = Gpu::from_wgpu(device.clone(), queue.clone())?; // one for each device
//! let fill = Fill::new(Key::new(42).named("fc1.weight"), Init::he_normal(), &Shape::new(&[512, 784])?)?;
//! let mut encoder = device.create_command_encoder(&Default::default());
//! gpu.fill(&mut encoder, &fill, &Target::new(&buffer, Dtype::BF16).at(256))?; // from byte 256 on
//! queue.submit([encoder.finish()]);
//! # Ok(())
//! # }
//! ```
//!
//! # In a browser
//!
//! The library compiles for `wasm32-unknown-unknown` and runs on wgpu's WebGPU backend. A browser's thread must not wait,
//! so only the functions that end in `_async` are there: [`gpu::Gpu::open_async`], [`gpu::Gpu::fill_async`],
//! [`gpu::Gpu::read_async`] and the like. The CPU backend works as well, on one thread.
//!
//! # Scope
//!
//! Random values for weights, from a seed to filled buffers. For other random numbers use `rand` with [`Philox`]
//! as its generator. Tensors, their storage and their arithmetic belong to the caller.
//!
//! # Other libraries
//!
//! On the GPU the library fills `wgpu::Buffer`s. For tensors of other libraries (candle, CUDA, Metal) fill on the CPU and
//! hand the values over. For candle: `Tensor::from_vec(cpu::tensor::<f32>(&fill)?, (512, 784), &device)?`.
//!
//! The package `seedtensors-burn` fills burn models, on wgpu in burn's own buffers. The weight of burn's `Linear` is
//! (in, out): see [`Layout::InOut`].
//!
//! For whole models, the command `seedtensors init` and the package `seedtensors-checkpoint` write safetensors files
//! from a recipe or a model's config. A tensor of the same seed, name, shape, initialiser and dtype has the values that
//! this library gives. candle reads the files with `VarBuilder::from_mmaped_safetensors`, and burn with burn-store's
//! `PyTorchToBurnAdapter`, which transposes and renames.
//!
//! # Features
//!
//! - `gpu` (default): the module `gpu`, by wgpu 30. Your `wgpu` must be of the same major version; it is re-exported as
//!   `seedtensors::wgpu`. burn 0.22 uses wgpu 30, too: give burn and [`gpu::Gpu::from_wgpu`] the same device. Without
//!   this feature nothing of wgpu is built.
//! - `dispatch` (with `gpu`): the module `dispatch`, which has the GPU's work as plain data, for other implementations
//!   of WebGPU.
//! - `rayon` (default): the CPU fills on every core. Without it, on the calling thread.
//! - `serde`: `Serialize` and `Deserialize` for initialisers, layers, shapes, samplers and dtypes, as recipes write
//!   them.
//!
//! For the CPU alone: `default-features = false, features = ["rayon"]`.
//!
//! # Errors
//!
//! Bad input is an [`Error`] that names the rule and the value, not a panic. With `panic = "abort"` an object of
//! another `wgpu::Instance` ends the process, because wgpu panics on it; otherwise it is [`Error::OtherDevice`].
//! [`Key::split`] panics where a `Vec` cannot hold its keys.
//!
#![cfg_attr(not(feature = "gpu"), doc = "[`gpu::Gpu::fill`]: #features")]
#![cfg_attr(not(feature = "gpu"), doc = "[`gpu::Gpu::fill_async`]: #features")]
#![cfg_attr(not(feature = "gpu"), doc = "[`gpu::Gpu::from_wgpu`]: #features")]
#![cfg_attr(not(feature = "gpu"), doc = "[`gpu::Gpu::open_async`]: #features")]
#![cfg_attr(not(feature = "gpu"), doc = "[`gpu::Gpu::read_async`]: #features")]

// imports point one way, in the order that docs/architecture.md gives; CI fails where it finds a cycle
mod bits;
mod coefficients;
pub mod cpu;
#[cfg(feature = "dispatch")]
pub mod dispatch;
mod dtype;
mod error;
#[doc(hidden)]
pub mod external;
mod fill;
mod generator;
#[cfg(feature = "gpu")]
pub mod gpu;
mod init;
mod kernel;
mod key;
mod layer;
mod matrix;
mod names;
mod philox;
pub mod reference;
mod sampler;
#[cfg(feature = "serde")]
mod serde;
mod shape;
mod shard;
#[cfg(feature = "dispatch")]
#[doc(hidden)]
pub mod testing;
mod variance_scaling;
mod window;

pub use dtype::{Dtype, Element};
pub use error::{Error, Result};
pub use fill::{Arithmetic, Fill};
pub use generator::Philox;
pub use init::{Bounds, Init};
pub use key::Key;
pub use layer::{Layer, Parameter, Recurrent};
pub use matrix::Matrix;
pub use names::UnknownName;
pub use sampler::Sampler;
pub use shape::{Fans, Layout, Shape};
pub use shard::Shard;
pub use variance_scaling::{Distribution, Gain, Mode, VarianceScaling};
// the caller's device must be of the same version of wgpu, so it is exported
#[cfg(feature = "gpu")]
pub use wgpu;

/// The version of the definition of every value. Values of one version never change; another version may give others.
pub const VALUES_VERSION: u32 = 1;

// the README's examples run as tests of the documentation
#[cfg(all(doctest, feature = "gpu"))]
#[doc = include_str!("../README.md")]
struct Readme;
