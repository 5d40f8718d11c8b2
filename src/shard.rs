//! Rectangles of a tensor: the elements that a shard holds, and their order.

use std::ops::Range;

use crate::{Error, Result, Shape};

/// The largest number of dimensions of a shard. It keeps `Shard` a `Copy` type without a heap.
const MOST_DIMS: usize = 8;

/// A rectangle of a tensor: a start and an extent in every dimension of the whole shape, made by
/// [`Shape::shard`]. Its elements are in row-major order.
///
/// ```
/// use seedtensors::{Fill, Init, Key, Shape, cpu};
///
/// let shape = Shape::new(&[4, 6])?;
/// let fill = Fill::new(Key::new(42), Init::he_normal(), &shape)?;
/// let whole: Vec<f32> = cpu::tensor(&fill)?;
///
/// // columns 2 and 3 of rows 1 to 3
/// let part: Vec<f32> = cpu::tensor(&fill.shard(&shape.shard(&[1, 2], &[3, 2])?)?)?;
/// assert_eq!(part, [whole[8], whole[9], whole[14], whole[15], whole[20], whole[21]]);
/// # Ok::<(), seedtensors::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shard {
    /// Elements of the shard.
    elements: u64,
    /// Elements of the whole tensor.
    whole: u64,
    /// Index in the whole of the shard's first element.
    first: u64,
    /// Length of a contiguous run: elements consecutive in both the shard and the tensor.
    run: u64,
    /// The dimensions over the runs, the innermost first. Dimensions that are contiguous in the tensor are merged.
    dims: [Dim; MOST_DIMS],
    /// The number of `dims` that are used.
    rank: usize,
}

/// A dimension of a shard: its extent, and the distance of two neighbours in the tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Dim {
    /// Elements along it, at least 2.
    pub(crate) extent: u64,
    /// Elements of the tensor from one to the next.
    pub(crate) stride: u64,
}

impl Shape {
    /// The rectangle of `extent` elements from `start` on, in every dimension.
    ///
    /// # Errors
    ///
    /// [`Error::BadParameter`] where it has another number of dimensions than the shape, or more than 8, or
    /// does not lie inside.
    ///
    /// ```
    /// use seedtensors::Shape;
    ///
    /// let columns = Shape::new(&[8192, 8192])?.shard(&[0, 1024], &[8192, 1024])?;
    /// assert_eq!(columns.elements(), 8192 * 1024);
    ///
    /// let error = Shape::new(&[4, 6])?.shard(&[0, 3], &[4, 4]).unwrap_err();
    /// assert_eq!(error.to_string(), "a shard must lie inside shape [4, 6], not start [0, 3] and extent [4, 4]");
    /// # Ok::<(), seedtensors::Error>(())
    /// ```
    pub fn shard(&self, start: &[u64], extent: &[u64]) -> Result<Shard> {
        let dims = self.dims();
        let given = || format!("start {start:?} and extent {extent:?}");
        if start.len() != dims.len() || extent.len() != dims.len() {
            return Err(Error::bad(
                &format!("a shard needs a start and an extent for each dimension of shape {dims:?}"),
                given(),
            ));
        }
        if dims.len() > MOST_DIMS {
            return Err(Error::bad(&format!("a shard has at most {MOST_DIMS} dimensions"), dims.len()));
        }
        let inside =
            |((&start, &extent), &dim): ((&u64, &u64), &u64)| start.checked_add(extent).is_some_and(|end| end <= dim);
        if !start.iter().zip(extent).zip(dims).all(inside) {
            return Err(Error::bad(&format!("a shard must lie inside shape {dims:?}"), given()));
        }
        let mut shard =
            Shard { elements: 0, whole: self.elements(), first: 0, run: 1, dims: [Dim::default(); MOST_DIMS], rank: 0 };
        // its dimensions would divide by 0; a shard without elements needs none of them
        if extent.contains(&0) {
            return Ok(shard);
        }
        shard.elements = extent.iter().product();
        // the shard lies inside a shape whose elements fit in 64 bits, so none of these products overflows
        let mut stride = 1;
        for ((&start, &extent), &dim) in start.iter().zip(extent).zip(dims).rev() {
            shard.first += start * stride;
            shard.push(Dim { extent, stride });
            stride *= dim;
        }
        Ok(shard)
    }
}

impl Shard {
    /// The number of elements.
    #[must_use]
    pub const fn elements(&self) -> u64 {
        self.elements
    }

