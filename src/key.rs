//! Keys: a seed and an offset, as in PyTorch's stateless generator. A tensor's key decides all its random words.

use sha2::{Digest, Sha256};

use crate::bits::words;
use crate::philox::philox4x32_10;

/// A key: the seed of a Philox stream and the counter at which it begins. The stream is a sequence of random 32-bit
/// words, in blocks of four.
///
/// The same pair, with the same derivations, as PyTorch's stateless generator
/// (`torch.func._random`, torch 2.12 and later).
///
/// ```
/// use seedtensors::Key;
///
/// let key = Key::new(42).named("model.layers.0.mlp.up_proj.weight");
/// assert_eq!(key, Key::new(42).named("model.layers.0.mlp.up_proj.weight"));
/// assert_ne!(key, Key::new(42).named("model.layers.1.mlp.up_proj.weight"));
/// assert_eq!(Key::new(42).split(3)[2], Key::new(42).fold_in(2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Philox's key: its low word first, then its high word.
    pub seed: u64,
    /// The counter of the stream's first block.
    pub offset: u64,
}

impl Key {
    /// The key `(seed, 0)`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, offset: 0 }
    }

    /// The key that index `i` derives from this one. Let `w0` to `w3` be the words of [`block(i)`](Self::block): the
    /// new seed is `w1 << 32 | w0`, the new offset `w3 << 32 | w2`.
    #[must_use]
    pub fn fold_in(self, i: u64) -> Self {
        // the order of the words is PyTorch's, so that a stock PyTorch derives the same keys
        let [w0, w1, w2, w3] = self.block(i).map(u64::from);
        Self { seed: w1 << 32 | w0, offset: w3 << 32 | w2 }
    }

    /// The keys `fold_in(0)` to `fold_in(n - 1)`. It allocates `n` keys of 16 bytes; use [`fold_in`](Self::fold_in) to
    /// compute them one at a time.
    ///
    /// # Panics
    ///
    /// It panics if the keys take more than `isize::MAX` bytes. If memory runs out, the process ends, as with any `Vec`.
    #[must_use]
    pub fn split(self, n: usize) -> Vec<Self> {
        (0..n as u64).map(|i| self.fold_in(i)).collect()
    }

    /// The key of a tensor by its name: `fold_in(h)`, `h` the first 8 bytes, little-endian, of SHA-256
    /// of the name's UTF-8 bytes. Other tensors of the model do not affect it.
    ///
    /// Any text is a name. Take the one that the parameter has in the checkpoint (`fc1.weight`), or its path in the
    /// module; whoever uses the same name gets the same values.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        // a fixed hash: the standard library's may change between releases, and every key with it
        let digest: [u8; 32] = Sha256::digest(name.as_bytes()).into();
        let (first, _) = digest.split_at(8);
        // little-endian on every machine: the last byte is shifted in first
        self.fold_in(first.iter().rev().fold(0, |h, &byte| h << 8 | u64::from(byte)))
    }

    /// The four words of block `b`: Philox4x32-10 of the counter `offset + b` (mod 2^64).
    ///
    /// Element `i` of a tensor takes word `i % 4` of block `i / 4`.
    #[must_use]
    #[inline]
    pub fn block(self, b: u64) -> [u32; 4] {
        // only the low 64 of the 128 bits count: past 2^64 - 1 comes block 0, not a carry into the upper half
        let [low, high] = words(self.offset.wrapping_add(b));
        philox4x32_10([low, high, 0, 0], words(self.seed))
    }
}
