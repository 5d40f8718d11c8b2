//! Fills on the CPU: the same bits as on every GPU, on every core.
//!
//! [`fill`] and [`tensor`] fill elements, [`fill_bytes`] bytes of a dtype, and [`Filler`] a tensor piece by piece.
//!
//! The vector unit is the widest that the processor has: AVX-512, AVX2 or NEON. WebAssembly has vectors where the crate is
//! compiled with `-C target-feature=+simd128`.

// `fill` checks a fill and hands its bytes to cpu/fill.rs, which cuts them into chunks for the threads, and these into
// groups of blocks. cpu/blocks.rs loops over the vectors of a group: cpu/philox.rs makes the words, cpu/sampler.rs turns
// them into values, and cpu/dtype.rs stores them. All of it is written with the vector types of cpu/vector.rs, over the units of cpu/simd.rs. The files
// that compute values have a shader of the same name.

mod blocks;
pub(crate) mod box_muller;
pub(crate) mod dtype;
mod fill;
mod interleave;
pub(crate) mod inverse_normal;
mod matrix;
mod memory;
mod orthogonal;
mod permutation;
mod philox;
pub(crate) mod reflectors;
pub(crate) mod sampler;
mod simd;
mod threads;
pub(crate) mod vector;

pub(crate) use memory::zeros;

use crate::coefficients::Coefficients;
use crate::dtype::Element;
use crate::fill::Selection;
use crate::kernel::{Kernel, KernelKind};
use crate::{Arithmetic, Dtype, Error, Fill, Key, Result};

/// Fills `out` with the fill's elements, on the threads of rayon's current pool where the feature `rayon` is on.
///
/// Needs little memory of its own, except for an orthogonal [`Matrix`](crate::Matrix). The values are those of a GPU
/// fill, to the bit, where the arithmetic is exact.
///
/// # Errors
///
/// [`WrongLength`](Error::WrongLength) where `out` has not as many elements as the fill,
/// [`BadParameter`](Error::BadParameter) for parameters that the sampler refuses in this dtype,
/// and [`NoMemory`](Error::NoMemory) for an orthogonal matrix that is too large for it.
///
/// ```
/// use half::bf16;
/// use seedtensors::{Fill, Init, Key, Shape, cpu};
///
/// let shape = Shape::new(&[256, 128])?;
/// let fill = Fill::new(Key::new(42).named("fc1.weight"), Init::he_normal(), &shape)?;
/// let mut weights = vec![bf16::ZERO; 256 * 128];
/// cpu::fill(&fill, &mut weights)?;
///
/// let square = weights.iter().map(|w| w.to_f64().powi(2)).sum::<f64>() / weights.len() as f64;
/// assert!((square.sqrt() - 0.125).abs() < 0.002); // sqrt(2 / 128)
/// # Ok::<(), seedtensors::Error>(())
/// ```
pub fn fill<T: Element>(fill: &Fill, out: &mut [T]) -> Result<()> {
    let filler = Filler::new(fill, T::DTYPE)?;
    check_length(fill.elements(), fill.elements(), "elements", out.len())?;
    filler.fill_bytes(0, bytemuck::cast_slice_mut(out))
}

/// Allocates the fill's elements and fills them.
///
/// # Errors
///
/// Those of [`fill`], and [`NoMemory`](Error::NoMemory) where there is no room for the elements.
///
/// ```
/// use seedtensors::{Fill, Init, Key, Shape, cpu};
///
/// let fill = Fill::new(Key::new(42), Init::ones(), &Shape::new(&[2, 3])?)?;
/// assert_eq!(cpu::tensor::<f32>(&fill)?, [1.0; 6]);
/// # Ok::<(), seedtensors::Error>(())
/// ```
pub fn tensor<T: Element>(fill: &Fill) -> Result<Vec<T>> {
    let filler = Filler::new(fill, T::DTYPE)?;
    let mut elements = zeros::<T>(fill.elements())?;
    filler.fill_bytes(0, bytemuck::cast_slice_mut(&mut elements))?;
    Ok(elements)
}

/// Fills `out` with the bytes of the fill's elements in a dtype, in the machine's byte order.
///
/// # Errors
///
/// Those of [`fill`].
///
/// ```
/// use seedtensors::{Dtype, Fill, Init, Key, Shape, cpu};
///
/// let fill = Fill::new(Key::new(42), Init::he_normal(), &Shape::new(&[4, 8])?)?;
/// let mut bytes = [0; 64];
/// cpu::fill_bytes(&fill, Dtype::BF16, &mut bytes)?;
/// let weights: Vec<half::bf16> = cpu::tensor(&fill)?;
/// assert_eq!(bytes[..2], weights[0].to_bits().to_ne_bytes());
/// # Ok::<(), seedtensors::Error>(())
/// ```
pub fn fill_bytes(fill: &Fill, dtype: Dtype, out: &mut [u8]) -> Result<()> {
    let filler = Filler::new(fill, dtype)?;
    check_length(fill.elements(), fill.elements().saturating_mul(dtype.size()), "bytes", out.len())?;
    filler.fill_bytes(0, out)
}

