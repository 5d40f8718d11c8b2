//! A thread for large orthogonal matrices, so that a request to stop is answered meanwhile.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread::Builder;
use std::time::Duration;

use rayon::Yield;

use crate::matrices::whole;
use crate::recipe::Tensor;

/// The most elements of a matrix that is computed like any other piece: it takes a few milliseconds.
const SMALL: u64 = 1 << 16;
/// The time between two questions whether to go on: short enough that Ctrl-C seems to act at once.
const POLL: Duration = Duration::from_millis(20);

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
