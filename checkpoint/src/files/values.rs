//! A tensor's values as the bytes that a file holds, a piece at a time. `files` writes the pieces, `compare` compares
//! them.

use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use seedtensors::{Arithmetic, Error, Result};

use crate::files::backend::Backend;
use crate::files::interruptible::{is_large, while_asking};
use crate::matrices::whole;
use crate::recipe::Tensor;
use crate::tensor_bytes::TensorBytes;

/// The bytes of a piece on the CPU: few enough to stay in a core's cache until they are written.
const CPU_PIECE: u64 = 1 << 20;
/// The bytes of a piece on a GPU: enough to be worth a dispatch, and few enough for several in flight in little memory.
#[cfg(feature = "gpu")]
const GPU_PIECE: u64 = 2 << 20;
/// The pieces that a GPU has in flight: one is filled, one copied back, one written.
#[cfg(feature = "gpu")]
const GPU_THREADS: usize = 3;

/// A fill of many tensors: the seed and the arithmetic, and the backend that runs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    /// Fills everything but orthogonal matrices, which the CPU computes.
    pub(crate) backend: &'a Backend,
    pub(crate) seed: u64,
    /// The arithmetic of normals.
    pub(crate) arithmetic: Arithmetic,
}

/// Consecutive elements of a tensor, and the offset of their bytes in the file.
pub(crate) struct Piece<'a> {
    /// The tensor, with its shard.
    pub(crate) tensor: &'a Tensor,
    /// The index of the first element, within the elements that the file holds.
    pub(crate) start: u64,
    /// The number of bytes.
    pub(crate) bytes: usize,
    /// The offset of the first byte in the file.
    pub(crate) offset: u64,
    /// Whether the tensor is a matrix that is computed apart from the other pieces.
    large: bool,
    /// The source of the bytes.
    content: Content,
}

/// The source of a piece's bytes.
#[derive(Clone)]
enum Content {
    /// The tensor's fill, prepared once for all of its pieces.
    Fill(Arc<Result<TensorBytes>>),
    /// All bytes of the tensor, which were computed at once.
    Computed(Arc<Result<Vec<u8>>>),
}

impl Piece<'_> {
    /// Whether it is its tensor's last.
    pub(crate) fn is_last(&self) -> bool {
        self.start + self.bytes as u64 / self.tensor.dtype.size() == self.tensor.elements()
    }
}

