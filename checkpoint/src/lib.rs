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

mod backend;
mod checkpoint;
mod checkpoint_file;
mod compare;
mod config;
mod decoder;
mod elementwise;
mod environment;
mod expected;
mod expression;
mod family;
mod file_kind;
mod files;
mod finding;
mod format;
mod function;
mod glob;
mod header;
mod header_error;
mod index;
mod initialisers;
mod inspect;
mod json;
mod like;
mod matrices;
mod numbered_files;
mod parse;
mod partial_file;
mod plain;
mod plan;
mod plot;
mod positional_io;
mod printable;
mod recipe;
mod record;
mod render_error;
mod request;
mod rule;
mod rules;
mod statistics;
mod survey;
mod template;
mod template_files;
mod tensor_dtype;
mod tensor_spec;
mod text;
mod unmatched;
mod values;
mod verify;
mod write;

pub use backend::Backend;
pub use checkpoint::Checkpoint;
pub use checkpoint_file::{BadFile, CheckpointFile};
pub use config::{Config, KeyError};
pub use expected::Expected;
pub use family::{Family, families};
pub use file_kind::{JsonError, file_kind, open_regular, parse_json};
pub use finding::{Finding, Verified, VerifyError};
pub use format::NameError;
pub use function::Function;
pub use glob::{GlobError, is_match};
pub use header::{Entry, Header};
pub use header_error::HeaderError;
pub use index::{IndexError, weight_map};
pub use initialisers::{INITIALISERS, Initialiser};
pub use inspect::{Histogram, StoredTensor, stored_tensors};
pub use like::{Like, LikeError, by_rules, like};
pub use matrices::TooMuchWork;
pub use plan::{MAX_SHARD_SIZE, Plan, PlanError, PlannedFile, Rank};
pub use plot::{Panel, PlotError, plot};
pub use printable::{printable, printable_json, printable_toml};
pub use recipe::{Recipe, RecipeError, ShardSpec, Tensor};
pub use record::{Record, RecordError, Whole};
pub use render_error::{Place, RenderError};
pub use request::{Progress, Write, WriteError};
pub use rule::RulesError;
pub use rules::DEFAULT_RULES;
pub use statistics::{Statistics, histogram};
pub use template::{TEMPLATE_THREAD, render};
pub use template_files::{Style, styles};
pub use tensor_dtype::TensorDtype;
pub use unmatched::Unmatched;
pub use verify::verify;
pub use write::write;
