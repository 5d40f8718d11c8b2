//! The memory that the threads of a workgroup share. It checks what a device does not: that a barrier is between every
//! two accesses of one word by different threads, of which one writes. So a barrier that is missing is an error, in
//! whatever order an interpreter runs the threads.

use anyhow::{Context, Result, ensure};

/// WebGPU's default limit, 16 KiB.
const MOST_WORDS: usize = 4096;
/// No thread, and more than one.
const NOBODY: u32 = u32::MAX;
const SEVERAL: u32 = u32::MAX - 1;

/// A word, and the threads that read and wrote it since the last barrier.
#[derive(Clone, Copy, Debug)]
struct Word {
    /// Nothing until the first store.
    value: Option<u32>,
    reader: u32,
    writer: u32,
}

const UNUSED: Word = Word { value: None, reader: NOBODY, writer: NOBODY };

/// The shared memory of a workgroup.
#[derive(Debug, Default)]
pub(crate) struct Shared(Vec<Word>);

impl Shared {
    /// The word at an address, as a thread reads it.
    pub(crate) fn load(&mut self, thread: u32, address: u32) -> Result<u32> {
        let word = self.word(address)?;
        let value = word.value.with_context(|| format!("shared word {address:#x} is read before it is written"))?;
        ensure!(
            word.writer == NOBODY || word.writer == thread,
            "shared word {address:#x} is read and written by different threads between two barriers"
        );
        word.reader = if word.reader == NOBODY || word.reader == thread { thread } else { SEVERAL };
        Ok(value)
    }

    /// Writes the word at an address.
    pub(crate) fn store(&mut self, thread: u32, address: u32, value: u32) -> Result<()> {
        let word = self.word(address)?;
        for other in [word.reader, word.writer] {
            ensure!(
                other == NOBODY || other == thread,
                "shared word {address:#x} is written and used by different threads between two barriers"
            );
        }
        *word = Word { value: Some(value), writer: thread, ..*word };
        Ok(())
    }

    /// Every thread has come to a barrier.
    pub(crate) fn barrier(&mut self) {
        for word in &mut self.0 {
            *word = Word { value: word.value, ..UNUSED };
        }
    }

    fn word(&mut self, address: u32) -> Result<&mut Word> {
        ensure!(address.is_multiple_of(4), "shared address {address:#x} must be a word");
        let index = (address / 4) as usize;
        ensure!(index < MOST_WORDS, "shared address {address:#x} must be below {:#x}", 4 * MOST_WORDS);
        // most shaders have no shared memory, so it grows when it is first used
        if index >= self.0.len() {
            self.0.resize(index + 1, UNUSED);
        }
        Ok(&mut self.0[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_must_be_between_threads() {
        let mut shared = Shared::default();
        assert!(shared.load(0, 4).is_err());
        shared.store(0, 4, 7).unwrap();
        assert_eq!(shared.load(0, 4).unwrap(), 7);
        assert!(shared.load(1, 4).is_err());
        assert!(shared.store(1, 4, 8).is_err());
        shared.barrier();
        assert_eq!(shared.load(1, 4).unwrap(), 7);
        assert_eq!(shared.load(2, 4).unwrap(), 7);
        // words that were read may not be written before the next barrier
        assert!(shared.store(1, 4, 8).is_err());
        shared.barrier();
        shared.store(1, 4, 8).unwrap();
        assert!(shared.load(0, 2).is_err());
        assert!(shared.store(0, 1 << 14, 0).is_err());
    }
}
