//! Householder reflections, a panel of them at a time. Twin: shaders/reflectors.wgsl.
//!
//! A panel of reflectors v_0, v_1, ... is the product of reflections H_0 H_1 ... = I - V T V^T, where the inverse of T
//! is the part of V^T V above the diagonal, and half of the diagonal (Puglisi, "Modification of the Householder method
//! based on the compact WY representation", 1992). So a panel is applied to a matrix C by two products and the solution
//! of a triangular system: W = V^T C, T^-1 X = W, C - V X.
//!
//! Every sum has one order, whatever the vectors, threads or devices: see `products` and `apply`.

use super::fill::elements;
use super::memory::reserve;
use super::simd::{Pair, Scalar, Simd, Unit};
use super::threads::for_each_chunk;
use super::vector::Floats;
use crate::coefficients::normal;
use crate::fill::Selection;
use crate::kernel::KernelKind;
use crate::{Dtype, Key, Result};

/// Reflectors of a panel.
pub(crate) const PANEL: usize = 64;
/// Rows whose products are added one after the other. The sums of blocks are then added in the same way.
pub(crate) const BLOCK: usize = 128;
/// Lanes of a [`Row`].
pub(crate) const LANES: usize = 16;
/// One element of 16 vectors, or 16 elements of one reflector.
pub(crate) type Row = [f32; LANES];

/// Elements of C and of reflectors below 2^-40 count as 0, and those of X below 2^-60. No product is then below 2^-100,
/// and no sum is subnormal, because it is a multiple of its summands' last places.
pub(crate) const SMALL: f32 = f32::from_bits(87 << 23);
/// See `SMALL`.
pub(crate) const SMALL_SOLUTION: f32 = f32::from_bits(67 << 23);
/// The right sides of the triangular system, before they are multiplied by at least 2^-34.
pub(crate) const SMALL_SIDE: f32 = f32::from_bits(47 << 23);
/// A first guess of the reciprocal square root, within 3.5 %.
pub(crate) const ROOT_MAGIC: u32 = 0x5F37_5A86;
/// A first guess of 2 / x, within 5.1 %.
pub(crate) const TWO_OVER_MAGIC: u32 = 0x7F73_11C3;

/// The normals that the reflectors of a matrix come from: `count` vectors of `length` elements, row-major.
#[derive(Clone, Copy)]
pub(super) struct Normals {
    pub(super) key: Key,
    pub(super) count: usize,
    pub(super) length: usize,
}

/// Consecutive reflectors. Reflector k begins at row k.
pub(super) struct Panel {
    /// The first reflector, which is also the first row.
    first: usize,
    /// The number of reflectors.
    count: usize,
    /// The normals that they are made from, vector by vector, with zeros before the first row of each and behind the
    /// last.
    normals: Vec<f32>,
    /// The reflectors in rows: for each block of rows, for each 16 reflectors, the rows.
    across: Vec<Row>,
    /// The reflectors in columns: for each 16 rows, the reflectors.
    along: Vec<Row>,
    /// V^T V above the diagonal, row-major.
    gram: Vec<f32>,
    /// Two over the squares of the reflectors' lengths; 0 for the padding to 16 reflectors.
    inverses: [f32; PANEL],
    /// The signs of the columns of the identity that the reflections are applied to.
    signs: [f32; PANEL],
}

impl Panel {
    /// Memory for any panel of a matrix.
    pub(super) fn reserve(normals: &Normals) -> Result<Self> {
        let width = PANEL.min(normals.count).next_multiple_of(LANES);
        let words = normals.length.next_multiple_of(LANES) * width;
        Ok(Self {
            first: 0,
            count: 0,
            normals: reserve(words as u64)?,
            across: reserve((words / LANES) as u64)?,
            along: reserve((words / LANES) as u64)?,
            gram: reserve((width * width) as u64)?,
            inverses: [0.0; PANEL],
            signs: [0.0; PANEL],
        })
    }

    /// Makes the panel whose first reflector is `first`.
    pub(super) fn set(&mut self, normals: &Normals, first: usize) -> Result<()> {
        self.first = first;
        self.count = PANEL.min(normals.count - first);
        self.inverses = [0.0; PANEL];
        let (width, rows) = (self.width(), normals.length.next_multiple_of(LANES) - first);
        self.normals.resize(rows * width, 0.0);
        self.across.resize(rows * width / LANES, [0.0; LANES]);
        self.along.resize(rows * width / LANES, [0.0; LANES]);
        self.gram.resize(width * width, 0.0);
        self.draw(normals, rows)?;
        self.transpose(rows);
        self.set_heads();
        self.set_gram();
        Ok(())
    }

