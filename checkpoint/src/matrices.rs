//! Orthogonal matrices, whose parts take random numbers of the whole: limits of the work.

use seedtensors::Sampler;

use crate::recipe::Tensor;

/// The most elements that may be computed for each element of a file. A matrix may be split between this many files.
const PER_ELEMENT: u64 = 256;
/// The elements that a file may have computed beyond these: four matrices of 1024 x 1024, some seconds.
const FREE: u64 = 1 << 22;

/// A tensor that takes far more work and memory than its file holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "tensor {name:?} holds {held} elements of an orthogonal matrix of {computed}, and any part takes the random numbers \
     of all: a file may have {PER_ELEMENT} elements computed for each that it holds, and {FREE} more"
)]
#[non_exhaustive]
pub struct TooMuchWork {
    /// The tensor's name.
    pub name: String,
    /// The elements that its file holds.
    pub held: u64,
    /// The elements that must be computed for them.
    pub computed: u64,
}

/// The elements that are computed for any part of a tensor; 0 where each is computed from its own index.
pub(crate) fn whole(tensor: &Tensor) -> u64 {
    match tensor.sampler() {
        Ok(Sampler::Matrix(matrix)) => matrix.whole(),
        _ => 0,
    }
}

/// Refuses tensors of a file that take far more work and memory than the file holds.
pub(crate) fn check_work<'t>(tensors: impl Iterator<Item = &'t Tensor>) -> Result<(), TooMuchWork> {
    // one allowance for all tensors of a file: a million small ones must not have it each
    let mut free = FREE;
    for tensor in tensors {
        let (computed, held) = (whole(tensor), tensor.elements());
        // saturating, because a hostile shape can be anything
        let beyond = computed.saturating_sub(held.saturating_mul(PER_ELEMENT));
        let refuse = || TooMuchWork { name: tensor.name.clone(), held, computed };
        free = free.checked_sub(beyond).ok_or_else(refuse)?;
    }
    Ok(())
}
