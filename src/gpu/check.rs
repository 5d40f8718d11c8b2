//! The check of a device: before the first use of each kernel its fills are compared with the CPU's bits.
//!
//! Kernels are compared when a fill needs them. A device is first compared with the fastest form of the shaders that is
//! known for it, and where that differs with the safest form. The form that gave the CPU's bits is the one that the
//! kernel runs.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::context::Context;
use super::record::Step;
use crate::coefficients::Coefficients;
use crate::cpu::Filler;
use crate::dispatch::entry::{Entry, Variant};
use crate::dispatch::form::Form;
use crate::dispatch::plan::{Bounds, plan};
use crate::dispatch::probes::{self, Probe};
use crate::kernel::{Kernel, KernelKind};
use crate::{Dtype, Error, Result};

/// A kernel in a dtype.
type Checked = (KernelKind, Dtype);

/// The result of a comparison.
#[derive(Clone, Debug)]
enum Verdict {
    /// This form gave the CPU's bits.
    Exact(Form),
    /// No form did. The error names the first element that differed.
    Inexact(Error),
}

/// The comparisons of a device's kernels so far.
#[derive(Debug)]
pub(super) struct Checks {
    /// The forms that are tried, in this order: the fastest that is known for the device, then the safest.
    forms: Vec<Form>,
    /// The kernels that were compared; no verdict changes later.
    verdicts: Mutex<HashMap<Checked, Verdict>>,
    /// The comparison of an orthogonal matrix, once it was made.
    reflect: Mutex<Option<Verdict>>,
}

/// The entry point of the checked pipelines. The others run the same functions.
const ENTRY: Entry = Entry::Slots { coordinates: None, even: true };

impl Checks {
    /// The state before the first comparison.
    pub(super) fn new(forms: Vec<Form>) -> Self {
        Self { forms, verdicts: Mutex::default(), reflect: Mutex::default() }
    }

    /// The form that is tried first.
    pub(super) fn first_form(&self) -> Form {
        self.forms.first().copied().unwrap_or(Form::SAFEST)
    }

    /// Whether every comparison so far gave the CPU's bits.
    pub(super) fn is_exact(&self) -> bool {
        let is_exact = |verdict: &Verdict| matches!(verdict, Verdict::Exact(_));
        self.verdicts().values().all(is_exact) && self.reflect_verdict().as_ref().is_none_or(is_exact)
    }

    /// The form in which a kernel that was checked runs.
    pub(super) fn form(&self, kind: KernelKind, dtype: Dtype) -> Result<Form> {
        if kind != KernelKind::NormalNative {
            return self.verdict((kind, dtype));
        }
        // a device that regroups has wrong uniforms in f32, too; where they are wrong in this dtype alone, the rounding
        // to it is wrong
        if dtype != Dtype::F32 && self.verdict((KernelKind::Uniform, Dtype::F32)).is_ok() {
            self.verdict((KernelKind::Uniform, dtype))?;
        }
        self.verdict((KernelKind::Words, Dtype::F32))
    }

    /// The form of a kernel that was compared, or the error that it differs.
    fn verdict(&self, checked: Checked) -> Result<Form> {
        match self.verdicts().get(&checked) {
            Some(Verdict::Exact(form)) => Ok(*form),
            Some(Verdict::Inexact(error)) => Err(error.clone()),
            None => Err(Error::Wgpu(format!("{} in {} was not checked", checked.0.name(), checked.1))),
        }
    }

    /// Locks the verdicts.
    fn verdicts(&self) -> MutexGuard<'_, HashMap<Checked, Verdict>> {
        // it only ever grows, so a panic of another thread leaves it whole
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The verdict on orthogonal matrices.
    fn reflect_verdict(&self) -> MutexGuard<'_, Option<Verdict>> {
        self.reflect.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The form of the shaders of orthogonal matrices, which were compared. Refuses a device that differs.
    pub(super) fn reflect_form(&self) -> Result<Form> {
        match self.reflect_verdict().as_ref() {
            Some(Verdict::Exact(form)) => Ok(*form),
            Some(Verdict::Inexact(error)) => Err(error.clone()),
            None => Err(Error::Wgpu("orthogonal matrices were not checked".to_owned())),
        }
    }

