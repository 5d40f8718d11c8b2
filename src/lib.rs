//! Weight initialisation on the GPU and the CPU: same seed, same bits, everywhere.
//!
//! A tensor's values are a pure function of its [`Key`], its [`Sampler`] and its [`Dtype`]. They are the same on every
//! device, for the whole tensor or a part of it. An [`Init`] such as [`Init::he_normal`] makes a sampler from a
//! [`Shape`]. A [`Fill`] joins key, sampler and elements. [`cpu::fill`] and `gpu::Gpu::fill` execute it. A [`Layer`]
//! lists the parameters of a PyTorch layer with PyTorch's defaults.
//!
//! ```
//! use seedtensors::{Fill, Init, Key, Shape, cpu};
//!
//! let shape = Shape::new(&[4, 3])?;
//! let fill = Fill::new(Key::new(42).named("weight"), Init::xavier_uniform(), &shape)?;
//! let weights: Vec<f32> = cpu::tensor(&fill)?;
//! let bound = (6.0_f32 / 7.0).sqrt();
//! assert!(weights.iter().all(|w| (-bound..bound).contains(w)));
//! # Ok::<(), seedtensors::Error>(())
//! ```
//!
//! # Scope
//!
//! Random values for weights, from random words to filled buffers. For other random numbers use `rand` with [`Philox`]
//! as its generator. Tensors, their storage and their arithmetic belong to the caller.
//!
//! # Features
//!
//! - `gpu` (default): the module `gpu`, by wgpu. Without it nothing of wgpu is built.
//! - `rayon` (default): the CPU fills on every core. Without it, on the calling thread.
//! - `orthogonal`: [`Init::Orthogonal`] and [`Init::DeltaOrthogonal`], by faer's QR decomposition.
//! - `serde`: `Serialize` and `Deserialize` for initialisers, layers, shapes, samplers and dtypes, as recipes write
//!   them.
//!
//! # Errors
//!
//! Bad input is an [`Error`] that names the rule and the value. Nothing panics.

// imports point one way, in the order that docs/architecture.md gives; CI fails where it finds a cycle
mod bits;
mod coefficients;
pub mod cpu;
mod dtype;
mod error;
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
#[cfg(feature = "gpu")]
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
