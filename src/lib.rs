//! Weight initialisation on the GPU and the CPU: same seed, same bits, everywhere.
//!
//! A tensor's values are a pure function of its [`Key`], its [`Sampler`] and its [`Dtype`]: the same on every
//! device, whole or in parts. An [`Init`] such as [`Init::he_normal`] works a sampler out from a [`Shape`]; a
//! [`Fill`] joins it with a key; [`cpu::fill`] and [`gpu::Gpu::fill`] carry it out, for the whole tensor or a
//! [`Shard`] of it. [`Layer`] knows what PyTorch's layers begin with.
//!
//! ```
//! use seedtensors::{Fill, Init, Key, Shape, cpu};
//!
//! let shape = Shape::new(&[4, 3])?;
//! let fill = Fill::new(Key::new(42).named("weight"), Init::xavier_uniform().sampler(&shape)?);
//! let mut weights = [0.0_f32; 12];
//! cpu::fill(&fill, &mut weights)?;
//! let bound = (6.0_f32 / 7.0).sqrt();
//! assert!(weights.iter().all(|w| (-bound..bound).contains(w)));
//! # Ok::<(), seedtensors::Error>(())
//! ```
//!
//! # Scope
//!
//! Random values for weights, from words to buffers. Random numbers for anything else are `rand`'s, which
//! [`Philox`] feeds; tensors, their storage and their arithmetic are the caller's.
//!
//! # Features
//!
//! `orthogonal`: [`Init::Orthogonal`] and [`Init::DeltaOrthogonal`], by faer's QR decomposition.
//!
//! `serde`: `Serialize` and `Deserialize` for initialisers, layers, shapes, dtypes and samplers, as recipes write them.
//!
//! # Errors
//!
//! Bad input is an [`Error`] that names the rule and the value. Nothing panics.

mod box_muller;
mod coefficients;
pub mod cpu;
mod dtype;
mod error;
mod fill;
pub mod gpu;
mod init;
mod inverse_normal;
mod key;
mod lanes;
mod layer;
mod matrix;
mod names;
mod philox;
mod sampler;
mod scalar;
#[cfg(feature = "serde")]
mod serde;
mod shape;
mod shard;
#[doc(hidden)]
pub mod twins;
mod variance_scaling;
mod vector;
mod weft;
mod window;

pub use dtype::{Dtype, Element};
pub use error::{Error, Result};
pub use fill::{Arithmetic, Fill};
pub use init::{Bounds, Init};
pub use key::Key;
pub use layer::{Layer, Parameter, Recurrent};
pub use matrix::Matrix;
pub use names::UnknownName;
pub use philox::{Philox, philox_bump, philox_round, philox4x32_10};
pub use sampler::Sampler;
pub use scalar::{box_muller, cos_sin, inverse_normal, radius};
pub use shape::{Fans, Layout, Shape};
pub use shard::Shard;
pub use variance_scaling::{Distribution, Gain, Mode, VarianceScaling};

/// The version of what every value is. Another version may give other values; this one never will.
pub const VALUES_VERSION: u32 = 1;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