    /// Draws the normals.
    fn draw(&mut self, normals: &Normals, rows: usize) -> Result<()> {
        let coefficients = normal(0.0, 1.0, Dtype::F32, true)?;
        let Self { first, count, .. } = *self;
        for_each_chunk(&mut self.normals, rows, |k, vector| {
            let (vector, padding) = vector.split_at_mut(if k < count { normals.length - first } else { 0 });
            padding.fill(0.0);
            let index = (first + k) as u64 * normals.length as u64 + first as u64;
            let selection = Selection::run(normals.key, index, vector.len() as u64);
            elements(KernelKind::Normal, &coefficients, Dtype::F32, &selection, bytemuck::cast_slice_mut(vector));
            // reflector k begins at row k; those of the padding have no rows
            let before = k.min(vector.len());
            vector[..before].fill(0.0);
            for value in vector {
                if value.abs() < SMALL {
                    *value = 0.0;
                }
            }
        });
        Ok(())
    }

    /// Copies the normals to the two layouts of the reflectors.
    fn transpose(&mut self, rows: usize) {
        let (width, normals) = (self.width(), &self.normals);
        for_each_chunk(&mut self.across, BLOCK * width / LANES, |block, chunk| {
            let height = chunk.len() * LANES / width;
            for (strip, chunk) in chunk.chunks_exact_mut(height).enumerate() {
                let vectors = normals.chunks_exact(rows).skip(strip * LANES).take(LANES);
                for (lane, vector) in vectors.enumerate() {
                    for (row, &value) in chunk.iter_mut().zip(&vector[block * BLOCK..]) {
                        row[lane] = value;
                    }
                }
            }
        });
        for_each_chunk(&mut self.along, BLOCK * width / LANES, |block, chunk| {
            for (i, chunk) in chunk.chunks_exact_mut(width).enumerate() {
                for (row, vector) in chunk.iter_mut().zip(normals.chunks_exact(rows)) {
                    row.copy_from_slice(&vector[block * BLOCK + i * LANES..][..LANES]);
                }
            }
        });
    }

    /// The first reflector.
    pub(super) const fn first(&self) -> usize {
        self.first
    }

    /// Reflectors with the padding to 16.
    fn width(&self) -> usize {
        self.count.next_multiple_of(LANES)
    }

    /// The rows of the reflectors, and those of the padding.
    fn rows(&self) -> usize {
        self.along.len() * LANES / self.width()
    }

    /// For each block of rows its first row, from the panel's on, and the rows of 16 reflectors each.
    fn blocks(&self) -> impl Iterator<Item = (usize, impl Iterator<Item = &[Row]>)> {
        let strips = self.width() / LANES;
        self.across
            .chunks(BLOCK * strips)
            .enumerate()
            .map(move |(block, chunk)| (block * BLOCK, chunk.chunks_exact(chunk.len() / strips)))
    }

    /// Turns normals into reflectors: adds their length, with the sign of the first element, to that element. H then
    /// takes the unit vector to the normals' direction, but for the sign.
    fn set_heads(&mut self) {
        let tails = self.tails();
        let (width, height) = (self.width(), BLOCK.min(self.rows()));
        for (k, tail) in tails.into_iter().enumerate().take(self.count) {
            let head = self.along[k / LANES * width + k][k % LANES];
            let negative = head < 0.0;
            let square = tail + head * head;
            let length = root(square);
            // a vector of zeros has no direction: any reflector will do
            let head = match () {
                () if square == 0.0 => 1.0,
                () if negative => head - length,
                () => head + length,
            };
            self.signs[k] = if negative { 1.0 } else { -1.0 };
            self.inverses[k] = two_over(tail + head * head);
            self.along[k / LANES * width + k][k % LANES] = head;
            self.across[k / LANES * height + k][k % LANES] = head;
        }
    }

