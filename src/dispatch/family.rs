//! The samplers that a device is checked with.

use crate::Sampler;

/// The samplers that are checked. Each has a parameter that moves a value close to where it would round the other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Random words.
    Words,
    /// -0.3.
    Constant,
    /// From -0.1 on; the parameter is `high`.
    Uniform,
    /// A mean of 0.001; the parameter is the std.
    Normal,
    /// A mean of 0; the parameter is the std.
    Centred,
    /// Truncated at 2 std from the mean. The mean is std / 4: adding it keeps most bits of quantiles near 0. The
    /// parameter is the std, of at most 20 bits, so that the window is always the same.
    Central,
    /// The same, truncated at 3.75 std from the mean.
    Truncated,
    /// The same, truncated at -1 and 7.75 std from the mean.
    Skewed,
    /// `Tail(k)` is truncated at k and k + 8 std above the mean, which is 2 std. The parameter is the std, of at most
    /// 20 bits. From k = 2 on the window is far.
    Tail(u8),
    /// Truncated about 1 std above the mean, so narrowly that the quantile's series is used; the parameter is the std,
    /// of at most 20 bits.
    Narrow,
    /// Truncated at 0.0000123 and `high`, the parameter, with a mean of -0.05 and a std of 0.05. The middle of the
    /// window is no f32 number.
    NarrowResidue,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 14] = [
        Self::Words,
        Self::Constant,
        Self::Uniform,
        Self::Normal,
        Self::Centred,
        Self::Central,
        Self::Truncated,
        Self::Skewed,
        Self::Tail(1),
        Self::Tail(4),
        Self::Tail(2),
        Self::Tail(8),
        Self::Narrow,
        Self::NarrowResidue,
    ];

    /// The parameter of the long fill.
    #[must_use]
    pub const fn parameter(self) -> f32 {
        match self {
            Self::Words | Self::Constant => 0.0,
            Self::Uniform => 0.3,
            Self::Normal | Self::Centred => 0.02,
            // about 0.03, with few bits: the products with small whole numbers below are then exact
            Self::Central | Self::Truncated | Self::Skewed | Self::Tail(_) | Self::Narrow => {
                f32::from_bits(0x3cf5_c280)
            }
            Self::NarrowResidue => 0.001_7,
        }
    }

    /// The sampler with a parameter; none for the words.
    #[must_use]
    pub const fn sampler(self, parameter: f32) -> Option<Sampler> {
        let std = parameter;
        Some(match self {
            Self::Words => return None,
            Self::Constant => Sampler::Constant { value: -0.3 },
            Self::Uniform => Sampler::Uniform { low: -0.1, high: parameter },
            Self::Normal => Sampler::Normal { mean: 0.001, std },
            Self::Centred => Sampler::Normal { mean: 0.0, std },
            Self::Central => Sampler::TruncatedNormal { mean: 0.25 * std, std, low: -1.75 * std, high: 2.25 * std },
            Self::Truncated => Sampler::TruncatedNormal { mean: 0.25 * std, std, low: -3.5 * std, high: 4.0 * std },
            Self::Skewed => Sampler::TruncatedNormal { mean: 0.25 * std, std, low: -0.75 * std, high: 8.0 * std },
            // bounds count from the mean, which is 2 std
            Self::Tail(least) => {
                let least = least as f32 + 2.0;
                Sampler::TruncatedNormal { mean: 2.0 * std, std, low: least * std, high: (least + 8.0) * std }
            }
            // 31/512 std wide, just below the limit of 1/16 for a narrow window
            Self::Narrow => {
                Sampler::TruncatedNormal { mean: -std, std, low: std * (-15.0 / 512.0), high: std * (16.0 / 512.0) }
            }
            // f32 does not hold the mean of these bounds, so the residue is not 0
            Self::NarrowResidue => {
                Sampler::TruncatedNormal { mean: -0.05, std: 0.05, low: 0.000_012_3, high: parameter }
            }
        })
    }
}
