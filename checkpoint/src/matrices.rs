//! Orthogonal matrices, whose parts take random numbers of the whole: limits of the work, and a thread for it, so that a
//! request to stop is answered meanwhile.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread::Builder;
use std::time::Duration;

use rayon::Yield;
use seedtensors::Sampler;

use crate::recipe::Tensor;

/// The most elements of a matrix that is computed like any other piece: it takes a few milliseconds.
const SMALL: u64 = 1 << 16;
/// The time between two questions whether to go on: short enough that Ctrl-C seems to act at once.
const POLL: Duration = Duration::from_millis(20);
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

/// Whether a tensor is computed by [`while_asking`].
pub(crate) fn is_large(tensor: &Tensor) -> bool {
    let count = whole(tensor);
    count > 0 && count.max(tensor.elements()) > SMALL
}

/// Runs `compute` on a thread of its own and asks `go_on` meanwhile; none where that says no. The thread then continues
/// until it is done, or the process ends: the computation cannot be interrupted.
pub(crate) fn while_asking<T: Send + 'static>(
    compute: impl Fn() -> T + Send + Sync + 'static,
    go_on: &dyn Fn() -> bool,
) -> Option<T> {
    // room for the result: the thread can end though nobody waits for it any more
    let (sender, receiver) = sync_channel(1);
    // shared, because a closure that could not be given to a thread is needed here
    let compute = Arc::new(compute);
    let there = Arc::clone(&compute);
    let Ok(thread) = Builder::new().spawn(move || drop(sender.send(there()))) else {
        // no thread can be made: the present one computes it, and no request to stop is seen
        return Some(compute());
    };
    loop {
        match receiver.recv_timeout(POLL) {
            Ok(computed) => return Some(computed),
            Err(RecvTimeoutError::Timeout) if !go_on() => return None,
            // this may be a thread of the pool on which the computation waits for its jobs: run them, or neither would
            // end
            Err(RecvTimeoutError::Timeout) => while rayon::yield_now() == Some(Yield::Executed) {},
            // the sender is gone without a result: `compute` has panicked
            Err(RecvTimeoutError::Disconnected) => match thread.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => return None,
            },
        }
    }
}
