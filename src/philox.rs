//! The Philox4x32-10 block (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
//! SC11) and its generator for the `rand` family of crates. Twin: shaders/philox.wgsl.

use std::convert::Infallible;

use rand_core::{SeedableRng, TryRng};

use crate::key::{Key, words};
use crate::vector::{Unit, Words};
use crate::weft::Weft;

pub(crate) const PHILOX_M0: u32 = 0xD251_1F53;
pub(crate) const PHILOX_M1: u32 = 0xCD9E_8D57;
pub(crate) const PHILOX_W0: u32 = 0x9E37_79B9;
pub(crate) const PHILOX_W1: u32 = 0xBB67_AE85;

/// The 64-bit product of two words as (low, high).
#[inline(always)]
fn mul_wide(a: u32, b: u32) -> [u32; 2] {
    words(a as u64 * b as u64)
}

/// One round of Philox4x32; ten of them, with [`philox_bump`] between, make the block.
///
/// Public for those who check it against the published vectors of 7 rounds.
#[must_use]
#[inline(always)]
pub fn philox_round(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let p0 = mul_wide(PHILOX_M0, counter[0]);
    let p1 = mul_wide(PHILOX_M1, counter[2]);
    [p1[1] ^ counter[1] ^ key[0], p1[0], p0[1] ^ counter[3] ^ key[1], p0[0]]
}

/// The next round's key.
#[must_use]
#[inline(always)]
pub fn philox_bump(key: [u32; 2]) -> [u32; 2] {
    [key[0].wrapping_add(PHILOX_W0), key[1].wrapping_add(PHILOX_W1)]
}

/// The four words of a Philox4x32-10 block, for a counter and a key, low words first.
///
/// ```
/// let words = seedtensors::philox4x32_10([0; 4], [0; 2]);
/// assert_eq!(words, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
/// ```
#[must_use]
#[inline(always)]
pub fn philox4x32_10(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..9 {
        counter = philox_round(counter, key);
        key = philox_bump(key);
    }
    philox_round(counter, key)
}

/// The keys of the ten rounds, each in every lane.
#[inline(always)]
pub(crate) fn schedule<U: Unit>(unit: U, mut key: [u32; 2]) -> [[U::Vector; 2]; 10] {
    let mut keys = [[unit.splat(0); 2]; 10];
    for round in &mut keys {
        *round = [unit.splat(key[0]), unit.splat(key[1])];
        key = philox_bump(key);
    }
    keys
}

/// [`philox_round`] of a vector of counters. Words are the low halves of 64-bit lanes, as a vector unit multiplies them;
/// what stands above them is of no account.
#[inline(always)]
fn round<U: Unit>(unit: U, c: [U::Wide; 4], key: [U::Vector; 2]) -> [U::Wide; 4] {
    let p0 = unit.mul_low(c[0], PHILOX_M0);
    let p1 = unit.mul_low(c[2], PHILOX_M1);
    [unit.xor_high(c[1], key[0], p1), p1, unit.xor_high(c[3], key[1], p0), p0]
}

/// The blocks of a vector of counters under way: the parts are rounds 2 to 9, two each.
pub(crate) struct Rounds<'a, U: Unit> {
    unit: U,
    counters: [U::Wide; 4],
    keys: &'a [[U::Vector; 2]; 10],
}

impl<'a, U: Unit> Rounds<'a, U> {
    #[inline(always)]
    pub(crate) fn new(unit: U, counters: U::Wide, keys: &'a [[U::Vector; 2]; 10]) -> Self {
        let counters = [counters, unit.high(counters), unit.zero(), unit.zero()];
        Self { unit, counters: round(unit, counters, keys[0]), keys }
    }

    /// The last round, once the parts are done: the blocks word by word.
    #[inline(always)]
    pub(crate) fn blocks(self) -> [Words<U>; 4] {
        let Self { unit, counters: [x, y, z, w], keys: [.., [k0, k1]] } = self;
        let (p0, p1) = (unit.mul_low(x, PHILOX_M0), unit.mul_low(z, PHILOX_M1));
        let x = unit.xor(unit.xor(unit.narrow(y), *k0), unit.narrow_high(p1));
        let z = unit.xor(unit.xor(unit.narrow(w), *k1), unit.narrow_high(p0));
        [Words(unit, x), Words(unit, unit.narrow(p1)), Words(unit, z), Words(unit, unit.narrow(p0))]
    }
}

impl<U: Unit> Weft for Rounds<'_, U> {
    const WORK: bool = true;

    #[inline(always)]
    fn part(&mut self, i: usize) {
        let counters = round(self.unit, self.counters, self.keys[2 * i + 1]);
        self.counters = round(self.unit, counters, self.keys[2 * i + 2]);
    }
}

/// A key's words as a generator, for the distributions of `rand` and `rand_distr`.
///
/// Word `i` of the generator is the word of element `i` of a tensor under the same key. It can be moved
/// to any word at no cost, and ends at no word: after word 2^64 - 1 comes word 0.
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
    key: Key,
    position: u64,
    block: [u32; 4],
}

impl Philox {
    /// The key it was made from.
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
