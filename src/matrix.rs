//! Structured initialisers: eye, dirac, orthogonal, delta-orthogonal and sparse. cpu/matrix.rs computes their values.

use crate::{Error, Layout, Result, Shape};

/// The largest number of elements of a matrix that is computed whole. An orthogonal one of this size takes 180 GB.
const MOST_WHOLE: u64 = 1 << 32;

/// A structured initialiser for one shape: eye, dirac, orthogonal, delta-orthogonal or sparse. Its elements do not each
/// come from their own random word. Made by [`Init::sampler`](crate::Init::sampler).
///
/// It is computed on the CPU and copied to the GPU's buffers. Eye, dirac and sparse have the same bits everywhere.
/// Orthogonal and delta-orthogonal matrices come from exact normals, but by a decomposition in f64 whose order of sums
/// depends on the vector unit and the number of threads. Their last bits may differ between machines: an f32 value by
/// one unit in the last place.
///
/// Orthogonal, delta-orthogonal and sparse matrices are computed whole for any part of them, and have at most 2^32
/// elements. [`whole`](Self::whole) gives the number.
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
    /// Normals; in each column, `zeros` elements are set to 0.
    Sparse { rows: u64, columns: u64, zeros: u64 },
}

/// A convolution's weight: its channels, and the position of its kernel's centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ConvKernel {
    /// Output channels, those of all groups.
    pub(crate) outs: u64,
    /// Input channels, those of one group.
    pub(crate) ins: u64,
    /// Elements of the kernel: the product of its dimensions.
    field: u64,
    /// Row-major index of the centre within the kernel.
    centre: u64,
    /// The order of channels and kernel in the weight.
    layout: Layout,
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

    /// The index of the element that joins an input and an output at the centre.
    pub(crate) const fn index(&self, out: u64, input: u64) -> u64 {
        match self.layout {
            Layout::OutIn => (out * self.ins + input) * self.field + self.centre,
            Layout::InOut => (self.centre * self.ins + input) * self.outs + out,
        }
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

/// Refuses a matrix of too many elements to be computed whole.
fn check_whole(what: &str, count: Option<u64>, shape: &Shape) -> Result<()> {
    match count {
        // a count that does not fit in 64 bits comes as none
        Some(..=MOST_WHOLE) => Ok(()),
        _ => Err(Error::bad(
            &format!("{what} is computed whole, with at most {MOST_WHOLE} elements"),
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
        check_whole("orthogonal", Some(shape.elements()), shape)?;
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
        check_whole("delta_orthogonal", kernel.ins.checked_mul(kernel.outs), shape)?;
        Ok(Self { structure: Structure::DeltaOrthogonal { kernel }, gain })
    }

    pub(crate) fn sparse(sparsity: f64, std: f64, shape: &Shape) -> Result<Self> {
        let [rows, columns] = two("sparse", shape)?;
        if !(0.0..=1.0).contains(&sparsity) {
            return Err(Error::bad("sparse's sparsity must be from 0 to 1", format!("{sparsity:?}")));
        }
        check_whole("sparse", Some(shape.elements()), shape)?;
        // PyTorch's `sparse_` rounds up, too
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the rows")]
        let zeros = (sparsity * rows as f64).ceil() as u64;
        Ok(Self { structure: Structure::Sparse { rows, columns, zeros: zeros.min(rows) }, gain: std })
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
            Structure::Eye { rows, columns }
            | Structure::Orthogonal { rows, columns }
            | Structure::Sparse { rows, columns, .. } => rows * columns,
            Structure::Dirac { kernel, .. } | Structure::DeltaOrthogonal { kernel } => {
                kernel.outs * kernel.ins * kernel.field
            }
        }
    }

    /// The number of elements that are computed for any part of the matrix, however small. It is 0 for eye and dirac,
    /// whose elements follow from their indices.
    ///
    /// ```
    /// use seedtensors::{Init, Sampler, Shape};
    ///
    /// let shape = Shape::new(&[1000, 20])?;
    /// for (init, whole) in [(Init::Sparse { sparsity: 0.5, std: 1.0 }, 20_000), (Init::Eye { gain: 1.0 }, 0)] {
    ///     let Sampler::Matrix(matrix) = init.sampler(&shape)? else { unreachable!() };
    ///     assert_eq!(matrix.whole(), whole);
    /// }
    /// # Ok::<(), seedtensors::Error>(())
    /// ```
    #[must_use]
    pub const fn whole(&self) -> u64 {
        match self.structure {
            Structure::Eye { .. } | Structure::Dirac { .. } => 0,
            Structure::Orthogonal { rows, columns } | Structure::Sparse { rows, columns, .. } => rows * columns,
            Structure::DeltaOrthogonal { kernel } => kernel.ins * kernel.outs,
        }
    }
}
