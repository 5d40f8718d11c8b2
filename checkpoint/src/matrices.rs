//! Matrices that are worked out whole: within bounds, and so that a request to end is answered meanwhile.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread::Builder;
use std::time::Duration;

use rayon::Yield;
use seedtensors::{Error, Result, Sampler};

use crate::values::Values;
use crate::{Source, Tensor};

/// Elements of a matrix that is worked out like any piece, in a few milliseconds.
const SMALL: u64 = 1 << 16;
/// Between two questions whether to go on.
const POLL: Duration = Duration::from_millis(20);
/// Elements that may be worked out for each one that a file holds: a matrix may be split between so many files.
const PER_ELEMENT: u64 = 256;
/// Elements that a file may have worked out beyond these: four matrices of 1024 x 1024, some seconds.
const FREE: u64 = 1 << 22;

/// The elements that are worked out for any part of a tensor, and not one by one.
pub(crate) const fn whole(tensor: &Tensor) -> u64 {
    match tensor.sampler {
        Sampler::Matrix(matrix) => matrix.whole(),
        _ => 0,
    }
}

/// Refuses tensors of a file that take far more work and memory than the file holds.
pub(crate) fn check_whole<'t>(tensors: impl Iterator<Item = &'t Tensor>) -> std::result::Result<(), String> {
    let mut free = FREE;
    for tensor in tensors {
        let (count, held) = (whole(tensor), tensor.elements());
        let beyond = count.saturating_sub(held.saturating_mul(PER_ELEMENT));
        free = free.checked_sub(beyond).ok_or_else(|| {
            format!(
                "tensor {:?} holds {held} elements of a matrix of {count}, which is worked out whole: a file may have \
                 {PER_ELEMENT} elements worked out for each that it holds, and {FREE} more",
                tensor.name
            )
        })?;
    }
    Ok(())
}

/// Whether a tensor is made by [`make`]. Beside a GPU every matrix is, so that the number of threads, on which the last
/// bits of orthogonal matrices depend, is the same.
pub(crate) fn is_large(values: &Values<'_>, tensor: &Tensor) -> bool {
    let count = whole(tensor);
    count > 0 && (count.max(tensor.elements()) > SMALL || matches!(values.source, Source::Gpu(_)))
}

/// A tensor's bytes in its file, worked out on a thread of its own while `go_on` is asked now and then; none where that
/// says no. The thread then works on until it has the matrix, or the process ends.
pub(crate) fn make(values: &Values<'_>, tensor: &Tensor, go_on: &dyn Fn() -> bool) -> Option<Result<Vec<u64>>> {
    let values = Values { source: &Source::Cpu, ..*values };
    let (sender, receiver) = sync_channel(1);
    let tensor_there = tensor.clone();
    let there = move || drop(sender.send(bytes(&values, &tensor_there)));
    let Ok(thread) = Builder::new().spawn(there) else {
        // where no thread can be made, the present one does
        return Some(bytes(&values, tensor));
    };
    loop {
        match receiver.recv_timeout(POLL) {
            Ok(made) => return Some(made),
            Err(RecvTimeoutError::Timeout) if !go_on() => return None,
            // where this is the pool's own thread, the matrix may wait for it
            Err(RecvTimeoutError::Timeout) => while rayon::yield_now() == Some(Yield::Executed) {},
            Err(RecvTimeoutError::Disconnected) => match thread.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => return None,
            },
        }
    }
}

fn bytes(values: &Values<'_>, tensor: &Tensor) -> Result<Vec<u64>> {
    let bytes = tensor.elements().saturating_mul(tensor.dtype.size());
    let no_memory = Error::NoMemory { bytes };
    let mut words = Vec::new();
    let (Ok(bytes), Ok(count)) = (usize::try_from(bytes), usize::try_from(bytes.div_ceil(8))) else {
        return Err(no_memory);
    };
    words.try_reserve_exact(count).map_err(|_| no_memory)?;
    words.resize(count, 0);
    values.fill_range(tensor, 0, &mut bytemuck::cast_slice_mut(&mut words)[..bytes])?;
    Ok(words)
}
