//! Values of matrices, worked out on the CPU: eye and dirac by their indices, orthogonal, delta-orthogonal and sparse
//! whole.

use crate::coefficients::round;
use crate::dtype::{Element, store};
use crate::lanes::elements;
use crate::sampler::{Work, storable};
use crate::scalar::lane;
use crate::{Arithmetic, Dtype, Error, Fill, Key, Layout, Result, Sampler, Shape};

/// Elements of a matrix that is worked out whole at most: an orthogonal one of so many takes 180 GB.
const MOST_WHOLE: u64 = 1 << 32;

/// The values of an initialiser whose elements are no function of their own word alone, for one shape. Made by
/// [`Init::sampler`](crate::Init::sampler).
///
/// Worked out on the CPU, and copied to the GPU's buffers. Eye, dirac and sparse are the same bits everywhere.
/// Orthogonal and delta-orthogonal come from normals that are, through a decomposition in f64 whose order of
/// sums depends on the vector unit and the number of threads: its last bits may differ from machine to machine,
/// and an f32 value by one unit in the last place.
///
/// Orthogonal, delta-orthogonal and sparse are worked out whole for any part of them, and have at most 2^32 elements:
/// [`whole`](Self::whole) tells how many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matrix {
    form: Form,
    gain: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// The diagonal.
    Eye { rows: u64, columns: u64 },
    /// A convolution that passes its channels on.
    Dirac { kernel: Kernel, groups: u64 },
    /// Orthonormal columns, or rows where there are fewer of them.
    Orthogonal { rows: u64, columns: u64 },
    /// A convolution that passes its channels on, turned.
    DeltaOrthogonal { kernel: Kernel },
    /// Normals of which each column has `zeros` set to zero.
    Sparse { rows: u64, columns: u64, zeros: u64 },
}

/// A convolution's weight: channels, and one place in its kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kernel {
    outs: u64,
    ins: u64,
    field: u64,
    centre: u64,
    layout: Layout,
}

impl Kernel {
    /// Of a shape of 3 to 5 dimensions, whose kernel's centre is at `(size - even) / 2` in each.
    fn new(what: &str, shape: &Shape, even: u64) -> Result<Self> {
        let dims = shape.dims();
        if !(3..=5).contains(&dims.len()) {
            return Err(Error::bad(&format!("{what} needs 3 to 5 dimensions"), format!("shape {dims:?}")));
        }
        let (outs, ins, kernel) = match shape.layout() {
            Layout::OutIn => (dims[0], dims[1], &dims[2..]),
            Layout::InOut => (dims[dims.len() - 1], dims[dims.len() - 2], &dims[..dims.len() - 2]),
        };
        let centre = kernel
            .iter()
            .fold(0, |centre: u64, &size| centre.wrapping_mul(size).wrapping_add(size.saturating_sub(even) / 2));
        // the product fits in 64 bits, unless there are no elements at all
        let field = kernel.iter().fold(1, |field: u64, &size| field.wrapping_mul(size));
        Ok(Self { outs, ins, field, centre, layout: shape.layout() })
    }

    /// The index of the element that joins an input and an output at the centre.
    const fn index(&self, out: u64, input: u64) -> u64 {
        match self.layout {
            Layout::OutIn => (out * self.ins + input) * self.field + self.centre,
            Layout::InOut => (self.centre * self.ins + input) * self.outs + out,
        }
    }

    /// The output and the input that the element of this index joins, if it is at the centre.
    const fn channels(&self, index: u64) -> Option<(u64, u64)> {
        let (place, out, input) = match self.layout {
            Layout::OutIn => (index % self.field, index / self.field / self.ins, index / self.field % self.ins),
            Layout::InOut => (index / self.outs / self.ins, index % self.outs, index / self.outs % self.ins),
        };
        if place == self.centre { Some((out, input)) } else { None }
    }
}

/// Refuses a matrix of too many elements to be worked out whole.
fn check_whole(what: &str, count: Option<u64>, shape: &Shape) -> Result<()> {
    match count {
        Some(..=MOST_WHOLE) => Ok(()),
        _ => Err(Error::bad(
            &format!("{what} is worked out whole, with at most {MOST_WHOLE} elements"),
            format!("shape {:?}", shape.dims()),
        )),
    }
}

fn two(what: &str, shape: &Shape) -> Result<[u64; 2]> {
    shape
        .dims()
        .try_into()
        .map_err(|_| Error::bad(&format!("{what} needs 2 dimensions"), format!("shape {:?}", shape.dims())))
}

impl Matrix {
    pub(crate) fn eye(gain: f64, shape: &Shape) -> Result<Self> {
        let [rows, columns] = two("eye", shape)?;
        Ok(Self { form: Form::Eye { rows, columns }, gain })
    }

