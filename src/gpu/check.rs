//! The check of a device: fills of every sampler and dtype against the CPU's bits, before the first use of each.

use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

use half::{bf16, f16};
use rayon::prelude::*;

use super::Gpu;
use super::fill::{Step, record};
use super::pipeline::{Entry, Variant};
use super::plan::{Bounds, plan};
use super::probes::{self, Family, Probe};
use crate::sampler::{Coefficients, Kind, Work};
use crate::{Arithmetic, Dtype, Element, Error, Result, cpu};

/// The first element at which a device's fill differed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    kind: Kind,
    dtype: Dtype,
    error: Error,
}

/// The state of a device's check: the kernels and dtypes that were checked, and the differences that were found.
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

/// A fill that is compared, with what carries it out.
struct Comparison {
    probe: Probe,
    kind: Kind,
    coefficients: Coefficients,
}

impl Comparison {
    /// Nothing for a matrix, which no shader makes.
    fn new(probe: Probe) -> Result<Option<Self>> {
        Ok(match probe.sampler().work(probe.dtype, Arithmetic::Exact)? {
            Work::Words(kind, coefficients) => Some(Self { probe, kind, coefficients }),
            Work::Matrix(_) => None,
        })
    }

    const fn bytes(&self) -> u64 {
        self.probe.count * self.probe.dtype.size()
    }
}

/// The same device, checked.
pub(super) async fn check(mut gpu: Gpu) -> Result<Gpu> {
    let begin = Instant::now();
    gpu.compare_all(probes::long().chain(probes::short()).filter(is_first)).await?;
    gpu.check_time = begin.elapsed();
    Ok(gpu)
}

/// The first difference between a device's words and the CPU's.
fn compare(device: &str, comparison: &Comparison, found: &[u32]) -> Result<Option<Difference>> {
    match comparison.probe.dtype {
        Dtype::F32 => compare_as::<f32>(device, comparison, found),
        Dtype::F16 => compare_as::<f16>(device, comparison, found),
        Dtype::BF16 => compare_as::<bf16>(device, comparison, found),
    }
}

fn compare_as<T: Element>(device: &str, comparison: &Comparison, found: &[u32]) -> Result<Option<Difference>> {
    let Comparison { probe, kind, .. } = comparison;
    let found: &[u8] = bytemuck::cast_slice(found);
    let mut expected = vec![T::zeroed(); found.len() / size_of::<T>()];
    cpu::fill(&probe.fill(), &mut expected)?;
    let expected: &[u8] = bytemuck::cast_slice(&expected);
    let elements = |bytes| <[u8]>::chunks_exact(bytes, size_of::<T>());
    let different = (0..).zip(elements(expected).zip(elements(found))).find(|(_, (expected, found))| expected != found);
    Ok(different.map(|(element, (expected, found))| Difference {
        kind: *kind,
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
    async fn compare_all(&self, probes: impl Iterator<Item = Probe>) -> Result<()> {
        let comparisons = probes.map(Comparison::new).filter_map(Result::transpose).collect::<Result<Vec<_>>>()?;
        let kernels = self.compile_checked(&comparisons)?;
        let words = comparisons.iter().map(Comparison::bytes).sum::<u64>() / 4;
        let buffer = self.buffer(4 * words, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC)?;
        let steps = self.checked_steps(&comparisons, &buffer)?;
        let (groups, stride) = self.bind(&steps)?;
        let mut encoder = self.encoder()?;
        self.scoped(0, || record(&mut encoder, &steps, &groups, stride))??;
        self.scoped(0, || self.queue.submit([encoder.finish()]))?;
        let found: Vec<u32> = self.read_async(&buffer, 0, words).await?;
        let mut rest = found.as_slice();
        let mut parts = Vec::with_capacity(comparisons.len());
        for comparison in &comparisons {
            let part;
            (part, rest) = rest.split_at((comparison.bytes() / 4) as usize);
            parts.push((comparison, part));
        }
        let name = &self.info.name;
        let different: Result<Vec<_>> =
            parts.par_iter().map(|(comparison, found)| compare(name, comparison, found)).collect();
        let mut checked = self.checked();
        checked.inexact.extend(different?.into_iter().flatten());
        checked.kernels.extend(kernels);
        Ok(())
    }

    /// Compiles the fills' pipelines, on every core, and returns their kernels and dtypes.
    fn compile_checked(&self, comparisons: &[Comparison]) -> Result<Vec<(Kind, Dtype)>> {
        let mut kernels = Vec::new();
        for Comparison { probe, kind, .. } in comparisons {
            if !kernels.contains(&(*kind, probe.dtype)) {
                kernels.push((*kind, probe.dtype));
            }
        }
        let compile = |&(kind, dtype): &(Kind, Dtype)| self.pipeline(Variant { entry: ENTRY, kind, dtype }).map(drop);
        kernels.par_iter().try_for_each(compile)?;
        Ok(kernels)
    }

    /// Checks a kernel in a dtype, where that has not been done.
    fn check_kernel(&self, kind: Kind, dtype: Dtype) -> Result<()> {
        if self.checked().kernels.contains(&(kind, dtype)) {
            return Ok(());
        }
        let mut families = Vec::new();
        for probe in probes::long().filter(|probe| probe.dtype == dtype) {
            families.extend(Comparison::new(probe)?.filter(|found| found.kind == kind).map(|_| probe.family));
        }
        if families.is_empty() {
            // native normals have no promised bits, so that nothing is compared
            self.checked().kernels.push((kind, dtype));
            return Ok(());
        }
        let of = |probe: &Probe| probe.dtype == dtype && families.contains(&probe.family);
        pollster::block_on(self.compare_all(probes::long().chain(probes::short()).filter(of)))
    }

    fn checked(&self) -> MutexGuard<'_, Checked> {
        // a panic elsewhere leaves it whole: it only ever grows
        self.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no exact fill that was checked so far differed.
    pub(super) fn nothing_differed(&self) -> bool {
        self.checked().inexact.is_empty()
    }

    /// The dispatches of all fills, one behind the other in one binding of a buffer.
    fn checked_steps<'a>(&self, comparisons: &[Comparison], buffer: &'a wgpu::Buffer) -> Result<Vec<Step<'a>>> {
        let bounds = Bounds::from(&self.device.limits());
        let mut steps = Vec::with_capacity(comparisons.len());
        let mut slot: u64 = 0;
        for comparison in comparisons {
            let Comparison { probe, kind, coefficients } = comparison;
            for mut dispatch in plan(&probe.fill(), probe.dtype, *coefficients, 0, probe.count, bounds) {
                dispatch.binding = 0..buffer.size();
                dispatch.params.first +=
                    u32::try_from(slot).map_err(|_| Error::BufferTooSmall { end: 16 * slot, size: buffer.size() })?;
                let pipeline = self.pipeline(Variant { entry: dispatch.entry, kind: *kind, dtype: probe.dtype })?;
                steps.push(Step::Dispatch(Box::new(dispatch), pipeline, buffer));
            }
            slot += comparison.bytes() / 16;
        }
        Ok(steps)
    }

    /// Refuses everything where the words differed, a half-precision dtype where the rounding did, a sampler where its
    /// values did. Native normals depend on the words and the rounding alone.
    pub(super) fn check_exact(&self, kind: Kind, dtype: Dtype) -> Result<()> {
        self.check_kernel(kind, dtype)?;
        let checked = self.checked();
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
