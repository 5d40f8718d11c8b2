//! A tensor's definition, the same on every device: key, sampler, and the elements to fill.

use std::ops::Range;

use crate::{Error, Init, Key, Result, Sampler, Shape, Shard};

/// The arithmetic of normals on a GPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Arithmetic {
    /// A fixed sequence of correctly rounded operations: the same bits on every device.
    #[default]
    Exact,
    /// A GPU's own `log`, `sqrt`, `sin` and `cos`: faster, but each GPU gives other bits. A standard normal is within
    /// `r * 2^-11 + 2^-9.5` of exact if the GPU keeps to WGSL's accuracy (`r` is the Box-Muller radius, at most 6.77).
    /// Only normals on a GPU change, and those below 2^-126 in magnitude need not be 0. The CPU always computes
    /// exactly.
    Native,
}

/// A tensor, or a part of it, to be filled: its key, its sampler, and the elements.
///
/// The same value of this type describes a tensor to be allocated ([`cpu::tensor`](crate::cpu::tensor),
/// [`gpu::Gpu::tensor`]) and one that exists ([`cpu::fill`](crate::cpu::fill), [`gpu::Gpu::fill`]). Its elements do not
/// depend on the part that is filled: [`range`](Self::range) and [`shard`](Self::shard) give the whole tensor's values
/// there.
///
#[cfg_attr(feature = "gpu", doc = "[`gpu::Gpu::fill`]: crate::gpu::Gpu::fill")]
#[cfg_attr(feature = "gpu", doc = "[`gpu::Gpu::tensor`]: crate::gpu::Gpu::tensor")]
#[cfg_attr(not(feature = "gpu"), doc = "[`gpu::Gpu::fill`]: ./index.html#features")]
#[cfg_attr(not(feature = "gpu"), doc = "[`gpu::Gpu::tensor`]: ./index.html#features")]
///
/// ```
/// use seedtensors::{Fill, Init, Key, Shape, cpu};
///
/// let shape = Shape::new(&[4, 6])?;
/// let fill = Fill::new(Key::new(42).named("weight"), Init::he_normal(), &shape)?;
/// assert_eq!(fill.elements(), 24);
/// let whole: Vec<f32> = cpu::tensor(&fill)?;
///
/// let rest: Vec<f32> = cpu::tensor(&fill.range(18..24)?)?;
/// assert_eq!(rest, whole[18..]);
///
/// let column: Vec<f32> = cpu::tensor(&fill.shard(&shape.shard(&[0, 5], &[4, 1])?)?)?;
/// assert_eq!(column, [whole[5], whole[11], whole[17], whole[23]]);
///
/// // a slice of another length is refused
/// assert!(cpu::fill(&fill, &mut [0.0_f32; 23]).is_err());
/// # Ok::<(), seedtensors::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill {
    /// The distribution of the values.
    sampler: Sampler,
    /// The key, and the elements to fill.
    selection: Selection,
    /// Elements of the whole tensor.
    whole: u64,
    /// The arithmetic of normals on a GPU.
    arithmetic: Arithmetic,
}

/// Elements of a tensor under a key: a run of the tensor's elements, or of a shard's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Selection {
    /// The key of the whole tensor: a part has the same.
    pub(crate) key: Key,
    /// A shard of several runs. A shard that is one run of the tensor is kept as that run.
    pub(crate) shard: Option<Shard>,
    /// Row-major index, in the tensor or its shard, of the first element.
    pub(crate) start: u64,
    /// The number of elements.
    pub(crate) count: u64,
}

impl Selection {
    /// A run of a tensor's elements.
    pub(crate) const fn run(key: Key, start: u64, count: u64) -> Self {
        Self { key, shard: None, start, count }
    }

    /// `count` of the elements, from one on.
    pub(crate) const fn part(&self, start: u64, count: u64) -> Self {
        // callers have checked the range against `count`, so the sum does not overflow
        Self { start: self.start + start, count, ..*self }
    }

    /// The elements as contiguous runs of the tensor: the first index, and the number of elements.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (u64, u64)> {
        let range = self.start..self.start + self.count;
        let whole = self.shard.is_none().then_some((self.start, self.count));
        whole.into_iter().chain(self.shard.iter().flat_map(move |shard| shard.runs(range.clone())))
    }

    /// The row-major index in the tensor of an element of the tensor, or its shard.
    #[cfg(feature = "dispatch")]
    pub(crate) fn index(&self, element: u64) -> u64 {
        self.shard.map_or(element, |shard| shard.index(element))
    }
}

