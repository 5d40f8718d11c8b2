//! Checkpoints of initialised weights: a recipe says which tensors, and a safetensors file holds them.
//!
//! A [`Recipe`] is read from TOML; [`write()`] makes the file, on the CPU or a GPU, with the same bytes.
//!
//! ```
//! use seedtensors_checkpoint::{Recipe, Source, Write, write};
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
//! let path = folder.path().join("model.safetensors");
//! write(&recipe, &Write::new(42, &Source::Cpu, &path), &mut |_| true)?;
//!
//! let bytes = std::fs::read(&path)?;
//! let file = safetensors::SafeTensors::deserialize(&bytes)?;
//! assert_eq!(file.tensor("fc1.weight")?.shape(), [256, 128]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod init;
mod initialisers;
mod layer;
mod recipe;
mod write;

pub use initialisers::{INITIALISERS, Initialiser};
pub use recipe::{Recipe, RecipeError, Tensor};
pub use write::{Error, Source, Write, write};
