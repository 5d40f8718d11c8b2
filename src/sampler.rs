//! The distributions that a tensor's values can have.

use crate::matrix::Matrix;

/// The distribution of a tensor's values, with its parameters in f32. [`Init::sampler`](crate::Init::sampler) makes one
/// from an initialiser and a shape.
///
/// Parameters and results below 2^-126 in magnitude count as 0.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
#[non_exhaustive]
pub enum Sampler {
    /// One value everywhere.
    Constant {
        /// Finite in the dtype.
        value: f32,
    },
    /// `u * (high - low) + low` with `u` a multiple of 2^-24 in [0, 1), each operation rounded once: in
    /// [low, high), never `high`, in every dtype. Where `low` equals `high` it is that value.
    Uniform {
        /// The least value.
        low: f32,
        /// The bound above, not below `low`; finite in the dtype, like `low` and `high - low`.
        high: f32,
    },
    /// A standard normal (between -6.77 and 6.77) times `std`, plus `mean`, each operation rounded once.
    Normal {
        /// The mean.
        mean: f32,
        /// The standard deviation, at least 0; `|mean| + 6.77 std` must be finite in the dtype.
        std: f32,
    },
    /// A normal truncated to `[low, high]`, by the inverse of its distribution function. No value is drawn twice,
    /// and none is moved to a bound. In every dtype the least and the greatest value are inside. A window below the mean
    /// is the mirror image of the one above it.
    TruncatedNormal {
        /// The mean of the normal before truncation; finite.
        mean: f32,
        /// The standard deviation of the normal before truncation; above 0.
        std: f32,
        /// The bound below; may be infinite.
        low: f32,
        /// The bound above, above `low`; may be infinite. The normal's probability between the two is at least
        /// 2^-126, and the dtype has a value there.
        high: f32,
    },
    /// The values of a structured matrix. A matrix cannot be serialised; serialise its initialiser and its shape.
    // a matrix depends on the shape, which a sampler does not store
    #[cfg_attr(feature = "serde", serde(skip))]
    Matrix(Matrix),
}
