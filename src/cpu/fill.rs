//! A selection of elements, cut into chunks for the threads and into groups of blocks for the vector unit. Twin:
//! shaders/fill.wgsl.

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
use pulp::NullaryFnOnce;
#[cfg(target_arch = "aarch64")]
use pulp::aarch64::Neon;
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

use super::dtype::{block_size, element_size, store};
use super::interleave::{Interleave, Nothing};
use super::philox::{Rounds, round_keys};
use super::sampler::{WithTails, centre_values, sample, tail_value};
use super::simd::{Pair, Scalar, Simd};
use super::vector::{Words, lane};
use crate::bits::words;
use crate::coefficients::Coefficients;
use crate::fill::Selection;
use crate::kernel::KernelKind;
use crate::{Dtype, Key};

/// Blocks that are computed at a time: a multiple of every unit's lanes, and few enough to stay in the first cache.
const BLOCKS: usize = 64;
/// Elements of as many blocks.
const GROUP: usize = 4 * BLOCKS;
/// Elements that one task of the thread pool fills: about 10 microseconds of work, so that waking a thread pays.
const CHUNK: usize = 64 * GROUP;
/// Lanes of the widest vector: two pairs of AVX-512.
const WIDEST: usize = 64;
/// The size of the largest element in bytes.
const LARGEST: usize = 4;

/// Fills `out` with the elements of a selection that fits it.
// `out` is split into chunks for the threads (`fill_all`), a chunk into runs (`fill`), a run into groups (`run`), and a
// group into vectors (`Blocks`).
pub(crate) fn elements(
    kind: KernelKind,
    coefficients: &Coefficients,
    dtype: Dtype,
    selection: &Selection,
    out: &mut [u8],
) {
    let filler = Chunks { kind, coefficients, dtype, size: element_size(dtype), selection };
    // every chunk of a run but the first begins with a whole block
    let lead = if selection.shard.is_none() { (selection.start.wrapping_neg() % 4) as usize } else { 0 };
    let (head, rest) = out.split_at_mut((lead * filler.size).min(out.len()));
    let first = (head.len() / filler.size) as u64;
    // at most three elements
    filler.fill(0, head);
    if rest.len() <= CHUNK * filler.size {
        // too little to wake a thread for
        filler.fill(first, rest);
        return;
    }
    filler.fill_all(first, rest);
}

/// A selection and the code for its elements.
#[derive(Clone, Copy)]
struct Chunks<'a> {
    /// The code that turns words into values.
    kind: KernelKind,
    coefficients: &'a Coefficients,
    dtype: Dtype,
    /// Bytes of an element.
    size: usize,
    selection: &'a Selection,
}

