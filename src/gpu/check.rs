//! The check of a device: fills of every sampler and dtype against the CPU's bits, before the first use of each.

use std::sync::PoisonError;
use std::time::Instant;

use half::{bf16, f16};
use rayon::prelude::*;

use super::Gpu;
use super::fill::{Step, record};
use super::pipeline::{Entry, Variant};
use super::plan::{Bounds, plan};
use super::probes::{self, Family, Probe};
use crate::sampler::{Kind, Work};
use crate::{Arithmetic, Dtype, Element, Error, Result, cpu};

/// The first element at which a device's fill differed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    kind: Kind,
    dtype: Dtype,
    error: Error,
}

/// What is known of a device: the kernels and dtypes that were checked, and what differed.
#[derive(Debug, Default)]
pub(super) struct Checked {
    kernels: Vec<(Kind, Dtype)>,
    inexact: Vec<Difference>,
}

/// Whether a fill is compared when a device is opened: each kernel in f32, and each dtype's rounding. The others, whose
/// kernels take longer to compile, are compared before their first use, or where nothing can wait for them, with these.
fn is_first(probe: &Probe) -> bool {
    let first = [(Family::Normal, Dtype::BF16), (Family::Centred, Dtype::F16)];
    probe.dtype == Dtype::F32 || first.contains(&(probe.family, probe.dtype)) || cfg!(target_arch = "wasm32")
}

/// The same device, checked.
pub(super) async fn check(mut gpu: Gpu) -> Result<Gpu> {
    let begin = Instant::now();
    let probes: Vec<Probe> = probes::long().chain(probes::short()).filter(is_first).collect();
    gpu.compare_all(&probes).await?;
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
    /// Compares fills with the CPU's bits and keeps what differs.
    async fn compare_all(&self, probes: &[Probe]) -> Result<()> {
        let kernels = self.compile_checked(probes)?;
        let words = probes.iter().map(|probe| probe.count * probe.dtype.size() / 4).sum();
        let buffer = self.buffer(4 * words, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC)?;
        let steps = self.checked_steps(probes, &buffer)?;
        let (groups, stride) = self.bind(&steps)?;
        let mut encoder = self.encoder()?;
        self.scoped(0, || record(&mut encoder, &steps, &groups, stride))?;
        self.scoped(0, || self.queue.submit([encoder.finish()]))?;
        let found: Vec<u32> = self.read_async(&buffer, 0, words).await?;
        let mut found = found.as_slice();
        let mut parts = Vec::with_capacity(probes.len());
        for probe in probes {
            let (part, rest) = found.split_at((probe.count * probe.dtype.size() / 4) as usize);
            parts.push((probe, part));
            found = rest;
        }
        let name = &self.info.name;
        let different: Result<Vec<_>> = parts.par_iter().map(|(probe, found)| compare(name, probe, found)).collect();
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.inexact.extend(different?.into_iter().flatten());
        checked.kernels.extend(kernels);
        Ok(())
    }

    /// Compiles the fills' pipelines, on every core, and returns their kernels and dtypes.
    fn compile_checked(&self, probes: &[Probe]) -> Result<Vec<(Kind, Dtype)>> {
        let mut kernels = Vec::new();
        for probe in probes {
            let work = probe.sampler().work(probe.dtype, Arithmetic::Exact)?;
            if let Work::Words(kind, _) = work
                && !kernels.contains(&(kind, probe.dtype))
            {
                kernels.push((kind, probe.dtype));
            }
        }
        let compile = |&(kind, dtype): &(Kind, Dtype)| self.pipeline(Variant { entry: ENTRY, kind, dtype }).map(drop);
        kernels.par_iter().try_for_each(compile)?;
        Ok(kernels)
    }

    /// Checks a kernel in a dtype, where that has not been done.
    fn check_kernel(&self, kind: Kind, dtype: Dtype) -> Result<()> {
        if self.checked.lock().unwrap_or_else(PoisonError::into_inner).kernels.contains(&(kind, dtype)) {
            return Ok(());
        }
        let of = |probe: &Probe| {
            let work = probe.sampler().work(probe.dtype, Arithmetic::Exact);
            probe.dtype == dtype && matches!(work, Ok(Work::Words(found, _)) if found == kind)
        };
        let families: Vec<Family> = probes::long().filter(of).map(|probe| probe.family).collect();
        let of = |probe: &Probe| probe.dtype == dtype && families.contains(&probe.family);
        let probes: Vec<Probe> = probes::long().chain(probes::short()).filter(of).collect();
        if probes.is_empty() {
            // native normals, of which no bits are promised
            return Ok(());
        }
        pollster::block_on(self.compare_all(&probes))
    }

    /// Whether no exact fill that was checked so far differed.
    pub(super) fn nothing_differed(&self) -> bool {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner).inexact.is_empty()
    }

    /// The dispatches of all fills, one behind the other in one binding of a buffer.
    fn checked_steps<'a>(&self, probes: &[Probe], buffer: &'a wgpu::Buffer) -> Result<Vec<Step<'a>>> {
        let bounds = Bounds::from(&self.device.limits());
        let mut steps = Vec::with_capacity(probes.len());
        let mut slot: u64 = 0;
        for probe in probes {
            let Work::Words(kind, coefficients) = probe.sampler().work(probe.dtype, Arithmetic::Exact)? else {
                continue;
            };
            for mut dispatch in plan(&probe.fill(), probe.dtype, coefficients, 0, probe.count, bounds) {
                dispatch.binding = 0..buffer.size();
                dispatch.params.first +=
                    u32::try_from(slot).map_err(|_| Error::BufferTooSmall { end: 16 * slot, size: buffer.size() })?;
                let pipeline = self.pipeline(Variant { entry: dispatch.entry, kind, dtype: probe.dtype })?;
                steps.push(Step::Dispatch(Box::new(dispatch), pipeline, buffer));
            }
            slot += probe.count * probe.dtype.size() / 16;
        }
        Ok(steps)
    }

    /// Refuses everything where the words differed, a half-precision dtype where the rounding did, a sampler where its
    /// values did. Native normals depend on the words and the rounding alone.
    pub(super) fn check_exact(&self, kind: Kind, dtype: Dtype) -> Result<()> {
        self.check_kernel(kind, dtype)?;
        let checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_of = |difference: &Difference, kind: Kind| difference.kind.name() == kind.name();
        let in_f32 = |kind| checked.inexact.iter().any(|other| other.dtype == Dtype::F32 && is_of(other, kind));
        let differs = |difference: &&Difference| match difference.kind {
            Kind::Words => true,
            other if difference.dtype != Dtype::F32 && !in_f32(other) => difference.dtype == dtype,
            _ => is_of(difference, kind),
        };
        match checked.inexact.iter().find(differs) {
            Some(difference) => Err(difference.error.clone()),
            None => Ok(()),
        }
    }
}
