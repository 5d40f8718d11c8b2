//! The fills that check a device: for each sampler and dtype a long one, and short ones at chosen blocks of the stream.
//! If a compiler fuses or regroups one operation, at least 32 of their elements change, with few exceptions:
//! docs/margins.md. The tool `margins` finds the short fills, and tests/margins.rs counts.

use super::chosen::CHOSEN;
use super::family::Family;
#[cfg(feature = "gpu")]
use crate::fill::Selection;
#[cfg(feature = "gpu")]
use crate::kernel::Kernel;
#[cfg(feature = "gpu")]
use crate::{Arithmetic, Result};
use crate::{Dtype, Key, Sampler};

/// Elements of a long fill: enough for what a wrong compiler changes often.
pub(crate) const COUNT: u64 = 8192;
/// Bytes of a short fill: a thread of `fill_slots`.
pub(crate) const SHORT: u64 = 64;
/// A key whose counters cross 2^32.
pub(crate) const KEY: Key = Key { seed: 0x0123_4567_89ab_cdef, offset: (1 << 32) - 1024 };

/// A fill of the check: its family's sampler with a parameter, its dtype, and the elements from the first of a block
/// on.
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

    #[cfg(feature = "gpu")]
    /// The kernel in exact arithmetic.
    pub(crate) fn kernel(&self) -> Result<Kernel> {
        match self.sampler() {
            Some(sampler) => Kernel::new(&sampler, self.dtype, Arithmetic::Exact),
            None => Ok(Kernel::words()),
        }
    }

    #[cfg(feature = "gpu")]
    /// The elements.
    pub(crate) const fn selection(&self) -> Selection {
        Selection::run(KEY, 4 * self.block as u64, self.count)
    }
}

/// The long fills: every family in every dtype that it has.
pub(crate) fn long() -> impl Iterator<Item = Probe> {
    // block 0 of a key whose counter carries into the high word within the fill
    let of = |family: Family| {
        let parameter = family.parameter().to_bits();
        Dtype::ALL.iter().map(move |&dtype| Probe { family, parameter, dtype, block: 0, count: COUNT })
    };
    // f16 cannot hold all families' values, and words have no dtype
    Family::ALL.into_iter().flat_map(of).filter(|probe| match probe.sampler() {
        Some(sampler) => sampler.check(probe.dtype).is_ok(),
        None => probe.dtype == Dtype::F32,
    })
}

/// The short fills.
pub(crate) fn short() -> impl Iterator<Item = Probe> {
    // chosen.rs is generated: a parameter and a block for each rewrite that the long fill would show too rarely
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