impl Chunks<'_> {
    /// Fills chunks on every thread.
    #[cfg(feature = "rayon")]
    fn fill_all(&self, first: u64, out: &mut [u8]) {
        out.par_chunks_mut(CHUNK * self.size)
            .enumerate()
            .for_each(|(i, chunk)| self.fill(first + (i * CHUNK) as u64, chunk));
    }

    /// Fills chunks on this thread.
    #[cfg(not(feature = "rayon"))]
    fn fill_all(&self, first: u64, out: &mut [u8]) {
        for (i, chunk) in out.chunks_mut(CHUNK * self.size).enumerate() {
            self.fill(first + (i * CHUNK) as u64, chunk);
        }
    }

    /// Fills a chunk from an element of the selection on: one run, or the runs of a shard.
    #[expect(clippy::cast_possible_truncation, reason = "a run within a slice")]
    fn fill(&self, first: u64, mut out: &mut [u8]) {
        // after the last word of a key nothing is left to fill, and only this start wraps
        let start = self.selection.start.wrapping_add(first);
        let elements = || start..start + (out.len() / self.size) as u64;
        match self.selection.shard {
            None => self.run(start, out),
            // A group for each short run would compute mostly elements that are not used, so the blocks of several runs
            // are gathered into one.
            Some(shard) if shard.run() < GROUP as u64 => {
                let mut gathered = Gathered::new(self);
                for (index, count) in shard.runs(elements()) {
                    gathered.push(index, count, out);
                }
                gathered.flush(out);
            }
            Some(shard) => {
                for (index, count) in shard.runs(elements()) {
                    let (run, rest) = out.split_at_mut(count as usize * self.size);
                    self.run(index, run);
                    out = rest;
                }
            }
        }
    }

    /// Fills a run of elements that begins at any index.
    fn run(&self, start: u64, out: &mut [u8]) {
        let group = GROUP * self.size;
        // elements of the first block that come before the run
        let mut lead = (start % 4) as usize * self.size;
        // whole groups are filled in place; others are cut out of a copy, because vectors write whole blocks
        let whole = if lead == 0 { out.len() / group * group } else { 0 };
        let (body, mut tail) = out.split_at_mut(whole);
        let mut block = start / 4;
        self.blocks(Counters::From(self.selection.key.offset.wrapping_add(block)), body);
        // the rest, or all of a run that begins within a block
        block += (whole / self.size / 4) as u64;
        let mut copy = [0; GROUP * LARGEST];
        while !tail.is_empty() {
            self.blocks(Counters::From(self.selection.key.offset.wrapping_add(block)), &mut copy[..group]);
            let (cut, rest) = tail.split_at_mut((group - lead).min(tail.len()));
            cut.copy_from_slice(&copy[lead..][..cut.len()]);
            (tail, lead, block) = (rest, 0, block + BLOCKS as u64);
        }
    }

    /// Fills whole groups of blocks.
    fn blocks(&self, counters: Counters<'_>, out: &mut [u8]) {
        let Self { kind, dtype, coefficients, .. } = *self;
        Blocks { kind, dtype, key: self.selection.key, counters, coefficients }.fill(out);
    }
}

/// The blocks of short runs, gathered until there are enough of them to fill a group.
struct Gathered<'a> {
    /// The code for the elements, and their selection.
    chunks: &'a Chunks<'a>,
    /// The counter of each gathered block; those from `blocks` on are left from before.
    counters: [u64; BLOCKS],
    /// For each block: the position of its first element in the output, and the elements of the block that are used.
    targets: [Target; BLOCKS],
    /// Blocks gathered so far.
    blocks: usize,
    /// The position of the next element in the output.
    position: usize,
}

/// The use of a gathered block, in elements.
#[derive(Clone, Copy, Default)]
struct Target {
    /// The position of the first used element in the output.
    position: usize,
    /// Elements of the block before the first that is used.
    skip: u8,
    /// Elements that are used, from 1 to 4.
    count: u8,
}

impl<'a> Gathered<'a> {
    fn new(chunks: &'a Chunks<'a>) -> Self {
        Self { chunks, counters: [0; BLOCKS], targets: [Target::default(); BLOCKS], blocks: 0, position: 0 }
    }

    /// Adds a run of the tensor. Its elements come after those of the run before.
    #[expect(clippy::cast_possible_truncation, reason = "positions within a block")]
    fn push(&mut self, index: u64, count: u64, out: &mut [u8]) {
        let (mut index, end) = (index, index + count);
        while index < end {
            if self.blocks == BLOCKS {
                self.flush(out);
            }
            let skip = index % 4;
            let count = (4 - skip).min(end - index);
            self.counters[self.blocks] = self.chunks.selection.key.offset.wrapping_add(index / 4);
            self.targets[self.blocks] = Target { position: self.position, skip: skip as u8, count: count as u8 };
            self.blocks += 1;
            self.position += count as usize;
            index += count;
        }
    }

    /// Computes the gathered blocks and writes the elements that are used.
    fn flush(&mut self, out: &mut [u8]) {
        let size = self.chunks.size;
        let mut group = [0; GROUP * LARGEST];
        // a whole group, even if fewer blocks were gathered: the others are not copied
        self.chunks.blocks(Counters::List(&self.counters), &mut group[..GROUP * size]);
        for (block, target) in group.chunks_exact(4 * size).zip(&self.targets[..self.blocks]) {
            let (skip, count) = (usize::from(target.skip) * size, usize::from(target.count) * size);
            out[target.position * size..][..count].copy_from_slice(&block[skip..skip + count]);
        }
        self.blocks = 0;
    }
}

