//! Orthogonal matrices, by a product of Householder reflections (Stewart, "The efficient generation of random orthogonal
//! matrices with an application to condition estimators", 1980; Mezzadri, "How to generate random matrices from the
//! classical compact groups", 2007). The reflections come straight from normals, so nothing is factorised, and each
//! column of a tall matrix and each row of another can be computed without the others. docs/orthogonal.md defines every
//! bit.

use super::dtype::{element_bytes, element_size};
use super::memory::{reserve, zeros};
use super::reflectors::{LANES, Normals, PANEL, Panel, Row, STRIPS};
use super::sampler::flush;
use super::threads::for_each_chunk;
use super::vector::lane;
use crate::coefficients::Coefficients;
use crate::fill::Selection;
use crate::matrix::{ConvKernel, column_at};
use crate::{Dtype, Key, Result};

/// The vectors that are computed at a time, unless the output has room for more: the panels are made anew for each such
/// batch, which costs a tenth of its work.
const BATCH: usize = 256;
/// Elements of the output that one task of the thread pool writes, at least.
const CHUNK: usize = 1 << 16;

/// An orthogonal matrix and its elements in a tensor.
#[derive(Clone, Copy)]
pub(super) struct Orthogonal {
    pub(super) key: Key,
    pub(super) rows: u64,
    pub(super) columns: u64,
    /// The tensor is a convolution's weight with the matrix, of inputs by outputs, at its centre.
    pub(super) kernel: Option<ConvKernel>,
    /// The gain.
    pub(super) coefficients: Coefficients,
}

impl Orthogonal {
    /// Whether the columns are the orthonormal vectors; else the rows are.
    const fn is_tall(&self) -> bool {
        self.rows > self.columns
    }

    /// Fills `out` with the elements of a selection that fits it.
    #[expect(clippy::cast_possible_truncation, reason = "`vectors` asks for memory for as many")]
    pub(super) fn fill(&self, dtype: Dtype, selection: &Selection, out: &mut [u8]) -> Result<()> {
        if self.kernel.is_some() {
            // all but the kernel's centre; 0 has all bits 0 in every dtype
            out.fill(0);
        }
        let (vectors, length) = (self.vectors(selection)?, self.rows.max(self.columns) as usize);
        let padded = length.next_multiple_of(LANES);
        let batch = (out.len() / size_of::<f32>() / padded).max(BATCH).next_multiple_of(LANES);
        let normals = Normals { key: self.key, count: self.rows.min(self.columns) as usize, length };
        let mut panel = Panel::reserve(&normals)?;
        for (i, columns) in vectors.columns.chunks(batch).enumerate() {
            let mut strips = zeros::<Row>((columns.len().div_ceil(LANES) * padded) as u64)?;
            let Some(last) = columns.last() else { break };
            for panel_number in (0..=last / PANEL).rev() {
                panel.set(&normals, panel_number * PANEL)?;
                let panel = &panel;
                for_each_chunk(&mut strips, STRIPS * padded, |i, strips| {
                    let columns = &columns[i * STRIPS * LANES..];
                    let columns = &columns[..columns.len().min(STRIPS * LANES)];
                    // a reflection leaves the columns of the identity before its own as they are
                    if columns.last().is_some_and(|&last| last >= panel.first()) {
                        panel.apply(columns, strips, padded);
                    }
                });
            }
            let computed = Computed { places: &vectors.places, first: i * batch, count: columns.len(), strips, padded };
            self.write(&computed, dtype, selection, out);
        }
        Ok(())
    }

