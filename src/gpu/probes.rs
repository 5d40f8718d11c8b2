//! The fills by which a device is checked: for each sampler and dtype a long one, and short ones at chosen places of the
//! stream. If a compiler fuses or regroups one operation, that changes at least 32 of their elements, with few exceptions:
//! docs/margins.md. `examples/margins` finds the short fills, tests/margins.rs counts.

use super::chosen::CHOSEN;
use crate::{Dtype, Fill, Key, Sampler};

/// Elements of a long fill: enough for what a wrong compiler changes often.
pub(crate) const COUNT: u64 = 8192;
/// Bytes of a short fill: a thread of `fill_slots`.
pub(crate) const SHORT: u64 = 64;
/// A key whose counters cross 2^32.
pub(crate) const KEY: Key = Key { seed: 0x0123_4567_89ab_cdef, offset: (1 << 32) - 1024 };

/// The samplers that are checked, each with a parameter by which a value is moved next to where it rounds the other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Random words.
    Words,
    /// -0.3.
    Constant,
    /// From -0.1 on; the parameter is `high`.
    Uniform,
    /// Of mean 0.001; the parameter is the std.
    Normal,
    /// Of mean 0; the parameter is the std.
    Centred,
    /// Truncated at -1 and 8 std, of mean 2 std; the parameter is the std, of at most 20 bits, so that the window is
    /// always the same.
    Truncated,
    /// `Tail(k)` is truncated at k and k + 8 std above the mean, which is 2 std. The parameter is the std, of at most 20
    /// bits.
    Tail(u8),
    /// Truncated about 1 std above the mean, so narrowly that the quantile's series is used; the parameter is the std, of
    /// at most 20 bits.
    Narrow,
    /// Truncated at 0.0000123 and `high`, the parameter, with a mean of -0.05 and a std of 0.05. The middle of the window is
    /// no f32 number.
    NarrowResidue,
}

impl Family {
    /// Every one.
    pub const ALL: [Self; 15] = [
        Self::Words,
        Self::Constant,
        Self::Uniform,
        Self::Normal,
        Self::Centred,
        Self::Truncated,
        Self::Tail(4),
        Self::Tail(1),
        Self::Tail(2),
        Self::Tail(3),
        Self::Tail(5),
        Self::Tail(6),
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
            Self::Truncated | Self::Tail(_) | Self::Narrow => f32::from_bits(0x3cf5_c280),
            Self::NarrowResidue => 0.001_7,
        }
    }

    /// The sampler with a parameter.
    #[must_use]
    pub const fn sampler(self, parameter: f32) -> Sampler {
        let std = parameter;
        match self {
            Self::Words => Sampler::Words,
            Self::Constant => Sampler::Constant { value: -0.3 },
            Self::Uniform => Sampler::Uniform { low: -0.1, high: parameter },
            Self::Normal => Sampler::Normal { mean: 0.001, std },
            Self::Centred => Sampler::Normal { mean: 0.0, std },
            Self::Truncated => Sampler::TruncatedNormal { mean: 2.0 * std, std, low: std, high: 10.0 * std },
            Self::Tail(least) => {
                let least = least as f32 + 2.0;
                Sampler::TruncatedNormal { mean: 2.0 * std, std, low: least * std, high: (least + 8.0) * std }
            }
            Self::Narrow => {
                Sampler::TruncatedNormal { mean: -std, std, low: std * (-15.0 / 512.0), high: std * (16.0 / 512.0) }
            }
            Self::NarrowResidue => {
                Sampler::TruncatedNormal { mean: -0.05, std: 0.05, low: 0.000_012_3, high: parameter }
            }
        }
    }
}

/// A fill of the check: its family's sampler with a parameter, its dtype, and the elements from the first of a block on.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// What is filled with.
    pub family: Family,
    /// The parameter's bits.
    pub parameter: u32,
    /// As what.
    pub dtype: Dtype,
    /// The block of the key at which the fill begins.
    pub block: u32,
    /// How many elements.
    pub count: u64,
}

impl Probe {
    /// The sampler.
    #[must_use]
    pub const fn sampler(&self) -> Sampler {
        self.family.sampler(f32::from_bits(self.parameter))
    }

    /// The fill.
    #[must_use]
    pub const fn fill(&self) -> Fill {
        Fill { start: 4 * self.block as u64, ..Fill::new(KEY, self.sampler()) }
    }
}

/// The long fills: every family in every dtype that it has.
pub(crate) fn long() -> impl Iterator<Item = Probe> {
    let of = |family: Family| {
        let parameter = family.parameter().to_bits();
        Dtype::ALL.iter().map(move |&dtype| Probe { family, parameter, dtype, block: 0, count: COUNT })
    };
    Family::ALL.into_iter().flat_map(of).filter(|probe| probe.sampler().check(probe.dtype).is_ok())
}

/// The short fills.
pub(crate) fn short() -> impl Iterator<Item = Probe> {
    CHOSEN.iter().flat_map(|&(family, dtype, fills)| {
        fills.iter().map(move |&(parameter, block)| Probe {
            family,
            parameter,
            dtype,
            block,
            count: SHORT / dtype.size(),
        })
    })
}
