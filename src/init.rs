//! Initialisers: how a shape's fans become a sampler. Constants are worked out in f64 and rounded once.

use crate::sampler::round;
use crate::{Error, Result, Sampler, Shape};

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
}

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
    /// variance = scale / n, with n the fan of the mode.
    VarianceScaling {
        /// At least 0 and finite; for the named schemes the gain squared.
        scale: f64,
        /// Which fan n is.
        mode: Mode,
        /// The law.
        distribution: Distribution,
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

    /// The same variance scaling with `gain` squared as its scale.
    ///
    /// # Errors
    ///
    /// [`Error::BadParameter`] where this is no variance scaling.
    pub fn with_gain(self, gain: Gain) -> Result<Self> {
        match self {
            Self::VarianceScaling { mode, distribution, .. } => {
                Ok(Self::scaling(gain.value().powi(2), mode, distribution))
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
            Self::VarianceScaling { scale, mode, distribution } => scaled(scale, mode, distribution, shape),
        }
    }
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
    }
}

/// A parameter rounded to f32, refused where that is not finite.
fn finite(what: &str, value: f64) -> Result<f32> {
    let rounded = round(value);
    if rounded.is_finite() {
        Ok(rounded)
    } else {
        Err(Error::bad(&format!("{what} must be finite in f32"), format!("{value:?}")))
    }
}
