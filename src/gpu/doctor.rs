//! How well, and how fast, a device does what it is for.

use std::time::{Duration, Instant};

use half::{bf16, f16};
use rayon::prelude::*;

use super::{Gpu, Target};
use crate::{Dtype, Element, Error, Fill, Key, Result, Sampler, cpu};

/// Elements that are compared at a time.
const PIECE: u64 = 1 << 22;
/// Calls of which the median is taken.
const CALLS: usize = 7;

/// How the elements of a device compare with the CPU's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// What was filled with.
    pub sampler: Sampler,
    /// As what.
    pub dtype: Dtype,
    /// How many elements were compared.
    pub count: u64,
    /// How many of them have other bits.
    pub different: u64,
    /// The first of those.
    pub first: Option<u64>,
}

/// The samplers that are compared: each path of the shader, with round and unround parameters.
const SAMPLERS: [Sampler; 8] = [
    Sampler::Words,
    Sampler::Constant { value: -0.1 },
    Sampler::Uniform { low: 0.0, high: 1.0 },
    Sampler::Uniform { low: -0.033, high: 0.1 },
    Sampler::Normal { mean: 0.0, std: 1.0 },
    Sampler::Normal { mean: 0.01, std: 0.02 },
    Sampler::TruncatedNormal { mean: 0.01, std: 0.02, low: -0.03, high: 0.05 },
    Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: 0.3, high: 0.33 },
];

impl Gpu {
    /// Compares `count` exact elements of every sampler in every dtype with the CPU's, bit by bit; the blocks' counters
    /// cross 2^32 on the way. `report` is told each result as it comes.
    ///
    /// # Errors
    ///
    /// [`Error::InexactDevice`] for a sampler that the device's check has refused already, and what
    /// [`tensor`](Self::tensor) and [`read`](Self::read) refuse.
    pub fn agreement(&self, count: u64, report: &mut dyn FnMut(&Agreement)) -> Result<()> {
        for sampler in SAMPLERS {
            report(&self.agree::<f32>(sampler, count)?);
            if sampler != Sampler::Words {
                report(&self.agree::<f16>(sampler, count)?);
                report(&self.agree::<bf16>(sampler, count)?);
            }
        }
        Ok(())
    }

    fn agree<T: Element>(&self, sampler: Sampler, count: u64) -> Result<Agreement> {
        let begin = (1_u64 << 34).saturating_sub(count / 2);
        let mut agreement = Agreement { sampler, dtype: T::DTYPE, count, different: 0, first: None };
        let mut expected = Vec::new();
        let mut at = 0;
        while at < count {
            let length = (count - at).min(PIECE);
            let fill = Fill { start: begin + at, ..Fill::new(Key::new(42).named("doctor"), sampler) };
            let found = self.read::<T>(&self.tensor(&fill, T::DTYPE, length)?, 0, length)?;
            expected.resize(found.len(), T::zeroed());
            cpu::fill(&fill, &mut expected)?;
            let bits = |values: &[T], i: usize| values[i].to_f32().to_bits();
            let differs = |i: &usize| bits(&found, *i) != bits(&expected, *i);
            let indices = || (0..found.len()).into_par_iter().filter(differs);
            agreement.different += indices().count() as u64;
            if agreement.first.is_none() {
                agreement.first = indices().min().map(|i| begin + at + i as u64);
            }
            at += length;
        }
        Ok(agreement)
    }

    /// The time of a fill of `count` elements from its recording to the end of the queue: the median of seven calls,
    /// the first of which compiles what must be compiled and is not counted.
    ///
    /// # Errors
    ///
    /// What [`fill`](Self::fill) refuses, and [`Error::OutOfMemory`].
    pub fn fill_time(&self, fill: &Fill, dtype: Dtype, count: u64) -> Result<Duration> {
        let bytes = count.checked_mul(dtype.size()).map(|bytes| bytes.next_multiple_of(4));
        let bytes = bytes.ok_or_else(|| Error::ShapeOverflow { what: format!("the bytes of {count} elements") })?;
        let buffer = self.buffer(bytes, wgpu::BufferUsages::STORAGE)?;
        let mut times = Vec::with_capacity(CALLS);
        for call in 0..=CALLS {
            let begin = Instant::now();
            let mut encoder = self.encoder()?;
            self.fill(&mut encoder, fill, &Target { buffer: &buffer, offset: 0, count, dtype })?;
            self.scoped(0, || self.queue.submit([encoder.finish()]))?;
            if self.device.poll(wgpu::PollType::wait_indefinitely()).is_err() {
                return Err(self.lost_error());
            }
            if call > 0 {
                times.push(begin.elapsed());
            }
        }
        times.sort_unstable();
        Ok(times[CALLS / 2])
    }
}
