//! The cases that are compiled and compared: every sampler, dtype and entry point.

use std::fmt;

use anyhow::{Context, Result};
use seedtensors::dispatch::{Form, Limits, Steps, steps, word_steps};
use seedtensors::{Arithmetic, Dtype, Fill, Key, Sampler, cpu};

use crate::matrices::{MATRICES, Matrix};
use crate::place::Place;
use crate::step::Step;

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

/// The elements of a case.
#[derive(Clone, Debug)]
enum Elements {
    /// Words of a key: the index of the first, and their number.
    Words(Key, u64, u64),
    Fill(Box<Fill>),
    /// A matrix, with the name of its shape.
    Matrix(Box<Fill>, &'static str),
}

/// One fill.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) sampler: &'static str,
    pub(crate) dtype: Dtype,
    /// The layout of an elementwise case.
    pub(crate) place: Option<Place>,
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
        for matrix in &MATRICES {
            cases.push(Self::matrix(matrix)?);
        }
        Ok(cases)
    }

    fn new(name: &'static str, sampler: Sampler, dtype: Dtype, place: Place, bits: u32) -> Result<Self> {
        let arithmetic = if name == "native" { Arithmetic::Native } else { Arithmetic::Exact };
        // another key for each sampler and dtype, so that they do not all test the same words
        let key = Key::new(42).named(&format!("{name}_{dtype}"));
        let fill = place.fill(key, sampler, bits)?.with_arithmetic(arithmetic);
        let (place, count) = (Some(place), fill.elements());
        Ok(Self { sampler: name, dtype, place, count, elements: Elements::Fill(Box::new(fill)) })
    }

    fn matrix(matrix: &Matrix) -> Result<Self> {
        let Matrix { name, shape, dtype, .. } = *matrix;
        let fill = matrix.fill(Key::new(42).named(&format!("{name}_{shape}")))?;
        let count = fill.elements();
        Ok(Self { sampler: name, dtype, place: None, count, elements: Elements::Matrix(Box::new(fill), shape) })
    }

    /// Raw words, which have no shards and no other dtype.
    fn words(place: Place, (start, count): (u64, u64)) -> Self {
        let elements = Elements::Words(Key::new(42).named("words_f32"), start, count);
        Self { sampler: "words", dtype: Dtype::F32, place: Some(place), elements, count }
    }

    /// Whether the values are the same on every device.
    pub(crate) fn is_exact(&self) -> bool {
        match &self.elements {
            Elements::Words(..) | Elements::Matrix(..) => true,
            Elements::Fill(fill) => fill.arithmetic() == Arithmetic::Exact,
        }
    }

    /// Elements that a thread writes.
    pub(crate) const fn per_thread(&self) -> u32 {
        match (self.place, self.dtype) {
            (None | Some(Place::Words | Place::Straddling | Place::Scattered | Place::ScatteredWide), _) => 4,
            (_, Dtype::F32) => 16,
            (Some(Place::Runs | Place::RunsWide), _) => 12,
            _ => 32,
        }
    }

    /// The byte of the buffer at which the elements begin.
    const OFFSET: u64 = 4 * MARGIN;

    /// The steps of the case, and the words of their scratch buffer.
    pub(crate) fn steps(&self, form: Form) -> Result<(usize, Vec<Step>)> {
        // WebGPU's defaults, with bindings as large as they may be
        let limits = Limits { max_storage_buffer_binding_size: u64::MAX, ..Limits::default() };
        // a matrix begins with its binding, whose first word is not the buffer's
        let (steps, first) = match &self.elements {
            Elements::Words(key, start, count) => (word_steps(*key, *start, *count, Self::OFFSET, &limits, form)?, 0),
            Elements::Fill(fill) => (steps_of(fill, self.dtype, Self::OFFSET, &limits, form)?, 0),
            Elements::Matrix(fill, _) => (steps_of(fill, self.dtype, 0, &limits, form)?, MARGIN as usize),
        };
        let scratch = (steps.scratch / 4) as usize;
        Ok((scratch, steps.steps.into_iter().map(|step| Step::new(step, first)).collect()))
    }

    /// Words of the buffer.
    fn buffer_words(&self) -> usize {
        (2 * MARGIN + (self.count * self.dtype.size()).div_ceil(4)) as usize
    }

    /// The target before the fill.
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
            Elements::Fill(fill) | Elements::Matrix(fill, _) => {
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
        let Self { sampler, dtype, .. } = self;
        match (&self.elements, self.place) {
            (Elements::Matrix(_, shape), _) => write!(f, "{sampler} {dtype} {shape}"),
            (_, Some(place)) => write!(f, "{sampler} {dtype} {place}"),
            (_, None) => write!(f, "{sampler} {dtype}"),
        }
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

/// The steps of a fill.
fn steps_of(fill: &Fill, dtype: Dtype, offset: u64, limits: &Limits, form: Form) -> Result<Steps> {
    steps(fill, dtype, offset, limits, form)?.context("a matrix that is too large for a device")
}
