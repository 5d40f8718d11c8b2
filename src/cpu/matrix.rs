//! The values of structured initialisers. Those of eye, dirac and sparse follow from an element's index;
//! cpu/orthogonal.rs has the others.

use super::dtype::{element_bytes, element_size};
use super::fill::elements;
use super::orthogonal::Orthogonal;
use super::permutation::Permutation;
use super::threads::for_each_chunk;
use super::vector::lane;
use crate::bits::round;
use crate::coefficients::{constant, factor, normal};
use crate::fill::Selection;
use crate::kernel::KernelKind;
use crate::matrix::{Grid, Matrix, Structure};
use crate::{Dtype, Key, Result};

/// Elements of the output that one task of the thread pool fills, at least.
const CHUNK: usize = 1 << 16;

/// Fills `out` with the elements of a selection that fits it.
pub(crate) fn fill(matrix: &Matrix, dtype: Dtype, selection: &Selection, out: &mut [u8]) -> Result<()> {
    let (key, gain) = (selection.key, matrix.gain());
    let mut target = Target { selection, dtype, size: element_size(dtype), out };
    match matrix.structure() {
        Structure::Eye { columns, .. } => target.mark(gain, |index| index / columns == index % columns)?,
        Structure::Dirac { kernel, groups } => {
            let outs = kernel.outs / groups;
            // an output of a group passes on the input of the same number, which is below both counts
            let is_marked = |index| kernel.channels(index).is_some_and(|(out, input)| out % outs == input);
            target.mark(gain, is_marked)?;
        }
        Structure::Orthogonal { rows, columns } => {
            let coefficients = factor(gain);
            return Orthogonal { key, rows, columns, kernel: None, coefficients }.fill(dtype, selection, target.out);
        }
        Structure::DeltaOrthogonal { kernel } => {
            let coefficients = factor(gain);
            let (rows, columns) = (kernel.ins, kernel.outs);
            let matrix = Orthogonal { key, rows, columns, kernel: Some(kernel), coefficients };
            return matrix.fill(dtype, selection, target.out);
        }
        // the gain of a sparse matrix is its std
        Structure::Sparse { grid, columns, zeros } => {
            fill_normals(round(gain), dtype, selection, target.out)?;
            set_zeros(key, grid, columns, zeros, element_size(dtype), selection, target.out);
        }
    }
    Ok(())
}

/// Sets the zeros of a sparse matrix. They do not move the other elements.
fn set_zeros(key: Key, grid: Grid, columns: u64, zeros: u32, size: usize, selection: &Selection, out: &mut [u8]) {
    // the tensor's own words make its normals; zeros chosen by them would depend on the values
    let key = key.named("sparse");
    // enough rows that the permutations' tables are little work beside
    let rows = 32 * u64::from(grid.width);
    let chunk = usize::try_from(columns.saturating_mul(rows)).unwrap_or(usize::MAX).clamp(CHUNK, usize::MAX / size);
    for_each_chunk(out, chunk * size, |i, out| {
        let selection = selection.part((i * chunk) as u64, (out.len() / size) as u64);
        let lines = lines(&selection, columns);
        for column in columns_of(&lines) {
            let permutation = Permutation::new(key, grid, column, lines.len());
            for line in &lines {
                let inside = column.checked_sub(line.column).filter(|&offset| offset < line.count);
                if let Some(offset) = inside
                    && permutation.place(line.row) < zeros
                {
                    #[expect(clippy::cast_possible_truncation, reason = "a position in memory")]
                    out[(line.position + offset) as usize * size..][..size].fill(0);
                }
            }
        }
    });
}

/// Selected elements of one row.
struct Line {
    row: u32,
    /// The column of the first.
    column: u64,
    count: u64,
    /// The position of the first in the output.
    position: u64,
}

/// The columns that have selected elements, in ascending order.
fn columns_of(lines: &[Line]) -> impl Iterator<Item = u64> {
    let mut spans: Vec<_> = lines.iter().map(|line| line.column..line.column + line.count).collect();
    spans.sort_unstable_by_key(|span| span.start);
    spans
        .into_iter()
        .scan(0, |end, span| {
            let rest = span.start.max(*end)..span.end;
            *end = span.end.max(*end);
            Some(rest)
        })
        .flatten()
}

/// The selected elements of a matrix, row by row.
#[expect(clippy::cast_possible_truncation, reason = "a sparse matrix has at most 2^31 rows")]
fn lines(selection: &Selection, columns: u64) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut position = 0;
    for (mut index, mut left) in selection.runs() {
        while left > 0 {
            let column = index % columns;
            let count = (columns - column).min(left);
            lines.push(Line { row: (index / columns) as u32, column, count, position });
            position += count;
            index += count;
            left -= count;
        }
    }
    lines
}

/// The bytes of a selection's elements.
struct Target<'a> {
    selection: &'a Selection,
    dtype: Dtype,
    /// Bytes of an element.
    size: usize,
    out: &'a mut [u8],
}

impl Target<'_> {
    /// Sets the elements at the marked indices to a constant, and all others to 0.
    fn mark(&mut self, value: f64, is_marked: impl Fn(u64) -> bool) -> Result<()> {
        // the elementwise kernels' own code, so that a matrix is rounded as they are
        let bytes = element_bytes(lane(constant(round(value), self.dtype)?.bits), self.dtype);
        let marked = &bytes[..self.size];
        self.out.fill(0);
        self.each(|index, bytes| {
            if is_marked(index) {
                bytes.copy_from_slice(marked);
            }
        });
        Ok(())
    }

    /// Calls `set` with the index and the bytes of every element.
    fn each(&mut self, set: impl Fn(u64, &mut [u8])) {
        // the runs are in the order of the elements
        let indices = self.selection.runs().flat_map(|(index, count)| index..index + count);
        for (bytes, index) in self.out.chunks_exact_mut(self.size).zip(indices) {
            set(index, bytes);
        }
    }
}

/// Fills with normals of mean 0.
fn fill_normals(std: f32, dtype: Dtype, selection: &Selection, out: &mut [u8]) -> Result<()> {
    elements(KernelKind::Normal, &normal(0.0, std, dtype, true)?, dtype, selection, out);
    Ok(())
}