    pub(crate) fn dirac(groups: u64, shape: &Shape) -> Result<Self> {
        let kernel = Kernel::new("dirac", shape, 0)?;
        if groups == 0 || !kernel.outs.is_multiple_of(groups) {
            return Err(Error::bad(&format!("dirac's groups must divide the {} outputs", kernel.outs), groups));
        }
        Ok(Self { form: Form::Dirac { kernel, groups }, gain: 1.0 })
    }

    pub(crate) fn orthogonal(gain: f64, shape: &Shape) -> Result<Self> {
        let (rows, columns) = match shape.dims() {
            [rows, rest @ ..] if !rest.is_empty() => (*rows, shape.elements().checked_div(*rows).unwrap_or(0)),
            dims => return Err(Error::bad("orthogonal needs at least 2 dimensions", format!("shape {dims:?}"))),
        };
        check_whole("orthogonal", Some(shape.elements()), shape)?;
        Ok(Self { form: Form::Orthogonal { rows, columns }, gain })
    }

    pub(crate) fn delta_orthogonal(gain: f64, shape: &Shape) -> Result<Self> {
        let kernel = Kernel::new("delta_orthogonal", shape, 1)?;
        if kernel.outs < kernel.ins {
            return Err(Error::bad(
                &format!("delta_orthogonal needs at least as many outputs as its {} inputs", kernel.ins),
                kernel.outs,
            ));
        }
        check_whole("delta_orthogonal", kernel.ins.checked_mul(kernel.outs), shape)?;
        Ok(Self { form: Form::DeltaOrthogonal { kernel }, gain })
    }

    pub(crate) fn sparse(sparsity: f64, std: f64, shape: &Shape) -> Result<Self> {
        let [rows, columns] = two("sparse", shape)?;
        if !(0.0..=1.0).contains(&sparsity) {
            return Err(Error::bad("sparse's sparsity must be from 0 to 1", format!("{sparsity:?}")));
        }
        check_whole("sparse", Some(shape.elements()), shape)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the rows")]
        let zeros = (sparsity * rows as f64).ceil() as u64;
        Ok(Self { form: Form::Sparse { rows, columns, zeros: zeros.min(rows) }, gain: std })
    }

    /// The number of elements that are worked out for any part of it, however small. It is 0 for eye and dirac, whose
    /// elements are told from their indices.
    ///
    /// ```
    /// use seedtensors::{Init, Sampler, Shape};
    ///
    /// let whole = |init: Init| match init.sampler(&Shape::new(&[1000, 20])?)? {
    ///     Sampler::Matrix(matrix) => Ok(matrix.whole()),
    ///     _ => Ok(0),
    /// };
    /// assert_eq!(whole(Init::Sparse { sparsity: 0.5, std: 1.0 })?, 20_000);
    /// assert_eq!(whole(Init::Eye { gain: 1.0 })?, 0);
    /// # Ok::<(), seedtensors::Error>(())
    /// ```
    #[must_use]
    pub const fn whole(&self) -> u64 {
        match self.form {
            Form::Eye { .. } | Form::Dirac { .. } => 0,
            Form::Orthogonal { rows, columns } | Form::Sparse { rows, columns, .. } => rows * columns,
            Form::DeltaOrthogonal { kernel } => kernel.ins * kernel.outs,
        }
    }

    /// Refuses what the dtype cannot hold.
    pub(crate) fn check(&self, dtype: Dtype) -> Result<()> {
        match self.form {
            Form::Sparse { .. } => self.normal().check(dtype),
            // no element of an orthogonal matrix is above 1
            _ => Sampler::Constant { value: round(self.gain) }.check(dtype),
        }
    }

    /// A sparse matrix before its zeros are set.
    const fn normal(&self) -> Sampler {
        Sampler::Normal { mean: 0.0, std: round(self.gain) }
    }

