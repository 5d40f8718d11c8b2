//! Elements on the CPU, in the widest vectors that the processor has.

#[cfg(target_arch = "x86_64")]
use pulp::NullaryFnOnce;
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};
use rayon::prelude::*;

use crate::dtype::{Element, block_size, store};
use crate::key::words;
use crate::philox::{Rounds, schedule};
use crate::sampler::{Coefficients, Kind, sample};
use crate::scalar::lane;
#[cfg(target_arch = "x86_64")]
use crate::vector::Twice;
use crate::vector::{One, Unit};
use crate::weft::{Nothing, Weft};
use crate::{Dtype, Fill, Key};

/// Blocks that are worked out at a time, a multiple of every unit's lanes.
const BLOCKS: usize = 64;
const GROUP: usize = 4 * BLOCKS;
/// Elements that one task of the thread pool fills.
const CHUNK: usize = 64 * GROUP;

/// Fills `out` with the elements of a fill that fits it, on the threads of rayon's current pool.
pub(crate) fn elements<T: Element>(kind: Kind, coefficients: &Coefficients, fill: &Fill, out: &mut [T]) {
    // chunks of a range begin at whole blocks, but for the first
    let in_step = if fill.shard.is_none() { (fill.start.wrapping_neg() % 4) as usize } else { 0 };
    let (head, rest) = out.split_at_mut(in_step.min(out.len()));
    let head_len = head.len() as u64;
    fill_chunk(kind, fill, coefficients, head);
    let rest_fill = |skip: usize| Fill { start: fill.start + head_len + skip as u64, ..*fill };
    if rest.len() <= CHUNK {
        // not worth waking a thread
        fill_chunk(kind, &rest_fill(0), coefficients, rest);
        return;
    }
    rest.par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(i, chunk)| fill_chunk(kind, &rest_fill(i * CHUNK), coefficients, chunk));
}

/// Fills a piece on one thread: a run, or a shard's runs one after another.
#[expect(clippy::cast_possible_truncation, reason = "a run within a slice")]
fn fill_chunk<T: Element>(kind: Kind, fill: &Fill, coefficients: &Coefficients, mut out: &mut [T]) {
    match fill.shard {
        None => fill_run(kind, fill.key, fill.start, coefficients, out),
        Some(shard) if shard.run() < GROUP as u64 => {
            let mut scattered = Scattered::new(kind, fill.key, coefficients);
            for (index, count) in shard.runs(fill.start..fill.start + out.len() as u64) {
                scattered.push(index, count, out);
            }
            scattered.flush(out);
        }
        Some(shard) => {
            for (index, count) in shard.runs(fill.start..fill.start + out.len() as u64) {
                let (run, rest) = out.split_at_mut(count as usize);
                fill_run(kind, fill.key, index, coefficients, run);
                out = rest;
            }
        }
    }
}

/// Fills a run of elements that begins anywhere.
fn fill_run<T: Element>(kind: Kind, key: Key, start: u64, coefficients: &Coefficients, out: &mut [T]) {
    let lead = (start % 4) as usize;
    // groups that begin and end with `out` are filled in place, others are cut out of a copy
    let whole = if lead == 0 { out.len() / GROUP * GROUP } else { 0 };
    let (body, mut tail) = out.split_at_mut(whole);
    let fill = |block, out: &mut [T]| {
        let counters = Counters::From(key.offset.wrapping_add(block));
        Blocks { kind, dtype: T::DTYPE, key, counters, coefficients }.fill(bytemuck::cast_slice_mut(out));
    };
    fill(start / 4, body);
    let mut block = start / 4 + (whole / 4) as u64;
    let mut lead = lead;
    while !tail.is_empty() {
        let mut group = [T::zeroed(); GROUP];
        fill(block, &mut group);
        let (cut, rest) = tail.split_at_mut((GROUP - lead).min(tail.len()));
        cut.copy_from_slice(&group[lead..][..cut.len()]);
        (tail, lead, block) = (rest, 0, block + BLOCKS as u64);
    }
}

/// Short runs, whose blocks are gathered from everywhere until there are enough of them to be worked out side
/// by side.
struct Scattered<'a> {
    kind: Kind,
    key: Key,
    coefficients: &'a Coefficients,
    counters: [u64; BLOCKS],
    /// For each block where its elements go, the first of them, and the number of them.
    places: [(usize, u8, u8); BLOCKS],
    blocks: usize,
    at: usize,
}

