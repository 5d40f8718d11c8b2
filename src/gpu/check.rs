//! The check of a device before its first use: fills of every sampler and dtype against the CPU's bits.

use std::time::Instant;

use half::{bf16, f16};
use rayon::prelude::*;

use super::Gpu;
use super::fill::{Step, record};
use super::pipeline::{Entry, Variant};
use super::plan::{Bounds, plan};
use super::probes::{self, Probe};
use crate::sampler::{Kind, Work};
use crate::{Arithmetic, Dtype, Element, Error, Result, cpu};

/// The first element at which a device's fill differed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    kind: Kind,
    dtype: Dtype,
    error: Error,
}

/// The same device with what its check found.
pub(super) async fn check(mut gpu: Gpu) -> Result<Gpu> {
    let begin = Instant::now();
    let probes: Vec<Probe> = probes::long().chain(probes::short()).collect();
    gpu.compile_checked()?;
    let words = probes.iter().map(|probe| probe.count * probe.dtype.size() / 4).sum();
    let buffer = gpu.buffer(4 * words, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC)?;
    let steps = gpu.checked_steps(&probes, &buffer)?;
    let (groups, stride) = gpu.bind(&steps)?;
    let mut encoder = gpu.encoder()?;
    gpu.scoped(0, || record(&mut encoder, &steps, &groups, stride))?;
    gpu.scoped(0, || gpu.queue.submit([encoder.finish()]))?;
    let found: Vec<u32> = gpu.read_async(&buffer, 0, words).await?;
    let mut found = found.as_slice();
    let mut parts = Vec::with_capacity(probes.len());
    for probe in &probes {
        let (part, rest) = found.split_at((probe.count * probe.dtype.size() / 4) as usize);
        parts.push((probe, part));
        found = rest;
    }
    let name = &gpu.info.name;
    let different: Result<Vec<_>> = parts.par_iter().map(|(probe, found)| compare(name, probe, found)).collect();
    gpu.inexact = different?.into_iter().flatten().collect();
    gpu.check_time = begin.elapsed();
    Ok(gpu)
}

/// The first difference between a device's words and the CPU's.
fn compare(device: &str, probe: &Probe, found: &[u32]) -> Result<Option<Difference>> {
    match probe.dtype {
        Dtype::F32 => compare_as::<f32>(device, probe, found),
        Dtype::F16 => compare_as::<f16>(device, probe, found),
        Dtype::BF16 => compare_as::<bf16>(device, probe, found),
    }
}

fn compare_as<T: Element>(device: &str, probe: &Probe, found: &[u32]) -> Result<Option<Difference>> {
    let found: &[u8] = bytemuck::cast_slice(found);
    let mut expected = vec![T::zeroed(); found.len() / size_of::<T>()];
    cpu::fill(&probe.fill(), &mut expected)?;
    let expected: &[u8] = bytemuck::cast_slice(&expected);
    let Work::Words(kind, _) = probe.sampler().work(probe.dtype, Arithmetic::Exact)? else { return Ok(None) };
    let elements = |bytes| <[u8]>::chunks_exact(bytes, size_of::<T>());
    let different = (0..).zip(elements(expected).zip(elements(found))).find(|(_, (expected, found))| expected != found);
    Ok(different.map(|(element, (expected, found))| Difference {
        kind,
        dtype: probe.dtype,
        error: Error::InexactDevice {
            device: device.to_owned(),
            sampler: kind.name().to_owned(),
            dtype: probe.dtype,
            element: 4 * u64::from(probe.block) + element,
            expected: bits(expected),
            found: bits(found),
        },
    }))
}

/// An element's bits.
fn bits(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |bits, &byte| bits << 8 | u32::from(byte))
}

/// The entry point of the checked pipelines.
const ENTRY: Entry = Entry::Slots { digits: None, even: true };

impl Gpu {
    /// Compiles the checked pipelines, on every core.
    fn compile_checked(&self) -> Result<()> {
        let mut variants = Vec::new();
        for probe in probes::long() {
            if let Work::Words(kind, _) = probe.sampler().work(probe.dtype, Arithmetic::Exact)? {
                variants.push(Variant { entry: ENTRY, kind, dtype: probe.dtype });
            }
        }
        variants.dedup();
        variants.par_iter().try_for_each(|&variant| self.pipeline(variant).map(drop))
    }

    /// The dispatches of all fills, one behind the other in one binding of a buffer.
    fn checked_steps<'a>(&self, probes: &[Probe], buffer: &'a wgpu::Buffer) -> Result<Vec<Step<'a>>> {
        let bounds = Bounds::from(&self.device.limits());
        let mut steps = Vec::with_capacity(probes.len());
        let mut slot = 0;
        for probe in probes {
            let Work::Words(kind, coefficients) = probe.sampler().work(probe.dtype, Arithmetic::Exact)? else {
                continue;
            };
            for mut dispatch in plan(&probe.fill(), probe.dtype, coefficients, 0, probe.count, bounds) {
                dispatch.binding = 0..buffer.size();
                dispatch.params.first += slot;
                let pipeline = self.pipeline(Variant { entry: dispatch.entry, kind, dtype: probe.dtype })?;
                steps.push(Step::Dispatch(Box::new(dispatch), pipeline, buffer));
            }
            slot += (probe.count * probe.dtype.size() / 16) as u32;
        }
        Ok(steps)
    }

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
