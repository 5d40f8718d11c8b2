//! Interleaving independent work into a chain of dependent operations, so that the processor does not wait.
//!
//! A normal's square root is a chain: each operation needs the result of the one before. A processor looks only a few
//! hundred instructions ahead for others to run meanwhile. The sampler therefore runs the next vector's Philox rounds
//! between the steps of this vector's square root: normals are a fifth faster. The compiler would move the two apart
//! again. It does not move code out of a loop whose trip count it does not know, so each step is in a loop that runs
//! once.

use std::hint::black_box;
use std::ops::Range;

/// Independent work in four steps.
pub(crate) trait Interleave {
    /// Whether there is any work to be kept in place.
    const WORK: bool;

    /// Runs step `i`, of 0 to 3.
    fn step(&mut self, i: usize);

    /// A range of one element. The compiler does not know its length where there is work to be kept in place.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn once(&self) -> Range<u32> {
        // without work nothing has to stay in its position, and a known count leaves the compiler free
        0..if Self::WORK { black_box(1) } else { 1 }
    }

    /// Runs all four steps.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn finish(&mut self) {
        self.step(0);
        self.step(1);
        self.step(2);
        self.step(3);
    }
}

/// No work.
pub(crate) struct Nothing;

impl Interleave for Nothing {
    const WORK: bool = false;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn step(&mut self, _: usize) {}
}
