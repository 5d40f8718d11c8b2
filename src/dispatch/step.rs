//! The steps of a fill as plain data.

use std::ops::Range;

use super::entry::{Entry, Variant};
use super::form::Form;
use super::orthogonal::{Command, Commands};
use super::plan::{Bounds, Dispatch, LEAST_WORKGROUPS, plan};
use crate::fill::Selection;
use crate::kernel::{Kernel, KernelKind};
use crate::{Dtype, Error, Fill, Key, Result};

/// The end of the last byte of a range: the start of the window after it is a number, too.
const MOST_BYTES: u64 = 1 << 63;

/// The limits of a device that the steps depend on, by their names in WebGPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the largest storage binding.
    pub max_storage_buffer_binding_size: u64,
    /// Bytes that the start of a storage binding is a multiple of, a power of two.
    pub min_storage_buffer_offset_alignment: u32,
    /// Workgroups of a dispatch in each dimension, at least 1024.
    pub max_compute_workgroups_per_dimension: u32,
}

impl Default for Limits {
    /// The limits that every WebGPU device has: 128 MiB, 256 bytes, 65535 workgroups.
    fn default() -> Self {
        Self {
            max_storage_buffer_binding_size: 128 << 20,
            min_storage_buffer_offset_alignment: 256,
            max_compute_workgroups_per_dimension: 65_535,
        }
    }
}

impl Limits {
    /// Refuses what no device has, and a range from byte `offset` on that ends behind [`MOST_BYTES`].
    fn bounds(&self, offset: u64, count: u64, dtype: Dtype) -> Result<Bounds> {
        let Self {
            max_storage_buffer_binding_size: binding,
            min_storage_buffer_offset_alignment: alignment,
            max_compute_workgroups_per_dimension: workgroups,
        } = *self;
        let least = |limit, found, needed| {
            if found < needed { Err(Error::DeviceLimit { limit, found, needed }) } else { Ok(()) }
        };
        // a power of two
        least("min_storage_buffer_offset_alignment", alignment.into(), u64::from(alignment).next_power_of_two())?;
        least("max_compute_workgroups_per_dimension", workgroups.into(), LEAST_WORKGROUPS)?;
        let bounds = Bounds::new(binding, alignment, workgroups);
        least("max_storage_buffer_binding_size", binding, bounds.alignment)?;
        let end = count.checked_mul(dtype.size()).and_then(|size| offset.checked_add(size));
        match end.filter(|&end| end <= MOST_BYTES) {
            Some(_) => Ok(bounds),
            None => Err(Error::ShapeOverflow { what: format!("byte {offset} + {count} elements of {dtype}") }),
        }
    }
}

/// The steps of a fill, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Steps {
    /// Bytes of the scratch buffer; 0 where no step needs one. Its contents before and after do not matter.
    pub scratch: u64,
    /// The steps; none for a fill of no elements.
    pub steps: Vec<Step>,
}

/// One dispatch.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// The entry point of the shader module.
    pub entry_point: &'static str,
    /// The overridable constants of the pipeline.
    pub constants: Vec<(&'static str, f64)>,
    /// The bytes of the uniform buffer, at most 512. The rest of its 512 bytes may hold anything.
    pub params: Vec<u8>,
    /// The bytes of the written buffer to bind.
    pub binding: Range<u64>,
    /// Workgroups in x and y.
    pub grid: [u32; 2],
    /// Whether the step writes the scratch buffer, and not the target.
    pub writes_scratch: bool,
    /// Whether the step reads the scratch buffer as binding 2.
    pub reads_scratch: bool,
}

