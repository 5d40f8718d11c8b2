//! The check of a device before its first use: a small fill of every sampler against the CPU's bits.

use std::time::Instant;

use rayon::prelude::*;

use super::Gpu;
use super::fill::Target;
use super::pipeline::{Entry, Variant};
use crate::dtype::{block_size, store};
use crate::sampler::{Kind, Work, sample};
use crate::scalar::lane;
use crate::weft::Nothing;
use crate::{Arithmetic, Dtype, Error, Fill, Key, Result, Sampler};

/// Elements of each fill: enough that a fused or regrouped operation shows in hundreds of them.
pub(crate) const COUNT: usize = 8192;
/// A key whose counters cross 2^32.
pub(crate) const KEY: Key = Key { seed: 0x0123_4567_89ab_cdef, offset: (1 << 32) - 1024 };

/// The first element at which a device's fill differed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    kind: Kind,
    dtype: Dtype,
    error: Error,
}

/// The fills that are compared: every exact sampler, and every dtype's rounding.
pub(crate) fn fills() -> [(Sampler, Dtype); 9] {
    let normal = Sampler::Normal { mean: 0.001, std: 0.02 };
    let centred = Sampler::Normal { mean: 0.0, std: 0.02 };
    [
        (Sampler::Words, Dtype::F32),
        (Sampler::Constant { value: -0.3 }, Dtype::F32),
        (Sampler::Uniform { low: -0.1, high: 0.3 }, Dtype::F32),
        (normal, Dtype::F32),
        (normal, Dtype::BF16),
        (centred, Dtype::F32),
        (centred, Dtype::F16),
        (Sampler::TruncatedNormal { mean: 0.001, std: 0.02, low: -0.04, high: 0.1 }, Dtype::F32),
        (Sampler::TruncatedNormal { mean: 0.001, std: 0.02, low: 0.01, high: 0.0101 }, Dtype::F32),
    ]
}

/// The same device with what its check found.
pub(super) async fn check(mut gpu: Gpu) -> Result<Gpu> {
    let begin = Instant::now();
    let words = (COUNT * fills().len()) as u64;
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
    let buffer = gpu.buffer(4 * words, usage)?;
    fills().par_iter().try_for_each(|(sampler, dtype)| match sampler.work(*dtype, Arithmetic::Exact)? {
        Work::Words(kind, _) => {
            gpu.pipeline(Variant { entry: Entry::Slots { digits: None, even: true }, kind, dtype: *dtype }).map(drop)
        }
        Work::Matrix(_) => Ok(()),
    })?;
    let mut encoder = gpu.encoder()?;
    for (offset, (sampler, dtype)) in (0..).step_by(4 * COUNT).zip(fills()) {
        gpu.fill(
            &mut encoder,
            &Fill::new(KEY, sampler),
            &Target { buffer: &buffer, offset, count: COUNT as u64, dtype },
        )?;
    }
    gpu.scoped(0, || gpu.queue.submit([encoder.finish()]))?;
    let found: Vec<u32> = gpu.read_async(&buffer, 0, words).await?;
    for (found, (sampler, dtype)) in found.chunks_exact(COUNT).zip(fills()) {
        gpu.inexact.extend(compare(&gpu.info.name, sampler, dtype, found)?);
    }
    gpu.check_time = begin.elapsed();
    Ok(gpu)
}

/// The first difference between a device's words and the CPU's.
fn compare(device: &str, sampler: Sampler, dtype: Dtype, found: &[u32]) -> Result<Option<Difference>> {
    let Work::Words(kind, coefficients) = sampler.work(dtype, Arithmetic::Exact)? else { return Ok(None) };
    let size = block_size(dtype);
    let different = (0..).zip(bytemuck::cast_slice::<u32, u8>(found).chunks_exact(size)).take(COUNT / 4).find_map(
        |(block, found)| {
            let mut expected = [0; 16];
            let expected = &mut expected[..size];
            store(sample(kind, KEY.block(block).map(lane), &coefficients, &mut Nothing), dtype, expected);
            let mut elements = (4 * block..).zip(expected.chunks_exact(size / 4).zip(found.chunks_exact(size / 4)));
            elements.find(|(_, (expected, found))| expected != found).map(|(i, (a, b))| (i, bits(a), bits(b)))
        },
    );
    Ok(different.map(|(element, expected, found)| Difference {
        kind,
        dtype,
        error: Error::InexactDevice {
            device: device.to_owned(),
            sampler: kind.name().to_owned(),
            dtype,
            element,
            expected,
            found,
        },
    }))
}

/// An element's bits.
fn bits(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |bits, &byte| bits << 8 | u32::from(byte))
}

impl Gpu {
    /// Refuses everything where the words differed, a half-precision dtype where the rounding did, a sampler where its
    /// values did. Native normals depend on the words and the rounding alone.
    pub(super) fn check_exact(&self, kind: Kind, dtype: Dtype) -> Result<()> {
        let is_of = |difference: &Difference, kind: Kind| difference.kind.name() == kind.name();
        let in_f32 = |kind| self.inexact.iter().any(|other| other.dtype == Dtype::F32 && is_of(other, kind));
        let differs = |difference: &&Difference| match difference.kind {
            Kind::Words => true,
            other if difference.dtype != Dtype::F32 && !in_f32(other) => difference.dtype == dtype,
            _ => is_of(difference, kind),
        };
        match self.inexact.iter().find(differs) {
            Some(difference) => Err(difference.error.clone()),
            None => Ok(()),
        }
    }
}
