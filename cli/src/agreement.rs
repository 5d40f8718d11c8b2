//! A device compared with the CPU, and the rate of its fills.

use std::time::{Duration, Instant};

use bytemuck::Pod;
use half::{bf16, f16};
use rayon::prelude::*;
use seedtensors::gpu::{Gpu, Target};
use seedtensors::wgpu;
use seedtensors::{Dtype, Element, Error, Fill, Key, Result, Sampler, cpu};

/// Elements that are compared at a time: 16 MiB of f32.
const PIECE: usize = 1 << 22;
/// The number of calls that are timed; the median is reported.
const CALLS: usize = 7;

/// The samplers that are compared: each path of the shader, with parameters that f32 holds exactly and others that it
/// rounds.
const SAMPLERS: [Sampler; 7] = [
    Sampler::Constant { value: -0.1 },
    Sampler::Uniform { low: 0.0, high: 1.0 },
    Sampler::Uniform { low: -0.033, high: 0.1 },
    Sampler::Normal { mean: 0.0, std: 1.0 },
    Sampler::Normal { mean: 0.01, std: 0.02 },
    Sampler::TruncatedNormal { mean: 0.01, std: 0.02, low: -0.03, high: 0.05 },
    // a narrow interval, for which the shader has a path of its own
    Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: 0.3, high: 0.33 },
];

/// The elements of a device in one sampler and dtype that differ from the CPU's.
pub(crate) struct Agreement {
    /// The sampler and dtype, for people.
    pub(crate) what: String,
    /// The number of elements that were compared.
    pub(crate) count: u64,
    /// The number of elements with other bits.
    pub(crate) different: u64,
    /// The first of these elements.
    pub(crate) first: Option<u64>,
}

/// Compares `count` raw words, and as many exact elements of every sampler in every dtype, with the CPU's bits. The blocks'
/// counters cross 2^32 on the way. `report` gets each result as it comes.
pub(crate) fn compare_all(gpu: &Gpu, count: u64, report: &mut dyn FnMut(Agreement)) -> Result<()> {
    report(compare_words(gpu, count)?);
    for sampler in SAMPLERS {
        report(compare::<f32>(gpu, sampler, count)?);
        report(compare::<f16>(gpu, sampler, count)?);
        report(compare::<bf16>(gpu, sampler, count)?);
    }
    Ok(())
}

/// Any key will do; a fixed one gives the same report each time.
fn key() -> Key {
    Key::new(42).named("doctor")
}

fn compare_words(gpu: &Gpu, count: u64) -> Result<Agreement> {
    compare_pieces("words".to_owned(), count, |start, length| {
        let found: Vec<u32> = gpu.read(&gpu.words(key(), start, length)?, 0, length)?;
        let mut expected = vec![0_u32; found.len()];
        cpu::words(key(), start, &mut expected);
        Ok(differences(&found, &expected))
    })
}

fn compare<T: Element>(gpu: &Gpu, sampler: Sampler, count: u64) -> Result<Agreement> {
    // the fill covers every index of the key; the pieces that are compared lie in its middle
    let whole = Fill::from_sampler(key(), sampler, u64::MAX);
    compare_pieces(format!("{sampler:?} in {}", T::DTYPE), count, |start, length| {
        let fill = whole.range(start..start + length)?;
        let found: Vec<T> = gpu.read(&gpu.tensor(&fill, T::DTYPE)?, 0, length)?;
        Ok(differences(&found, &cpu::tensor::<T>(&fill)?))
    })
}

/// Compares pieces of `count` elements about element 2^34, where a block's counter passes 2^32. `differences` takes a piece's
/// start and length and returns the number of elements that differ, and the first of them.
fn compare_pieces(
    what: String,
    count: u64,
    differences: impl Fn(u64, u64) -> Result<(u64, Option<u64>)>,
) -> Result<Agreement> {
    // a block has four words: block 2^32 begins at word 2^34
    let begin = (1_u64 << 34).saturating_sub(count / 2);
    let mut agreement = Agreement { what, count, different: 0, first: None };
    for done in (0..count).step_by(PIECE) {
        let start = begin + done;
        let (different, first) = differences(start, (count - done).min(PIECE as u64))?;
        agreement.different += different;
        agreement.first = agreement.first.or(first.map(|first| start + first));
    }
    Ok(agreement)
}

/// The number of elements with other bits, and the first of them.
fn differences<T: Pod + Sync>(found: &[T], expected: &[T]) -> (u64, Option<u64>) {
    let pairs = found.par_iter().zip(expected).enumerate();
    // bytes, not numbers: -0.0 and 0.0 differ, and a NaN equals itself
    let different = pairs.filter(|(_, (found, expected))| bytemuck::bytes_of(*found) != bytemuck::bytes_of(*expected));
    let (count, first) = different
        .map(|(i, _)| (1, Some(i as u64)))
        .reduce(|| (0, None), |a, b| (a.0 + b.0, a.1.into_iter().chain(b.1).min()));
    (count, first)
}

/// The time of a fill from its recording to the end of the queue: the median of seven calls. A first call, which compiles and
/// checks, is not counted.
pub(crate) fn fill_time(gpu: &Gpu, fill: &Fill, dtype: Dtype) -> Result<Duration> {
    // the uncounted call; its buffer is filled again below
    let buffer = gpu.tensor(fill, dtype)?;
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let begin = Instant::now();
        let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        gpu.fill(&mut encoder, fill, &Target::new(&buffer, dtype))?;
        gpu.queue().submit([encoder.finish()]);
        // a GPU works after the call returns: without the wait only the recording is timed
        let done = gpu.device().poll(wgpu::PollType::wait_indefinitely());
        done.map_err(|error| Error::DeviceLost(error.to_string()))?;
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    Ok(times[CALLS / 2])
}
