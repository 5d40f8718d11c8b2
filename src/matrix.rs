//! Structured initialisers: eye, dirac, orthogonal, delta-orthogonal and sparse. cpu/matrix.rs and dispatch/matrix.rs compute
//! their values.

use crate::{Error, Layout, Result, Shape};

/// The largest number of elements of an orthogonal matrix: its work is their number times its smaller side.
const MOST_ORTHOGONAL: u64 = 1 << 32;
/// The largest number of rows of a sparse matrix, whose grid has coordinates of 16 bits.
const MOST_SPARSE_ROWS: u64 = 1 << 31;

/// A structured initialiser for one shape: eye, dirac, orthogonal, delta-orthogonal or sparse. Its elements do not each
/// come from their own random word. Made by [`Init::sampler`](crate::Init::sampler).
///
/// Its bits are the same everywhere, on the CPU and on the GPU, and any part of it has the whole's values.
///
/// A part of an eye, a dirac or a sparse matrix costs its share of the work. An orthogonal matrix has orthonormal
/// vectors: the columns of a tall one, the rows of another. A part costs its share of the vectors, and the random
/// numbers of the whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matrix {
    /// The kind of matrix and its dimensions.
    structure: Structure,
    /// The factor of the elements; of a sparse matrix the std.
    gain: f64,
}

/// The kind of a matrix, with the dimensions that its elements follow from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Structure {
    /// The gain on the diagonal.
    Eye { rows: u64, columns: u64 },
    /// A convolution that passes its channels on.
    Dirac { kernel: ConvKernel, groups: u64 },
    /// Orthonormal columns, or rows where there are fewer of them.
    Orthogonal { rows: u64, columns: u64 },
    /// An orthogonal matrix at the centre of a convolution's kernel.
    DeltaOrthogonal { kernel: ConvKernel },
    /// Normals; in each column the rows whose place is below `zeros` are 0.
    Sparse { grid: Grid, columns: u64, zeros: u32 },
}

/// The rows of a sparse matrix as points of a grid, for their permutations. Row r is the point (r / height, r % height).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Grid {
    pub(crate) rows: u32,
    /// Both sides are at most 2^16.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Shifts of a permutation, at most 28.
    pub(crate) rounds: u32,
}

/// The column of Q, the product of reflections, that is the vector at `position` in an orthogonal matrix of `count`
/// vectors. Later columns are more work, so the vectors take columns from both ends in turn: equal shards then cost about
/// the same. docs/orthogonal.md says why the distribution stays.
pub(crate) const fn column_at(position: u64, count: u64) -> u64 {
    if position.is_multiple_of(2) { position / 2 } else { count - 1 - position / 2 }
}

impl Grid {
    /// The smallest grid that is nearly a square.
    pub(crate) fn new(rows: u32) -> Self {
        let root = rows.isqrt();
        let width = if root * root < rows { root + 1 } else { root };
        let height = rows.checked_div(width).map_or(0, |height| height + u32::from(height * width < rows));
        // Two shifts bring the places of two rows nearer to independent ones by a factor of the height. So many bring
        // the probability of any two places to within 2^-14 of the uniform one.
        let bits = height.max(2).ilog2();
        Self { rows, width, height, rounds: 2 * 14_u32.div_ceil(bits) }
    }
}

/// A convolution's weight: its channels, and the position of its kernel's centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ConvKernel {
    /// Output channels, those of all groups.
    pub(crate) outs: u64,
    /// Input channels, those of one group.
    pub(crate) ins: u64,
    /// Elements of the kernel: the product of its dimensions.
    pub(crate) field: u64,
    /// Row-major index of the centre within the kernel.
    pub(crate) centre: u64,
    /// The order of channels and kernel in the weight.
    pub(crate) layout: Layout,
}

impl ConvKernel {
    /// Reads a shape of 3 to 5 dimensions. The kernel's centre is at `(size - even) / 2` in each of its dimensions.
    fn new(what: &str, shape: &Shape, even: u64) -> Result<Self> {
        let dims = shape.dims();
        if !(3..=5).contains(&dims.len()) {
            return Err(Error::bad(&format!("{what} needs 3 to 5 dimensions"), format!("shape {dims:?}")));
        }
        // the two channels are the outermost dimensions in PyTorch's order and the innermost in JAX's
        let (outs, ins, kernel) = match shape.layout() {
            Layout::OutIn => (dims[0], dims[1], &dims[2..]),
            Layout::InOut => (dims[dims.len() - 1], dims[dims.len() - 2], &dims[..dims.len() - 2]),
        };
        // Horner's rule over the dimensions gives the row-major index; it wraps only where there are no elements
        let centre = kernel
            .iter()
            .fold(0, |centre: u64, &size| centre.wrapping_mul(size).wrapping_add(size.saturating_sub(even) / 2));
        // the product fits in 64 bits, unless there are no elements at all
        let field = kernel.iter().fold(1, |field: u64, &size| field.wrapping_mul(size));
        Ok(Self { outs, ins, field, centre, layout: shape.layout() })
    }

    /// The output and the input that the element of this index joins, if it is at the centre.
    pub(crate) const fn channels(&self, index: u64) -> Option<(u64, u64)> {
        let (position, out, input) = match self.layout {
            Layout::OutIn => (index % self.field, index / self.field / self.ins, index / self.field % self.ins),
            Layout::InOut => (index / self.outs / self.ins, index % self.outs, index / self.outs % self.ins),
        };
        // all other elements of the kernel are 0
        if position == self.centre { Some((out, input)) } else { None }
    }
}

