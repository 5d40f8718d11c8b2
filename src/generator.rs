//! Philox as a generator for the distributions of `rand` and `rand_distr`.

use std::convert::Infallible;

use rand_core::{SeedableRng, TryRng};

use crate::key::Key;

/// A key's words as a generator, for the distributions of `rand` and `rand_distr`.
///
/// Word `i` of the generator is the word of element `i` of a tensor under the same key. [`seek`](Self::seek) moves to
/// any word at no cost. After word 2^64 - 1 comes word 0.
///
/// Not for cryptography.
///
/// ```
/// use rand::RngExt;
/// use seedtensors::{Key, Philox};
///
/// let mut generator = Philox::from(Key::new(42));
/// let uniform: f64 = generator.random();
/// assert!((0.0..1.0).contains(&uniform));
///
/// generator.seek(5);
/// assert_eq!(generator.random::<u32>(), Key::new(42).block(1)[1]);
/// assert_eq!(generator.position(), 6);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Philox {
    /// The key whose words these are.
    key: Key,
    /// Index of the next word.
    position: u64,
    /// The block of the next word, so that a block is computed once for its four words.
    block: [u32; 4],
}

impl Philox {
    /// The key that the generator was made from.
    #[must_use]
    pub const fn key(&self) -> Key {
        self.key
    }

    /// The index of the next word.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Makes `word` the index of the next word.
    pub fn seek(&mut self, word: u64) {
        self.position = word;
        self.block = self.key.block(word / 4);
    }

    fn next_word(&mut self) -> u32 {
        let word = self.block[(self.position % 4) as usize];
        self.position = self.position.wrapping_add(1);
        // 2^64 is a multiple of 4, so the wrapped position begins block 0
        if self.position.is_multiple_of(4) {
            self.block = self.key.block(self.position / 4);
        }
        word
    }
}

impl From<Key> for Philox {
    fn from(key: Key) -> Self {
        Self { key, position: 0, block: key.block(0) }
    }
}

impl TryRng for Philox {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.next_word())
    }

    /// Two words, the low one first.
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        // rand_core's own helpers fix the order of the words, on big-endian machines, too
        rand_core::utils::next_u64_via_u32(self)
    }

    /// Whole words, little-endian; the rest of a last word that is begun is dropped.
    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Infallible> {
        rand_core::utils::fill_bytes_via_next_word(destination, || self.try_next_u32())
    }
}

impl SeedableRng for Philox {
    /// The key's seed, then its offset, each little-endian.
    type Seed = [u8; 16];

    fn from_seed(seed: [u8; 16]) -> Self {
        let [seed, offset] = rand_core::utils::read_words(&seed);
        Self::from(Key { seed, offset })
    }

    /// The generator of `Key::new(seed)`.
    fn seed_from_u64(seed: u64) -> Self {
        Self::from(Key::new(seed))
    }
}
