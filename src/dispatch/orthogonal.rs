//! Orthogonal matrices on the GPU: for each batch of vectors, panel by panel, the dispatches of shaders/reflectors.wgsl,
//! and then the dispatches that write the batch's elements. cpu/reflectors.rs has the algorithm.

use std::iter::repeat;
use std::ops::Range;

use super::entry::{Entry, Reflect, Variant};
use super::matrix::MatrixPlan;
use super::plan::{Bounds, Dispatch, plan, plan_matrix};
use super::reflect::{BLOCK, PANEL, PanelParams, TILE};
use crate::bits::round;
use crate::coefficients::{Coefficients, constant, factor, normal};
use crate::fill::Selection;
use crate::kernel::KernelKind;
use crate::matrix::{Matrix, Structure};
use crate::{Dtype, Key, Result};

/// Rows or vectors of a workgroup, at least.
const WORKGROUP: u64 = 64;

/// A step of a structured matrix.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// A fill of the target with an elementwise kernel.
    Target(KernelKind, Dispatch),
    /// A fill of the scratch buffer with f32 of an elementwise kernel.
    Scratch(KernelKind, Dispatch),
    /// A step of a panel, with its workgroups in x and y.
    Panel(Reflect, PanelParams, [u32; 2]),
    /// The elements of a batch, from the scratch buffer to the target.
    Write(Dispatch),
}

impl Command {
    /// Returns the entry point, kernel and dtype of its pipeline, for a target of this dtype.
    pub(crate) const fn variant(&self, dtype: Dtype) -> Variant {
        match self {
            Self::Target(kind, dispatch) => Variant { entry: dispatch.entry, kind: *kind, dtype },
            Self::Scratch(kind, dispatch) => Variant { entry: dispatch.entry, kind: *kind, dtype: Dtype::F32 },
            // neither the kernel nor the dtype plays a part in it
            Self::Panel(step, ..) => {
                Variant { entry: Entry::Reflect(*step), kind: KernelKind::Words, dtype: Dtype::F32 }
            }
            // a normal's scaling and rounding
            Self::Write(dispatch) => Variant { entry: dispatch.entry, kind: KernelKind::Normal, dtype },
        }
    }

    /// Whether it writes the scratch buffer, and not the target.
    pub(crate) const fn writes_scratch(&self) -> bool {
        matches!(self, Self::Scratch(..) | Self::Panel(..))
    }
}

/// The steps of a structured matrix.
#[derive(Clone, Debug)]
pub(crate) struct Commands {
    /// The bytes of the scratch buffer; 0 where there is none.
    pub(crate) scratch: u64,
    pub(crate) steps: Vec<Command>,
}

impl Commands {
    /// The steps that write a selection of a matrix from byte `offset` on; none for an orthogonal matrix that is too
    /// large for the device's bindings.
    pub(crate) fn new(
        matrix: &Matrix,
        selection: &Selection,
        dtype: Dtype,
        offset: u64,
        bounds: Bounds,
    ) -> Result<Option<Self>> {
        let plan = MatrixPlan::new(matrix, selection.key);
        let target = |plan, kind, coefficients| -> Vec<Command> {
            let dispatches = plan_matrix(plan, selection, dtype, coefficients, offset, bounds);
            dispatches.into_iter().map(|dispatch| Command::Target(kind, dispatch)).collect()
        };
        let gain = round(matrix.gain());
        let steps = match matrix.structure() {
            Structure::Eye { .. } | Structure::Dirac { .. } => {
                target(Some(&plan), KernelKind::Constant, constant(gain, dtype)?)
            }
            // the gain of a sparse matrix is its std
            Structure::Sparse { .. } => target(Some(&plan), KernelKind::Normal, normal(0.0, gain, dtype, true)?),
            Structure::Orthogonal { .. } | Structure::DeltaOrthogonal { .. } => {
                let Some(orthogonal) = Orthogonal::new(matrix, selection, bounds) else { return Ok(None) };
                let mut steps = Vec::new();
                if let Structure::DeltaOrthogonal { .. } = matrix.structure() {
                    // all but the kernel's centre is 0
                    steps = target(None, KernelKind::Constant, Coefficients::default());
                }
                let normal = normal(0.0, 1.0, Dtype::F32, true)?;
                let to = (selection, dtype, offset);
                steps.extend(orthogonal.commands(&plan, to, normal, factor(matrix.gain()), bounds));
                return Ok(Some(Self { scratch: orthogonal.scratch(), steps }));
            }
        };
        Ok(Some(Self { scratch: 0, steps }))
    }