    /// The squares of the vectors' lengths without their first elements. A vector's computed length is as wrong as this
    /// number, so it is summed with the rounding errors of the sums.
    fn tails(&self) -> [f32; PANEL] {
        let strips = self.width() / LANES;
        // sums and their errors, for each block and strip
        let mut sums = vec![[[0.0; LANES]; 2]; self.rows().div_ceil(BLOCK) * strips];
        for_each_chunk(&mut sums, strips, |block, out| on_widest(Tails { panel: self, block, out }));
        let mut totals = [[0.0; 2]; PANEL];
        for block in sums.chunks_exact(strips) {
            let sums = block.iter().flat_map(|[sums, errors]| sums.iter().zip(errors));
            for (total, (&sum, &error)) in totals.iter_mut().zip(sums) {
                *total = add_exactly(*total, [sum, error]);
            }
        }
        totals.map(|[sum, error]| sum + error)
    }

    /// Computes V^T V above the diagonal.
    fn set_gram(&mut self) {
        let width = self.width();
        let mut gram = std::mem::take(&mut self.gram);
        for_each_chunk(&mut gram, LANES * width, |strip, out| on_widest(Gram { panel: self, strip, out }));
        self.gram = gram;
    }

    /// Applies the reflections to strips of vectors. A strip has `length` rows of one element of each of its 16
    /// vectors. The vectors begin as columns of the identity: those that the panel is the first to change are set here.
    pub(super) fn apply(&self, vectors: &[usize], strips: &mut [Row], length: usize) {
        for (vectors, strip) in vectors.chunks(LANES).zip(strips.chunks_exact_mut(length)) {
            for (lane, &vector) in vectors.iter().enumerate() {
                if let Some(&sign) = vector.checked_sub(self.first).and_then(|k| self.signs[..self.count].get(k)) {
                    strip[vector][lane] = sign;
                }
            }
        }
        on_widest(Apply { panel: self, strips, length });
    }
}

/// A square root to some units in the last place, of 0 or a number from 2^-80 to 2^40: three Newton steps for the
/// reciprocal root.
fn root(square: f32) -> f32 {
    let mut y = f32::from_bits(ROOT_MAGIC - (square.to_bits() >> 1));
    for _ in 0..3 {
        y = y * (1.5 - ((0.5 * square) * y) * y);
    }
    square * y
}

/// The sum of two numbers, each with an error that is to be added to it (Knuth, "The Art of Computer Programming",
/// volume 2, 4.2.2).
#[cfg_attr(not(debug_assertions), inline(always))]
fn add_exactly([a, a_error]: [f32; 2], [b, b_error]: [f32; 2]) -> [f32; 2] {
    let sum = a + b;
    let part = sum - a;
    [sum, a_error + (((a - (sum - part)) + (b - part)) + b_error)]
}

/// 2 / x to half a unit in the last place and a little more, for x from 2^-80 to 2^40.
fn two_over(x: f32) -> f32 {
    let mut y = f32::from_bits(TWO_OVER_MAGIC - x.to_bits());
    for _ in 0..3 {
        y = y + y * (1.0 - (0.5 * x) * y);
    }
    // the remainder 2 - x y is exact, but for its last sum: both factors are split into 12 bits and the rest
    let [x_high, y_high] = [x, y].map(|value| f32::from_bits(value.to_bits() & 0xffff_f000));
    let (x_low, y_low) = (x - x_high, y - y_high);
    let rest = ((2.0 - x_high * y_high) - x_high * y_low) - x_low * y_high - x_low * y_low;
    y + (0.5 * y) * rest
}

/// Products of `R` columns of the left side, from `offset` on, with the right side: sums over the rows in their order.
#[cfg_attr(not(debug_assertions), inline(always))]
fn products<U: Simd, const R: usize>(simd: U, left: &[Row], offset: usize, right: &[Row]) -> [Floats<U>; R] {
    let mut sums = [Floats::splat(simd, 0.0); R];
    for (left, right) in left.iter().zip(right) {
        let right = Floats::load(simd, right);
        for (sum, &left) in sums.iter_mut().zip(&left[offset..offset + R]) {
            *sum = *sum + right * left;
        }
    }
    sums
}

/// 0 where the value is below a bound in magnitude.
#[cfg_attr(not(debug_assertions), inline(always))]
fn without_small<U: Simd>(value: Floats<U>, bound: f32) -> Floats<U> {
    let bits = value.bits();
    (bits & 0x7fff_ffff).at_least(bits.all(bound.to_bits())).floats(value, value.all(0.0))
}