impl<'a> Scattered<'a> {
    const fn new(kind: Kind, key: Key, coefficients: &'a Coefficients) -> Self {
        Self { kind, key, coefficients, counters: [0; BLOCKS], places: [(0, 0, 0); BLOCKS], blocks: 0, at: 0 }
    }

    /// Adds a run, whose place in `out` is behind the last.
    #[expect(clippy::cast_possible_truncation, reason = "places within a block")]
    fn push<T: Element>(&mut self, index: u64, count: u64, out: &mut [T]) {
        let (mut index, end) = (index, index + count);
        while index < end {
            if self.blocks == BLOCKS {
                self.flush(out);
            }
            let skip = index % 4;
            let take = (4 - skip).min(end - index);
            self.counters[self.blocks] = self.key.offset.wrapping_add(index / 4);
            self.places[self.blocks] = (self.at, skip as u8, take as u8);
            self.blocks += 1;
            self.at += take as usize;
            index += take;
        }
    }

    fn flush<T: Element>(&mut self, out: &mut [T]) {
        let mut elements = [T::zeroed(); GROUP];
        Blocks {
            kind: self.kind,
            dtype: T::DTYPE,
            key: self.key,
            counters: Counters::Of(&self.counters),
            coefficients: self.coefficients,
        }
        .fill(bytemuck::cast_slice_mut(&mut elements));
        for (block, &(at, skip, take)) in elements.as_chunks::<4>().0.iter().zip(&self.places[..self.blocks]) {
            let (skip, take) = (usize::from(skip), usize::from(take));
            out[at..at + take].copy_from_slice(&block[skip..skip + take]);
        }
        self.blocks = 0;
    }
}

/// Which blocks.
#[derive(Clone, Copy, Debug)]
enum Counters<'a> {
    /// This one and those that follow it.
    From(u64),
    /// These.
    Of(&'a [u64]),
}

impl Counters<'_> {
    /// So many, from the `skip`th on.
    #[inline(always)]
    fn vector<U: Unit>(self, unit: U, skip: usize) -> U::Wide {
        match self {
            Self::From(first) => unit.count_from(first.wrapping_add(skip as u64)),
            Self::Of(counters) => unit.wide(&counters[skip..skip + U::LANES]),
        }
    }
}

/// Whole groups of blocks.
#[derive(Clone, Copy)]
struct Blocks<'a> {
    kind: Kind,
    dtype: Dtype,
    key: Key,
    counters: Counters<'a>,
    coefficients: &'a Coefficients,
}

impl Blocks<'_> {
    /// Their elements as bytes, in the widest vectors that there are. Without a parameter that is a type, so that it is
    /// compiled in this crate, once: it is what takes longest.
    fn fill(self, out: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(unit) = V4::try_new() {
                return unit.vectorize(On { unit: Twice(unit), blocks: self, out });
            }
            if let Some(unit) = V3::try_new() {
                return unit.vectorize(On { unit: Twice(unit), blocks: self, out });
            }
        }
        self.each_kind(One, out);
    }

    #[inline(always)]
    fn each_kind<U: Unit>(self, unit: U, out: &mut [u8]) {
        // a kind known to the compiler in each arm, so that its loop holds nothing of the others
        match self.kind {
            Kind::Words => Blocks { kind: Kind::Words, ..self }.each(unit, out),
            Kind::Constant => Blocks { kind: Kind::Constant, ..self }.each(unit, out),
            Kind::Uniform => Blocks { kind: Kind::Uniform, ..self }.each(unit, out),
            Kind::Normal | Kind::NormalNative => Blocks { kind: Kind::Normal, ..self }.each(unit, out),
            Kind::NormalCentred => Blocks { kind: Kind::NormalCentred, ..self }.each(unit, out),
            Kind::Truncated => Blocks { kind: Kind::Truncated, ..self }.each(unit, out),
            Kind::TruncatedNarrow => Blocks { kind: Kind::TruncatedNarrow, ..self }.each(unit, out),
        }
    }

    #[inline(always)]
    fn each<U: Unit>(self, unit: U, out: &mut [u8]) {
        if U::LANES == 1 { self.each_lane(out) } else { self.each_vector(unit, out) }
    }

    /// Vector by vector, the next one's words made while one's values are.
    #[inline(always)]
    fn each_vector<U: Unit>(self, unit: U, out: &mut [u8]) {
        let keys = schedule(unit, words(self.key.seed));
        let mut vectors = out.chunks_exact_mut(U::LANES * block_size(self.dtype));
        let Some(last) = vectors.next_back() else { return };
        let mut rounds = Rounds::new(unit, self.counters.vector(unit, 0), &keys);
        rounds.whole();
        for (i, out) in vectors.enumerate() {
            let words = rounds.blocks();
            rounds = Rounds::new(unit, self.counters.vector(unit, (i + 1) * U::LANES), &keys);
            store(sample(self.kind, words, self.coefficients, &mut rounds), self.dtype, out);
        }
        store(sample(self.kind, rounds.blocks(), self.coefficients, &mut Nothing), self.dtype, last);
    }

    /// Where there is no vector unit that this crate knows: in loops that the compiler makes vectors of, if it can.
    #[inline(always)]
    fn each_lane(self, out: &mut [u8]) {
        let keys = schedule(One, words(self.key.seed));
        for (group, out) in out.chunks_exact_mut(BLOCKS * block_size(self.dtype)).enumerate() {
            let [mut a, mut b, mut c, mut d] = [[0; BLOCKS]; 4];
            for i in 0..BLOCKS {
                let mut rounds = Rounds::new(One, self.counters.vector(One, group * BLOCKS + i), &keys);
                rounds.whole();
                [a[i], b[i], c[i], d[i]] = rounds.blocks().map(|word| word.1);
            }
            for i in 0..BLOCKS {
                let values = sample(self.kind, [a[i], b[i], c[i], d[i]].map(lane), self.coefficients, &mut Nothing);
                [a[i], b[i], c[i], d[i]] = values.map(|value| value.1);
            }
            for (i, out) in out.chunks_exact_mut(block_size(self.dtype)).enumerate() {
                store([a[i], b[i], c[i], d[i]].map(lane), self.dtype, out);
            }
        }
    }
}

