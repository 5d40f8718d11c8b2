//! What to fill with: the part of a tensor's definition that is the same on every device.

use crate::{Error, Key, Result, Sampler};

/// Which functions turn words into normals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// A fixed sequence of correctly rounded operations: the same bits on every device.
    #[default]
    Exact,
    /// The device's own `log`, `sqrt`, `sin` and `cos`: as fast as it goes, and within
    /// `r * 2^-11 + 2^-9.5` of exact, `r` the radius, where they keep to WGSL's accuracy. Uniforms and
    /// constants are the same bits in both. Normals below 2^-126 in magnitude may come out as they are.
    Native,
}

/// The values of a run of elements: a key, a sampler, and the index of the first element.
///
/// ```
/// use seedtensors::{Fill, Key, Sampler, cpu};
///
/// let fill = Fill::new(Key::new(42), Sampler::Normal { mean: 0.0, std: 0.02 });
/// let mut whole = [0.0_f32; 10];
/// cpu::fill(&fill, &mut whole)?;
///
/// let mut rest = [0.0_f32; 3];
/// cpu::fill(&Fill { start: 7, ..fill }, &mut rest)?;
/// assert_eq!(rest, whole[7..]);
/// # Ok::<(), seedtensors::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill {
    /// The tensor's key.
    pub key: Key,
    /// What its values are.
    pub sampler: Sampler,
    /// Row-major index, in the whole tensor, of the first element to fill.
    pub start: u64,
    /// How normals are worked out.
    pub arithmetic: Arithmetic,
}

impl Fill {
    /// An exact fill from element 0.
    #[must_use]
    pub const fn new(key: Key, sampler: Sampler) -> Self {
        Self { key, sampler, start: 0, arithmetic: Arithmetic::Exact }
    }

    /// Refuses a range of elements whose indices do not fit in 64 bits.
    pub(crate) fn check_range(&self, count: u64) -> Result<()> {
        match self.start.checked_add(count) {
            Some(_) => Ok(()),
            None => Err(Error::ShapeOverflow { what: format!("start {} + {count} elements", self.start) }),
        }
    }
}
