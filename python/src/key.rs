//! Keys.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// The seed of a Philox stream, and the counter of its first block. A key is immutable. (seed, offset) is the pair that
/// `torch.func._random` has as a stateless key.
#[pyclass(frozen, eq, hash, from_py_object, module = "seedtensors")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(pub(crate) seedtensors::Key);

#[pymethods]
impl Key {
    #[new]
    #[pyo3(signature = (seed, offset = 0))]
    const fn new(seed: u64, offset: u64) -> Self {
        Self(seedtensors::Key { seed, offset })
    }

    /// The key of a tensor's name.
    fn named(&self, name: &str) -> Self {
        Self(self.0.named(name))
    }

    /// The key of a number.
    fn fold_in(&self, number: u64) -> Self {
        Self(self.0.fold_in(number))
    }

    /// Several keys, each of an independent stream.
    fn split(&self, count: usize) -> Vec<Self> {
        self.0.split(count).into_iter().map(Self).collect()
    }

    /// The seed, below 2**64.
    #[getter]
    const fn seed(&self) -> u64 {
        self.0.seed
    }

    /// The counter of the first block, below 2**64.
    #[getter]
    const fn offset(&self) -> u64 {
        self.0.offset
    }

    fn __repr__(&self) -> String {
        match self.0.offset {
            0 => format!("Key({})", self.0.seed),
            offset => format!("Key({}, offset={offset})", self.0.seed),
        }
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let key = slf.get().0;
        Ok((slf.get_type().into_any(), (key.seed, key.offset).into_pyobject(slf.py())?))
    }
}
