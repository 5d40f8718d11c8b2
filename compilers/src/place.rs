//! The layouts of elements that elementwise kernels fill.

use std::fmt;

use anyhow::Result;
use seedtensors::{Fill, Key, Sampler, Shape};

/// Elements of `Place::Words` and `Place::Straddling`, a few more in each. Shards have about as many.
const LEAST: u64 = 1 << 18;

/// The layout of the elements in the tensor and the buffer. It decides the entry point and its constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Place {
    /// `fill_slots` of a whole tensor.
    Slots,
    /// `fill_slots` of a shard of columns, with a multiple of four rows.
    ShardEven,
    /// `fill_slots` of a shard of columns, with another number of rows.
    ShardUneven,
    /// `fill_slots` of a shard in five dimensions.
    ShardDeep,
    /// `fill_slots` of rows more than 2^32 blocks apart.
    ShardWide,
    /// `fill_words` of an odd number of elements from an even index on.
    Words,
    /// `fill_words` from an odd index on, so that words of halves straddle blocks.
    Straddling,
    /// `fill_runs` of rows that begin and end within blocks, and `fill_boundaries` where they share words.
    Runs,
    /// The same of rows more than 2^32 elements apart.
    RunsWide,
    /// `fill_scattered` of short rows.
    Scattered,
    /// `fill_scattered` of short rows more than 2^32 elements apart.
    ScatteredWide,
}

impl Place {
    pub(crate) const ALL: [Self; 11] = [
        Self::Slots,
        Self::ShardEven,
        Self::ShardUneven,
        Self::ShardDeep,
        Self::ShardWide,
        Self::Words,
        Self::Straddling,
        Self::Runs,
        Self::RunsWide,
        Self::Scattered,
        Self::ScatteredWide,
    ];

    /// The first element and the number of elements; `None` for a shard.
    pub(crate) const fn range(self, bits: u32) -> Option<(u64, u64)> {
        match self {
            Self::Slots => Some((0, 1 << bits)),
            Self::Words => Some((2, LEAST + 3)),
            Self::Straddling => Some((3, LEAST + 5)),
            _ => None,
        }
    }

    /// The fill of a sampler's elements.
    pub(crate) fn fill(self, key: Key, sampler: Sampler, bits: u32) -> Result<Fill> {
        let shard = |dims: &[u64], start: &[u64], extent: &[u64]| -> Result<_> {
            let shape = Shape::new(dims)?;
            Ok(Fill::from_sampler(key, sampler, shape.elements()).shard(&shape.shard(start, extent)?)?)
        };
        match self {
            Self::Slots | Self::Words | Self::Straddling => {
                // the tensor ends where the range ends
                let (start, count) = self.range(bits).unwrap_or_default();
                Ok(Fill::from_sampler(key, sampler, start + count).range(start..start + count)?)
            }
            Self::ShardEven => shard(&[4096, 256], &[0, 64], &[4096, 64]),
            Self::ShardUneven => shard(&[4099, 256], &[0, 64], &[4099, 64]),
            Self::ShardDeep => shard(&[7, 9, 11, 13, 64], &[1, 0, 2, 3, 8], &[6, 8, 9, 10, 64 - 8]),
            Self::ShardWide => shard(&[20, 1 << 40], &[1, 1 << 20], &[18, 1 << 14]),
            Self::Runs => shard(&[200, 1001], &[3, 5], &[109, 517]),
            Self::RunsWide => shard(&[200, (1 << 36) + 1], &[3, 5], &[109, 517]),
            Self::Scattered => shard(&[7000, 11], &[3, 5], &[5009, 5]),
            Self::ScatteredWide => shard(&[7000, (1 << 36) + 1], &[3, 5], &[5009, 5]),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slots => "slots",
            Self::ShardEven => "slots of a shard, even",
            Self::ShardUneven => "slots of a shard",
            Self::ShardDeep => "slots of a shard, 5 dimensions",
            Self::ShardWide => "slots of a shard, wide",
            Self::Words => "words",
            Self::Straddling => "words, straddling",
            Self::Runs => "runs",
            Self::RunsWide => "runs, wide",
            Self::Scattered => "scattered",
            Self::ScatteredWide => "scattered, wide",
        })
    }
}
