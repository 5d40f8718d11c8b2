//! A tensor's values as the bytes that a file holds, a piece at a time: `write` and `verify` say what becomes of each.

use std::sync::{Arc, Mutex, PoisonError};

use bytemuck::Pod;
use half::{bf16, f16};
use rayon::prelude::*;
use seedtensors::{Arithmetic, Dtype, Element, Error, Fill, Key, Result, Sampler, cpu};

use crate::backend::Backend;
use crate::matrices::{is_large, while_asking, whole};
use crate::recipe::Tensor;

/// The bytes of a piece on the CPU: few enough to stay in a core's cache until they are written.
const CPU_PIECE: u64 = 1 << 20;
/// The bytes of a piece on a GPU: enough to be worth a dispatch, and few enough for several in flight in little memory.
const GPU_PIECE: u64 = 2 << 20;
/// The pieces that a GPU has in flight: one is filled, one copied back, one written.
const GPU_THREADS: usize = 3;

/// A fill of many tensors: the seed and the arithmetic, and the backend that runs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    pub(crate) backend: &'a Backend,
    pub(crate) seed: u64,
    pub(crate) arithmetic: Arithmetic,
}

/// Consecutive elements of a tensor, and the offset of their bytes in the file.
pub(crate) struct Piece<'a> {
    pub(crate) tensor: &'a Tensor,
    pub(crate) start: u64,
    pub(crate) bytes: usize,
    pub(crate) offset: u64,
    /// All bytes of the tensor, where they were computed at once.
    made: Option<Arc<Result<Vec<u64>>>>,
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
            Backend::Gpu(_) => GPU_PIECE,
        };
        // a matrix that is computed whole is one piece
        tensors.flat_map(move |(tensor, offset)| {
            let most = if whole(tensor) > 0 { u64::MAX } else { most / tensor.dtype.size() };
            pieces(tensor, offset, most, None)
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
        let large = Mutex::new(Vec::new());
        let work = || {
            pieces.par_bridge().try_for_each_init(Vec::new, |buffer, piece| {
                if !is_large(self.backend, piece.tensor) {
                    return each(buffer, piece);
                }
                large.lock().unwrap_or_else(PoisonError::into_inner).push(piece);
                Ok(())
            })
        };
        match self.backend {
            Backend::Cpu => work(),
            // where there are no more threads, the present ones do
            Backend::Gpu(_) => match rayon::ThreadPoolBuilder::new().num_threads(GPU_THREADS).build() {
                Ok(pool) => pool.install(work),
                Err(_) => work(),
            },
        }?;
        for piece in large.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let (seed, arithmetic, tensor) = (self.seed, self.arithmetic, piece.tensor.clone());
            // a matrix comes from the CPU, whatever the backend
            let compute = move || Values { backend: &Backend::Cpu, seed, arithmetic }.all_bytes(&tensor);
            let Some(made) = while_asking(compute, go_on) else { break };
            let most = CPU_PIECE / piece.tensor.dtype.size();
            let pieces = self::pieces(piece.tensor, piece.offset, most, Some(Arc::new(made)));
            pieces.par_bridge().try_for_each_init(Vec::new, &each)?;
        }
        Ok(())
    }

    /// Fills `out` with a piece's bytes, little-endian.
    pub(crate) fn fill(&self, piece: &Piece<'_>, out: &mut [u8]) -> Result<()> {
        if let Some(made) = &piece.made {
            let bytes: &[u8] = bytemuck::cast_slice(made.as_ref().as_ref().map_err(Clone::clone)?);
            #[expect(clippy::cast_possible_truncation, reason = "an index of a matrix in memory")]
            let start = (piece.start * piece.tensor.dtype.size()) as usize;
            out.copy_from_slice(&bytes[start..][..out.len()]);
            return Ok(());
        }
        self.fill_range(piece.tensor, piece.start, out)
    }

    /// All bytes of a tensor in its file, in a buffer that is aligned for any dtype.
    fn all_bytes(&self, tensor: &Tensor) -> Result<Vec<u64>> {
        let bytes = tensor.elements().saturating_mul(tensor.dtype.size());
        let no_memory = Error::NoMemory { bytes };
        let mut words = Vec::new();
        let (Ok(bytes), Ok(count)) = (usize::try_from(bytes), usize::try_from(bytes.div_ceil(8))) else {
            return Err(no_memory);
        };
        words.try_reserve_exact(count).map_err(|_| no_memory)?;
        words.resize(count, 0);
        self.fill_range(tensor, 0, &mut bytemuck::cast_slice_mut(&mut words)[..bytes])?;
        Ok(words)
    }

    /// Fills `out` with a tensor's bytes from an element on.
    pub(crate) fn fill_range(&self, tensor: &Tensor, start: u64, out: &mut [u8]) -> Result<()> {
        match tensor.dtype {
            Dtype::F32 => self.fill_with::<f32>(tensor, start, out),
            Dtype::F16 => self.fill_with::<f16>(tensor, start, out),
            Dtype::BF16 => self.fill_with::<bf16>(tensor, start, out),
            other => Err(Error::BadParameter(format!("no files hold values of dtype {other}"))),
        }
    }

    fn fill_with<T: Element + Pod>(&self, tensor: &Tensor, start: u64, out: &mut [u8]) -> Result<()> {
        let shard = match &tensor.shard {
            Some(shard) => Some(tensor.shape.shard(&shard.start, &shard.extent)?),
            None => None,
        };
        let key = Key::new(self.seed).named(&tensor.name);
        let sampler = tensor.sampler()?;
        let fill = Fill { shard, start, arithmetic: self.arithmetic, ..Fill::new(key, sampler) };
        let out: &mut [T] = bytemuck::cast_slice_mut(out);
        match self.backend {
            // a matrix comes from the CPU anyway
            Backend::Gpu(gpu) if !matches!(sampler, Sampler::Matrix(_)) => {
                let count = out.len() as u64;
                out.copy_from_slice(&gpu.read::<T>(&gpu.tensor(&fill, T::DTYPE, count)?, 0, count)?);
            }
            _ => cpu::fill(&fill, out)?,
        }
        let padding = tensor.padding_elements();
        let within = |index: u64| index.saturating_sub(start).min(out.len() as u64);
        #[expect(clippy::cast_possible_truncation, reason = "within the slice")]
        let padding = within(padding.start) as usize..within(padding.end) as usize;
        out[padding].fill(T::zeroed());
        if cfg!(target_endian = "big") {
            bytemuck::cast_slice_mut::<T, u8>(out).chunks_exact_mut(size_of::<T>()).for_each(<[u8]>::reverse);
        }
        Ok(())
    }
}

/// A tensor's pieces of at most so many elements.
#[expect(clippy::cast_possible_truncation, reason = "a piece is held in memory")]
fn pieces(
    tensor: &Tensor,
    offset: u64,
    most: u64,
    made: Option<Arc<Result<Vec<u64>>>>,
) -> impl Iterator<Item = Piece<'_>> + Send {
    let (size, elements) = (tensor.dtype.size(), tensor.elements());
    (0..elements).step_by(usize::try_from(most).unwrap_or(usize::MAX)).map(move |start| {
        let bytes = ((elements - start).min(most) * size) as usize;
        Piece { tensor, start, bytes, offset: offset + start * size, made: made.clone() }
    })
}

/// The first `bytes` of a buffer, made larger where it must be.
pub(crate) fn bytes_of(buffer: &mut Vec<u64>, bytes: usize) -> &mut [u8] {
    let words = bytes.div_ceil(8);
    if buffer.len() < words {
        buffer.resize(words, 0);
    }
    &mut bytemuck::cast_slice_mut(buffer)[..bytes]
}
