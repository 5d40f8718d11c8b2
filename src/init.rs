//! Initialisers: how a shape's fans become a sampler. Constants are worked out in f64 and rounded once.

use crate::bits::round;
use crate::{Error, Matrix, Result, Sampler, Shape};

/// The factor by which an activation's weights are enlarged (PyTorch's `calculate_gain`).
///
/// ```
/// use seedtensors::Gain;
///
/// assert_eq!(Gain::Tanh.value(), 5.0 / 3.0);
/// assert_eq!(Gain::Relu.value(), 2.0_f64.sqrt());
/// assert_eq!(Gain::LeakyRelu { negative_slope: 0.0 }.value(), Gain::Relu.value());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gain {
    /// 1.
    Linear,
    /// 1.
    Conv,
    /// 1.
    Sigmoid,
    /// 5/3.
    Tanh,
    /// sqrt(2).
    Relu,
    /// sqrt(2 / (1 + negative_slope^2)).
    LeakyRelu {
        /// The slope below 0; PyTorch's default is 0.01.
        negative_slope: f64,
    },
    /// 3/4.
    Selu,
    /// Any other activation's.
    Value(f64),
}

impl Gain {
    /// The factor.
    #[must_use]
    pub fn value(self) -> f64 {
        match self {
            Self::Linear | Self::Conv | Self::Sigmoid => 1.0,
            Self::Tanh => 5.0 / 3.0,
            Self::Relu => 2f64.sqrt(),
            Self::LeakyRelu { negative_slope } => (2.0 / (1.0 + negative_slope * negative_slope)).sqrt(),
            Self::Selu => 0.75,
            Self::Value(gain) => gain,
        }
    }
}

/// Which fan a variance is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// fan_in: keeps the forward pass's variance.
    FanIn,
    /// fan_out: keeps the backward pass's variance.
    FanOut,
    /// (fan_in + fan_out) / 2.
    FanAvg,
    /// sqrt(fan_in * fan_out).
    FanGeoAvg,
}

/// The law of variance scaling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// Between -sqrt(3 variance) and sqrt(3 variance).
    Uniform,
    /// Mean 0, std sqrt(variance).
    Normal,
    /// A normal of mean 0 cut at two of its own std, which is sqrt(variance) / 0.87962566103423978, so that what
    /// is left has this variance.
    TruncatedNormal,
}

/// The two bounds of a truncated normal.
#[derive(Clone, Copy, Debug, PartialEq)]
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

/// The std of a standard normal cut at -2 and 2.
const STD_WITHIN_TWO: f64 = 0.879_625_661_034_239_8;

