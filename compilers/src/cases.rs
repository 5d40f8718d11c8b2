//! The cases that are compiled and compared: every sampler, dtype and entry point.

use std::fmt;

use anyhow::Result;
use seedtensors::testing::{self, Dispatch};
use seedtensors::{Arithmetic, Dtype, Fill, Key, Sampler, Shape, cpu, gpu::Form};

/// Elements of `Place::Words` and `Place::Straddling`, a few more in each. Shards have about as many.
pub(crate) const LEAST: u64 = 1 << 18;
/// The buffer's words before a fill.
const CANARY: u32 = 0xa5a5_a5a5;
/// Words before and after the range that is filled.
const MARGIN: u64 = 4;

/// The samplers, by their names in the tables. `native` has the parameters of `centred` and other arithmetic.
const SAMPLERS: [(&str, Sampler); 10] = [
    ("constant", Sampler::Constant { value: -0.3 }),
    ("uniform", Sampler::Uniform { low: -0.1, high: 0.3 }),
    ("normal", Sampler::Normal { mean: 0.001, std: 0.02 }),
    ("centred", Sampler::Normal { mean: 0.0, std: 0.02 }),
    ("native", Sampler::Normal { mean: 0.0, std: 0.02 }),
    // the window of PyTorch's and transformers' default, which is far outside of the values
    ("truncated", Sampler::TruncatedNormal { mean: 0.0, std: 0.02, low: -2.0, high: 2.0 }),
    ("central", Sampler::TruncatedNormal { mean: 0.0, std: 0.02, low: -0.04, high: 0.04 }),
    ("skewed", Sampler::TruncatedNormal { mean: 0.001, std: 0.02, low: -0.04, high: 0.1 }),
    ("tail", Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: 8.0, high: f32::INFINITY }),
    ("narrow", Sampler::TruncatedNormal { mean: 0.001, std: 0.02, low: 0.01, high: 0.0101 }),
];

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
    const ALL: [Self; 11] = [
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
    const fn range(self, bits: u32) -> Option<(u64, u64)> {
        match self {
            Self::Slots => Some((0, 1 << bits)),
            Self::Words => Some((2, LEAST + 3)),
            Self::Straddling => Some((3, LEAST + 5)),
            _ => None,
        }
    }

    /// The fill of a sampler's elements.
    fn fill(self, key: Key, sampler: Sampler, bits: u32) -> Result<Fill> {
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

/// The elements of a case.
#[derive(Clone, Debug)]
enum Elements {
    /// Words of a key: the index of the first, and their number.
    Words(Key, u64, u64),
    Fill(Box<Fill>),
}

/// One fill.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) sampler: &'static str,
    pub(crate) dtype: Dtype,
    pub(crate) place: Place,
    elements: Elements,
    pub(crate) count: u64,
}

impl Case {
    /// Every case, or those that `says_most` chooses. `Place::Slots` has 2^bits elements.
    pub(crate) fn all(bits: u32, every: bool) -> Result<Vec<Self>> {
        let words = |place: Place| Some(Self::words(place, place.range(bits)?));
        let straddles = |place: &Place| *place == Place::Straddling;
        let mut cases: Vec<_> =
            Place::ALL.into_iter().filter(|place| every || !straddles(place)).filter_map(words).collect();
        for (name, sampler) in SAMPLERS {
            for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
                for place in Place::ALL {
                    // native values are counted and never compared, so whole tensors are enough
                    let native = name == "native" && place != Place::Slots;
                    if native || !(every || says_most(name, dtype, place)) {
                        continue;
                    }
                    cases.push(Self::new(name, sampler, dtype, place, bits)?);
                }
            }
        }
        Ok(cases)
    }

    fn new(name: &'static str, sampler: Sampler, dtype: Dtype, place: Place, bits: u32) -> Result<Self> {
        let arithmetic = if name == "native" { Arithmetic::Native } else { Arithmetic::Exact };
        // another key for each sampler and dtype, so that they do not all test the same words
        let key = Key::new(42).named(&format!("{name}_{dtype}"));
        let fill = place.fill(key, sampler, bits)?.with_arithmetic(arithmetic);
        Ok(Self { sampler: name, dtype, place, count: fill.elements(), elements: Elements::Fill(Box::new(fill)) })
    }

    /// Raw words, which have no shards and no other dtype.
    fn words(place: Place, (start, count): (u64, u64)) -> Self {
        let elements = Elements::Words(Key::new(42).named("words_f32"), start, count);
        Self { sampler: "words", dtype: Dtype::F32, place, elements, count }
    }

    /// Whether the values are the same on every device.
    pub(crate) fn is_exact(&self) -> bool {
        match &self.elements {
            Elements::Words(..) => true,
            Elements::Fill(fill) => fill.arithmetic() == Arithmetic::Exact,
        }
    }

    /// Elements that a thread writes.
    pub(crate) const fn per_thread(&self) -> u32 {
        match (self.place, self.dtype) {
            (Place::Words | Place::Straddling | Place::Scattered | Place::ScatteredWide, _) => 4,
            (_, Dtype::F32) => 16,
            (Place::Runs | Place::RunsWide, _) => 12,
            _ => 32,
        }
    }

    /// The byte of the buffer at which the elements begin.
    const OFFSET: u64 = 4 * MARGIN;

    pub(crate) fn dispatches(&self, form: Form) -> Result<Vec<Dispatch>> {
        Ok(match &self.elements {
            Elements::Words(key, start, count) => testing::word_dispatches(*key, *start, *count, Self::OFFSET, form)?,
            Elements::Fill(fill) => testing::dispatches(fill, self.dtype, Self::OFFSET, form)?,
        })
    }

    /// Words of the buffer.
    fn buffer_words(&self) -> usize {
        (2 * MARGIN + (self.count * self.dtype.size()).div_ceil(4)) as usize
    }

    /// The buffer before the fill.
    pub(crate) fn before(&self) -> Vec<u32> {
        vec![CANARY; self.buffer_words()]
    }

    /// The buffer after the fill, by the CPU, and which words of it are to be written.
    pub(crate) fn expected(&self) -> Result<Expected> {
        let mut words = self.before();
        match &self.elements {
            Elements::Words(key, start, count) => {
                cpu::words(*key, *start, &mut words[MARGIN as usize..][..*count as usize]);
            }
            Elements::Fill(fill) => {
                let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
                let length = (self.count * self.dtype.size()) as usize;
                cpu::fill_bytes(fill, self.dtype, &mut bytes[Self::OFFSET as usize..][..length])?;
            }
        }
        // where the last word is half filled, its other half is still the canary, which the shader must keep as well
        let range = MARGIN as usize..words.len() - MARGIN as usize;
        Ok(Expected { words, range })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.sampler, self.dtype, self.place)
    }
}

/// Whether a case is always run. Every sampler and dtype runs through whole blocks. The other layouts run only for the samplers
/// with the most and the least code of their own: every dtype through words and single elements, 16-bit dtypes through `Straddling`,
/// where words straddle blocks, and f32 and bf16 through the rest. Most cases are left out.
fn says_most(sampler: &str, dtype: Dtype, place: Place) -> bool {
    let has_layouts = matches!(sampler, "constant" | "normal" | "truncated");
    match place {
        Place::Slots => true,
        Place::Words | Place::Scattered => has_layouts,
        Place::Straddling if dtype != Dtype::F32 => has_layouts,
        _ => matches!(sampler, "normal" | "truncated") && dtype != Dtype::F16,
    }
}

/// The buffer's words after a fill.
pub(crate) struct Expected {
    pub(crate) words: Vec<u32>,
    /// The indices of the words that must be written. No other word may be.
    pub(crate) range: std::ops::Range<usize>,
}
