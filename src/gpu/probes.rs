//! The fills that check a device: for each sampler and dtype a long one, and short ones at chosen blocks of the stream. If a
//! compiler fuses or regroups one operation, at least 32 of their elements change, with few exceptions: docs/margins.md. The
//! tool `margins` finds the short fills, and tests/margins.rs counts.

use super::chosen::CHOSEN;
use crate::fill::Selection;
use crate::kernel::Kernel;
use crate::{Arithmetic, Dtype, Key, Result, Sampler};

/// Elements of a long fill: enough for what a wrong compiler changes often.
pub(crate) const COUNT: u64 = 8192;
/// Bytes of a short fill: a thread of `fill_slots`.
pub(crate) const SHORT: u64 = 64;
/// A key whose counters cross 2^32.
pub(crate) const KEY: Key = Key { seed: 0x0123_4567_89ab_cdef, offset: (1 << 32) - 1024 };

/// The samplers that are checked. Each has a parameter that moves a value close to where it would round the other way.
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
    /// Every family.
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
        })
    }
}

/// A fill of the check: its family's sampler with a parameter, its dtype, and the elements from the first of a block on.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// The sampler's family.
    pub family: Family,
    /// The parameter's bits.
    pub parameter: u32,
    /// The elements' type.
    pub dtype: Dtype,
    /// The block of the key at which the fill begins.
    pub block: u32,
    /// The number of elements.
    pub count: u64,
}

impl Probe {
    /// The sampler; none for the words.
    #[must_use]
    pub const fn sampler(&self) -> Option<Sampler> {
        self.family.sampler(f32::from_bits(self.parameter))
    }

    /// The kernel in exact arithmetic.
    pub(crate) fn kernel(&self) -> Result<Kernel> {
        match self.sampler() {
            Some(sampler) => Kernel::new(&sampler, self.dtype, Arithmetic::Exact),
            None => Ok(Kernel::words()),
        }
    }

    /// The elements.
    pub(crate) const fn selection(&self) -> Selection {
        Selection::run(KEY, 4 * self.block as u64, self.count)
    }
}

/// The long fills: every family in every dtype that it has.
pub(crate) fn long() -> impl Iterator<Item = Probe> {
    let of = |family: Family| {
        let parameter = family.parameter().to_bits();
        Dtype::ALL.iter().map(move |&dtype| Probe { family, parameter, dtype, block: 0, count: COUNT })
    };
    Family::ALL.into_iter().flat_map(of).filter(|probe| match probe.sampler() {
        Some(sampler) => sampler.check(probe.dtype).is_ok(),
        None => probe.dtype == Dtype::F32,
    })
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