    /// Compares an orthogonal matrix, in one form after the other until it does not differ.
    pub(super) async fn check_reflect(&self, context: &Context) -> Result<()> {
        if self.reflect_verdict().is_some() {
            return Ok(());
        }
        let mut last = None;
        for &form in &self.forms {
            last = Some(match super::reflect_check::difference(context, form).await? {
                None => Verdict::Exact(form),
                Some(error) => Verdict::Inexact(error),
            });
            if let Some(Verdict::Exact(_)) = last {
                break;
            }
        }
        *self.reflect_verdict() = last;
        Ok(())
    }

    /// Compares the kernels that were not compared yet, and waits for the device. Refuses a kernel that differs.
    pub(super) async fn check(&self, context: &Context, needed: impl Iterator<Item = Checked>) -> Result<()> {
        // a model has thousands of fills and few kernels
        let mut distinct = Vec::new();
        for checked in needed {
            if !distinct.contains(&checked) {
                distinct.push(checked);
            }
        }
        let mut missing = Vec::new();
        // the lock is taken for each look-up and not held: the comparison waits for the device
        for checked in distinct.iter().flat_map(|&(kind, dtype)| basis(kind, dtype)) {
            if !missing.contains(&checked) && !self.verdicts().contains_key(&checked) {
                missing.push(checked);
            }
        }
        if !missing.is_empty() {
            self.compare(context, missing).await?;
        }
        for (kind, dtype) in distinct {
            self.form(kind, dtype)?;
        }
        Ok(())
    }

    /// Compares every kernel in every dtype. A kernel that differs is no error here.
    pub(super) async fn check_all(&self, context: &Context) -> Result<()> {
        let mut all = Vec::new();
        for comparison in comparisons(|_| true)? {
            let checked = (comparison.kind, comparison.probe.dtype);
            if !all.contains(&checked) && !self.verdicts().contains_key(&checked) {
                all.push(checked);
            }
        }
        self.compare(context, all).await?;
        self.check_reflect(context).await
    }

