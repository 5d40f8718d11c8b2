//! Philox4x32-10 for a vector of blocks. Twin: shaders/philox.wgsl. One block at a time is src/philox.rs.

use super::interleave::Interleave;
use super::simd::Simd;
use super::vector::Words;
use crate::philox::{PHILOX_M0, PHILOX_M1, philox_bump};

/// The keys of the ten rounds, each in every lane.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn round_keys<U: Simd>(simd: U, mut key: [u32; 2]) -> [[U::Vector; 2]; 10] {
    // the same for every vector of a fill, so they are computed once
    let mut keys = [[simd.splat(0); 2]; 10];
    for round in &mut keys {
        *round = [simd.splat(key[0]), simd.splat(key[1])];
        key = philox_bump(key);
    }
    keys
}

/// One round for a vector of counters. A vector unit multiplies 32-bit words in 64-bit lanes: each word is the low half
/// of its lane, and the high half is ignored.
#[cfg_attr(not(debug_assertions), inline(always))]
fn round<U: Simd>(simd: U, c: [U::U64s; 4], [m0, m1]: [U::Vector; 2], key: [U::Vector; 2]) -> [U::U64s; 4] {
    // only the low words enter the products: what `xor_high` leaves in the high words does no harm
    let p0 = simd.mul_low(c[0], m0);
    let p1 = simd.mul_low(c[2], m1);
    [simd.xor_high(c[1], key[0], p1), p1, simd.xor_high(c[3], key[1], p0), p0]
}

/// The blocks of a vector of counters, after some of their rounds. Step `i` of 0 to 3 runs two rounds: `2 i + 2` and
/// the next.
pub(crate) struct Rounds<'a, U: Simd> {
    /// The vector unit.
    simd: U,
    /// Philox's state, one of its four words in the low half of each lane.
    counters: [U::U64s; 4],
    /// The multipliers.
    // made for each vector of blocks, so that a unit that hides them does so within the loop
    factors: [U::Vector; 2],
    /// The keys of all rounds.
    keys: &'a [[U::Vector; 2]; 10],
}

impl<'a, U: Simd> Rounds<'a, U> {
    /// Runs the first round. The upper half of Philox's counter is 0.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn new(simd: U, counters: U::U64s, keys: &'a [[U::Vector; 2]; 10]) -> Self {
        // word 0 is the low half of the counter as it is, word 1 its high half
        let counters = [counters, simd.high(counters), simd.zero(), simd.zero()];
        let factors = [simd.factor(PHILOX_M0), simd.factor(PHILOX_M1)];
        Self { simd, counters: round(simd, counters, factors, keys[0]), factors, keys }
    }

    /// Runs the last round, after the four steps, and returns the blocks word by word.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn blocks(self) -> [Words<U>; 4] {
        let Self { simd, counters: [x, y, z, w], factors: [m0, m1], keys: [.., [k0, k1]] } = self;
        // the last round packs its words into whole vectors, so it is not `round`
        let (p0, p1) = (simd.mul_low(x, m0), simd.mul_low(z, m1));
        let x = simd.xor(simd.xor(simd.narrow(y), *k0), simd.narrow_high(p1));
        let z = simd.xor(simd.xor(simd.narrow(w), *k1), simd.narrow_high(p0));
        [Words(simd, x), Words(simd, simd.narrow(p1)), Words(simd, z), Words(simd, simd.narrow(p0))]
    }
}

impl<U: Simd> Interleave for Rounds<'_, U> {
    const WORK: bool = U::INTERLEAVES;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn step(&mut self, i: usize) {
        // two rounds a step: four steps are rounds 2 to 9, `new` has the first and `blocks` the last
        let counters = round(self.simd, self.counters, self.factors, self.keys[2 * i + 1]);
        self.counters = round(self.simd, counters, self.factors, self.keys[2 * i + 2]);
    }
}