    #[cfg(feature = "gpu")]
    /// Whether there are steps of panels, whose shaders are checked by a matrix of their own.
    pub(crate) fn has_panels(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Command::Panel(..)))
    }

    #[cfg(feature = "gpu")]
    /// The kernels and dtypes that the device must have been checked for.
    pub(crate) fn needed(&self, dtype: Dtype) -> impl Iterator<Item = (KernelKind, Dtype)> {
        self.steps.iter().filter_map(move |step| match step {
            Command::Target(kind, _) => Some((*kind, dtype)),
            Command::Scratch(kind, _) => Some((*kind, Dtype::F32)),
            // a normal's scaling and rounding
            Command::Write(_) => Some((KernelKind::Normal, dtype)),
            Command::Panel(..) => None,
        })
    }
}

/// An orthogonal matrix on a device: its sizes, and the memory for the steps.
#[derive(Clone, Copy, Debug)]
struct Orthogonal {
    key: Key,
    /// Elements of a vector, and the number of all vectors.
    length: u32,
    count: u32,
    /// The columns of Q that are needed: two runs, of which the second may be empty.
    needed: [[u32; 2]; 2],
    /// Vectors that are computed at a time.
    batch: u32,
}

impl Orthogonal {
    /// The plan for a selection of an orthogonal matrix; none for another matrix, and where the device has no binding
    /// that is large enough.
    fn new(matrix: &Matrix, selection: &Selection, bounds: Bounds) -> Option<Self> {
        let (rows, columns) = match matrix.structure() {
            Structure::Orthogonal { rows, columns } => (rows, columns),
            Structure::DeltaOrthogonal { kernel } => (kernel.ins, kernel.outs),
            _ => return None,
        };
        let (length, count) = (rows.max(columns), rows.min(columns));
        let needed = match matrix.structure() {
            Structure::Orthogonal { .. } if rows > columns => needed_columns(selection, columns),
            Structure::Orthogonal { .. } => needed_rows(selection, columns),
            _ => 0..count,
        };
        // the parts that do not depend on the batch, and those of each vector
        let fixed = (length * u64::from(PANEL)) + length.div_ceil(BLOCK.into()) * u64::from(2 * PANEL) + 8192;
        let each = length + u64::from(PANEL);
        let words = bounds.binding.min(1 << 31) / 4;
        let longest = WORKGROUP * u64::from(bounds.workgroups);
        let most = (words.checked_sub(fixed)? / each).min(longest) / WORKGROUP * WORKGROUP;
        let needed = columns_of(needed, count);
        let batch = needed.iter().map(|[first, end]| end - first).max()?.min(most);
        let small = |value: u64| u32::try_from(value).ok();
        (batch > 0 && length <= longest).then_some(())?;
        let [[a, b], [c, d]] = needed;
        Some(Self {
            key: selection.key,
            length: small(length)?,
            count: small(count)?,
            needed: [[small(a)?, small(b)?], [small(c)?, small(d)?]],
            batch: small(batch)?,
        })
    }

    /// The bytes of the scratch buffer.
    const fn scratch(&self) -> u64 {
        let params = self.params(self.batch);
        4 * (params.strips as u64 + self.batch as u64 * self.length as u64)
    }

    /// The parameters of a batch with this number of vectors.
    const fn params(&self, vectors: u32) -> PanelParams {
        let squares = PANEL * self.length;
        let heads = squares + 2 * PANEL * self.length.div_ceil(BLOCK);
        let gram = heads + 2 * PANEL;
        let sides = gram + PANEL * PANEL;
        // a multiple of 4, so that the scratch buffer is filled by whole slots
        let strips = sides + PANEL * vectors;
        PanelParams {
            first: 0,
            reflectors: 0,
            length: self.length,
            start: 0,
            vectors,
            zero: 0,
            normals: 0,
            squares,
            heads,
            gram,
            sides,
            strips,
        }
    }

    /// The steps that write a selection's elements. `normal` are the coefficients of a standard normal, and `gain` those
    /// of the elements.
    fn commands(
        &self,
        plan: &MatrixPlan,
        target: (&Selection, Dtype, u64),
        normal: Coefficients,
        gain: Coefficients,
        bounds: Bounds,
    ) -> Vec<Command> {
        let mut commands = Vec::new();
        let batches =
            self.needed.iter().flat_map(|&[first, end]| (first..end).step_by(self.batch as usize).zip(repeat(end)));
        for (start, end) in batches {
            let params = PanelParams { start, ..self.params(self.batch.min(end - start)) };
            self.compute(&params, normal, bounds, &mut commands);
            let (selection, dtype, offset) = target;
            let plan = plan.with_vectors(start, params.vectors, params.strips);
            let dispatches = plan_matrix(Some(&plan), selection, dtype, gain, offset, bounds);
            commands.extend(dispatches.into_iter().map(Command::Write));
        }
        commands
    }