impl Fill {
    /// The whole tensor of an initialiser and a shape, in exact arithmetic.
    ///
    /// # Errors
    ///
    /// Those of [`Init::sampler`].
    pub fn new(key: Key, init: impl Into<Init>, shape: &Shape) -> Result<Self> {
        Ok(Self::from_sampler(key, init.into().sampler(shape)?, shape.elements()))
    }

    /// A tensor of `elements` elements of a sampler, in exact arithmetic. Dimensions do not matter, except to a
    /// [`Matrix`](crate::Matrix), which knows its own: the fill refuses more elements than the matrix has, with
    /// [`Error::BadParameter`].
    ///
    /// ```
    /// use seedtensors::{Fill, Key, Sampler, cpu};
    ///
    /// let fill = Fill::from_sampler(Key::new(42), Sampler::Normal { mean: 0.0, std: 0.02 }, 10);
    /// let weights: Vec<f32> = cpu::tensor(&fill)?;
    /// assert_eq!(weights.len(), 10);
    /// # Ok::<(), seedtensors::Error>(())
    /// ```
    #[must_use]
    pub const fn from_sampler(key: Key, sampler: Sampler, elements: u64) -> Self {
        let selection = Selection::run(key, 0, elements);
        Self { sampler, selection, whole: elements, arithmetic: Arithmetic::Exact }
    }

    /// A range of these elements, in row-major order.
    ///
    /// # Errors
    ///
    /// [`Error::BadParameter`] for a range that ends before it begins, or behind the last element.
    pub fn range(&self, range: Range<u64>) -> Result<Self> {
        if range.start > range.end || range.end > self.elements() {
            return Err(Error::bad(
                &format!("a range must lie inside its {} elements", self.elements()),
                format!("{range:?}"),
            ));
        }
        // a range of a range counts from the start of the inner one
        let selection = self.selection.part(range.start, range.end - range.start);
        Ok(Self { selection, ..*self })
    }

    /// A rectangle of the tensor, in row-major order.
    ///
    /// # Errors
    ///
    /// [`Error::BadParameter`] for a shard of a tensor of another size, and where these are not the whole tensor's
    /// elements.
    pub fn shard(&self, shard: &Shard) -> Result<Self> {
        let Selection { shard: other, start, count, key } = self.selection;
        // a shard does not keep its tensor's shape, so only the number of elements can be compared
        if shard.whole() != self.whole || other.is_some() || start != 0 || count != self.whole {
            return Err(Error::bad(
                &format!("a shard must be of the fill's whole tensor, of {} elements", self.whole),
                format!("a shard of a tensor of {} elements, of a fill of {count} from {start} on", shard.whole()),
            ));
        }
        // one run: it is filled as a range, by the faster code
        let selection = if shard.dims().is_empty() {
            // an empty shard has no first element whose index could be asked for
            Selection::run(key, if shard.elements() == 0 { 0 } else { shard.index(0) }, shard.elements())
        } else {
            Selection { key, shard: Some(*shard), start: 0, count: shard.elements() }
        };
        Ok(Self { selection, ..*self })
    }

    /// Sets the arithmetic of a fill on a GPU.
    #[must_use]
    pub const fn with_arithmetic(self, arithmetic: Arithmetic) -> Self {
        Self { arithmetic, ..self }
    }

    /// The number of elements to fill.
    #[must_use]
    pub const fn elements(&self) -> u64 {
        self.selection.count
    }

    /// The tensor's key.
    #[must_use]
    pub const fn key(&self) -> Key {
        self.selection.key
    }

    /// The distribution of the tensor's values.
    #[must_use]
    pub const fn sampler(&self) -> Sampler {
        self.sampler
    }

    /// The arithmetic of normals on a GPU.
    #[must_use]
    pub const fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// An index behind every element to fill: the next one after a range, the tensor's end for a shard.
    pub(crate) const fn end(&self) -> u64 {
        match self.selection.shard {
            Some(_) => self.whole,
            None => self.selection.start + self.selection.count,
        }
    }

    pub(crate) const fn selection(&self) -> &Selection {
        &self.selection
    }
}
