//! A tensor's bytes in its file, computed on the CPU: by the library's fills, by functions, and zeros for padding.

use std::ops::Range;

use seedtensors::cpu::Filler;
use seedtensors::{Arithmetic, Dtype, Error, Fill, Key, Result};

use crate::elementwise::Elementwise;
use crate::recipe::Tensor;
use crate::tensor_dtype::TensorDtype;

/// The bytes of a tensor in its file, or of a part of it, computed on the present thread. Its parameters are computed
/// once, so that each part costs no more than its elements; any part of an orthogonal matrix takes the random numbers
/// of all of it.
///
/// ```
/// use seedtensors::Arithmetic;
/// use seedtensors_checkpoint::{Recipe, TensorBytes};
///
/// let recipe = Recipe::parse("[[tensor]]\nname = 'w'\nshape = [3, 2]\ninit = 'ones'\npadding = 1")?;
/// let bytes = TensorBytes::new(&recipe.tensors[0], 42, Arithmetic::Exact)?;
/// let mut last = [0; 16];
/// bytes.fill(2, &mut last)?;
/// assert_eq!(last, [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0x80, 0x3f], [0, 0, 0x80, 0x3f]].concat()[..]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TensorBytes {
    /// The fill of the elements that the file holds, before their function.
    fill: Fill,
    /// The dtype of the elements.
    dtype: TensorDtype,
    /// The elements that are zeros.
    padding: Range<u64>,
    /// The computation of the elements.
    values: Values,
}

/// The computation of a tensor's elements.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one for each tensor")]
enum Values {
    /// The library's, its coefficients computed once.
    Fill(Filler),
    /// Element by element.
    Elementwise(Elementwise),
}

impl TensorBytes {
    /// Computes the parameters of a tensor's elements.
    ///
    /// # Errors
    ///
    /// Those of [`Fill::new`]. A tensor that a [`Recipe`](crate::Recipe) was parsed into gives none.
    pub fn new(tensor: &Tensor, seed: u64, arithmetic: Arithmetic) -> Result<Self> {
        // the key comes from the seed and the name alone, so that a shard has the same values in any file
        let whole = Fill::new(Key::new(seed).named(&tensor.name), tensor.init, &tensor.shape)?;
        let fill = match &tensor.shard {
            Some(shard) => whole.shard(&tensor.shape.shard(&shard.start, &shard.extent)?)?,
            None => whole,
        };
        let fill = fill.with_arithmetic(arithmetic);
        let values = match (tensor.dtype, tensor.function) {
            (TensorDtype::Float(dtype), None) => Values::Fill(Filler::new(&fill, dtype)?),
            _ => Values::Elementwise(Elementwise::new(tensor, &fill)?),
        };
        Ok(Self { fill, dtype: tensor.dtype, padding: tensor.padding_elements(), values })
    }

    /// Fills `out` with the bytes of whole elements, little-endian, from element `start` of the file's elements on.
    ///
    /// # Errors
    ///
    /// [`Error::WrongLength`] where `out` does not hold whole elements, those of [`Fill::range`] where it holds more
    /// than there are from `start` on, and [`Error::NoMemory`].
    pub fn fill(&self, start: u64, out: &mut [u8]) -> Result<()> {
        let (size, found) = (self.dtype.size(), out.len() as u64);
        let elements = found / size;
        if found % size != 0 {
            return Err(Error::WrongLength { elements, expected: elements * size, unit: "bytes", found });
        }
        // refuses elements that are not there; a function would compute them
        self.fill.range(start..start.saturating_add(elements))?;
        match &self.values {
            Values::Fill(filler) => filler.fill_bytes(start, out)?,
            Values::Elementwise(elementwise) => elementwise.fill_bytes(start, out)?,
        }
        self.finish(start, out);
        Ok(())
    }

    /// The fill that gives these elements on any backend, before [`padding`](Self::padding) is set to zeros. None for
    /// integers and functions, which the CPU alone computes.
    #[must_use]
    pub const fn as_fill(&self) -> Option<(Fill, Dtype)> {
        match (&self.values, self.dtype) {
            (Values::Fill(_), TensorDtype::Float(dtype)) => Some((self.fill, dtype)),
            _ => None,
        }
    }

    /// The elements, of those that the file holds, that are zeros whatever the fill gives.
    #[must_use]
    pub const fn padding(&self) -> Range<u64> {
        self.padding.start..self.padding.end
    }

    /// Zeros the padding and makes the bytes little-endian. Every backend's fill needs this step after it.
    pub(crate) fn finish(&self, start: u64, out: &mut [u8]) {
        let size = self.dtype.size();
        let within = |index: u64| (index.saturating_sub(start).saturating_mul(size)).min(out.len() as u64);
        #[expect(clippy::cast_possible_truncation, reason = "within the slice")]
        let padding = within(self.padding.start) as usize..within(self.padding.end) as usize;
        out[padding].fill(0);
        // the fill gives native bytes, a safetensors file has little-endian ones
        if cfg!(target_endian = "big") {
            #[expect(clippy::cast_possible_truncation, reason = "at most 8")]
            out.chunks_exact_mut(size as usize).for_each(<[u8]>::reverse);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recipe;

    #[test]
    fn any_part_has_the_bytes_of_the_whole() {
        let recipe = Recipe::parse(
            r#"
            [[tensor]]
            name = "fill"
            shape = [40, 6]
            dtype = "bf16"
            init = "he_normal"
            padding = 3
            shard = { start = [2, 1], extent = [30, 4] }
            [[tensor]]
            name = "function"
            shape = [40, 6]
            init = "zeros"
            function = "log_of_index"
            [[tensor]]
            name = "integers"
            shape = [9]
            dtype = "i64"
            init = { constant = { value = 7 } }
            [[tensor]]
            name = "matrix"
            shape = [12, 7]
            dtype = "f16"
            init = "orthogonal"
            "#,
        );
        for tensor in &recipe.unwrap().tensors {
            let bytes = TensorBytes::new(tensor, 42, Arithmetic::Exact).unwrap();
            assert_eq!(bytes.as_fill().is_some(), ["fill", "matrix"].contains(&&tensor.name[..]));
            let size = usize::try_from(tensor.dtype.size()).unwrap();
            let mut whole = vec![1; usize::try_from(tensor.bytes()).unwrap()];
            bytes.fill(0, &mut whole).unwrap();
            for (start, end) in [(0, 5), (3, 9), (5, 6), (9, 9)] {
                let mut part = vec![1; (end - start) * size];
                bytes.fill(start as u64, &mut part).unwrap();
                assert_eq!(part, whole[start * size..end * size], "{} {start}..{end}", tensor.name);
            }
            // row 3 of the whole is row 1 of the shard
            let padding = if tensor.padding.is_some() { 4..8 } else { 0..0 };
            assert_eq!(bytes.padding(), padding);
            for (index, element) in whole.chunks(size).enumerate() {
                let is_padding = padding.contains(&(index as u64));
                assert!(!is_padding || element.iter().all(|&byte| byte == 0), "{} {index}", tensor.name);
            }
            assert!(bytes.fill(tensor.elements(), &mut whole[..size]).is_err());
            assert!(bytes.fill(u64::MAX, &mut whole[..size]).is_err());
            assert!(bytes.fill(0, &mut whole[..size - 1]).is_err());
        }
    }
}
