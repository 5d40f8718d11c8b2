//! The Python module `seedtensors._core`: keys, initialisers, fills of writable buffers, recipes and checkpoints. The
//! functions that users call are in python/seedtensors/; `_core.pyi` has the types.

mod convert;
mod fill;
mod init;
mod key;
mod recipe;

use pyo3::prelude::*;

/// Everything that is compiled.
#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::fill::{cuda_params, fill, words};
    #[pymodule_export]
    use crate::init::Init;
    #[pymodule_export]
    use crate::key::Key;
    #[pymodule_export]
    use crate::recipe::{Recipe, TensorSpec, verify, write};

    #[pymodule_export]
    const VALUES_VERSION: u32 = seedtensors::VALUES_VERSION;
}
