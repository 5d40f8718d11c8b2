//! Work that is woven into other work, so that a processor has enough to do.
//!
//! A processor looks only so far ahead for what it can begin, and a chain of steps of which each waits for the last, such
//! as a normal's square root, fills what it sees. So the words of the next vector are made between the links of this
//! one's chains: normals are a fifth faster. Compilers would put the two in line again, one behind the other, but they
//! leave what stands in a loop where it is if they do not know that the loop is gone through once.

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
