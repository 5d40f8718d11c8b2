//! Initialisers: a parameter's shape and an [`Init`] give its sampler.

use crate::bits::round;
use crate::variance_scaling::finite;
use crate::{Distribution, Matrix, Mode, Result, Sampler, Shape, VarianceScaling};

/// The two bounds of a truncated normal.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "crate::serde::BoundsTable", into = "crate::serde::BoundsTable"))]
#[non_exhaustive]
pub enum Bounds {
    /// The values themselves, as in PyTorch's `trunc_normal_`.
    Absolute {
        /// The bound below; may be infinite.
        low: f64,
        /// The bound above, above `low`; may be infinite.
        high: f64,
    },
    /// In standard deviations from the mean, as in JAX, TensorFlow and timm's `trunc_normal_tf_`.
    InStd {
        /// The bound below; may be infinite.
        low: f64,
        /// The bound above, above `low`; may be infinite.
        high: f64,
    },
}

/// An initialiser: with a shape it gives a [`Sampler`].
///
/// The named schemes, such as [`Init::he_normal`], return a [`VarianceScaling`], whose methods change it.
/// [`Fill::new`](crate::Fill::new) takes both; elsewhere write `Init::he_normal().into()`.
/// `xavier_normal`, `he_normal` and `lecun_normal` are plain normals, as in PyTorch; JAX and Keras give truncated ones
/// under the same names.
///
/// ```
/// use seedtensors::{Init, Sampler, Shape};
///
/// let shape = Shape::new(&[256, 128])?;
/// let std = (2.0_f64 / 128.0).sqrt() as f32;
/// let he = Init::from(Init::he_normal());
/// assert_eq!(he.sampler(&shape)?, Sampler::Normal { mean: 0.0, std });
///
/// let error = Init::Normal { mean: 0.0, std: f64::NAN }.sampler(&shape).unwrap_err();
/// assert_eq!(error.to_string(), "normal's std must be finite in f32, not NaN");
/// # Ok::<(), seedtensors::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Init {
    /// One value everywhere; finite.
    Constant {
        /// The value.
        value: f64,
    },
    /// [low, high), `high` excluded; both finite, `low` not above `high`.
    Uniform {
        /// The least value.
        low: f64,
        /// The bound above.
        high: f64,
    },
    /// A normal of this mean and standard deviation; both finite, `std` at least 0.
    Normal {
        /// The mean.
        mean: f64,
        /// The standard deviation.
        std: f64,
    },
    /// A normal distribution truncated to two bounds.
    TruncatedNormal {
        /// The mean of the normal before truncation; finite.
        mean: f64,
        /// The standard deviation of the normal before truncation; finite and above 0.
        std: f64,
        /// The bounds.
        #[cfg_attr(feature = "serde", serde(flatten))]
        bounds: Bounds,
    },
    /// Mean 0 and variance `scale / n`, with n a fan of the shape; at least 2 dimensions, unless
    /// [`Shape::with_fans`] gives the fans, as for a bias with the fans of its weight.
    VarianceScaling(VarianceScaling),
    /// `gain` on the diagonal and 0 elsewhere; 2 dimensions, of any size.
    Eye {
        /// The value on the diagonal; finite.
        gain: f64,
    },
    /// A convolution that copies its inputs to its outputs: `w[g * outs + d, d, size / 2, ...]` is 1, with `outs` the
    /// outputs of a group, for d below both `outs` and the inputs, and all else is 0; 3 to 5 dimensions.
    Dirac {
        /// At least 1, and divides the outputs; 1 unless the convolution is grouped.
        groups: u64,
    },
    /// Orthonormal columns times `gain`, or rows where the first dimension is smaller than the product of the
    /// others: Q of a QR decomposition with the signs that make it uniform (Saxe, McClelland, Ganguli, "Exact
    /// solutions to the nonlinear dynamics of learning in deep linear neural networks", 2013); at least 2
    /// dimensions.
    Orthogonal {
        /// The factor; finite.
        gain: f64,
    },
    /// A convolution whose kernel's centre, at `(size - 1) / 2`, is an orthogonal matrix, and that is 0 elsewhere
    /// (Xiao and others, "Dynamical isometry and a mean field theory of CNNs", 2018); 3 to 5 dimensions, no fewer
    /// outputs than inputs.
    DeltaOrthogonal {
        /// The factor; finite.
        gain: f64,
    },
    /// A normal of mean 0; in every column, `ceil(sparsity * rows)` elements are set to 0 (Martens, "Deep learning
    /// via Hessian-free optimization", 2010); 2 dimensions.
    Sparse {
        /// The share of zeros, from 0 to 1.
        sparsity: f64,
        /// The standard deviation of the others; finite and at least 0.
        std: f64,
    },
}

impl From<VarianceScaling> for Init {
    fn from(scaling: VarianceScaling) -> Self {
        Self::VarianceScaling(scaling)
    }
}

impl Init {
    /// 0 everywhere.
    #[must_use]
    pub const fn zeros() -> Self {
        Self::Constant { value: 0.0 }
    }

    /// 1 everywhere.
    #[must_use]
    pub const fn ones() -> Self {
        Self::Constant { value: 1.0 }
    }

