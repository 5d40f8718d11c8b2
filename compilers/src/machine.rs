//! Types that both interpreters share: a dispatch as machine code sees it, the buffer that it writes, and the counts of
//! a run.

/// One dispatch, as machine code sees it.
#[derive(Clone, Copy)]
pub(crate) struct Launch<'a> {
    /// The uniform buffer.
    pub(crate) params: &'a [u32],
    /// The storage buffer that is read alone, where the shader has one.
    pub(crate) source: Option<&'a [u32]>,
    /// Workgroups in x and y.
    pub(crate) grid: [u32; 2],
    /// Threads of a workgroup, all of them in x.
    pub(crate) workgroup: u32,
}

/// The bound storage buffer, and which of its words were written.
pub(crate) struct Output {
    pub(crate) words: Vec<u32>,
    pub(crate) written: Vec<bool>,
}

impl Output {
    /// A buffer of which nothing was written.
    pub(crate) fn new(words: Vec<u32>) -> Self {
        Self { written: vec![false; words.len()], words }
    }
}

/// Counts of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Executed {
    /// Instructions, once for each wave that ran them.
    pub(crate) instructions: u64,
    /// Fused multiply-adds, once for each lane that ran one.
    pub(crate) fused: u64,
    /// Those of them whose result would differ if the product were rounded first.
    pub(crate) fused_matter: u64,
}

impl std::ops::AddAssign for Executed {
    fn add_assign(&mut self, other: Self) {
        self.instructions += other.instructions;
        self.fused += other.fused;
        self.fused_matter += other.fused_matter;
    }
}
