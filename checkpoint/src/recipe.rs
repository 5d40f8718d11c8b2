//! A recipe: the tensors that a checkpoint holds. `parse` reads one from TOML, `text` writes it.

use std::ops::Range;

use seedtensors::{Init, Result, Sampler, Shape};
use serde::Deserialize;

use crate::function::Function;
use crate::tensor_dtype::TensorDtype;

/// One tensor of a recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name, from which its key comes.
    pub name: String,
    /// Its whole shape.
    pub shape: Shape,
    /// The dtype that it is stored as.
    pub dtype: TensorDtype,
    /// Its initialiser.
    pub init: Init,
    /// The function that the values of the initialiser go through, if any.
    pub function: Option<Function>,
    /// The index in its first dimension that is zeros whatever the initialiser gives, as an embedding's `padding_idx` is
    /// in PyTorch.
    pub padding: Option<u64>,
    /// The shard of it that the file holds; none is the whole tensor.
    pub shard: Option<ShardSpec>,
}

/// A rectangle of a tensor: its first element and its extent in every dimension.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ start = [0, 1024], extent = [8192, 1024] }")]
pub struct ShardSpec {
    /// The first element's index in every dimension.
    pub start: Vec<u64>,
    /// The number of elements in every dimension.
    pub extent: Vec<u64>,
}

impl Tensor {
    /// The sampler of its values, before its function: the initialiser's for its whole shape.
    ///
    /// # Errors
    ///
    /// Those of [`Init::sampler`]. A tensor that a [`Recipe`] was parsed into gives none.
    pub fn sampler(&self) -> Result<Sampler> {
        self.init.sampler(&self.shape)
    }

    /// The dimensions that it has in the file.
    #[must_use]
    pub fn dims(&self) -> &[u64] {
        self.shard.as_ref().map_or(self.shape.dims(), |shard| &shard.extent)
    }

    /// The number of elements that the file holds.
    #[must_use]
    pub fn elements(&self) -> u64 {
        // a shard is inside its tensor, whose elements fit in 64 bits
        self.shard.as_ref().map_or(self.shape.elements(), |shard| shard.extent.iter().product())
    }

    /// The number of bytes that the file holds.
    #[must_use]
    pub fn bytes(&self) -> u128 {
        u128::from(self.elements()) * u128::from(self.dtype.size())
    }

    /// The elements of the file, in row-major order, that are padding.
    pub(crate) fn padding_elements(&self) -> Range<u64> {
        // the padding is an index of the whole tensor: relative to the shard, it may be before or behind it
        let start = self.shard.as_ref().map_or(0, |shard| shard.start.first().copied().unwrap_or(0));
        let row = match (self.dims(), self.padding.and_then(|padding| padding.checked_sub(start))) {
            ([rows, ..], Some(row)) if row < *rows => row..row + 1,
            _ => return 0..0,
        };
        // a row of the first dimension is contiguous
        // `check_dims` has checked the product of all of them
        let size = self.dims()[1..].iter().product::<u64>();
        row.start * size..row.end * size
    }
}

/// The tensors of a checkpoint, in the order of the file, with names that differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// The tensors.
    pub tensors: Vec<Tensor>,
}

/// The rule that a recipe breaks, and in which of its lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", line.map_or_else(String::new, |line| format!("line {line}: ")))]
pub struct RecipeError {
    /// The line, from 1; none where the whole recipe is meant.
    pub line: Option<usize>,
    /// The rule that was broken.
    pub message: String,
}
