//! The GPU's work as plain data, for WebGPU implementations other than wgpu. Feature `dispatch`.
//!
//! [`steps`] returns the dispatches of a fill, and [`Form::source`] the WGSL module that they run. The module [`gpu`]
//! runs them on wgpu, and the npm package `seedtensors` in JavaScript.
//!
//! The pipeline of a step has the entry point [`Step::entry_point`] and the overridable constants
//! [`Step::constants`]. Its bindings, in group 0:
//!
//! | binding | type | contents |
//! |---|---|---|
//! | 0 | uniform | [`Step::params`], padded to 512 bytes |
//! | 1 | storage, read and write | [`Step::binding`] of the target, or of the scratch buffer |
//! | 2 | storage, read only | the whole scratch buffer, where [`Step::reads_scratch`] |
//!
//! Steps run in their order, each after the one before it.
//!
//! ```
//! use seedtensors::dispatch::{Form, Limits, steps};
//! use seedtensors::{Dtype, Fill, Init, Key, Shape};
//!
//! let fill = Fill::new(Key::new(42).named("fc1.weight"), Init::he_normal(), &Shape::new(&[512, 784])?)?;
//! let steps = steps(&fill, Dtype::F32, 0, &Limits::default(), Form::SAFEST)?.expect("a fill that a GPU can make");
//! assert_eq!(steps.steps.len(), 1);
//! assert_eq!(steps.steps[0].entry_point, "fill_slots");
//! assert_eq!(steps.steps[0].binding, 0..4 * 512 * 784);
//! assert_eq!(steps.scratch, 0);
//! # Ok::<(), seedtensors::Error>(())
//! ```
//!
#![cfg_attr(feature = "gpu", doc = "[`gpu`]: crate::gpu")]
#![cfg_attr(not(feature = "gpu"), doc = "[`gpu`]: ./index.html")]

// dispatch/plan.rs cuts a fill into dispatches, dispatch/orthogonal.rs plans the steps of structured matrices, and
// dispatch/form.rs joins the shaders' text. dispatch/probes.rs has the fills that a device is checked with.

mod chosen;
mod coordinates;
pub(crate) mod entry;
pub(crate) mod family;
pub(crate) mod form;
pub(crate) mod matrix;
pub(crate) mod orthogonal;
pub(crate) mod params;
pub(crate) mod plan;
pub(crate) mod probes;
pub(crate) mod reflect;
mod step;
pub(crate) mod structure;

pub use form::{Form, Multiply, Products, Slot};
pub use step::{Limits, Step, Steps, steps, word_steps};