    /// Adds the next outer dimension. It is merged with the one before where the two are contiguous in the tensor.
    fn push(&mut self, dim: Dim) {
        // its coordinate is always 0, whatever the stride
        if dim.extent == 1 {
            return;
        }
        match self.dims[..self.rank].last_mut() {
            // the run reaches from edge to edge of the dimensions so far, so the next one only makes it longer
            None if dim.stride == self.run => self.run *= dim.extent,
            Some(last) if last.extent * last.stride == dim.stride => last.extent *= dim.extent,
            _ => {
                self.dims[self.rank] = dim;
                self.rank += 1;
            }
        }
    }

    /// Elements of the whole tensor.
    pub(crate) const fn whole(&self) -> u64 {
        self.whole
    }

    /// Length of a contiguous run: elements consecutive in both the shard and the tensor.
    pub(crate) const fn run(&self) -> u64 {
        self.run
    }

    /// The dimensions over the runs, the innermost first.
    pub(crate) fn dims(&self) -> &[Dim] {
        &self.dims[..self.rank]
    }

    /// Whether every run begins and ends with a block of four.
    #[cfg(feature = "dispatch")]
    pub(crate) fn is_of_blocks(&self) -> bool {
        let whole = |count: u64| count.is_multiple_of(4);
        whole(self.first) && whole(self.run) && self.dims().iter().all(|dim| whole(dim.stride))
    }

    /// The index in the whole of an element of the shard.
    pub(crate) fn index(&self, element: u64) -> u64 {
        // the coordinates are the remainders of repeated division, the innermost first
        let mut rest = element / self.run;
        let mut index = self.first + element % self.run;
        for dim in self.dims() {
            index += rest % dim.extent * dim.stride;
            rest /= dim.extent;
        }
        index
    }

    /// A range of the shard's elements as runs: the index in the whole, and the number of elements.
    pub(crate) fn runs(&self, range: Range<u64>) -> impl Iterator<Item = (u64, u64)> {
        // one division per dimension here, for the first run; the next runs follow by additions
        let mut at = range.start;
        let mut steps = [0; MOST_DIMS];
        let mut rest = at / self.run;
        for (step, dim) in steps.iter_mut().zip(self.dims()) {
            *step = rest % dim.extent;
            rest /= dim.extent;
        }
        // behind the last element there is no index to compute
        let mut row = if at < range.end { self.index(at - at % self.run) } else { 0 };
        std::iter::from_fn(move || {
            let (skip, left) = (at % self.run, range.end.checked_sub(at).filter(|&left| left > 0)?);
            let run = (row + skip, (self.run - skip).min(left));
            at += run.1;
            // advance the innermost coordinate, and carry
            for (step, dim) in steps.iter_mut().zip(self.dims()) {
                *step += 1;
                row += dim.stride;
                if *step < dim.extent {
                    break;
                }
                // the coordinate was one behind its extent, so this takes all of its steps back
                row -= *step * dim.stride;
                *step = 0;
            }
            Some(run)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_that_the_whole_has_in_one_piece_are_merged() {
        let shape = Shape::new(&[5, 6, 7, 8]).unwrap();
        let rows = shape.shard(&[1, 0, 0, 0], &[3, 6, 7, 8]).unwrap();
        assert_eq!((rows.first, rows.run(), rows.dims()), (336, 1008, &[][..]));
        let middle = shape.shard(&[1, 2, 0, 0], &[3, 2, 7, 8]).unwrap();
        assert_eq!((middle.run(), middle.dims()), (112, &[Dim { extent: 3, stride: 336 }][..]));
        let column = shape.shard(&[0, 0, 0, 3], &[5, 6, 7, 1]).unwrap();
        assert_eq!((column.run(), column.dims()), (1, &[Dim { extent: 210, stride: 8 }][..]));
        let corner = shape.shard(&[4, 5, 6, 7], &[1, 1, 1, 1]).unwrap();
        assert_eq!((corner.first, corner.run(), corner.elements()), (1679, 1, 1));
    }

    #[test]
    fn indices_and_runs_say_the_same() {
        let shape = Shape::new(&[3, 5, 4, 6]).unwrap();
        let shard = shape.shard(&[1, 1, 0, 2], &[2, 3, 4, 3]).unwrap();
        let mut expected = Vec::new();
        for (a, b, c, d) in (0..72).map(|e| (e / 36, e / 12 % 3, e / 3 % 4, e % 3)) {
            expected.push((((1 + a) * 5 + 1 + b) * 4 + c) * 6 + 2 + d);
        }
        let indices: Vec<u64> = (0..72).map(|element| shard.index(element)).collect();
        assert_eq!(indices, expected);
        for range in [0..72_usize, 5..70, 7..8, 30..30] {
            let runs = shard.runs(range.start as u64..range.end as u64);
            let runs: Vec<u64> = runs.flat_map(|(index, count)| index..index + count).collect();
            assert_eq!(runs, expected[range]);
        }
    }
}