/// An initialiser: with a shape it gives a [`Sampler`].
///
/// The named schemes are cases of [`Init::VarianceScaling`]. `xavier_normal`, `he_normal` and
/// `lecun_normal` mean the plain normal, as in PyTorch; JAX and Keras mean a truncated one by the same
/// names.
///
/// ```
/// use seedtensors::{Gain, Init, Mode, Sampler, Shape};
///
/// let shape = Shape::new(&[256, 128])?;
/// let std = (2.0_f64 / 128.0).sqrt() as f32;
/// assert_eq!(Init::he_normal().sampler(&shape)?, Sampler::Normal { mean: 0.0, std });
///
/// let tanh = Init::he_normal().with_mode(Mode::FanOut)?.with_gain(Gain::Tanh)?;
/// let std = (5.0 / 3.0 / 256.0_f64.sqrt()) as f32;
/// assert_eq!(tanh.sampler(&shape)?, Sampler::Normal { mean: 0.0, std });
/// # Ok::<(), seedtensors::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// A normal kept inside two bounds.
    TruncatedNormal {
        /// The mean before it is cut; finite.
        mean: f64,
        /// The standard deviation before it is cut; finite and above 0.
        std: f64,
        /// The bounds.
        bounds: Bounds,
    },
    /// variance = scale / n, with n the fan of the mode.
    VarianceScaling {
        /// At least 0 and finite; for the named schemes the gain squared.
        scale: f64,
        /// Which fan n is.
        mode: Mode,
        /// The law.
        distribution: Distribution,
    },
    /// `gain` on the diagonal and 0 elsewhere; 2 dimensions, of any size.
    Eye {
        /// What stands on the diagonal.
        gain: f64,
    },
    /// A convolution that passes its inputs on: `w[g * outs + d, d, size / 2, ...]` is 1, with `outs` the outputs of
    /// a group, for d below both `outs` and the inputs, and all else is 0; 3 to 5 dimensions.
    Dirac {
        /// Divides the outputs; 1 unless the convolution is grouped.
        groups: u64,
    },
    /// Orthonormal columns times `gain`, or rows where the first dimension is smaller than the product of the
    /// others: Q of a QR decomposition with the signs that make it uniform (Saxe, McClelland, Ganguli, "Exact
    /// solutions to the nonlinear dynamics of learning in deep linear neural networks", 2013); at least 2
    /// dimensions. Needs the feature `orthogonal`.
    Orthogonal {
        /// The factor.
        gain: f64,
    },
    /// A convolution whose kernel's centre, at `(size - 1) / 2`, is an orthogonal matrix, and that is 0 elsewhere
    /// (Xiao and others, "Dynamical isometry and a mean field theory of CNNs", 2018); 3 to 5 dimensions, no fewer
    /// outputs than inputs. Needs the feature `orthogonal`.
    DeltaOrthogonal {
        /// The factor.
        gain: f64,
    },
    /// A normal of mean 0 in whose every column `ceil(sparsity * rows)` elements are 0 (Martens, "Deep learning
    /// via Hessian-free optimization", 2010); 2 dimensions.
    Sparse {
        /// The share of zeros, from 0 to 1.
        sparsity: f64,
        /// The standard deviation of the others; finite and at least 0.
        std: f64,
    },
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

    const fn scaling(scale: f64, mode: Mode, distribution: Distribution) -> Self {
        Self::VarianceScaling { scale, mode, distribution }
    }

    /// Uniform, variance 1 / fan_avg (Glorot and Bengio, "Understanding the difficulty of training deep
    /// feedforward neural networks", 2010).
    #[doc(alias = "glorot_uniform")]
    #[must_use]
    pub const fn xavier_uniform() -> Self {
        Self::scaling(1.0, Mode::FanAvg, Distribution::Uniform)
    }

    /// Normal, variance 1 / fan_avg (Glorot and Bengio, 2010).
    #[doc(alias = "glorot_normal")]
    #[must_use]
    pub const fn xavier_normal() -> Self {
        Self::scaling(1.0, Mode::FanAvg, Distribution::Normal)
    }

    /// Uniform, variance 2 / fan_in: ReLU's gain (He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015).
    #[doc(alias = "kaiming_uniform")]
    #[must_use]
    pub const fn he_uniform() -> Self {
        Self::scaling(2.0, Mode::FanIn, Distribution::Uniform)
    }

    /// Normal, variance 2 / fan_in: ReLU's gain (He and others, 2015).
    #[doc(alias = "kaiming_normal")]
    #[must_use]
    pub const fn he_normal() -> Self {
        Self::scaling(2.0, Mode::FanIn, Distribution::Normal)
    }

    /// Uniform, variance 1 / fan_in (LeCun, Bottou, Orr, Müller, "Efficient backprop", 1998).
    #[must_use]
    pub const fn lecun_uniform() -> Self {
        Self::scaling(1.0, Mode::FanIn, Distribution::Uniform)
    }

    /// Normal, variance 1 / fan_in (LeCun and others, 1998).
    #[must_use]
    pub const fn lecun_normal() -> Self {
        Self::scaling(1.0, Mode::FanIn, Distribution::Normal)
    }

    /// The same variance scaling with another law: with [`Distribution::TruncatedNormal`] the named schemes are
    /// what JAX and Keras mean by them.
    ///
    /// # Errors
    ///
    /// [`Error::BadParameter`] where this is no variance scaling.
    ///
    /// ```
    /// use seedtensors::{Distribution, Init, Sampler, Shape};
    ///
    /// let he = Init::he_normal().with_distribution(Distribution::TruncatedNormal)?;
    /// let std = ((2.0_f64 / 128.0).sqrt() / 0.87962566103423978) as f32;
    /// let (low, high) = (-2.0 * std, 2.0 * std);
    /// assert_eq!(he.sampler(&Shape::new(&[256, 128])?)?, Sampler::TruncatedNormal { mean: 0.0, std, low, high });
    /// # Ok::<(), seedtensors::Error>(())
    /// ```
    pub fn with_distribution(self, distribution: Distribution) -> Result<Self> {
        match self {
            Self::VarianceScaling { scale, mode, .. } => Ok(Self::scaling(scale, mode, distribution)),
            other => Err(Error::bad("a distribution goes with variance scaling", format!("{other:?}"))),
        }
    }

    /// The same variance scaling with `gain` squared as its scale.
    ///
    /// # Errors
    ///
    /// [`Error::BadParameter`] where this is no variance scaling.
    pub fn with_gain(self, gain: Gain) -> Result<Self> {
        match self {
            Self::VarianceScaling { mode, distribution, .. } => {
                Ok(Self::scaling(gain.value() * gain.value(), mode, distribution))
            }
            other => Err(Error::bad("a gain goes with variance scaling", format!("{other:?}"))),
        }
    }

    /// The same variance scaling by another fan.
    ///
    /// # Errors
    ///
    /// [`Error::BadParameter`] where this is no variance scaling.
    pub fn with_mode(self, mode: Mode) -> Result<Self> {
        match self {
            Self::VarianceScaling { scale, distribution, .. } => Ok(Self::scaling(scale, mode, distribution)),
            other => Err(Error::bad("a fan mode goes with variance scaling", format!("{other:?}"))),
        }
    }

    /// The sampler that gives this initialiser's values for a tensor of this shape. A shape without
    /// elements is no error whatever the initialiser.
    ///
    /// # Errors
    ///
    /// [`Error::BadParameter`] for a parameter that the initialiser refuses, [`Error::TooFewDimensions`]
    /// and the other errors of [`Shape::fans`]. What depends on the dtype is checked by the fill.
    pub fn sampler(&self, shape: &Shape) -> Result<Sampler> {
        if shape.elements() == 0 {
            return Ok(Sampler::Constant { value: 0.0 });
        }
        match *self {
            Self::Constant { value } => Ok(Sampler::Constant { value: finite("constant's value", value)? }),
            Self::Uniform { low, high } => {
                Ok(Sampler::Uniform { low: finite("uniform's low", low)?, high: finite("uniform's high", high)? })
            }
            Self::Normal { mean, std } => {
                Ok(Sampler::Normal { mean: finite("normal's mean", mean)?, std: finite("normal's std", std)? })
            }
            Self::TruncatedNormal { mean, std, bounds } => truncated(mean, std, bounds),
            Self::VarianceScaling { scale, mode, distribution } => scaled(scale, mode, distribution, shape),
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

fn truncated(mean: f64, std: f64, bounds: Bounds) -> Result<Sampler> {
    let (low, high) = match bounds {
        Bounds::Absolute { low, high } => (low, high),
        Bounds::InStd { low, high } => (mean + low * std, mean + high * std),
    };
    let bound = |what: &str, bound: f64| if bound.is_infinite() { Ok(round(bound)) } else { finite(what, bound) };
    Ok(Sampler::TruncatedNormal {
        mean: finite("truncated normal's mean", mean)?,
        std: finite("truncated normal's std", std)?,
        low: bound("truncated normal's low", low)?,
        high: bound("truncated normal's high", high)?,
    })
}

fn scaled(scale: f64, mode: Mode, distribution: Distribution, shape: &Shape) -> Result<Sampler> {
    if !(scale >= 0.0 && scale.is_finite()) {
        return Err(Error::bad(
            "variance scaling's scale (the gain squared) must be finite and at least 0",
            format!("{scale:?}"),
        ));
    }
    let fans = shape.fans()?;
    let (fan_in, fan_out) = (fans.fan_in as f64, fans.fan_out as f64);
    let n = match mode {
        Mode::FanIn => fan_in,
        Mode::FanOut => fan_out,
        Mode::FanAvg => (fan_in + fan_out) / 2.0,
        Mode::FanGeoAvg => (fan_in * fan_out).sqrt(),
    };
    if n == 0.0 {
        return Err(Error::bad("variance scaling needs a fan above 0", format!("{fans:?}")));
    }
    let std = (scale / n).sqrt();
    match distribution {
        Distribution::Uniform => {
            let high = finite("the uniform's bound", 3f64.sqrt() * std)?;
            Ok(Sampler::Uniform { low: -high, high })
        }
        Distribution::Normal => Ok(Sampler::Normal { mean: 0.0, std: finite("the normal's std", std)? }),
        // nothing is left of a variance of 0 to be cut
        Distribution::TruncatedNormal if std == 0.0 => Ok(Sampler::Constant { value: 0.0 }),
        Distribution::TruncatedNormal => truncated(0.0, std / STD_WITHIN_TWO, Bounds::InStd { low: -2.0, high: 2.0 }),
    }
}

/// A parameter rounded to f32, refused where that is not finite.
fn finite(what: &str, value: f64) -> Result<f32> {
    known(what, value).map(round)
}

/// A parameter, refused where it is not finite in f32.
fn known(what: &str, value: f64) -> Result<f64> {
    if round(value).is_finite() {
        Ok(value)
    } else {
        Err(Error::bad(&format!("{what} must be finite in f32"), format!("{value:?}")))
    }
}