    /// Fills `out` with a range that has been checked.
    #[expect(clippy::cast_possible_truncation, reason = "an index of a matrix in memory")]
    pub(crate) fn fill<T: Element>(&self, fill: &Fill, out: &mut [T]) -> Result<()> {
        let mut place = Place { fill, out };
        match self.form {
            Form::Eye { columns, .. } => place.mark(self.gain, |index| index / columns == index % columns),
            Form::Dirac { kernel, groups } => {
                let outs = kernel.outs / groups;
                // an output of a group passes on the input of the same number, which is below both counts
                place.mark(self.gain, |index| kernel.channels(index).is_some_and(|(out, input)| out % outs == input));
            }
            Form::Orthogonal { rows, columns } => {
                let q = orthogonal(fill.key, rows, columns)?;
                place.copy(|index| self.gain * q[index as usize]);
            }
            Form::DeltaOrthogonal { kernel } => {
                place.clear();
                let q = orthogonal(fill.key, kernel.ins, kernel.outs)?;
                for (i, &value) in (0..).zip(&q) {
                    place.set(kernel.index(i % kernel.outs, i / kernel.outs), self.gain * value);
                }
            }
            Form::Sparse { rows, columns, zeros } => {
                fill_normals(&Fill { sampler: self.normal(), ..*fill }, place.out)?;
                let mut ranked = reserve(rows)?;
                for column in 0..columns {
                    for row in zero_rows(fill.key, rows, column, zeros, &mut ranked) {
                        place.set(row * columns + column, 0.0);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Where a fill's elements go.
struct Place<'a, T> {
    fill: &'a Fill,
    out: &'a mut [T],
}

impl<T: Element> Place<'_, T> {
    fn clear(&mut self) {
        self.out.fill(T::zeroed());
    }

    /// Sets the element of this index in the whole tensor, if it is among those filled.
    fn set(&mut self, index: u64, value: f64) {
        let element = match self.fill.shard {
            Some(shard) => shard.element(index),
            None => Some(index),
        };
        let place = element.and_then(|element| usize::try_from(element.checked_sub(self.fill.start)?).ok());
        if let Some(place) = place.and_then(|place| self.out.get_mut(place)) {
            *place = element_of(value);
        }
    }

    /// Sets every element to the value of its index in the whole tensor.
    fn copy(&mut self, value: impl Fn(u64) -> f64) {
        self.each(|index| element_of(value(index)));
    }

    /// Sets the elements of these indices to a value, all others to 0.
    fn mark(&mut self, value: f64, is_marked: impl Fn(u64) -> bool) {
        let value = element_of(value);
        self.each(|index| if is_marked(index) { value } else { T::zeroed() });
    }

    fn each(&mut self, element: impl Fn(u64) -> T) {
        let indices = self.fill.runs(self.out.len() as u64).into_iter().flat_map(|(index, count)| index..index + count);
        for (place, index) in self.out.iter_mut().zip(indices) {
            *place = element(index);
        }
    }
}

/// Fills with a sampler of words.
fn fill_normals<T: Element>(fill: &Fill, out: &mut [T]) -> Result<()> {
    match fill.sampler.work(T::DTYPE, Arithmetic::Exact)? {
        Work::Words(kind, coefficients) => elements(kind, &coefficients, fill, out),
        Work::Matrix(_) => {}
    }
    Ok(())
}

/// An element by way of f32.
fn element_of<T: Element>(value: f64) -> T {
    let mut block = [T::zeroed(); 4];
    let bits = storable(lane(round(value).to_bits()).as_f32(), 0);
    store([bits; 4], T::DTYPE, bytemuck::cast_slice_mut(&mut block));
    block[0]
}

/// An empty vector with room for so many.
fn reserve<T>(count: u64) -> Result<Vec<T>> {
    let mut vec = Vec::new();
    let reserved = usize::try_from(count).ok().and_then(|count| vec.try_reserve_exact(count).ok());
    reserved.ok_or(Error::NoMemory { bytes: count.saturating_mul(size_of::<T>() as u64) })?;
    Ok(vec)
}

/// The rows of a column that are zero: those whose words are the least, of a stream of their own in which the
/// column stands in a row. `ranked` is room for them.
#[expect(clippy::cast_possible_truncation, reason = "no more zeros than rows in memory")]
fn zero_rows(key: Key, rows: u64, column: u64, zeros: u64, ranked: &mut Vec<(u32, u64)>) -> impl Iterator<Item = u64> {
    let key = key.named("sparse");
    let word = |index: u64| key.block(index / 4)[(index % 4) as usize];
    ranked.clear();
    ranked.extend((0..rows).map(|row| (word(column * rows + row), row)));
    let zeros = zeros as usize;
    if zeros < ranked.len() {
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

    // the decomposition cannot say that it lacks memory: what it takes, measured as five
    // matrices of f64, is asked for before
    drop(reserve::<[f64; 5]>(rows * columns)?);
    let mut normals = reserve::<f32>(rows * columns)?;
    #[expect(clippy::cast_possible_truncation, reason = "the elements are in memory")]
    let (rows, columns) = (rows as usize, columns as usize);
    normals.resize(rows * columns, 0.0);
    fill_normals(&Fill::new(key, Sampler::Normal { mean: 0.0, std: 1.0 }), &mut normals)?;
    let normal = |row: usize, column: usize| f64::from(normals[row * columns + column]);
    let wide = rows < columns;
    let tall =
        if wide { Mat::from_fn(columns, rows, |i, j| normal(j, i)) } else { Mat::from_fn(rows, columns, normal) };
    drop(normals);
    let qr = tall.qr();
    let (q, r) = (qr.compute_thin_Q(), qr.thin_R());
    let value = |i: usize, j: usize| if r[(j, j)] < 0.0 { -q[(i, j)] } else { q[(i, j)] };
    let indices = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    Ok(indices.map(|(row, column)| if wide { value(column, row) } else { value(row, column) }).collect())
}

#[cfg(not(feature = "orthogonal"))]
fn orthogonal(_: Key, _: u64, _: u64) -> Result<Vec<f64>> {
    Err(Error::NeedsFeature("orthogonal"))
}
