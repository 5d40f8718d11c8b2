//! Weight initialisation with the same bits everywhere.

mod box_muller;
pub mod cpu;
mod dtype;
mod error;
mod fill;
pub mod gpu;
mod init;
mod key;
mod philox;
mod sampler;
mod shape;
#[doc(hidden)]
pub mod twins;

pub use box_muller::{box_muller, box_muller_native, cos_sin, radius};
pub use dtype::{Dtype, Element};
pub use error::{Error, Result};
pub use fill::{Arithmetic, Fill};
pub use init::{Distribution, Gain, Init, Mode};
pub use key::Key;
pub use philox::{Philox, philox_bump, philox_round, philox4x32_10};
pub use sampler::Sampler;
pub use shape::{Fans, Layout, Shape};

/// The version of what every value is. Another version may give other values; this one never will.
pub const VALUES_VERSION: u32 = 1;