    /// The steps that compute a batch of vectors.
    fn compute(&self, params: &PanelParams, normal: Coefficients, bounds: Bounds, commands: &mut Vec<Command>) {
        let fill = |kind, start: u64, count: u64, coefficients, at: u32| {
            let selection = Selection::run(self.key, start, count);
            let dispatches = plan(&selection, Dtype::F32, coefficients, 4 * u64::from(at), bounds);
            dispatches.into_iter().map(|dispatch| Command::Scratch(kind, dispatch)).collect::<Vec<_>>()
        };
        let length = u64::from(self.length);
        // a constant of 0
        let zero = Coefficients::default();
        commands.extend(fill(KernelKind::Constant, 0, u64::from(params.vectors) * length, zero, params.strips));
        let last = (params.start + params.vectors - 1) / PANEL;
        for first in (0..=last).rev().map(|panel| panel * PANEL) {
            let reflectors = PANEL.min(self.count - first);
            let (index, count) = (u64::from(first) * length, u64::from(reflectors) * length);
            commands.extend(fill(KernelKind::NormalCentred, index, count, normal, params.normals));
            // the vectors before the panel's are columns of the identity, which it leaves as they are
            let skip = first.saturating_sub(params.start) / PANEL * PANEL;
            let params = PanelParams {
                first,
                reflectors,
                start: params.start + skip,
                vectors: params.vectors - skip,
                strips: params.strips + skip * self.length,
                ..*params
            };
            let (rows, tiles) = (self.length - first, params.vectors.div_ceil(TILE));
            let blocks = rows.div_ceil(BLOCK);
            commands.extend(
                [
                    (Reflect::Squares, [(blocks * (PANEL / 4)).div_ceil(64), 1]),
                    (Reflect::Heads, [1, 1]),
                    (Reflect::Vectors, [rows.div_ceil(64), PANEL]),
                    (Reflect::Gram, [1, 1]),
                    (Reflect::Sides, [tiles, 1]),
                    (Reflect::Solve, [params.vectors.div_ceil(64), 1]),
                    (Reflect::Update, [rows.div_ceil(TILE), tiles]),
                ]
                .map(|(step, grid)| Command::Panel(step, params, grid)),
            );
        }
    }
}

/// The columns of Q that are the vectors of a range, by [`column_at`](crate::matrix::column_at): a run for the even
/// positions, and one for the odd ones.
const fn columns_of(vectors: Range<u64>, count: u64) -> [[u64; 2]; 2] {
    let Range { start, end } = vectors;
    let even = [start.div_ceil(2), end.div_ceil(2)];
    // odd positions take columns from the end
    let odd = [count - end / 2, count - start / 2];
    // the two runs meet where the range includes the last vector
    if even[1] == odd[0] { [[even[0], odd[1]], [0, 0]] } else { [even, odd] }
}

/// The rows of the elements of a selection that is not empty.
fn needed_rows(selection: &Selection, columns: u64) -> Range<u64> {
    // the indices of a shard's elements are in ascending order
    let (first, last) = (selection.start, selection.start + selection.count - 1);
    selection.index(first) / columns..selection.index(last) / columns + 1
}

/// The columns of a selection's elements, and those between them.
fn needed_columns(selection: &Selection, columns: u64) -> Range<u64> {
    let mut needed = columns..0;
    for (index, count) in selection.runs() {
        let column = index % columns;
        // a run over the end of a row begins the next one
        let (start, end) = if column + count > columns { (0, columns) } else { (column, column + count) };
        needed = needed.start.min(start)..needed.end.max(end);
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::columns_of;
    use crate::matrix::column_at;

    #[test]
    fn runs_of_columns_are_those_of_the_range() {
        for count in 1..12 {
            for (start, end) in (0..count).flat_map(|start| (start + 1..=count).map(move |end| (start, end))) {
                let mut expected: Vec<u64> = (start..end).map(|position| column_at(position, count)).collect();
                expected.sort_unstable();
                let runs = columns_of(start..end, count);
                let found: Vec<u64> = runs.into_iter().flat_map(|[first, end]| first..end).collect();
                assert_eq!(found, expected, "{start}..{end} of {count}");
            }
        }
    }
}