/// Fills `out` with the raw random words of a key, from word `start` on (mod 2^64). Element `i` of a tensor under this
/// key comes from word `i`, or from words `i` and its neighbour.
///
/// ```
/// use seedtensors::{Key, cpu};
///
/// let mut words = [0; 6];
/// cpu::words(Key::new(42), 2, &mut words);
/// assert_eq!(words[..2], Key::new(42).block(0)[2..]);
/// assert_eq!(words[2..], Key::new(42).block(1));
/// ```
pub fn words(key: Key, start: u64, out: &mut [u32]) {
    // a block's number is a quarter of a word's, so it would not wrap with it
    let until_wrap = usize::try_from(u64::MAX - start).map_or(usize::MAX, |left| left.saturating_add(1));
    let (first, wrapped) = out.split_at_mut(until_wrap.min(out.len()));
    for (start, out) in [(start, first), (0, wrapped)] {
        let selection = Selection::run(key, start, out.len() as u64);
        let bytes = bytemuck::cast_slice_mut(out);
        fill::elements(KernelKind::Words, &Coefficients::default(), Dtype::F32, &selection, bytes);
    }
}

/// A fill in a dtype, prepared to be filled piece by piece: its parameters are checked once.
///
/// ```
/// use seedtensors::{Dtype, Fill, Init, Key, Shape, cpu};
///
/// let fill = Fill::new(Key::new(42), Init::he_normal(), &Shape::new(&[64, 64])?)?;
/// let filler = cpu::Filler::new(&fill, Dtype::F32)?;
/// let mut bytes = vec![0; 4 * 4096];
/// for (piece, bytes) in bytes.chunks_mut(4 * 1024).enumerate() {
///     filler.fill_bytes(1024 * piece as u64, bytes)?;
/// }
/// let whole: Vec<f32> = cpu::tensor(&fill)?;
/// assert_eq!(bytes[..4], whole[0].to_ne_bytes());
/// # Ok::<(), seedtensors::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Filler {
    /// The code for the elements, or the matrix that they belong to.
    kernel: Kernel,
    /// All elements of the fill.
    selection: Selection,
    /// The dtype that the kernel was made for: its bounds are numbers of this dtype.
    dtype: Dtype,
}

impl Filler {
    /// Checks the fill's parameters against the dtype and makes its kernel.
    ///
    /// # Errors
    ///
    /// [`BadParameter`](Error::BadParameter).
    pub fn new(fill: &Fill, dtype: Dtype) -> Result<Self> {
        // exact functions whatever the fill's arithmetic: on the CPU they are the fastest
        let kernel = Kernel::of(fill, dtype, Arithmetic::Exact)?;
        Ok(Self::from_kernel(kernel, *fill.selection(), dtype))
    }

    pub(crate) const fn from_kernel(kernel: Kernel, selection: Selection, dtype: Dtype) -> Self {
        Self { kernel, selection, dtype }
    }

    /// Fills `out` with the bytes of whole elements, from element `start` of the fill on.
    ///
    /// # Errors
    ///
    /// [`WrongLength`](Error::WrongLength) where `out` does not hold whole elements or more than there are from `start`
    /// on, and [`NoMemory`](Error::NoMemory).
    pub fn fill_bytes(&self, start: u64, out: &mut [u8]) -> Result<()> {
        let size = self.dtype.size();
        let left = self.selection.count.saturating_sub(start);
        let (count, rest) = (out.len() as u64 / size, out.len() as u64 % size);
        if rest != 0 || count > left {
            // always an error here; the message says how many bytes there could be at most
            return check_length(left, left.saturating_mul(size), "bytes", out.len());
        }
        let selection = self.selection.part(start, count);
        match &self.kernel {
            Kernel::Elementwise(kind, coefficients) => {
                fill::elements(*kind, coefficients, self.dtype, &selection, out);
                Ok(())
            }
            Kernel::Matrix(matrix) => matrix::fill(matrix, self.dtype, &selection, out),
        }
    }
}

/// Refuses a slice of another length than a fill takes.
fn check_length(elements: u64, expected: u64, unit: &'static str, found: usize) -> Result<()> {
    let found = found as u64;
    if found == expected { Ok(()) } else { Err(Error::WrongLength { elements, expected, unit, found }) }
}
