//! What to fill with: the part of a tensor's definition that is the same on every device.

use crate::{Error, Key, Result, Sampler, Shard};

/// Which functions turn words into normals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// A fixed sequence of correctly rounded operations: the same bits on every device.
    #[default]
    Exact,
    /// A GPU's own `log`, `sqrt`, `sin` and `cos`: as fast as it goes, and within `r * 2^-11 + 2^-9.5` of exact, `r`
    /// the radius, where they keep to WGSL's accuracy. Normals below 2^-126 in magnitude may come out as they are.
    /// Uniforms, constants and truncated normals are the same bits in both, and so is everything on the CPU, which goes
    /// fastest the exact way.
    Native,
}

/// The values of a run of elements: a key, a sampler, and where in the tensor, or a shard of it, the run
/// begins.
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
    /// Which part of the tensor; none is the whole.
    pub shard: Option<Shard>,
    /// Row-major index, in the tensor or its shard, of the first element to fill.
    pub start: u64,
    /// How normals are worked out.
    pub arithmetic: Arithmetic,
}

impl Fill {
    /// An exact fill from element 0.
    #[must_use]
    pub const fn new(key: Key, sampler: Sampler) -> Self {
        Self { key, sampler, shard: None, start: 0, arithmetic: Arithmetic::Exact }
    }

    /// The same values, of a shard alone.
    #[must_use]
    pub const fn of_shard(self, shard: Shard) -> Self {
        Self { shard: Some(shard), ..self }
    }

    /// Refuses a range of elements whose indices do not fit in 64 bits, or that leaves its shard, and takes a
    /// shard that the tensor has in one piece as the range that it is.
    pub(crate) fn of_range(&self, count: u64) -> Result<Self> {
        let end = self.start.checked_add(count);
        let end =
            end.ok_or_else(|| Error::ShapeOverflow { what: format!("start {} + {count} elements", self.start) })?;
        match self.shard {
            Some(shard) if end > shard.elements() => Err(Error::bad(
                &format!("a range must lie inside its shard of {} elements", shard.elements()),
                format!("start {} + {count} elements", self.start),
            )),
            Some(shard) if shard.sides().is_empty() => {
                Ok(Self { shard: None, start: shard.index(0) + self.start, ..*self })
            }
            _ => Ok(*self),
        }
    }

    /// The first `count` elements as runs in a row of the tensor: the first index, and the number of elements.
    pub(crate) fn runs(&self, count: u64) -> Vec<(u64, u64)> {
        match self.shard {
            Some(shard) => shard.runs(self.start..self.start + count).collect(),
            None => vec![(self.start, count)],
        }
    }
}
