//! The keys of a `[[tensor]]`, and the tensor that they describe. `parse` fills them from a recipe's text, `rules` from a
//! rule and a checkpoint's header.

use seedtensors::{Dtype, Fans, Init, Layout, Sampler, Shape};
use serde::Deserialize;

use crate::format::{MOST_DIMS, check_name};
use crate::function::Function;
use crate::recipe::{ShardSpec, Tensor};
use crate::tensor_dtype::TensorDtype;

/// The keys of a `[[tensor]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TensorSpec {
    pub(crate) name: String,
    /// The whole shape, also where the file holds a shard.
    pub(crate) shape: Vec<u64>,
    // Defaults are those of a recipe without `[defaults]`; `parse` fills in those of one that has them.
    #[serde(default = "f32")]
    pub(crate) dtype: TensorDtype,
    /// The order of the output and input dimensions, from which fans are computed.
    #[serde(default)]
    pub(crate) layout: Layout,
    /// The groups of a convolution.
    #[serde(default = "one")]
    pub(crate) groups: u64,
    /// Whether it is the kernel of a transposed convolution.
    #[serde(default)]
    pub(crate) transposed: bool,
    /// The fans, in place of those that the shape gives.
    pub(crate) fans: Option<Fans>,
    /// The initialiser. Optional here, so that its absence has a message with advice.
    pub(crate) init: Option<Init>,
    /// The function that the values of the initialiser go through.
    pub(crate) function: Option<Function>,
    /// The index in the first dimension that is zeros.
    pub(crate) padding: Option<u64>,
    /// The part of the tensor that the file holds.
    pub(crate) shard: Option<ShardSpec>,
}

const fn f32() -> TensorDtype {
    TensorDtype::Float(Dtype::F32)
}

const fn one() -> u64 {
    1
}

/// The key that a tensor's error is about, so that a recipe's reader can name its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Name,
    Shape,
    Init,
    Function,
    Padding,
    Shard,
}

/// The reason why keys describe no tensor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct SpecError {
    /// The key that breaks the rule.
    pub(crate) key: Key,
    /// The rule that is broken.
    pub(crate) message: String,
}

impl SpecError {
    fn new(key: Key, message: impl ToString) -> Self {
        Self { key, message: message.to_string() }
    }
}

impl TensorSpec {
    /// The tensor that the keys describe, checked as a fill checks it.
    pub(crate) fn tensor(self) -> Result<Tensor, SpecError> {
        let Self { name, dtype, function, padding, .. } = &self;
        let (dtype, function, padding) = (*dtype, *function, *padding);
        // every check that a fill makes, so that no error is left for the middle of a run
        check_name(name).map_err(|error| SpecError::new(Key::Name, error))?;
        let refuse = |key, error: &dyn ToString| SpecError::new(key, format!("tensor {name:?}: {}", error.to_string()));
        let shape = self.whole_shape().map_err(|error| SpecError::new(Key::Shape, error))?;
        check_dims(shape.dims()).map_err(|message| refuse(Key::Shape, &message))?;
        let init = self.init.ok_or_else(|| {
            let message = format!("tensor {name:?} needs an init, here or in [defaults]: init = \"he_normal\"");
            SpecError::new(Key::Init, message)
        })?;
        // the sampler of the whole shape: the fans of a shard are those of its tensor
        let sampler = init.sampler(&shape).map_err(|error| refuse(Key::Init, &error))?;
        match (dtype, function) {
            // a function is of values in f32
            (TensorDtype::Float(_), Some(_)) => sampler.check(Dtype::F32).map_err(|error| refuse(Key::Init, &error))?,
            (TensorDtype::Float(dtype), None) => sampler.check(dtype).map_err(|error| refuse(Key::Init, &error))?,
            (TensorDtype::I64, _) => {
                integer(&sampler)
                    .ok_or_else(|| refuse(Key::Init, &"i64 needs an init of one whole number, such as zeros"))?;
            }
        }
        if let Some(function) = function {
            if dtype == TensorDtype::I64 {
                return Err(refuse(Key::Function, &"i64 has no function"));
            }
            function.check(shape.dims()).map_err(|message| refuse(Key::Function, &message))?;
            // without elements there is no value
            if let TensorDtype::Float(dtype) = dtype
                && shape.elements() > 0
            {
                function.check_values(&sampler, dtype).map_err(|message| refuse(Key::Function, &message))?;
            }
        }
        if let Some(shard) = &self.shard {
            shape.shard(&shard.start, &shard.extent).map_err(|error| refuse(Key::Shard, &error))?;
        }
        check_padding(&shape, padding).map_err(|message| refuse(Key::Padding, &message))?;
        let Self { name, shard, .. } = self;
        Ok(Tensor { name, shape, dtype, init, function, padding, shard })
    }

    /// The shape of the whole tensor, from which fans are computed.
    fn whole_shape(&self) -> seedtensors::Result<Shape> {
        let shape =
            Shape::new(&self.shape)?.with_layout(self.layout).with_groups(self.groups).with_transposed(self.transposed);
        Ok(match self.fans {
            Some(fans) => shape.with_fans(fans),
            None => shape,
        })
    }
}

/// The whole number that a constant's elements are.
pub(crate) fn integer(sampler: &Sampler) -> Option<i64> {
    match *sampler {
        // below 2^24 every whole number is an f32
        Sampler::Constant { value } if value.fract() == 0.0 && value.abs() < 16_777_216.0 => {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number of 24 bits")]
            let value = value as i64;
            Some(value)
        }
        _ => None,
    }
}

/// Refuses a shape that readers of safetensors refuse.
pub(crate) fn check_dims(dims: &[u64]) -> Result<(), String> {
    if dims.len() > MOST_DIMS {
        return Err(format!("a shape has at most {MOST_DIMS} dimensions, not {}", dims.len()));
    }
    // readers multiply from the left, and do not come to a 0 behind too large a product
    match dims.iter().try_fold(1_u64, |product, &dim| product.checked_mul(dim)) {
        Some(_) => Ok(()),
        None => Err(format!("the dimensions before a 0 must multiply to less than 2^64, not {dims:?}")),
    }
}

/// Refuses padding outside the first dimension.
pub(crate) fn check_padding(shape: &Shape, padding: Option<u64>) -> Result<(), BadPadding> {
    match (padding, shape.dims()) {
        // `padding` is an index of the first dimension, as `padding_idx` of an embedding is
        (Some(padding), &[rows, ..]) if padding >= rows => Err(BadPadding::Outside { padding, rows }),
        (Some(_), []) => Err(BadPadding::Scalar),
        _ => Ok(()),
    }
}

/// Padding that a tensor cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPadding {
    #[error("padding is an index below {rows}, the first dimension, not {padding}")]
    Outside { padding: u64, rows: u64 },
    #[error("a scalar has no padding")]
    Scalar,
}
