//! Fills on the CPU: the same bits as every GPU, on every core.

use crate::dtype::Element;
use crate::lanes::elements;
use crate::sampler::Work;
use crate::{Arithmetic, Fill, Result};

/// Fills `out` with the elements `fill.start ..` on the threads of rayon's current pool.
///
/// Allocates nothing, but for a [`Matrix`](crate::Matrix) that is worked out whole. The values are those of a GPU fill,
/// to the bit, where the arithmetic is exact.
///
/// # Errors
///
/// [`BadParameter`](crate::Error::BadParameter) for parameters that the sampler refuses in this dtype,
/// and for a range that leaves its shard, [`WordsNeedF32`](crate::Error::WordsNeedF32),
/// [`ShapeOverflow`](crate::Error::ShapeOverflow) where the last index does not fit in 64 bits,
/// [`NoMemory`](crate::Error::NoMemory) for a matrix that is too large for it, and
/// [`NeedsFeature`](crate::Error::NeedsFeature) for an orthogonal matrix without the feature `orthogonal`.
///
/// ```
/// use half::bf16;
/// use seedtensors::{Fill, Init, Key, Shape, cpu};
///
/// let shape = Shape::new(&[256, 128])?;
/// let sampler = Init::he_normal().sampler(&shape)?;
/// let mut weights = vec![bf16::ZERO; 256 * 128];
/// cpu::fill(&Fill::new(Key::new(42).named("fc1.weight"), sampler), &mut weights)?;
///
/// let square = weights.iter().map(|w| w.to_f64().powi(2)).sum::<f64>() / weights.len() as f64;
/// assert!((square.sqrt() - 0.125).abs() < 0.002); // sqrt(2 / 128)
/// # Ok::<(), seedtensors::Error>(())
/// ```
pub fn fill<T: Element>(fill: &Fill, out: &mut [T]) -> Result<()> {
    // whatever the fill's arithmetic: here the exact one is the fastest
    let work = fill.sampler.work(T::DTYPE, Arithmetic::Exact)?;
    let fill = fill.of_range(out.len() as u64)?;
    match work {
        Work::Words(kind, coefficients) => elements(kind, &coefficients, &fill, out),
        Work::Matrix(matrix) => return matrix.fill(&fill, out),
    }
    Ok(())
}