/// Refuses an orthogonal matrix of too many elements.
fn check_orthogonal(what: &str, count: Option<u64>, shape: &Shape) -> Result<()> {
    match count {
        // a count that does not fit in 64 bits comes as none
        Some(..=MOST_ORTHOGONAL) => Ok(()),
        _ => Err(Error::bad(
            &format!("{what} needs a matrix of at most {MOST_ORTHOGONAL} elements"),
            format!("shape {:?}", shape.dims()),
        )),
    }
}

/// The dimensions of a matrix.
fn two(what: &str, shape: &Shape) -> Result<[u64; 2]> {
    shape
        .dims()
        .try_into()
        .map_err(|_| Error::bad(&format!("{what} needs 2 dimensions"), format!("shape {:?}", shape.dims())))
}

impl Matrix {
    pub(crate) fn eye(gain: f64, shape: &Shape) -> Result<Self> {
        let [rows, columns] = two("eye", shape)?;
        Ok(Self { structure: Structure::Eye { rows, columns }, gain })
    }

    pub(crate) fn dirac(groups: u64, shape: &Shape) -> Result<Self> {
        let kernel = ConvKernel::new("dirac", shape, 0)?;
        if groups == 0 || !kernel.outs.is_multiple_of(groups) {
            return Err(Error::bad(&format!("dirac's groups must divide the {} outputs", kernel.outs), groups));
        }
        Ok(Self { structure: Structure::Dirac { kernel, groups }, gain: 1.0 })
    }

    pub(crate) fn orthogonal(gain: f64, shape: &Shape) -> Result<Self> {
        let (rows, columns) = match shape.dims() {
            // as PyTorch flattens it: the first dimension by all others
            [rows, rest @ ..] if !rest.is_empty() => (*rows, shape.elements().checked_div(*rows).unwrap_or(0)),
            dims => return Err(Error::bad("orthogonal needs at least 2 dimensions", format!("shape {dims:?}"))),
        };
        check_orthogonal("orthogonal", Some(shape.elements()), shape)?;
        Ok(Self { structure: Structure::Orthogonal { rows, columns }, gain })
    }

    pub(crate) fn delta_orthogonal(gain: f64, shape: &Shape) -> Result<Self> {
        let kernel = ConvKernel::new("delta_orthogonal", shape, 1)?;
        // with fewer outputs the rows could not be orthonormal, and signals would lose their length
        if kernel.outs < kernel.ins {
            return Err(Error::bad(
                &format!("delta_orthogonal needs at least as many outputs as its {} inputs", kernel.ins),
                kernel.outs,
            ));
        }
        check_orthogonal("delta_orthogonal", kernel.ins.checked_mul(kernel.outs), shape)?;
        Ok(Self { structure: Structure::DeltaOrthogonal { kernel }, gain })
    }

    pub(crate) fn sparse(sparsity: f64, std: f64, shape: &Shape) -> Result<Self> {
        let [rows, columns] = two("sparse", shape)?;
        if !(0.0..=1.0).contains(&sparsity) {
            return Err(Error::bad("sparse's sparsity must be from 0 to 1", format!("{sparsity:?}")));
        }
        if rows > MOST_SPARSE_ROWS {
            return Err(Error::bad(&format!("sparse needs at most {MOST_SPARSE_ROWS} rows"), rows));
        }
        // PyTorch's `sparse_` rounds up, too
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the rows")]
        let zeros = (sparsity * rows as f64).ceil() as u32;
        #[expect(clippy::cast_possible_truncation, reason = "checked above")]
        let grid = Grid::new(rows as u32);
        Ok(Self { structure: Structure::Sparse { grid, columns, zeros: zeros.min(grid.rows) }, gain: std })
    }

    pub(crate) const fn structure(&self) -> Structure {
        self.structure
    }

    /// The gain; for a sparse matrix its std.
    pub(crate) const fn gain(&self) -> f64 {
        self.gain
    }

    /// The number of elements of its shape.
    pub(crate) const fn elements(&self) -> u64 {
        // no product overflows: a shape without elements has no matrix, and the elements of others fit in 64 bits
        match self.structure {
            Structure::Eye { rows, columns } | Structure::Orthogonal { rows, columns } => rows * columns,
            Structure::Sparse { grid, columns, .. } => grid.rows as u64 * columns,
            Structure::Dirac { kernel, .. } | Structure::DeltaOrthogonal { kernel } => {
                kernel.outs * kernel.ins * kernel.field
            }
        }
    }

    /// The number of random numbers that are computed for any part of an orthogonal matrix, however small. It is 0 for
    /// the other matrices, whose elements follow from their indices.
    ///
    /// ```
    /// use seedtensors::{Init, Sampler, Shape};
    ///
    /// let shape = Shape::new(&[1000, 20])?;
    /// for (init, whole) in [(Init::Orthogonal { gain: 1.0 }, 20_000), (Init::Eye { gain: 1.0 }, 0)] {
    ///     let Sampler::Matrix(matrix) = init.sampler(&shape)? else { unreachable!() };
    ///     assert_eq!(matrix.whole(), whole);
    /// }
    /// # Ok::<(), seedtensors::Error>(())
    /// ```
    #[must_use]
    pub const fn whole(&self) -> u64 {
        match self.structure {
            Structure::Eye { .. } | Structure::Dirac { .. } | Structure::Sparse { .. } => 0,
            Structure::Orthogonal { rows, columns } => rows * columns,
            Structure::DeltaOrthogonal { kernel } => kernel.ins * kernel.outs,
        }
    }
}