    /// The orthonormal vectors that have selected elements.
    #[expect(clippy::cast_possible_truncation, reason = "a matrix has at most 2^16 vectors")]
    fn vectors(&self, selection: &Selection) -> Result<Vectors> {
        let count = self.rows.min(self.columns);
        let mut places = zeros::<u32>(count)?;
        self.segments(selection, |segment| {
            if self.is_tall() {
                places[segment.column as usize..][..segment.count].fill(1);
            } else {
                places[segment.row as usize] = 1;
            }
        });
        let mut positions = reserve(places.iter().map(|&needed| u64::from(needed)).sum())?;
        positions.extend((0..places.len()).filter(|&position| places[position] == 1));
        positions.sort_unstable_by_key(|&position| column_at(position as u64, count));
        places.fill(u32::MAX);
        for (place, &position) in positions.iter().enumerate() {
            places[position] = place as u32;
        }
        let columns = positions.into_iter().map(|position| column_at(position as u64, count) as usize).collect();
        Ok(Vectors { columns, places })
    }

    /// Calls `f` with the selected elements of the matrix: runs of elements of one row.
    #[expect(clippy::cast_possible_truncation, reason = "elements in memory")]
    fn segments(&self, selection: &Selection, mut f: impl FnMut(Segment)) {
        let mut position = 0;
        for (index, count) in selection.runs() {
            let end = index + count;
            let mut index = index;
            while index < end {
                let (place, count) = match self.kernel {
                    None => {
                        let column = index % self.columns;
                        (Some((index / self.columns, column)), (self.columns - column).min(end - index))
                    }
                    Some(kernel) => (kernel.channels(index).map(|(out, input)| (input, out)), 1),
                };
                let count = count as usize;
                if let Some((row, column)) = place {
                    f(Segment { row, column, count, position });
                }
                position += count;
                index += count as u64;
            }
        }
    }

    /// Writes the selected elements of the computed vectors.
    #[expect(clippy::cast_possible_truncation, reason = "indices of vectors in memory")]
    fn write(&self, computed: &Computed<'_>, dtype: Dtype, selection: &Selection, out: &mut [u8]) {
        let size = element_size(dtype);
        // rows of a wide matrix lie in two strips in turn, so a task takes those of both
        let chunk = CHUNK.max(2 * LANES * self.columns as usize);
        for_each_chunk(out, chunk * size, |i, out| {
            let selection = selection.part((i * chunk) as u64, (out.len() / size) as u64);
            self.segments(&selection, |segment| {
                let out = &mut out[segment.position * size..][..segment.count * size];
                for (i, out) in out.chunks_exact_mut(size).enumerate() {
                    let (row, column) = (segment.row as usize, segment.column as usize + i);
                    let (vector, index) = if self.is_tall() { (column, row) } else { (row, column) };
                    if let Some(value) = computed.get(vector, index) {
                        out.copy_from_slice(&self.bytes(value, dtype)[..size]);
                    }
                }
            });
        });
    }

    /// The bytes of an element times the gain. One of 2 bytes uses the first two.
    fn bytes(&self, value: f32, dtype: Dtype) -> [u8; 4] {
        // the elementwise kernels' own code, so that a matrix is rounded and flushed as they are
        let Coefficients { scale, scale_exponent, .. } = self.coefficients;
        element_bytes(flush(lane((value * scale).to_bits()).as_f32(), scale_exponent), dtype)
    }
}

/// Selected elements of one row.
struct Segment {
    row: u64,
    /// The column of the first.
    column: u64,
    count: usize,
    /// The position of the first in the output, in elements.
    position: usize,
}

/// The orthonormal vectors that are needed.
struct Vectors {
    /// Their columns in Q, the product of reflections, in ascending order.
    columns: Vec<usize>,
    /// For every vector of the matrix its place among them; for others `u32::MAX`.
    places: Vec<u32>,
}

/// A batch of computed vectors, in strips of 16.
struct Computed<'a> {
    /// See [`Vectors`].
    places: &'a [u32],
    /// The place of the batch's first vector.
    first: usize,
    /// Vectors of the batch.
    count: usize,
    strips: Vec<Row>,
    /// Rows of a strip.
    padded: usize,
}

impl Computed<'_> {
    /// An element of a vector, if it is among those computed.
    fn get(&self, vector: usize, index: usize) -> Option<f32> {
        let place = (self.places[vector] as usize).checked_sub(self.first).filter(|&place| place < self.count)?;
        Some(self.strips[place / LANES * self.padded + index][place % LANES])
    }
}
