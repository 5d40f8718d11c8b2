//! The Philox4x32-10 block (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11).
//!
//! This is the generator for one block. cpu/philox.rs and shaders/philox.wgsl work on many blocks at once.

use crate::bits::words;

/// The multiplier of word 0, from the paper.
pub(crate) const PHILOX_M0: u32 = 0xD251_1F53;
/// The multiplier of word 2, from the paper.
pub(crate) const PHILOX_M1: u32 = 0xCD9E_8D57;
/// The Weyl constants that are added to the key between rounds, from the paper: the golden ratio and sqrt(3) - 1.
pub(crate) const PHILOX_W0: u32 = 0x9E37_79B9;
pub(crate) const PHILOX_W1: u32 = 0xBB67_AE85;

/// The 64-bit product of two words as (low, high).
#[inline(always)]
fn mul_wide(a: u32, b: u32) -> [u32; 2] {
    words(a as u64 * b as u64)
}

/// One round of Philox4x32. Ten rounds, with [`philox_bump`] between them, make the block.
///
/// It is public for tests against the published vectors of 7 rounds.
///
/// ```
/// use seedtensors::reference::{philox_bump, philox_round, philox4x32_10};
///
/// let (mut counter, mut key) = ([1, 2, 3, 4], [5, 6]);
/// for _ in 0..10 {
///     counter = philox_round(counter, key);
///     key = philox_bump(key);
/// }
/// assert_eq!(counter, philox4x32_10([1, 2, 3, 4], [5, 6]));
/// ```
#[must_use]
#[inline(always)]
pub fn philox_round(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let p0 = mul_wide(PHILOX_M0, counter[0]);
    let p1 = mul_wide(PHILOX_M1, counter[2]);
    // the paper's S-box: high halves are mixed with the key and the odd words, low halves change their position
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
/// let words = seedtensors::reference::philox4x32_10([0; 4], [0; 2]);
/// assert_eq!(words, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
/// ```
#[must_use]
#[inline(always)]
pub fn philox4x32_10(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    // the key changes between rounds, so nine times for ten rounds
    for _ in 0..9 {
        counter = philox_round(counter, key);
        key = philox_bump(key);
    }
    philox_round(counter, key)
}
