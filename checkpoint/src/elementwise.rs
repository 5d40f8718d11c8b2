//! Tensors that are computed element by element on the CPU, whatever the backend: those with a function, and integers.

use half::{bf16, f16};
use seedtensors::cpu::Filler;
use seedtensors::{Dtype, Fill, Result};

use crate::function::Function;
use crate::recipe::Tensor;
use crate::tensor_dtype::TensorDtype;
use crate::tensor_spec::integer;

/// The elements whose drawn values are held at a time.
const CHUNK: usize = 4096;

/// The computation of a tensor's elements.
#[derive(Clone, Debug)]
pub(crate) enum Elementwise {
    /// An integer, the same for each.
    Integer(i64),
    /// A function of what is drawn.
    Function(Box<FunctionOf>),
}

/// A function of drawn values, and the fill that draws them.
#[derive(Clone, Debug)]
pub(crate) struct FunctionOf {
    function: Function,
    dtype: Dtype,
    /// The drawn values, in f32.
    drawn: Filler,
    /// The rows and columns of the file: the last two dimensions; 1 where there are fewer.
    rows: u64,
    columns: u64,
    /// The first row and column of the file's shard, and the columns of the whole.
    first_row: u64,
    first_column: u64,
    whole_columns: u64,
}

impl Elementwise {
    /// The computation of a tensor with a function, or of integers. `fill` draws its values.
    pub(crate) fn new(tensor: &Tensor, fill: &Fill) -> Result<Self> {
        let (TensorDtype::Float(dtype), Some(function)) = (tensor.dtype, tensor.function) else {
            // a recipe's integers are constants
            return Ok(Self::Integer(integer(&tensor.sampler()?).unwrap_or_default()));
        };
        let last = |dims: &[u64], from_end: usize, otherwise: u64| {
            dims.len().checked_sub(from_end).map_or(otherwise, |index| dims[index])
        };
        let start: &[u64] = tensor.shard.as_ref().map_or(&[], |shard| &shard.start);
        Ok(Self::Function(Box::new(FunctionOf {
            function,
            dtype,
            drawn: Filler::new(fill, Dtype::F32)?,
            rows: last(tensor.dims(), 2, 1),
            columns: last(tensor.dims(), 1, 1),
            first_row: last(start, 2, 0),
            first_column: last(start, 1, 0),
            whole_columns: last(tensor.shape.dims(), 1, 1),
        })))
    }

    /// Fills `out` with the bytes of elements from `start` on, in native order.
    pub(crate) fn fill_bytes(&self, start: u64, out: &mut [u8]) -> Result<()> {
        match self {
            Self::Integer(value) => out.as_chunks_mut().0.fill(value.to_ne_bytes()),
            Self::Function(of) if of.dtype == Dtype::F32 => of.fill(start, out.as_chunks_mut().0, f32::to_ne_bytes)?,
            Self::Function(of) if of.dtype == Dtype::F16 => {
                of.fill(start, out.as_chunks_mut().0, |value| f16::from_f32(value).to_ne_bytes())?;
            }
            Self::Function(of) => {
                of.fill(start, out.as_chunks_mut().0, |value| bf16::from_f32(value).to_ne_bytes())?;
            }
        }
        Ok(())
    }
}

impl FunctionOf {
    /// Computes the elements from `start` on, each as its bytes.
    fn fill<const N: usize>(&self, start: u64, out: &mut [[u8; N]], bytes: impl Fn(f32) -> [u8; N]) -> Result<()> {
        let mut drawn = [0_f32; CHUNK];
        let mut element = start;
        for out in out.chunks_mut(CHUNK) {
            let drawn = &mut drawn[..out.len()];
            self.drawn.fill_bytes(element, bytemuck::cast_slice_mut(drawn))?;
            for (out, drawn) in out.iter_mut().zip(drawn) {
                let row = self.first_row + element / self.columns % self.rows;
                let column = self.first_column + element % self.columns;
                *out = bytes(self.function.value(*drawn, row, column, self.whole_columns));
                element += 1;
            }
        }
        Ok(())
    }
}