/// The counters of the blocks to compute.
#[derive(Clone, Copy, Debug)]
enum Counters<'a> {
    /// This one and the ones after it.
    From(u64),
    /// A list of counters.
    List(&'a [u64]),
}

impl Counters<'_> {
    /// A vector of counters, from the `skip`th on.
    #[inline(always)]
    fn vector<U: Simd>(self, simd: U, skip: usize) -> U::U64s {
        match self {
            Self::From(first) => simd.count_from(first.wrapping_add(skip as u64)),
            Self::List(counters) => simd.load_u64s(&counters[skip..skip + U::LANES]),
        }
    }
}

/// Whole groups of blocks, and the kernel and dtype for their elements.
#[derive(Clone, Copy)]
struct Blocks<'a> {
    kind: KernelKind,
    dtype: Dtype,
    key: Key,
    counters: Counters<'a>,
    coefficients: &'a Coefficients,
}

impl Blocks<'_> {
    /// Writes the elements as bytes, with the widest vectors that the processor has. It is not generic, so that it is
    /// compiled once, in this crate: it takes longer to compile than all the rest.
    fn fill(self, out: &mut [u8]) {
        // the widest first: benchmarks.md has AVX-512 at more than twice the rate of AVX2; two vectors at a time hide
        // latency, on ARM, too
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(simd) = V4::try_new() {
                return simd.vectorize(Vectorized { simd: Pair(simd), blocks: self, out });
            }
            if let Some(simd) = V3::try_new() {
                return simd.vectorize(Vectorized { simd: Pair(simd), blocks: self, out });
            }
        }
        // the unit reinterprets words as halves of 64-bit words, whose order is another on big-endian processors
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        if let Some(simd) = Neon::try_new() {
            return simd.vectorize(Vectorized { simd: Pair(simd), blocks: self, out });
        }
        self.each_kind(Scalar, out);
    }

    #[inline(always)]
    fn each_kind<U: Simd>(self, simd: U, out: &mut [u8]) {
        // in each arm the compiler knows the kind, so its loop has no code of the other kinds
        match self.kind {
            KernelKind::Words => Blocks { kind: KernelKind::Words, ..self }.each(simd, out),
            KernelKind::Constant => Blocks { kind: KernelKind::Constant, ..self }.each(simd, out),
            KernelKind::Uniform => Blocks { kind: KernelKind::Uniform, ..self }.each(simd, out),
            KernelKind::Normal | KernelKind::NormalNative => {
                Blocks { kind: KernelKind::Normal, ..self }.each(simd, out)
            }
            KernelKind::NormalCentred => Blocks { kind: KernelKind::NormalCentred, ..self }.each(simd, out),
            KernelKind::Truncated => Blocks { kind: KernelKind::Truncated, ..self }.each_group(simd, out),
            KernelKind::TruncatedSkewed => Blocks { kind: KernelKind::TruncatedSkewed, ..self }.each_group(simd, out),
            KernelKind::TruncatedCentral => Blocks { kind: KernelKind::TruncatedCentral, ..self }.each(simd, out),
            KernelKind::TruncatedFar => Blocks { kind: KernelKind::TruncatedFar, ..self }.each(simd, out),
            KernelKind::TruncatedNarrow => Blocks { kind: KernelKind::TruncatedNarrow, ..self }.each(simd, out),
        }
    }

    #[inline(always)]
    fn each<U: Simd>(self, simd: U, out: &mut [u8]) {
        // known when it is compiled, so only one of the two is
        if U::LANES == 1 { self.each_lane(out) } else { self.each_vector(simd, out) }
    }

    /// Works vector by vector. The next vector's words are made between the steps of this vector's values.
    #[inline(always)]
    fn each_vector<U: Simd>(self, simd: U, out: &mut [u8]) {
        let keys = round_keys(simd, words(self.key.seed));
        // nothing is left over: the blocks of a group are a multiple of every unit's lanes
        let mut vectors = out.chunks_exact_mut(U::LANES * block_size(self.dtype));
        // the last vector has no next one to interleave with
        let Some(last) = vectors.next_back() else { return };
        let mut rounds = Rounds::new(simd, self.counters.vector(simd, 0), &keys);
        rounds.finish();
        for (i, out) in vectors.enumerate() {
            let words = rounds.blocks();
            rounds = Rounds::new(simd, self.counters.vector(simd, (i + 1) * U::LANES), &keys);
            store(sample(self.kind, words, self.coefficients, &mut rounds), self.dtype, out);
        }
        store(sample(self.kind, rounds.blocks(), self.coefficients, &mut Nothing), self.dtype, last);
    }

    /// Works group by group, for kernels with tails. A tail takes longer than the centre and is rare, so a group's tails
    /// are gathered and computed together.
    #[inline(always)]
    fn each_group<U: Simd>(self, simd: U, out: &mut [u8]) {
        let keys = round_keys(simd, words(self.key.seed));
        let mut values = [0; GROUP];
        let mut tails = Tails::new();
        for (group, out) in out.chunks_exact_mut(BLOCKS * block_size(self.dtype)).enumerate() {
            for (i, values) in values.chunks_exact_mut(4 * U::LANES).enumerate() {
                let mut rounds = Rounds::new(simd, self.counters.vector(simd, group * BLOCKS + i * U::LANES), &keys);
                rounds.finish();
                tails.push(
                    4 * i * U::LANES,
                    centre_values(self.kind, Words::four(rounds.blocks()), self.coefficients),
                    values,
                );
            }
            tails.finish(simd, self.coefficients, &mut values);
            let vectors = out.chunks_exact_mut(U::LANES * block_size(self.dtype));
            for (values, out) in values.chunks_exact(4 * U::LANES).zip(vectors) {
                let word = |i: usize| Words::load(simd, &values[i * U::LANES..]);
                store([word(0), word(1), word(2), word(3)], self.dtype, out);
            }
        }
    }

    /// For processors without a vector unit that this crate knows: simple loops, which the compiler may vectorise.
    #[inline(always)]
    fn each_lane(self, out: &mut [u8]) {
        let keys = round_keys(Scalar, words(self.key.seed));
        for (group, out) in out.chunks_exact_mut(BLOCKS * block_size(self.dtype)).enumerate() {
            let [mut a, mut b, mut c, mut d] = [[0; BLOCKS]; 4];
            // separate loops over arrays: each has one kind of work, which a compiler can vectorise
            for i in 0..BLOCKS {
                let mut rounds = Rounds::new(Scalar, self.counters.vector(Scalar, group * BLOCKS + i), &keys);
                rounds.finish();
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

/// The tails of a group.
struct Tails {
    /// Probabilities of the tails, with the signs of their quantiles.
    signed: [u32; GROUP],
    /// The places of their values in the group.
    places: [usize; GROUP],
    /// The number of tails.
    count: usize,
    /// Room for a vector.
    vector: [u32; WIDEST],
}

impl Tails {
    const fn new() -> Self {
        Self { signed: [0; GROUP], places: [0; GROUP], count: 0, vector: [0; WIDEST] }
    }

    /// Stores values from the `first`th of the group on, and keeps their tails.
    #[inline(always)]
    fn push<U: Simd>(&mut self, first: usize, found: WithTails<Pair<U>>, out: &mut [u32]) {
        found.values.store(out);
        // the lanes of a pair can be more than the bits of a u64
        for ((i, signed), tail) in found.signed.halves().into_iter().enumerate().zip(found.tail.halves()) {
            let mut lanes = tail.bits();
            if lanes != 0 {
                signed.store(&mut self.vector);
            }
            while lanes != 0 {
                let lane = lanes.trailing_zeros() as usize;
                self.signed[self.count] = self.vector[lane];
                self.places[self.count] = first + i * U::LANES + lane;
                self.count += 1;
                lanes &= lanes - 1;
            }
        }
    }

    /// Computes the tails and stores their values in the group.
    #[inline(always)]
    fn finish<U: Simd>(&mut self, simd: U, coefficients: &Coefficients, values: &mut [u32; GROUP]) {
        for (signed, places) in self.signed.chunks_exact(U::LANES).zip(self.places[..self.count].chunks(U::LANES)) {
            tail_value(Words::load(simd, signed), coefficients).store(&mut self.vector);
            for (place, value) in places.iter().zip(&self.vector) {
                values[*place] = *value;
            }
        }
        self.count = 0;
    }
}

/// A function that pulp compiles for a vector unit.
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
struct Vectorized<'a, U> {
    /// The unit, with both vectors of a pair.
    simd: U,
    blocks: Blocks<'a>,
    out: &'a mut [u8],
}

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
impl<U: Simd> NullaryFnOnce for Vectorized<'_, U> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.blocks.each_kind(self.simd, self.out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Kernel;
    use crate::{Arithmetic, Sampler};

    // one for each kernel: the third is centred, the fourth is not, the fifth is central, then come a far window, a narrow
    // one, the whole line and half of it
    const SAMPLERS: [Sampler; 9] = [
        Sampler::Constant { value: 0.3 },
        Sampler::Uniform { low: -0.1, high: 0.7 },
        Sampler::Normal { mean: 0.0, std: 1.0 },
        Sampler::Normal { mean: 1.0, std: 1e-30 },
        Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: -2.0, high: 2.0 },
        Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: 3.0, high: f32::INFINITY },
        Sampler::TruncatedNormal { mean: 0.5, std: 1.0, low: 0.4, high: 0.41 },
        Sampler::TruncatedNormal { mean: 0.0, std: 0.02, low: -2.0, high: 2.0 },
        Sampler::TruncatedNormal { mean: 0.0, std: 0.02, low: 0.0, high: 2.0 },
    ];

    /// Every vector unit of this processor gives the bits of one lane, also for counters that carry.
    #[test]
    fn vector_units_agree() {
        #[cfg(target_arch = "aarch64")]
        assert!(Neon::try_new().is_some(), "every 64-bit ARM processor has NEON, so that `fill` takes it");
        let key = Key { seed: 0x0123_4567_89ab_cdef, offset: 0 };
        // an odd multiplier, so that the counters are all different and spread over 64 bits
        let scattered: Vec<u64> = (0..16 * BLOCKS as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let cases = Dtype::ALL.iter().flat_map(|&dtype| {
            SAMPLERS.map(|sampler| (dtype, Kernel::new(&sampler, dtype, Arithmetic::Exact).expect("a valid sampler")))
        });
        for (dtype, kernel) in cases.chain([(Dtype::F32, Kernel::words())]) {
            let Kernel::Elementwise(kind, coefficients) = kernel else { panic!("{kernel:?}") };
            // the low word carries in the first case, all 64 bits wrap in the second
            for counters in
                [Counters::From(u64::from(u32::MAX) - 100), Counters::From(u64::MAX - 99), Counters::List(&scattered)]
            {
                let blocks = Blocks { kind, dtype, key, counters, coefficients: &coefficients };
                let [mut one, mut widest] = [(); 2].map(|()| vec![0; 16 * BLOCKS * block_size(dtype)]);
                blocks.each_kind(Scalar, &mut one);
                blocks.fill(&mut widest);
                assert!(one == widest, "the widest unit: {dtype} {kind:?} {counters:?}");
                #[cfg(target_arch = "x86_64")]
                if let Some(simd) = V3::try_new() {
                    let mut avx2 = vec![0; one.len()];
                    simd.vectorize(Vectorized { simd: Pair(simd), blocks, out: &mut avx2 });
                    assert!(one == avx2, "AVX2: {dtype} {kind:?} {counters:?}");
                }
            }
        }
    }
}
