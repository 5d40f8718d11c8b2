//! Checkpoints of initialised weights: a recipe lists the tensors, and safetensors files hold them.
//!
//! A [`Recipe`] is read from TOML, rendered from a model's configuration ([`render`]) or made like another checkpoint
//! ([`like()`]). A [`Plan`] says which file holds which of its tensors. [`write()`] writes the files, on the CPU or a GPU,
//! with the same bytes; [`verify()`] computes every value again and compares, and [`stored_tensors`] gives the statistics
//! of any safetensors file.
//!
//! ```
//! use seedtensors::Arithmetic;
//! use seedtensors_checkpoint::{Backend, MAX_SHARD_SIZE, Plan, Recipe, Write, write};
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
//! write(&plan, &Write::new(&Backend::Cpu), &|_| true)?;
//!
//! let bytes = std::fs::read(&out)?;
//! let file = safetensors::SafeTensors::deserialize(&bytes)?;
//! assert_eq!(file.tensor("fc1.weight")?.shape(), [256, 128]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! - `files`, on by default: reading and writing files, on several threads, and plots. Without it the crate computes
//!   recipes, plans, headers and values ([`TensorBytes`]) on the calling thread, on wasm32 too.
//! - `gpu`, on by default: [`Backend::Gpu`]. It turns on `files`.

mod by_rules;
mod config;
mod config_file;
mod elementwise;
mod environment;
mod expected;
mod expression;
mod family;
mod file_kind;
#[cfg(feature = "files")]
mod files;
mod format;
mod function;
mod glob;
mod header;
mod header_error;
mod initialisers;
mod json;
mod matrices;
mod parse;
mod plain;
mod plan;
mod power;
mod printable;
mod recipe;
mod record;
mod render_error;
mod rule;
mod rules;
mod template;
mod template_files;
mod tensor_bytes;
mod tensor_dtype;
mod tensor_spec;
mod text;
mod unmatched;

pub use by_rules::{Like, LikeError, by_rules};
pub use config::{Config, KeyError};
pub use config_file::ConfigFile;
pub use expected::Expected;
pub use family::{Family, families};
pub use file_kind::{JsonError, file_kind, parse_json};
#[cfg(feature = "files")]
pub use files::{
    Backend, BadFile, Checkpoint, CheckpointFile, Finding, Histogram, IndexError, Panel, PlotError, Progress,
    Statistics, StoredTensor, Verified, VerifyError, Write, WriteError, histogram, like, open_regular, plot,
    stored_tensors, verify, weight_map, write,
};
pub use format::NameError;
pub use function::Function;
pub use glob::{GlobError, is_match};
pub use header::{Entry, Header};
pub use header_error::HeaderError;
pub use initialisers::{INITIALISERS, Initialiser};
pub use matrices::TooMuchWork;
pub use plan::{MAX_SHARD_SIZE, Plan, PlanError, PlannedFile, Rank};
pub use printable::{printable, printable_json, printable_toml};
pub use recipe::{Recipe, RecipeError, ShardSpec, Tensor};
pub use record::{Record, RecordError, Whole};
pub use render_error::{Place, RenderError};
pub use rule::RulesError;
pub use rules::DEFAULT_RULES;
pub use template::{TEMPLATE_THREAD, render};
pub use template_files::{Style, styles};
pub use tensor_bytes::TensorBytes;
pub use tensor_dtype::TensorDtype;
pub use unmatched::Unmatched;