/// The steps that write a fill's elements from byte `offset` of a buffer on. The offset is a multiple of 4. An odd
/// number of 2-byte elements leaves the other half of the last word as it is.
///
/// `None` for an orthogonal matrix that is too large for the device's bindings: the CPU computes it.
///
/// # Errors
///
/// [`Error::BadParameter`] for parameters that the sampler's [`check`](crate::Sampler::check) refuses, and
/// [`Error::MisalignedRange`] for another offset. [`Error::ShapeOverflow`] where the range ends above 2^63 bytes, and
/// [`Error::DeviceLimit`] for limits that no device has.
pub fn steps(fill: &Fill, dtype: Dtype, offset: u64, limits: &Limits, form: Form) -> Result<Option<Steps>> {
    if !offset.is_multiple_of(4) {
        return Err(Error::MisalignedRange { offset });
    }
    let (kernel, selection) = (Kernel::of(fill, dtype, fill.arithmetic())?, fill.selection());
    let bounds = limits.bounds(offset, selection.count, dtype)?;
    match &kernel {
        _ if selection.count == 0 => Ok(Some(Steps::default())),
        Kernel::Elementwise(kind, coefficients) => {
            let dispatches = plan(selection, dtype, *coefficients, offset, bounds);
            Ok(Some(Steps::of_dispatches(&dispatches, *kind, dtype, form)))
        }
        Kernel::Matrix(matrix) => {
            let commands = Commands::new(matrix, selection, dtype, offset, bounds)?;
            Ok(commands.map(|Commands { scratch, steps }| {
                let steps = steps.iter().map(|command| Step::of_command(command, dtype, scratch, form)).collect();
                Steps { scratch, steps }
            }))
        }
    }
}

/// The steps that write the raw 32-bit words of a key, from word `start` on, as [`cpu::words`](crate::cpu::words).
///
/// # Errors
///
/// [`Error::MisalignedRange`] for an offset that is not a multiple of 4, and [`Error::ShapeOverflow`] where `start +
/// count` is above 2^64 - 1 or the range ends above 2^63 bytes. [`Error::DeviceLimit`] for limits that no device has.
pub fn word_steps(key: Key, start: u64, count: u64, offset: u64, limits: &Limits, form: Form) -> Result<Steps> {
    if !offset.is_multiple_of(4) {
        return Err(Error::MisalignedRange { offset });
    }
    // the indices of a plan do not wrap
    if start.checked_add(count).is_none() {
        return Err(Error::ShapeOverflow { what: format!("start {start} + {count} words") });
    }
    let Kernel::Elementwise(kind, coefficients) = Kernel::words() else { return Ok(Steps::default()) };
    let bounds = limits.bounds(offset, count, Dtype::F32)?;
    let dispatches = plan(&Selection::run(key, start, count), Dtype::F32, coefficients, offset, bounds);
    Ok(Steps::of_dispatches(&dispatches, kind, Dtype::F32, form))
}

impl Steps {
    /// The steps of an elementwise kernel.
    fn of_dispatches(dispatches: &[Dispatch], kind: KernelKind, dtype: Dtype, form: Form) -> Self {
        let step = |dispatch: &Dispatch| Step::new(dispatch, Variant { entry: dispatch.entry, kind, dtype }, form);
        Self { scratch: 0, steps: dispatches.iter().map(step).collect() }
    }
}

impl Step {
    fn new(dispatch: &Dispatch, variant: Variant, form: Form) -> Self {
        Self {
            entry_point: variant.entry.name(),
            constants: variant.constants(form).to_vec(),
            params: bytemuck::bytes_of(&dispatch.params).to_vec(),
            binding: dispatch.binding.clone(),
            grid: dispatch.grid,
            writes_scratch: false,
            reads_scratch: matches!(variant.entry, Entry::Orthogonal { .. }),
        }
    }

    /// A step of a structured matrix in this dtype.
    fn of_command(command: &Command, dtype: Dtype, scratch: u64, form: Form) -> Self {
        let (variant, writes_scratch) = (command.variant(dtype), command.writes_scratch());
        match command {
            Command::Target(_, dispatch) | Command::Scratch(_, dispatch) | Command::Write(dispatch) => {
                Self { writes_scratch, ..Self::new(dispatch, variant, form) }
            }
            Command::Panel(_, params, grid) => Self {
                entry_point: variant.entry.name(),
                constants: variant.constants(form).to_vec(),
                params: bytemuck::bytes_of(params).to_vec(),
                binding: 0..scratch,
                grid: *grid,
                writes_scratch,
                reads_scratch: false,
            },
        }
    }
}
