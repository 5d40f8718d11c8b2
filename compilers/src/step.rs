//! The steps of a case: one dispatch each, with the buffer that it writes.

use std::ops::Range;

use seedtensors::dispatch;

/// One dispatch.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) entry_point: &'static str,
    /// The overridable constants.
    pub(crate) constants: Vec<(&'static str, f64)>,
    /// The words of the uniform buffer.
    pub(crate) params: Vec<u32>,
    /// Workgroups in x and y.
    pub(crate) grid: [u32; 2],
    pub(crate) buffer: Buffer,
    /// The words of the buffer that are bound.
    pub(crate) binding: Range<usize>,
}

/// The buffer that a step writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buffer {
    Target,
    /// The values between the steps of a matrix.
    Scratch,
}

impl Step {
    /// The step of a fill whose binding begins at this word of the target.
    pub(crate) fn new(step: dispatch::Step, first: usize) -> Self {
        let range = words(&step.binding);
        let (buffer, binding) = if step.writes_scratch {
            (Buffer::Scratch, range)
        } else {
            (Buffer::Target, first + range.start..first + range.end)
        };
        Self {
            entry_point: step.entry_point,
            constants: step.constants,
            params: bytemuck::pod_collect_to_vec(&step.params),
            grid: step.grid,
            buffer,
            binding,
        }
    }

    /// Whether it reads the scratch buffer as a third binding.
    pub(crate) fn has_source(&self) -> bool {
        has_source(self.entry_point)
    }

    /// Whether it computes vectors of an orthogonal matrix.
    pub(crate) fn is_reflection(&self) -> bool {
        self.entry_point.starts_with("reflect_")
    }
}

/// Whether an entry point reads the scratch buffer: there is one that does.
pub(crate) fn has_source(entry_point: &str) -> bool {
    entry_point == "fill_orthogonal"
}

fn words(bytes: &Range<u64>) -> Range<usize> {
    (bytes.start / 4) as usize..(bytes.end / 4) as usize
}