    /// Compares kernels, in one form after the other until none differs.
    async fn compare(&self, context: &Context, mut kernels: Vec<Checked>) -> Result<()> {
        for (i, &form) in self.forms.iter().enumerate() {
            let comparisons = comparisons(|checked| kernels.contains(&checked))?;
            // only the kernels that differed in the form before are compared again
            let mut different = differences(context, form, &kernels, &comparisons).await?;
            let is_last = i + 1 == self.forms.len();
            for checked in std::mem::take(&mut kernels) {
                let verdict = match different.remove(&checked) {
                    None => Verdict::Exact(form),
                    Some(error) if is_last => Verdict::Inexact(error),
                    // to be tried in the next form
                    Some(_) => {
                        kernels.push(checked);
                        continue;
                    }
                };
                self.verdicts().insert(checked, verdict);
            }
            if kernels.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// The comparisons that a kernel's use depends on. Native normals have no promised bits, but their words and their
/// rounding have.
fn basis(kind: KernelKind, dtype: Dtype) -> Vec<Checked> {
    match (kind, dtype) {
        (KernelKind::NormalNative, Dtype::F32) => vec![(KernelKind::Words, Dtype::F32)],
        (KernelKind::NormalNative, _) => {
            vec![(KernelKind::Words, Dtype::F32), (KernelKind::Uniform, Dtype::F32), (KernelKind::Uniform, dtype)]
        }
        _ => vec![(kind, dtype)],
    }
}

/// A fill that is compared, with its kernel.
struct Comparison {
    /// The fill.
    probe: Probe,
    kind: KernelKind,
    /// Its sampler's coefficients in the probe's dtype.
    coefficients: Coefficients,
}

impl Comparison {
    const fn bytes(&self) -> u64 {
        self.probe.count * self.probe.dtype.size()
    }
}

/// The fills that compare the wanted kernels.
fn comparisons(wanted: impl Fn(Checked) -> bool) -> Result<Vec<Comparison>> {
    let mut found = Vec::new();
    for probe in probes::long().chain(probes::short()) {
        if let Kernel::Elementwise(kind, coefficients) = probe.kernel()?
            && wanted((kind, probe.dtype))
        {
            found.push(Comparison { probe, kind, coefficients });
        }
    }
    Ok(found)
}

/// Runs fills in a form and returns the first difference of each kernel that differs from the CPU.
#[expect(clippy::cast_possible_truncation, reason = "the fills of the check are below 2 MiB")]
async fn differences(
    context: &Context,
    form: Form,
    kernels: &[Checked],
    comparisons: &[Comparison],
) -> Result<HashMap<Checked, Error>> {
    compile(context, form, kernels).await?;
    // every fill is a whole number of slots, so the words of all of them are contiguous
    let words = comparisons.iter().map(Comparison::bytes).sum::<u64>() / 4;
    let buffer = context.buffer(4 * words, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC).await?;
    let mut encoder = context.encoder().await?;
    context.record(&mut encoder, &steps(context, form, comparisons, &buffer).await?).await?;
    context.submit(encoder).await?;
    let found: Vec<u32> = context.read(&buffer, 0, words).await?;
    let mut rest: &[u8] = bytemuck::cast_slice(&found);
    let mut different = HashMap::new();
    for comparison in comparisons {
        let part;
        (part, rest) = rest.split_at(comparison.bytes() as usize);
        if let Some(error) = difference(&context.info.name, comparison, part)? {
            // the first difference is the one in the message
            different.entry((comparison.kind, comparison.probe.dtype)).or_insert(error);
        }
    }
    Ok(different)
}

/// Compiles the pipelines of kernels, on every core.
#[cfg(all(feature = "rayon", not(target_arch = "wasm32")))]
async fn compile(context: &Context, form: Form, kernels: &[Checked]) -> Result<()> {
    use rayon::prelude::*;

    kernels.par_iter().try_for_each(|&(kind, dtype)| {
        // outside of a browser nothing is waited for
        pollster::block_on(context.pipeline(form, Variant { entry: ENTRY, kind, dtype })).map(drop)
    })
}

/// Compiles the pipelines of kernels.
#[cfg(not(all(feature = "rayon", not(target_arch = "wasm32"))))]
async fn compile(context: &Context, form: Form, kernels: &[Checked]) -> Result<()> {
    for &(kind, dtype) in kernels {
        context.pipeline(form, Variant { entry: ENTRY, kind, dtype }).await?;
    }
    Ok(())
}

/// The dispatches of all fills, one after the other in one binding of a buffer.
async fn steps<'a>(
    context: &Context,
    form: Form,
    comparisons: &[Comparison],
    buffer: &'a wgpu::Buffer,
) -> Result<Vec<Step<'a>>> {
    let bounds = Bounds::from(&context.device.limits());
    let mut steps = Vec::with_capacity(comparisons.len());
    let mut slot: u64 = 0;
    for comparison in comparisons {
        let Comparison { probe, kind, coefficients } = comparison;
        for mut dispatch in plan(&probe.selection(), probe.dtype, *coefficients, 0, bounds) {
            // one window for all fills, and so one bind group; each dispatch begins at its own slot of it
            dispatch.binding = 0..buffer.size();
            dispatch.params.first +=
                u32::try_from(slot).map_err(|_| Error::BufferTooSmall { end: 16 * slot, size: buffer.size() })?;
            let variant = Variant { entry: dispatch.entry, kind: *kind, dtype: probe.dtype };
            let pipeline = context.pipeline(form, variant).await?;
            steps.push(Step::Dispatch(Box::new(dispatch), pipeline, buffer, None));
        }
        slot += comparison.bytes() / 16;
    }
    Ok(steps)
}

/// The first difference between a device's bytes and the CPU's.
#[expect(clippy::cast_possible_truncation, reason = "the size of an element")]
fn difference(device: &str, comparison: &Comparison, found: &[u8]) -> Result<Option<Error>> {
    let Comparison { probe, kind, coefficients } = comparison;
    let mut expected = vec![0; found.len()];
    let kernel = Kernel::Elementwise(*kind, *coefficients);
    // with the coefficients of the device's fill, so that only the arithmetic is compared
    Filler::from_kernel(kernel, probe.selection(), probe.dtype).fill_bytes(0, &mut expected)?;
    let size = probe.dtype.size() as usize;
    let pairs = expected.chunks_exact(size).zip(found.chunks_exact(size));
    let different = (0..).zip(pairs).find(|(_, (expected, found))| expected != found);
    Ok(different.map(|(element, (expected, found))| Error::InexactDevice {
        device: device.to_owned(),
        sampler: kind.name().to_owned(),
        dtype: probe.dtype,
        element: 4 * u64::from(probe.block) + element,
        expected: bits(expected),
        found: bits(found),
    }))
}

/// An element's bits.
fn bits(bytes: &[u8]) -> u32 {
    // the last byte is the highest
    bytes.iter().rev().fold(0, |bits, &byte| bits << 8 | u32::from(byte))
}
