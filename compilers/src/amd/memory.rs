//! The memory that a workgroup sees: the buffers that are bound, its own stores, and shared memory.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

use crate::shared::Shared;

/// The high half of the addresses that RADV's 32-bit pointers have.
const HIGH: u32 = 0xffff_8000;
/// The low halves of the addresses of the descriptor set and of the dynamic descriptors.
pub(super) const SET: u32 = 0x1000;
pub(super) const DYNAMIC: u32 = 0x2000;
/// Tags in the first words of the descriptors: by them a use of the wrong one is found.
const STORAGE: u32 = 0x5701_0000;
const UNIFORM: u32 = 0x0f02_0000;
const SOURCE: u32 = 0x5003_0000;

/// The value of a register, or of a word behind the source's end, that nothing has written: -6.3e18 as f32, and an
/// offset outside every buffer.
pub(super) const NOISE: u32 = 0xdead_beef;

/// The buffers that a dispatch is bound to.
#[derive(Clone, Copy)]
pub(super) struct Buffers<'a> {
    pub(super) params: &'a [u32],
    pub(super) storage: &'a [u32],
    pub(super) source: Option<&'a [u32]>,
}

/// A word that was stored: its index in the storage buffer, its value, and the thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Store {
    pub(super) place: u32,
    pub(super) word: u32,
    pub(super) thread: u32,
}

/// A workgroup's memory. No workgroup sees another's stores.
pub(super) struct Memory<'a> {
    buffers: Buffers<'a>,
    pub(super) stores: Vec<Store>,
    /// The words of the storage buffer that were loaded, each with its thread.
    pub(super) loads: Vec<(u32, u32)>,
    /// The first stores by their places, and their number. Loads need them, and most shaders load nothing after their
    /// first store.
    found: HashMap<u32, Store>,
    indexed: usize,
    pub(super) shared: Shared,
}

impl<'a> Memory<'a> {
    pub(super) fn new(buffers: Buffers<'a>) -> Self {
        Self {
            buffers,
            stores: Vec::new(),
            loads: Vec::new(),
            found: HashMap::new(),
            indexed: 0,
            shared: Shared::default(),
        }
    }

    /// Words that a scalar load reads through one of RADV's pointers: descriptors.
    pub(super) fn descriptors(&self, pointer: u64) -> Result<Vec<u32>> {
        ensure!(pointer >> 32 == u64::from(HIGH), "a pointer whose high half is not {HIGH:#x}: {pointer:#x}");
        // a descriptor here is its tag, 0, the size in bytes, and 0
        let descriptor = |tag, words: &[u32]| [tag, 0, size_of_val(words) as u32, 0];
        let Buffers { params, storage, source } = self.buffers;
        match pointer as u32 {
            SET => {
                let source = source.map(|source| descriptor(SOURCE, source));
                Ok([Some(descriptor(STORAGE, storage)), source].into_iter().flatten().flatten().collect())
            }
            DYNAMIC => Ok(descriptor(UNIFORM, params).to_vec()),
            _ => bail!("an unknown pointer {pointer:#x}"),
        }
    }

    /// The words of the uniform buffer, as a scalar load reads them through its descriptor.
    pub(super) fn params(&self, tag: u32) -> Result<&'a [u32]> {
        // a wrong order of the arguments in src/amd/layout.rs is found here, in `load` and in `store`
        ensure!(tag == UNIFORM, "a descriptor that is not the uniform buffer's: {tag:#x}");
        Ok(self.buffers.params)
    }

    /// A word of a storage buffer: as it was before the dispatch, or as the same thread has stored it.
    pub(super) fn load(&mut self, tag: u32, thread: u32, place: u32) -> Result<u32> {
        let buffer = match (tag, self.buffers.source) {
            (STORAGE, _) => self.buffers.storage,
            // WebGPU lets a shader load outside a buffer, but does not say which word it gets: noise shows if one is used
            (SOURCE, Some(source)) => return Ok(source.get(place as usize).copied().unwrap_or(NOISE)),
            _ => bail!("a descriptor that is not a storage buffer's: {tag:#x}"),
        };
        let old = *buffer.get(place as usize).with_context(|| outside(place))?;
        self.loads.push((place, thread));
        for store in &self.stores[self.indexed..] {
            self.found.insert(store.place, *store);
        }
        self.indexed = self.stores.len();
        match self.found.get(&place) {
            None => Ok(old),
            Some(store) if store.thread == thread => Ok(store.word),
            Some(_) => bail!("word {place} is loaded after another thread has stored it"),
        }
    }

    pub(super) fn store(&mut self, tag: u32, thread: u32, place: u32, word: u32) -> Result<()> {
        ensure!(tag == STORAGE, "a descriptor that is not that of the buffer that is written: {tag:#x}");
        // robust access would drop such a store on a device and hide the fault
        ensure!((place as usize) < self.buffers.storage.len(), outside(place));
        self.stores.push(Store { place, word, thread });
        Ok(())
    }
}

fn outside(place: u32) -> String {
    format!("word {place} lies outside the buffer")
}