/// Blocks on a vector unit: a function that pulp compiles for it.
#[cfg(target_arch = "x86_64")]
struct On<'a, U> {
    unit: U,
    blocks: Blocks<'a>,
    out: &'a mut [u8],
}

#[cfg(target_arch = "x86_64")]
impl<U: Unit> NullaryFnOnce for On<'_, U> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.blocks.each_kind(self.unit, self.out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::Work;
    use crate::{Arithmetic, Sampler};

    const SAMPLERS: [Sampler; 8] = [
        Sampler::Words,
        Sampler::Constant { value: 0.3 },
        Sampler::Uniform { low: -0.1, high: 0.7 },
        Sampler::Normal { mean: 0.0, std: 1.0 },
        Sampler::Normal { mean: 1.0, std: 1e-30 },
        Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: -2.0, high: 2.0 },
        Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: 3.0, high: f32::INFINITY },
        Sampler::TruncatedNormal { mean: 0.5, std: 1.0, low: 0.4, high: 0.41 },
    ];

    /// Every vector unit that this processor has gives the bits of one lane, counters that carry included.
    #[test]
    fn vector_units_agree() {
        let key = Key { seed: 0x0123_4567_89ab_cdef, offset: 0 };
        let scattered: Vec<u64> = (0..16 * BLOCKS as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        for (dtype, sampler) in Dtype::ALL.iter().flat_map(|&dtype| SAMPLERS.map(|sampler| (dtype, sampler))) {
            let Ok(Work::Words(kind, coefficients)) = sampler.work(dtype, Arithmetic::Exact) else {
                assert_eq!(sampler, Sampler::Words, "refused in {dtype}");
                continue;
            };
            for counters in
                [Counters::From(u64::from(u32::MAX) - 100), Counters::From(u64::MAX - 99), Counters::Of(&scattered)]
            {
                let blocks = Blocks { kind, dtype, key, counters, coefficients: &coefficients };
                let [mut one, mut widest] = [(); 2].map(|()| vec![0; 16 * BLOCKS * block_size(dtype)]);
                blocks.each_kind(One, &mut one);
                blocks.fill(&mut widest);
                assert!(one == widest, "the widest unit: {dtype} {sampler:?} {counters:?}");
                #[cfg(target_arch = "x86_64")]
                if let Some(unit) = V3::try_new() {
                    let mut avx2 = vec![0; one.len()];
                    unit.vectorize(On { unit: Twice(unit), blocks, out: &mut avx2 });
                    assert!(one == avx2, "AVX2: {dtype} {sampler:?} {counters:?}");
                }
            }
        }
    }
}
