//! Structured matrices as dispatches: the parameters of shaders/matrix.wgsl.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use super::entry::{Coordinates, Entry};
use super::structure::{Structure, StructureKind};
use crate::bits::words;
use crate::matrix::{ConvKernel, Grid};
use crate::{Key, Layout, matrix};

/// The `Matrix` of shaders/matrix.wgsl.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct MatrixParams {
    /// The extent of the innermost coordinate.
    pub(crate) inner: [u32; 2],
    /// The extent of the next one.
    pub(crate) middle: [u32; 2],
    /// The coordinates of the index that the shader counts from.
    pub(crate) at_inner: [u32; 2],
    pub(crate) at_middle: [u32; 2],
    pub(crate) at_outer: [u32; 2],
    /// Convolutions: the index of the kernel's centre.
    pub(crate) centre: [u32; 2],
    /// Dirac: outputs of a group.
    pub(crate) group: [u32; 2],
    /// Sparse: the key of the permutations.
    pub(crate) key: [u32; 2],
    /// Its offset.
    pub(crate) offset: [u32; 2],
    /// Sparse: rows with a place below this are 0.
    pub(crate) zeros: u32,
    /// Sparse: the sides of the grid.
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rows: u32,
    /// Orthogonal: the first column of Q that was computed, and the number of them.
    pub(crate) start: u32,
    pub(crate) vectors: u32,
    /// Orthogonal: where they begin in the source, in f32, and the elements of each.
    pub(crate) strips: u32,
    pub(crate) length: u32,
    /// Sparse: the shifts of a permutation.
    pub(crate) rounds: u32,
    /// Orthogonal: the vectors of the whole matrix.
    pub(crate) count: u32,
}

/// A structured matrix, and the parameters that do not depend on the dispatch.
#[derive(Clone, Debug)]
pub(crate) struct MatrixPlan {
    kind: StructureKind,
    /// The extents of the innermost coordinate, and of the next one.
    extents: [u64; 2],
    params: MatrixParams,
}

impl MatrixPlan {
    /// The plan of a matrix under a key.
    #[expect(clippy::cast_possible_truncation, reason = "extents of an orthogonal matrix, with at most 2^32 elements")]
    pub(crate) fn new(matrix: &matrix::Matrix, key: Key) -> Self {
        let params = MatrixParams::default();
        match matrix.structure() {
            matrix::Structure::Eye { columns, .. } => {
                Self { kind: StructureKind::Eye, extents: [columns, u64::MAX], params }
            }
            matrix::Structure::Dirac { kernel, groups } => {
                let params = MatrixParams { group: words((kernel.outs / groups).max(1)), ..params };
                Self::convolution([StructureKind::DiracOutIn, StructureKind::DiracInOut], &kernel, params)
            }
            matrix::Structure::Sparse { grid, columns, zeros } => {
                let key = key.named("sparse");
                let Grid { rows, width, height, rounds } = grid;
                let (key, offset) = (words(key.seed), words(key.offset));
                let params = MatrixParams { key, offset, zeros, width, height, rows, rounds, ..params };
                Self { kind: StructureKind::Sparse, extents: [columns, u64::MAX], params }
            }
            matrix::Structure::Orthogonal { rows, columns } => {
                let kind = if rows > columns { StructureKind::Tall } else { StructureKind::Wide };
                let params =
                    MatrixParams { length: rows.max(columns) as u32, count: rows.min(columns) as u32, ..params };
                Self { kind, extents: [columns, u64::MAX], params }
            }
            matrix::Structure::DeltaOrthogonal { kernel } => {
                let params = MatrixParams { length: kernel.outs as u32, count: kernel.ins as u32, ..params };
                Self::convolution([StructureKind::DeltaOutIn, StructureKind::DeltaInOut], &kernel, params)
            }
        }
    }

    /// The plan of a convolution's weight, whose kind depends on the layout.
    fn convolution([out_in, in_out]: [StructureKind; 2], kernel: &ConvKernel, params: MatrixParams) -> Self {
        let params = MatrixParams { centre: words(kernel.centre), ..params };
        match kernel.layout {
            Layout::OutIn => Self { kind: out_in, extents: [kernel.field, kernel.ins], params },
            Layout::InOut => Self { kind: in_out, extents: [kernel.outs, kernel.ins], params },
        }
    }

    /// The same with the vectors that were computed: those from `start` on, at `strips` in the source.
    pub(crate) fn with_vectors(&self, start: u32, vectors: u32, strips: u32) -> Self {
        Self { params: MatrixParams { start, vectors, strips, ..self.params }, ..self.clone() }
    }

    /// The entry point and the parameters of a dispatch whose elements have these indices.
    pub(crate) fn entry(&self, coordinates: Option<Coordinates>, indices: &Range<u64>) -> (Entry, MatrixParams) {
        let [inner, middle] = self.extents;
        let rest = indices.start / inner;
        // threads behind the last element look at a few more
        let reach = (indices.end - indices.start).saturating_add(8);
        let small = |value: u64| value < 1 << 31;
        // without 64 bits every sum and extent is below 2^32
        let far = !(small(inner)
            && (small(middle) || middle == u64::MAX)
            && small(rest)
            && small(reach)
            && self.params.group[1] == 0
            && small(self.params.group[0].into()));
        // an extent that is never reached
        let middle_extent = if far || middle != u64::MAX { words(middle) } else { [u32::MAX, 0] };
        let params = MatrixParams {
            inner: words(inner),
            middle: middle_extent,
            at_inner: words(indices.start % inner),
            at_middle: words(rest % middle),
            at_outer: words(rest / middle),
            ..self.params
        };
        let structure = Structure { kind: self.kind, far };
        let entry = match self.kind {
            StructureKind::Tall | StructureKind::Wide | StructureKind::DeltaOutIn | StructureKind::DeltaInOut => {
                Entry::Orthogonal { coordinates, structure }
            }
            _ => Entry::Scattered { coordinates, structure },
        };
        (entry, params)
    }
}
