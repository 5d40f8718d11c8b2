//! Loops over chunks of a slice, on every thread where the feature `rayon` is on.

#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// Calls `f` with the number of each chunk and the chunk. The last chunk may be shorter.
#[cfg(feature = "rayon")]
pub(super) fn for_each_chunk<T: Send>(slice: &mut [T], size: usize, f: impl Fn(usize, &mut [T]) + Sync + Send) {
    slice.par_chunks_mut(size).enumerate().for_each(|(i, chunk)| f(i, chunk));
}

/// Calls `f` with the number of each chunk and the chunk. The last chunk may be shorter.
#[cfg(not(feature = "rayon"))]
pub(super) fn for_each_chunk<T>(slice: &mut [T], size: usize, f: impl Fn(usize, &mut [T])) {
    slice.chunks_mut(size).enumerate().for_each(|(i, chunk)| f(i, chunk));
}
