//! Checkpoints of initialised weights: a recipe says which tensors, and safetensors files hold them.
//!
//! A [`Recipe`] is read from TOML. A [`Plan`] says which file holds which of its tensors, and [`write()`] makes the
//! files, on the CPU or a GPU, with the same bytes.
//!
//! ```
//! use seedtensors::Arithmetic;
//! use seedtensors_checkpoint::{MAX_SHARD_SIZE, Plan, Recipe, Source, Write, write};
//!
//! let recipe = Recipe::parse(
//!     r#"
//!     [[tensor]]
//!     name = "fc1.weight"
//!     shape = [256, 128]
//!     init = "he_normal"
//!     "#,
//! )?;
//! let folder = tempfile::tempdir()?;
//! let out = folder.path().join("model.safetensors");
//! let plan = Plan::new(&recipe, 42, Arithmetic::Exact, &out, MAX_SHARD_SIZE, 1)?;
//! write(&plan, &Write::new(&Source::Cpu), &|_| true)?;
//!
//! let bytes = std::fs::read(&out)?;
//! let file = safetensors::SafeTensors::deserialize(&bytes)?;
//! assert_eq!(file.tensor("fc1.weight")?.shape(), [256, 128]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod at;
mod checkpoint;
mod config;
mod expression;
mod file_kind;
mod files;
mod glob;
mod header;
mod index;
mod initialisers;
mod inspect;
mod json;
mod law;
mod like;
mod matrices;
mod part;
mod plan;
mod plot;
mod printable;
mod recipe;
mod record;
mod rules;
mod statistics;
mod survey;
mod template;
mod text;
mod values;
mod verify;
mod write;

pub use checkpoint::{BadFile, Checkpoint, CheckpointFile};
pub use config::Config;
pub use file_kind::{file_kind, open_regular, parse_json};
pub use glob::is_match;
pub use header::{Entry, Header};
pub use index::weight_map;
pub use initialisers::{INITIALISERS, Initialiser};
pub use inspect::{Histogram, Subject, subjects};
pub use law::Law;
pub use like::{DEFAULT_RULES, Like, like};

pub use plan::{MAX_SHARD_SIZE, Plan, PlannedFile, Rank};
pub use plot::{Panel, plot};
pub use printable::{printable, printable_json, printable_toml};
pub use recipe::{Part, Recipe, RecipeError, Tensor};
pub use record::{Record, Whole};
pub use statistics::{Statistics, histogram};
pub use template::{Style, TEMPLATE_THREAD, families, render, styles};
pub use values::Source;
pub use verify::{Finding, Verified, VerifyError, verify};
pub use write::{Error, Progress, Write, write};
