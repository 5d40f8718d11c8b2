//! Rules of safetensors files and of directories of them, as their public readers have them.

use seedtensors::Dtype;

use crate::tensor_dtype::TensorDtype;

/// The name of a directory's only file.
pub(crate) const SINGLE: &str = "model.safetensors";
/// The name of a directory's index.
pub(crate) const INDEX: &str = "model.safetensors.index.json";
/// The most dimensions of a tensor. The format has no limit; this one keeps a header from filling the memory.
pub(crate) const MOST_DIMS: usize = 64;

/// A name that a tensor cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tensor cannot be named {name:?}: {rule}")]
#[non_exhaustive]
pub struct NameError {
    /// The name.
    pub name: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

/// Refuses names that a safetensors file cannot hold, that would change a terminal, or that would lead out of a
/// directory if a program took them for paths.
pub(crate) fn check_name(name: &str) -> Result<(), NameError> {
    // the header is one JSON object, in which `__metadata__` is the key of the metadata
    let rule = if name.is_empty() || name == "__metadata__" {
        "a safetensors file has no room for it"
    } else if name.chars().any(char::is_control) {
        "it has control characters"
    } else if name.starts_with('/') || name.contains('\\') || name.split('/').any(|part| part == "..") {
        "as a path it would lead out of a folder"
    } else {
        return Ok(());
    };
    Err(NameError { name: name.to_owned(), rule })
}

/// A dtype as the format names it; none of a dtype that this crate does not know.
pub(crate) const fn stored(dtype: TensorDtype) -> Option<safetensors::Dtype> {
    match dtype {
        // a match and no cast: a new dtype must be named here before a file can hold it
        TensorDtype::Float(Dtype::F32) => Some(safetensors::Dtype::F32),
        TensorDtype::Float(Dtype::F16) => Some(safetensors::Dtype::F16),
        TensorDtype::Float(Dtype::BF16) => Some(safetensors::Dtype::BF16),
        TensorDtype::I64 => Some(safetensors::Dtype::I64),
        TensorDtype::Float(_) => None,
    }
}
