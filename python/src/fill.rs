//! Fills of writable buffers, and the numbers of a fill for CUDA kernels.

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyValueError};
use pyo3::prelude::*;
use seedtensors::external::KernelNumbers;
use seedtensors::{Dtype, Fill, cpu};

use crate::convert::{ShapeArguments, dtype, raise};
use crate::init::Init;
use crate::key::Key;

/// A rectangle: the first element and the extent in every dimension.
type Rectangle = (Vec<u64>, Vec<u64>);

/// The fill of a tensor, or of a rectangle of it.
fn make(key: Key, init: Init, shape: &ShapeArguments, rectangle: Option<&Rectangle>) -> PyResult<Fill> {
    let shape = shape.shape()?;
    let fill = Fill::new(key.0, init.0, &shape).map_err(|error| raise(&error))?;
    let Some((start, extent)) = rectangle else { return Ok(fill) };
    shape.shard(start, extent).and_then(|shard| fill.shard(&shard)).map_err(|error| raise(&error))
}

/// A buffer of Python's that may be written to.
struct Memory {
    /// Keeps the memory where it is.
    buffer: PyUntypedBuffer,
}

impl Memory {
    fn new(out: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = PyUntypedBuffer::get(out)?;
        if buffer.readonly() || !buffer.is_c_contiguous() {
            return Err(PyBufferError::new_err("a buffer must be writable and C-contiguous"));
        }
        Ok(Self { buffer })
    }

    /// Runs `work` on the bytes, with Python's lock released.
    fn with<R: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut [u8]) -> R + Send) -> R {
        let (address, size) = (self.buffer.buf_ptr() as usize, self.buffer.len_bytes());
        py.detach(move || {
            if size == 0 {
                // the address of no bytes may be null
                return work(&mut []);
            }
            // SAFETY: `self` holds the buffer, so the memory is there until this returns. It is writable and contiguous.
            // Another thread of Python's may write to it at the same time, as to memory that numpy fills.
            work(unsafe { std::slice::from_raw_parts_mut(address as *mut u8, size) })
        })
    }
}

/// Fills a writable, C-contiguous buffer with a tensor's elements, or with a rectangle of them.
#[pyfunction]
#[pyo3(signature = (out, dtype_name, key, init, shape, rectangle = None))]
pub(crate) fn fill(
    py: Python<'_>,
    out: &Bound<'_, PyAny>,
    dtype_name: &str,
    key: Key,
    init: Init,
    shape: ShapeArguments,
    rectangle: Option<Rectangle>,
) -> PyResult<()> {
    let dtype = dtype(dtype_name)?;
    let fill = make(key, init, &shape, rectangle.as_ref())?;
    Memory::new(out)?.with(py, |bytes| cpu::fill_bytes(&fill, dtype, bytes)).map_err(|error| raise(&error))
}

/// Fills a writable, C-contiguous buffer of 32-bit integers with a key's random words, from word `start` on.
#[pyfunction]
#[pyo3(signature = (out, key, start = 0))]
pub(crate) fn words(py: Python<'_>, out: &Bound<'_, PyAny>, key: Key, start: u64) -> PyResult<()> {
    let memory = Memory::new(out)?;
    let size = memory.buffer.len_bytes();
    if !size.is_multiple_of(4) || !(memory.buffer.buf_ptr() as usize).is_multiple_of(4) {
        return Err(PyValueError::new_err(format!("words take aligned 32-bit integers, not {size} bytes")));
    }
    memory.with(py, |bytes| {
        // SAFETY: every pattern of bits is a u32, and the alignment is checked above: there is no rest before or behind
        let (_, words, _) = unsafe { bytes.align_to_mut::<u32>() };
        cpu::words(key.0, start, words);
    });
    Ok(())
}

/// The numbers of a fill for a kernel outside Rust: (kind, seed, offset, start, count, first, run, dims, coefficients), or
/// None for a matrix. src/external.rs describes them.
#[pyfunction]
#[pyo3(signature = (dtype_name, key, init, shape, rectangle = None))]
#[expect(clippy::type_complexity, reason = "a tuple for one caller in Python")]
pub(crate) fn cuda_params(
    dtype_name: &str,
    key: Key,
    init: Init,
    shape: ShapeArguments,
    rectangle: Option<Rectangle>,
) -> PyResult<Option<(u32, u64, u64, u64, u64, u64, u64, Vec<[u64; 2]>, Vec<u8>)>> {
    let dtype: Dtype = dtype(dtype_name)?;
    let fill = make(key, init, &shape, rectangle.as_ref())?;
    let numbers = KernelNumbers::new(&fill, dtype).map_err(|error| raise(&error))?;
    Ok(numbers.map(|n| (n.kind, n.key.seed, n.key.offset, n.start, n.count, n.first, n.run, n.dims, n.coefficients)))
}