impl Values<'_> {
    /// The pieces of tensors, in order. Each tensor comes with the offset of its bytes in the file.
    pub(crate) fn pieces<'t>(
        &self,
        tensors: impl Iterator<Item = (&'t Tensor, u64)> + Send,
    ) -> impl Iterator<Item = Piece<'t>> + Send {
        let most = match self.backend {
            Backend::Cpu => CPU_PIECE,
            #[cfg(feature = "gpu")]
            Backend::Gpu(_) => GPU_PIECE,
        };
        let (seed, arithmetic) = (self.seed, self.arithmetic);
        // an orthogonal matrix is one piece: each further piece would draw the numbers of the whole again
        tensors.flat_map(move |(tensor, offset)| {
            let most = if whole(tensor) > 0 { u64::MAX } else { most / tensor.dtype.size() };
            // an error is kept in the piece, and returned when it is filled: this iterator cannot fail
            let prepared = TensorBytes::new(tensor, seed, arithmetic);
            pieces(tensor, offset, most, is_large(tensor), Content::Fill(Arc::new(prepared)))
        })
    }

    /// Calls `each` on every piece, from several threads, with a buffer that holds at least its bytes twice. Large
    /// matrices come last, one at a time; `go_on` is asked while one is computed, and `false` ends the work.
    pub(crate) fn for_each<'t, E: Send>(
        &self,
        pieces: impl Iterator<Item = Piece<'t>> + Send,
        go_on: &dyn Fn() -> bool,
        each: impl Fn(&mut Vec<u64>, Piece<'t>) -> std::result::Result<(), E> + Sync + Send,
    ) -> std::result::Result<(), E> {
        // Two passes: the pieces of all ordinary tensors run in parallel, then each large matrix is computed on a
        // thread of its own, and its pieces are handed out in parallel.
        let large = Mutex::new(Vec::new());
        let work = || {
            pieces.par_bridge().try_for_each_init(Vec::new, |buffer, piece| {
                if !piece.large {
                    return each(buffer, piece);
                }
                large.lock().unwrap_or_else(PoisonError::into_inner).push(piece);
                Ok(())
            })
        };
        match self.backend {
            Backend::Cpu => work(),
            // where no more threads can be started, the present ones are used
            #[cfg(feature = "gpu")]
            Backend::Gpu(_) => match rayon::ThreadPoolBuilder::new().num_threads(GPU_THREADS).build() {
                Ok(pool) => pool.install(work),
                Err(_) => work(),
            },
        }?;
        for piece in large.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let (seed, arithmetic, tensor) = (self.seed, self.arithmetic, piece.tensor.clone());
            // it comes from the CPU, whatever the backend
            let compute = move || Values { backend: &Backend::Cpu, seed, arithmetic }.all_bytes(&tensor);
            // the caller asked to stop: it knows, and needs no error
            let Some(computed) = while_asking(compute, go_on) else { break };
            let most = CPU_PIECE / piece.tensor.dtype.size();
            let pieces = self::pieces(piece.tensor, piece.offset, most, true, Content::Computed(Arc::new(computed)));
            pieces.par_bridge().try_for_each_init(Vec::new, &each)?;
        }
        Ok(())
    }

    /// Fills `out` with a piece's bytes, little-endian.
    pub(crate) fn fill(&self, piece: &Piece<'_>, out: &mut [u8]) -> Result<()> {
        match &piece.content {
            Content::Computed(bytes) => {
                #[expect(clippy::cast_possible_truncation, reason = "an index of a matrix in memory")]
                let start = (piece.start * piece.tensor.dtype.size()) as usize;
                out.copy_from_slice(&bytes.as_ref().as_ref().map_err(Clone::clone)?[start..][..out.len()]);
                Ok(())
            }
            Content::Fill(prepared) => {
                self.fill_range(piece.tensor, prepared.as_ref().as_ref().map_err(Clone::clone)?, piece.start, out)
            }
        }
    }

    /// All bytes of a tensor in its file.
    fn all_bytes(&self, tensor: &Tensor) -> Result<Vec<u8>> {
        let bytes = tensor.elements().saturating_mul(tensor.dtype.size());
        let no_memory = Error::NoMemory { bytes };
        let mut out = Vec::new();
        let Ok(bytes) = usize::try_from(bytes) else { return Err(no_memory) };
        // a matrix can be larger than the memory: an error, not an abort
        out.try_reserve_exact(bytes).map_err(|_| no_memory)?;
        out.resize(bytes, 0);
        self.fill_range(tensor, &TensorBytes::new(tensor, self.seed, self.arithmetic)?, 0, &mut out)?;
        Ok(out)
    }

    /// Fills `out` with a tensor's bytes from an element on.
    #[cfg_attr(not(feature = "gpu"), expect(unused_variables, reason = "a GPU takes no matrices"))]
    fn fill_range(&self, tensor: &Tensor, prepared: &TensorBytes, start: u64, out: &mut [u8]) -> Result<()> {
        match self.backend {
            // an orthogonal matrix comes from the CPU: it is one piece, and may be larger than a GPU's memory
            #[cfg(feature = "gpu")]
            Backend::Gpu(gpu) if whole(tensor) == 0 => match prepared.as_fill() {
                Some((fill, dtype)) => {
                    let fill = fill.range(start..start + out.len() as u64 / dtype.size())?;
                    let buffer = gpu.tensor(&fill, dtype)?;
                    out.copy_from_slice(&gpu.read::<u8>(&buffer, 0, out.len() as u64)?);
                    prepared.finish(start, out);
                    Ok(())
                }
                None => prepared.fill(start, out),
            },
            _ => prepared.fill(start, out),
        }
    }
}

/// A tensor's pieces of at most so many elements.
#[expect(clippy::cast_possible_truncation, reason = "a piece is held in memory")]
fn pieces(
    tensor: &Tensor,
    offset: u64,
    most: u64,
    large: bool,
    content: Content,
) -> impl Iterator<Item = Piece<'_>> + Send {
    let (size, elements) = (tensor.dtype.size(), tensor.elements());
    (0..elements).step_by(usize::try_from(most).unwrap_or(usize::MAX)).map(move |start| {
        let bytes = ((elements - start).min(most) * size) as usize;
        Piece { tensor, start, bytes, offset: offset + start * size, large, content: content.clone() }
    })
}

/// The first `bytes` of a buffer, made larger where it must be.
pub(crate) fn bytes_of(buffer: &mut Vec<u64>, bytes: usize) -> &mut [u8] {
    // u64, so that the bytes are aligned for every dtype. What an earlier piece left is overwritten
    let words = bytes.div_ceil(8);
    if buffer.len() < words {
        buffer.resize(words, 0);
    }
    &mut bytemuck::cast_slice_mut(buffer)[..bytes]
}
