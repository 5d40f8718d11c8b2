//! The values of structured initialisers. Eye and dirac follow from an element's index. Orthogonal, delta-orthogonal
//! and sparse matrices are computed whole.

use super::dtype::{block_size, element_size, store};
use super::fill::elements;
use super::memory::reserve;
#[cfg(feature = "orthogonal")]
use super::memory::zeros;
use super::sampler::flush;
use super::vector::lane;
use crate::bits::round;
use crate::coefficients::normal;
use crate::fill::Selection;
use crate::kernel::KernelKind;
use crate::matrix::{Matrix, Structure};
use crate::{Dtype, Key, Result};

/// Fills `out` with the elements of a selection that fits it.
#[expect(clippy::cast_possible_truncation, reason = "an index of a matrix in memory")]
pub(crate) fn fill(matrix: &Matrix, dtype: Dtype, selection: &Selection, out: &mut [u8]) -> Result<()> {
    let (key, gain) = (selection.key, matrix.gain());
    let mut target = Target { selection, dtype, size: element_size(dtype), out };
    match matrix.structure() {
        Structure::Eye { columns, .. } => target.mark(gain, |index| index / columns == index % columns),
        Structure::Dirac { kernel, groups } => {
            let outs = kernel.outs / groups;
            // an output of a group passes on the input of the same number, which is below both counts
            target.mark(gain, |index| kernel.channels(index).is_some_and(|(out, input)| out % outs == input));
        }
        Structure::Orthogonal { rows, columns } => {
            // the whole matrix, though few of its elements may be selected: each depends on all normals
            let q = orthogonal(key, rows, columns)?;
            target.copy(|index| gain * q[index as usize]);
        }
        Structure::DeltaOrthogonal { kernel } => {
            // 0 has all bits 0 in every dtype
            target.out.fill(0);
            // the rows are inputs; there are no more inputs than outputs, so the rows are orthonormal
            let q = orthogonal(key, kernel.ins, kernel.outs)?;
            for (i, &value) in (0..).zip(&q) {
                target.set(kernel.index(i % kernel.outs, i / kernel.outs), gain * value);
            }
        }
        Structure::Sparse { rows, columns, zeros } => {
            // the gain of a sparse matrix is its std; the zeros are set afterwards, so they do not move the other
            // elements
            fill_normals(round(gain), dtype, selection, target.out)?;
            let mut ranked = reserve(rows)?;
            for column in 0..columns {
                for row in zero_rows(key, rows, column, zeros, &mut ranked) {
                    target.set(row * columns + column, 0.0);
                }
            }
        }
    }
    Ok(())
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
    /// Sets the element at an index of the whole tensor, if it is among the selected ones.
    fn set(&mut self, index: u64, value: f64) {
        // an element before the selection or behind it is no error: it belongs to another part of the matrix
        let element = match self.selection.shard {
            Some(shard) => shard.element(index),
            None => Some(index),
        };
        let position = element.and_then(|element| usize::try_from(element.checked_sub(self.selection.start)?).ok());
        let size = self.size;
        let bytes = position.and_then(|position| self.out.get_mut(position.checked_mul(size)?..)?.get_mut(..size));
        if let Some(bytes) = bytes {
            bytes.copy_from_slice(&element_bytes(value, self.dtype)[..size]);
        }
    }

    /// Sets every element to the value at its index in the whole tensor.
    fn copy(&mut self, value: impl Fn(u64) -> f64) {
        let (dtype, size) = (self.dtype, self.size);
        self.each(|index, bytes| bytes.copy_from_slice(&element_bytes(value(index), dtype)[..size]));
    }

    /// Sets the elements at the marked indices to a value, and all others to 0.
    fn mark(&mut self, value: f64, is_marked: impl Fn(u64) -> bool) {
        let bytes = element_bytes(value, self.dtype);
        let marked = &bytes[..self.size];
        self.out.fill(0);
        self.each(|index, bytes| {
            if is_marked(index) {
                bytes.copy_from_slice(marked);
            }
        });
    }

    /// Calls `set` with the index and the bytes of every element.
    fn each(&mut self, set: impl Fn(u64, &mut [u8])) {
        // the runs are in the order of the elements
        let indices = self.selection.runs().into_iter().flat_map(|(index, count)| index..index + count);
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

/// The bytes of a value that is rounded to f32, then to the dtype. An element of 2 bytes uses the first two.
fn element_bytes(value: f64, dtype: Dtype) -> [u8; 4] {
    let mut block = [0; 16];
    // the elementwise kernels' own code, so that a matrix is rounded and flushed as they are
    let bits = flush(lane(round(value).to_bits()).as_f32(), 0);
    store([bits; 4], dtype, &mut block[..block_size(dtype)]);
    [block[0], block[1], block[2], block[3]]
}

/// The rows of a column that are zero: those with the smallest words. The words come from a stream of their own, in
/// which each column is contiguous. `ranked` is scratch memory.
#[expect(clippy::cast_possible_truncation, reason = "no more zeros than rows in memory")]
fn zero_rows(key: Key, rows: u64, column: u64, zeros: u64, ranked: &mut Vec<(u32, u64)>) -> impl Iterator<Item = u64> {
    // the tensor's own words make its normals; zeros chosen by them would depend on the values
    let key = key.named("sparse");
    let word = |index: u64| key.block(index / 4)[(index % 4) as usize];
    ranked.clear();
    // the row breaks ties between equal words, so the order is the same on every machine
    ranked.extend((0..rows).map(|row| (word(column * rows + row), row)));
    let zeros = zeros as usize;
    if zeros < ranked.len() {
        // a partial sort is enough: which rows they are counts, not their order
        ranked.select_nth_unstable(zeros);
    }
    ranked.truncate(zeros);
    ranked.drain(..).map(|(_, row)| row)
}

/// A (rows, columns) matrix, row-major, whose columns are orthonormal, or its rows where there are fewer: the Q
/// of a standard normal matrix (its transpose where there are fewer rows), each column times the sign of R's
/// diagonal, which makes it uniform among all such matrices (Mezzadri, "How to generate random matrices from
/// the classical compact groups", 2007).
#[cfg(feature = "orthogonal")]
fn orthogonal(key: Key, rows: u64, columns: u64) -> Result<Vec<f64>> {
    use faer::Mat;

    // the decomposition cannot report that memory is short; it takes five matrices of f64 (measured), so ask for them
    // first
    drop(reserve::<[f64; 5]>(rows * columns)?);
    let mut normals = zeros::<f32>(rows * columns)?;
    #[expect(clippy::cast_possible_truncation, reason = "the elements are in memory")]
    let (rows, columns) = (rows as usize, columns as usize);
    let selection = Selection::run(key, 0, normals.len() as u64);
    fill_normals(1.0, Dtype::F32, &selection, bytemuck::cast_slice_mut(&mut normals))?;
    let normal = |row: usize, column: usize| f64::from(normals[row * columns + column]);
    // the decomposition is of a tall matrix; a wide one is the transpose of a tall one
    let wide = rows < columns;
    let tall =
        if wide { Mat::from_fn(columns, rows, |i, j| normal(j, i)) } else { Mat::from_fn(rows, columns, normal) };
    // before the decomposition asks for its memory
    drop(normals);
    let qr = tall.qr();
    let (q, r) = (qr.compute_thin_Q(), qr.thin_R());
    // R's diagonal comes out with either sign; PyTorch's `orthogonal_` makes it positive in the same way
    let value = |i: usize, j: usize| if r[(j, j)] < 0.0 { -q[(i, j)] } else { q[(i, j)] };
    let indices = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    Ok(indices.map(|(row, column)| if wide { value(column, row) } else { value(row, column) }).collect())
}

#[cfg(not(feature = "orthogonal"))]
fn orthogonal(_: Key, _: u64, _: u64) -> Result<Vec<f64>> {
    Err(crate::Error::NeedsFeature("orthogonal"))
}
