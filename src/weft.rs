//! Work that is woven into other work, so that a processor has enough to do.
//!
//! A processor looks only so far ahead for what it can begin, and a chain of steps of which each waits for the last fills
//! what it sees: the square root of a vector of normals takes 75 cycles and could take 30. So the words of the next
//! vector are made between its links, and each normal is a fifth faster. Compilers put the two in line again, one after
//! the other, but they keep what stands in a loop there if they do not know that it is gone through once.

use std::hint::black_box;
use std::ops::Range;

/// Work in four parts.
pub(crate) trait Weft {
    /// Whether there is any.
    const WORK: bool;

    /// The next part, of 0 to 3.
    fn part(&mut self, i: usize);

    /// A range of one, whose length the compiler does not know where there is work to be kept in its place.
    #[inline(always)]
    fn once(&self) -> Range<u32> {
        0..if Self::WORK { black_box(1) } else { 1 }
    }

    /// All four parts.
    #[inline(always)]
    fn whole(&mut self) {
        self.part(0);
        self.part(1);
        self.part(2);
        self.part(3);
    }
}

/// No work.
pub(crate) struct Nothing;

impl Weft for Nothing {
    const WORK: bool = false;

    #[inline(always)]
    fn part(&mut self, _: usize) {}
}