    /// Uniform, variance 1 / fan_avg (Glorot and Bengio, "Understanding the difficulty of training deep
    /// feedforward neural networks", 2010).
    #[doc(alias = "glorot_uniform")]
    #[must_use]
    pub const fn xavier_uniform() -> VarianceScaling {
        VarianceScaling::new(1.0, Mode::FanAvg, Distribution::Uniform)
    }

    /// Normal, variance 1 / fan_avg (Glorot and Bengio, 2010).
    #[doc(alias = "glorot_normal")]
    #[must_use]
    pub const fn xavier_normal() -> VarianceScaling {
        VarianceScaling::new(1.0, Mode::FanAvg, Distribution::Normal)
    }

    /// Uniform, variance 2 / fan_in: ReLU's gain (He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015).
    #[doc(alias = "kaiming_uniform")]
    #[must_use]
    pub const fn he_uniform() -> VarianceScaling {
        VarianceScaling::new(2.0, Mode::FanIn, Distribution::Uniform)
    }

    /// Normal, variance 2 / fan_in: ReLU's gain (He and others, 2015).
    #[doc(alias = "kaiming_normal")]
    #[must_use]
    pub const fn he_normal() -> VarianceScaling {
        VarianceScaling::new(2.0, Mode::FanIn, Distribution::Normal)
    }

    /// Uniform, variance 1 / fan_in (LeCun, Bottou, Orr, Müller, "Efficient backprop", 1998).
    #[must_use]
    pub const fn lecun_uniform() -> VarianceScaling {
        VarianceScaling::new(1.0, Mode::FanIn, Distribution::Uniform)
    }

    /// Normal, variance 1 / fan_in (LeCun and others, 1998).
    #[must_use]
    pub const fn lecun_normal() -> VarianceScaling {
        VarianceScaling::new(1.0, Mode::FanIn, Distribution::Normal)
    }

    /// The sampler of this initialiser's values for a tensor of this shape. A shape without elements is no error,
    /// whatever the initialiser.
    ///
    /// # Errors
    ///
    /// [`Error::BadParameter`](crate::Error::BadParameter) for a parameter that is not finite in f32 or that does not
    /// fit the shape, for a negative scale, and for a sparsity outside 0 to 1; and the errors of [`Shape::fans`]. The
    /// fill, or [`Sampler::check`], refuses a negative std, exchanged bounds, and values that the dtype cannot hold.
    pub fn sampler(&self, shape: &Shape) -> Result<Sampler> {
        // a fan or a matrix of no elements may be an error, but there is no value that it decides
        if shape.elements() == 0 {
            return Ok(Sampler::Constant { value: 0.0 });
        }
        match *self {
            // parameters are rounded from f64 to f32 here, once, on every host alike
            Self::Constant { value } => Ok(Sampler::Constant { value: finite("constant's value", value)? }),
            Self::Uniform { low, high } => {
                Ok(Sampler::Uniform { low: finite("uniform's low", low)?, high: finite("uniform's high", high)? })
            }
            Self::Normal { mean, std } => {
                Ok(Sampler::Normal { mean: finite("normal's mean", mean)?, std: finite("normal's std", std)? })
            }
            Self::TruncatedNormal { mean, std, bounds } => truncated(mean, std, bounds),
            Self::VarianceScaling(scaling) => scaling.sampler(shape),
            // the matrices' gains stay in f64: they are multiplied before the one rounding
            Self::Eye { gain } => Matrix::eye(known("eye's gain", gain)?, shape).map(Sampler::Matrix),
            Self::Dirac { groups } => Matrix::dirac(groups, shape).map(Sampler::Matrix),
            Self::Orthogonal { gain } => {
                Matrix::orthogonal(known("orthogonal's gain", gain)?, shape).map(Sampler::Matrix)
            }
            Self::DeltaOrthogonal { gain } => {
                Matrix::delta_orthogonal(known("delta_orthogonal's gain", gain)?, shape).map(Sampler::Matrix)
            }
            Self::Sparse { sparsity, std } => {
                Matrix::sparse(sparsity, known("sparse's std", std)?, shape).map(Sampler::Matrix)
            }
        }
    }
}

/// A truncated normal with bounds as values. Infinite bounds are allowed, an infinite mean or std is not.
fn truncated(mean: f64, std: f64, bounds: Bounds) -> Result<Sampler> {
    let (low, high) = match bounds {
        Bounds::Absolute { low, high } => (low, high),
        // in f64, before mean and std are rounded
        Bounds::InStd { low, high } => (mean + low * std, mean + high * std),
    };
    // `finite` would refuse an infinite bound, which means that this end is not cut
    let bound = |what: &str, bound: f64| if bound.is_infinite() { Ok(round(bound)) } else { finite(what, bound) };
    Ok(Sampler::TruncatedNormal {
        mean: finite("truncated normal's mean", mean)?,
        std: finite("truncated normal's std", std)?,
        low: bound("truncated normal's low", low)?,
        high: bound("truncated normal's high", high)?,
    })
}

/// A parameter that stays in f64; an error where it is not finite in f32.
fn known(what: &str, value: f64) -> Result<f64> {
    finite(what, value).map(|_| value)
}
