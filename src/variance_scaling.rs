//! Variance scaling: a shape's fan, an activation's gain and a distribution give a sampler. Computed in f64; each
//! number is rounded once, to f32.

use std::str::FromStr;

use crate::bits::round;
use crate::names::names;
use crate::{Error, Fans, Result, Sampler, Shape, UnknownName};

/// The factor by which an activation's weights are scaled (PyTorch's `calculate_gain`).
///
/// It parses from an activation's name; `leaky_relu` then has PyTorch's slope of 0.01.
///
/// ```
/// use seedtensors::Gain;
///
/// assert_eq!(Gain::Tanh.value(), 5.0 / 3.0);
/// assert_eq!(Gain::Relu.value(), 2.0_f64.sqrt());
/// assert_eq!(Gain::LeakyRelu { negative_slope: 0.0 }.value(), Gain::Relu.value());
/// assert_eq!("selu".parse(), Ok(Gain::Selu));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
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
        /// The slope below 0; finite. PyTorch's default is 0.01.
        negative_slope: f64,
    },
    /// 3/4.
    Selu,
    /// A gain by its value, at least 0 and finite.
    Value(f64),
}

impl Gain {
    /// The activations that have a name, as `calculate_gain` calls them (its `conv1d` to `conv3d` are `conv` here).
    const NAMED: [(&'static str, Self); 7] = [
        ("linear", Self::Linear),
        ("conv", Self::Conv),
        ("sigmoid", Self::Sigmoid),
        ("tanh", Self::Tanh),
        ("relu", Self::Relu),
        ("leaky_relu", Self::LeakyRelu { negative_slope: 0.01 }),
        ("selu", Self::Selu),
    ];

    /// The names of [`NAMED`](Self::NAMED), for the error that lists them.
    const NAMES: &'static [&'static str] = &{
        // a constant has no iterators, so this is a loop; the names are written once, in `NAMED`
        let mut names = [""; Self::NAMED.len()];
        let mut i = 0;
        while i < names.len() {
            names[i] = Self::NAMED[i].0;
            i += 1;
        }
        names
    };

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

    /// The activation's name; none for a gain by its value and for a slope other than 0.01.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Self::NAMED.iter().find(|(_, gain)| *gain == self).map(|(name, _)| *name)
    }
}

impl FromStr for Gain {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let unknown = || UnknownName::new("gain", text, Self::NAMES);
        Self::NAMED.iter().find(|(name, _)| *name == text).map(|(_, gain)| *gain).ok_or_else(unknown)
    }
}

/// The fan that a variance is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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

names!(Mode, "mode", {
    FanIn => "fan_in",
    FanOut => "fan_out",
    FanAvg => "fan_avg",
    FanGeoAvg => "fan_geo_avg",
});

impl Mode {
    /// The fan, as a number that need not be whole.
    fn fan(self, fans: Fans) -> f64 {
        // f64 before the sum and the product, which could overflow 64 bits
        let (fan_in, fan_out) = (fans.fan_in as f64, fans.fan_out as f64);
        match self {
            Self::FanIn => fan_in,
            Self::FanOut => fan_out,
            Self::FanAvg => (fan_in + fan_out) / 2.0,
            Self::FanGeoAvg => (fan_in * fan_out).sqrt(),
        }
    }
}

/// The distribution of variance scaling; all three have mean 0 and the same variance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Distribution {
    /// Between -sqrt(3 variance), included, and sqrt(3 variance), excluded.
    Uniform,
    /// A normal of std sqrt(variance).
    Normal,
    /// A normal truncated at two of its own std, which is sqrt(variance) / 0.87962566103423978, so that the truncated
    /// normal has this variance.
    TruncatedNormal,
}

names!(Distribution, "distribution", {
    Uniform => "uniform",
    Normal => "normal",
    TruncatedNormal => "truncated_normal",
});

// JAX and Keras divide by it so that truncating leaves the variance as it was asked for
/// The std of a standard normal truncated at -2 and 2, to the 17 digits of JAX's and Keras's constant.
const STD_WITHIN_TWO: f64 = 0.879_625_661_034_239_8;

/// Values of mean 0 and variance `scale / n`, with n the fan of `mode`.
///
/// [`Init::he_normal`](crate::Init::he_normal) and the other named schemes return one; [`mode`](Self::mode),
/// [`gain`](Self::gain) and [`distribution`](Self::distribution) change it. The default is `lecun_normal`: scale 1,
/// fan_in, normal.
///
/// ```
/// use seedtensors::{Distribution, Gain, Init, Mode, Sampler, Shape, VarianceScaling};
///
/// let shape = Shape::new(&[256, 128])?;
/// let tanh = Init::he_normal().mode(Mode::FanOut).gain(Gain::Tanh);
/// let std = (5.0 / 3.0 / 256.0_f64.sqrt()) as f32;
/// assert_eq!(tanh.sampler(&shape)?, Sampler::Normal { mean: 0.0, std });
///
/// let small = VarianceScaling::new(0.5, Mode::FanAvg, Distribution::Uniform);
/// let high = (3.0 * 0.5 / 192.0_f64).sqrt() as f32;
/// assert_eq!(small.sampler(&shape)?, Sampler::Uniform { low: -high, high });
/// # Ok::<(), seedtensors::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct VarianceScaling {
    /// At least 0 and finite; for the named schemes the gain squared.
    pub scale: f64,
    /// The fan that the scale is divided by.
    pub mode: Mode,
    /// The distribution of the values.
    pub distribution: Distribution,
}