/// Work that is compiled for each vector unit.
trait Task {
    /// Runs on a unit of 16 lanes; it computes `R` rows at a time, which fit in its registers.
    fn run<U: Simd, const R: usize>(self, simd: U);
}

/// Runs a task with the widest vectors that the processor has.
fn on_widest(task: impl Task) {
    match Unit::widest() {
        #[cfg(target_arch = "x86_64")]
        Unit::Avx512(simd) => simd.vectorize(Vectorized::<_, _, 8>(simd, task)),
        #[cfg(target_arch = "x86_64")]
        Unit::Avx2(simd) => simd.vectorize(Vectorized::<_, _, 4>(Pair(simd), task)),
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        Unit::Neon(simd) => simd.vectorize(Vectorized::<_, _, 4>(Pair(Pair(simd)), task)),
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Unit::Simd128(simd) => task.run::<_, 4>(Pair(Pair(simd))),
        Unit::Plain => task.run::<_, 4>(Pair(Pair(Pair(Pair(Scalar))))),
    }
}

/// A task that pulp compiles for a vector unit.
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
struct Vectorized<U, T, const R: usize>(U, T);

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
impl<U: Simd, T: Task, const R: usize> pulp::NullaryFnOnce for Vectorized<U, T, R> {
    type Output = ();

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn call(self) {
        self.1.run::<U, R>(self.0);
    }
}

/// The squares of a block of rows, summed for each reflector of each strip without its first element, and the rounding
/// errors of these sums.
struct Tails<'a> {
    panel: &'a Panel,
    block: usize,
    out: &'a mut [[Row; 2]],
}

impl Task for Tails<'_> {
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn run<U: Simd, const R: usize>(self, simd: U) {
        let Some((first, strips)) = self.panel.blocks().nth(self.block) else { return };
        for (strip, (rows, [sums, errors])) in strips.zip(self.out).enumerate() {
            let (mut sum, mut error) = (Floats::splat(simd, 0.0), Floats::splat(simd, 0.0));
            for (row, values) in rows.iter().enumerate() {
                let mut values = *values;
                // the first element of reflector k is in row k
                if let Some(head) = (first + row).checked_sub(strip * LANES).and_then(|lane| values.get_mut(lane)) {
                    *head = 0.0;
                }
                let value = Floats::load(simd, &values);
                let square = value * value;
                // as `add_exactly`
                let next = sum + square;
                let part = next - sum;
                error = error + ((sum - (next - part)) + (square - part));
                sum = next;
            }
            sum.store(sums);
            error.store(errors);
        }
    }
}

/// Rows of V^T V for 16 reflectors.
struct Gram<'a> {
    panel: &'a Panel,
    strip: usize,
    out: &'a mut [f32],
}

impl Task for Gram<'_> {
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn run<U: Simd, const R: usize>(self, simd: U) {
        let width = self.panel.width();
        for offset in (0..LANES).step_by(R) {
            // the part above the diagonal
            for column in self.strip..width / LANES {
                let mut totals = [Floats::splat(simd, 0.0); R];
                for (_, mut strips) in self.panel.blocks() {
                    let Some(left) = strips.nth(self.strip) else { return };
                    let right = if column == self.strip { Some(left) } else { strips.nth(column - self.strip - 1) };
                    let Some(right) = right else { return };
                    let sums = products::<U, R>(simd, left, offset, right);
                    for (total, sum) in totals.iter_mut().zip(sums) {
                        *total = *total + sum;
                    }
                }
                for (row, total) in totals.into_iter().enumerate() {
                    let out = &mut self.out[(offset + row) * width + column * LANES..][..LANES];
                    without_small(total, SMALL).store(out);
                }
            }
        }
    }
}

/// The application of a panel to strips.
struct Apply<'a> {
    panel: &'a Panel,
    strips: &'a mut [Row],
    length: usize,
}

impl Task for Apply<'_> {
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn run<U: Simd, const R: usize>(self, simd: U) {
        let Self { panel, strips, length } = self;
        let width = panel.width();
        let mut sides = [[[0.0; LANES]; PANEL]; STRIPS];
        // W = V^T C, block by block, so that a block of reflectors stays in the cache for all strips
        for (row, blocks) in panel.blocks() {
            for (k, left) in blocks.enumerate() {
                for (strip, side) in strips.chunks_exact(length).zip(&mut sides) {
                    let right = &strip[panel.first + row..][..left.len()];
                    for offset in (0..LANES).step_by(R) {
                        let sums = products::<U, R>(simd, left, offset, right);
                        for (side, sum) in side[k * LANES + offset..].iter_mut().zip(sums) {
                            (Floats::load(simd, side) + sum).store(side);
                        }
                    }
                }
            }
        }
        for (_, side) in strips.chunks_exact(length).zip(&mut sides) {
            solve(simd, panel, side);
        }
        // C - V X
        for (i, left) in panel.along.chunks_exact(width).enumerate() {
            for (strip, side) in strips.chunks_exact_mut(length).zip(&sides) {
                let rows = &mut strip[panel.first + i * LANES..][..LANES];
                for offset in (0..LANES).step_by(R) {
                    let sums = products::<U, R>(simd, left, offset, &side[..width]);
                    for (row, sum) in rows[offset..].iter_mut().zip(sums) {
                        without_small(Floats::load(simd, row) - sum, SMALL).store(row);
                    }
                }
            }
        }
    }
}

/// Strips that a task applies a panel to.
pub(super) const STRIPS: usize = 4;

/// Solves the triangular system, from the last row up. Each row subtracts the products with the rows below it, the
/// last one first.
#[cfg_attr(not(debug_assertions), inline(always))]
fn solve<U: Simd>(simd: U, panel: &Panel, side: &mut [Row; PANEL]) {
    let width = panel.width();
    for k in (0..width).rev() {
        let gram = &panel.gram[k * width..][..width];
        let mut rest = Floats::load(simd, &side[k]);
        for below in (k + 1..width).rev() {
            rest = rest - Floats::load(simd, &side[below]) * gram[below];
        }
        let solution = without_small(rest, SMALL_SIDE) * panel.inverses[k];
        without_small(solution, SMALL_SOLUTION).store(&mut side[k]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panels on this processor's widest unit have the bits of single lanes, for either number of rows at a time.
    #[test]
    fn vector_units_agree() {
        let lanes = Pair(Pair(Pair(Pair(Scalar))));
        let normals = Normals { key: Key::new(42), count: 100, length: 301 };
        let mut panel = Panel::reserve(&normals).unwrap();
        for first in [64, 0] {
            panel.set(&normals, first).unwrap();
            let width = panel.width();
            for (strip, expected) in panel.gram.chunks_exact(LANES * width).enumerate() {
                // the part below the diagonal is not computed
                let mut out = expected.to_vec();
                out.chunks_exact_mut(width).for_each(|row| row[strip * LANES..].fill(f32::NAN));
                Gram { panel: &panel, strip, out: &mut out }.run::<_, 4>(lanes);
                assert!(out == expected, "products of strip {strip}");
                Gram { panel: &panel, strip, out: &mut out }.run::<_, 8>(lanes);
                assert!(out == expected, "products of strip {strip}, eight rows at a time");
            }
            let vectors: Vec<usize> = (first..first + 36).collect();
            let length = normals.length.next_multiple_of(LANES);
            let mut strips = vec![[0.0; LANES]; 3 * length];
            panel.apply(&vectors, &mut strips, length);
            // once more, now that no element is 0
            let mut expected = strips.clone();
            on_widest(Apply { panel: &panel, strips: &mut expected, length });
            let mut found = strips.clone();
            Apply { panel: &panel, strips: &mut found, length }.run::<_, 4>(lanes);
            assert!(found == expected, "panel {first}");
            Apply { panel: &panel, strips: &mut strips, length }.run::<_, 8>(lanes);
            assert!(strips == expected, "panel {first}, eight rows at a time");
        }
    }

    /// 20,000 squares over the whole range.
    #[test]
    fn square_roots_and_quotients_are_close() {
        for i in 0..20_000_u32 {
            let square = f32::from_bits(((47 + i % 120) << 23) | i.wrapping_mul(0x9e37_79b9) >> 9);
            let (found, expected) = (f64::from(root(square)), f64::from(square).sqrt());
            assert!((found / expected - 1.0).abs() < 2e-7, "{square:e}");
            let (found, expected) = (f64::from(two_over(square)), 2.0 / f64::from(square));
            // half a unit in the last place is at most 2^-24 of a number
            assert!((found / expected - 1.0).abs() < 6.0e-8, "{square:e}");
        }
        assert_eq!(root(0.0), 0.0);
    }
}