impl Default for VarianceScaling {
    fn default() -> Self {
        Self::new(1.0, Mode::FanIn, Distribution::Normal)
    }
}

impl VarianceScaling {
    /// Variance `scale / n`, with n the fan of `mode`; [`sampler`](Self::sampler) checks the scale.
    #[must_use]
    pub const fn new(scale: f64, mode: Mode, distribution: Distribution) -> Self {
        Self { scale, mode, distribution }
    }

    /// The same with another fan.
    #[must_use]
    pub const fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// The same with `gain` squared as its scale.
    #[must_use]
    pub fn gain(self, gain: Gain) -> Self {
        Self { scale: gain.value() * gain.value(), ..self }
    }

    /// The same with another distribution. With [`Distribution::TruncatedNormal`] the named schemes give what JAX and
    /// Keras give under the same names.
    ///
    /// ```
    /// use seedtensors::{Distribution, Init, Sampler, Shape};
    ///
    /// let he = Init::he_normal().distribution(Distribution::TruncatedNormal);
    /// let std = ((2.0_f64 / 128.0).sqrt() / 0.87962566103423978) as f32;
    /// let (low, high) = (-2.0 * std, 2.0 * std);
    /// assert_eq!(he.sampler(&Shape::new(&[256, 128])?)?, Sampler::TruncatedNormal { mean: 0.0, std, low, high });
    /// # Ok::<(), seedtensors::Error>(())
    /// ```
    #[must_use]
    pub const fn distribution(self, distribution: Distribution) -> Self {
        Self { distribution, ..self }
    }

    /// The sampler of these values for a tensor of this shape. A shape without elements is no error.
    ///
    /// # Errors
    ///
    /// [`Error::BadParameter`] for a scale that is negative or not finite, a fan of 0 and a std that is not finite in
    /// f32, and the errors of [`Shape::fans`].
    pub fn sampler(&self, shape: &Shape) -> Result<Sampler> {
        // a fan of 0 would be an error, but there is no element whose value it decides
        if shape.elements() == 0 {
            return Ok(Sampler::Constant { value: 0.0 });
        }
        // f64 until the last step: each parameter of the sampler is rounded once
        let std = self.std(shape)?;
        match self.distribution {
            Distribution::Uniform => {
                // a uniform in +-h has variance h^2 / 3
                let high = finite("the uniform's bound", 3f64.sqrt() * std)?;
                Ok(Sampler::Uniform { low: -high, high })
            }
            Distribution::Normal => Ok(Sampler::Normal { mean: 0.0, std: finite("the normal's std", std)? }),
            // a truncated normal needs a std above 0
            Distribution::TruncatedNormal if std == 0.0 => Ok(Sampler::Constant { value: 0.0 }),
            Distribution::TruncatedNormal => {
                let std = std / STD_WITHIN_TWO;
                Ok(Sampler::TruncatedNormal {
                    mean: 0.0,
                    std: finite("truncated normal's std", std)?,
                    low: finite("truncated normal's low", -2.0 * std)?,
                    high: finite("truncated normal's high", 2.0 * std)?,
                })
            }
        }
    }

    /// The standard deviation of the values.
    fn std(&self, shape: &Shape) -> Result<f64> {
        // written so that a NaN fails, too
        if !(self.scale >= 0.0 && self.scale.is_finite()) {
            return Err(Error::bad(
                "variance scaling's scale (the gain squared) must be finite and at least 0",
                format!("{:?}", self.scale),
            ));
        }
        let fans = shape.fans()?;
        let n = self.mode.fan(fans);
        if n == 0.0 {
            return Err(Error::bad("variance scaling needs a fan above 0", format!("{fans:?}")));
        }
        Ok((self.scale / n).sqrt())
    }
}

/// A parameter rounded to f32; an error where that is not finite. `what` names it in the error.
pub(crate) fn finite(what: &str, value: f64) -> Result<f32> {
    // the rounded value, because a finite f64 may be infinite in f32
    let rounded = round(value);
    if rounded.is_finite() {
        Ok(rounded)
    } else {
        Err(Error::bad(&format!("{what} must be finite in f32"), format!("{value:?}")))
    }
}
