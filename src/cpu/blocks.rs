//! Groups of blocks for the vector unit: counters to bytes. Twin: shaders/fill.wgsl.

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
use pulp::NullaryFnOnce;
#[cfg(target_arch = "aarch64")]
use pulp::aarch64::Neon;
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};

use super::dtype::{block_size, element_size, store};
use super::interleave::{Interleave, Nothing};
use super::philox::{Rounds, round_keys};
use super::sampler::{WithTails, centre_values, sample, tail_value};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::simd::Simd128;
use super::simd::{Pair, Scalar, Simd, Unit};
use super::vector::{Mask, Words, lane};
use crate::bits::words;
use crate::coefficients::Coefficients;
use crate::kernel::KernelKind;
use crate::{Dtype, Key};

/// Blocks that are computed at a time: a multiple of every unit's lanes, and few enough to stay in the first cache.
pub(super) const BLOCKS: usize = 64;
/// Elements of as many blocks.
pub(super) const GROUP: usize = 4 * BLOCKS;
/// Lanes of the widest vector: two pairs of AVX-512.
const WIDEST: usize = 64;

/// Room for gathered tails. They are computed once a quarter of it is used. Then it has room for all elements of a vector
/// of blocks, and for a vector behind them.
const TAILS: usize = 8 * WIDEST;

/// A strip: the counter of its first block, and its first byte in the output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strip {
    pub(super) counter: u64,
    pub(super) byte: usize,
}

/// Blocks of a strip: those of a vector, or of a group where the loops are plain.
const fn strip_of<U: Simd>() -> usize {
    if U::LANES == 1 { BLOCKS } else { U::LANES }
}

/// Blocks of a strip of the unit that [`Blocks::fill`] takes.
pub(super) fn strip_blocks() -> usize {
    match Unit::widest() {
        #[cfg(target_arch = "x86_64")]
        Unit::Avx512(_) => strip_of::<Pair<V4>>(),
        #[cfg(target_arch = "x86_64")]
        Unit::Avx2(_) => strip_of::<Pair<V3>>(),
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        Unit::Neon(_) => strip_of::<Pair<Neon>>(),
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Unit::Simd128(_) => strip_of::<Pair<Simd128>>(),
        Unit::Plain => strip_of::<Scalar>(),
    }
}

/// The counters of the blocks to compute.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counters<'a> {
    /// This one and the ones after it.
    From(u64),
    /// A list of counters.
    List(&'a [u64]),
    /// Those of strips, which are filled in place.
    Strips(&'a [Strip]),
}

impl Counters<'_> {
    /// The number of strips, of `size` bytes each, in an output of `bytes`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    const fn strips(self, bytes: usize, size: usize) -> usize {
        match self {
            Self::From(_) | Self::List(_) => bytes / size,
            Self::Strips(strips) => strips.len(),
        }
    }

    /// The first byte of a strip in the output.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn byte(self, strip: usize, size: usize) -> usize {
        match self {
            Self::From(_) | Self::List(_) => strip * size,
            Self::Strips(strips) => strips[strip].byte,
        }
    }

    /// The counters of a vector of a strip of `blocks` blocks, from the `skip`th block on, and the strip's first byte in
    /// the output. `size` is that of a strip.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn vector<U: Simd>(self, simd: U, strip: usize, [blocks, skip, size]: [usize; 3]) -> (U::U64s, usize) {
        let block = strip * blocks + skip;
        match self {
            Self::From(first) => (simd.count_from(first.wrapping_add(block as u64)), strip * size),
            Self::List(counters) => (simd.load_u64s(&counters[block..block + U::LANES]), strip * size),
            Self::Strips(strips) => {
                let Strip { counter, byte } = strips[strip];
                (simd.count_from(counter.wrapping_add(skip as u64)), byte)
            }
        }
    }
}

/// Whole groups of blocks, and the kernel and dtype for their elements.
#[derive(Clone, Copy)]
pub(super) struct Blocks<'a> {
    pub(super) kind: KernelKind,
    pub(super) dtype: Dtype,
    pub(super) key: Key,
    pub(super) counters: Counters<'a>,
    pub(super) coefficients: &'a Coefficients,
}

impl Blocks<'_> {
    /// Writes the elements as bytes, with the widest vectors that the processor has. It is not generic, so that it is
    /// compiled once, in this crate: it takes longer to compile than all the rest.
    pub(super) fn fill(self, out: &mut [u8]) {
        // two vectors at a time hide latency
        match Unit::widest() {
            #[cfg(target_arch = "x86_64")]
            Unit::Avx512(simd) => simd.vectorize(Vectorized { simd: Pair(simd), blocks: self, out }),
            #[cfg(target_arch = "x86_64")]
            Unit::Avx2(simd) => simd.vectorize(Vectorized { simd: Pair(simd), blocks: self, out }),
            #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
            Unit::Neon(simd) => simd.vectorize(Vectorized { simd: Pair(simd), blocks: self, out }),
            // the whole module is compiled for it
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Unit::Simd128(simd) => self.each_kind(Pair(simd), out),
            Unit::Plain => self.each_kind(Scalar, out),
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
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
            KernelKind::Truncated => Blocks { kind: KernelKind::Truncated, ..self }.each_with_tails(simd, out),
            KernelKind::TruncatedSkewed => {
                Blocks { kind: KernelKind::TruncatedSkewed, ..self }.each_with_tails(simd, out)
            }
            KernelKind::TruncatedCentral => Blocks { kind: KernelKind::TruncatedCentral, ..self }.each(simd, out),
            KernelKind::TruncatedFar => Blocks { kind: KernelKind::TruncatedFar, ..self }.each(simd, out),
            KernelKind::TruncatedNarrow => Blocks { kind: KernelKind::TruncatedNarrow, ..self }.each(simd, out),
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn each<U: Simd>(self, simd: U, out: &mut [u8]) {
        // known when it is compiled, so only one of the two is
        if U::LANES == 1 { self.each_lane(out) } else { self.each_vector(simd, out) }
    }

    /// Works vector by vector, each a strip. The next vector's words are made between the steps of this vector's values.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn each_vector<U: Simd>(self, simd: U, out: &mut [u8]) {
        let keys = round_keys(simd, words(self.key.seed));
        let size = U::LANES * block_size(self.dtype);
        // nothing is left over: the blocks of a group are a multiple of every unit's lanes
        let count = self.counters.strips(out.len(), size);
        if count == 0 {
            return;
        }
        let (counters, mut byte) = self.counters.vector(simd, 0, [U::LANES, 0, size]);
        let mut rounds = Rounds::new(simd, counters, &keys);
        rounds.finish();
        // the last vector has no next one to interleave with
        for next in 1..count {
            let words = rounds.blocks();
            let (counters, next_byte) = self.counters.vector(simd, next, [U::LANES, 0, size]);
            rounds = Rounds::new(simd, counters, &keys);
            store(sample(self.kind, words, self.coefficients, &mut rounds), self.dtype, &mut out[byte..byte + size]);
            byte = next_byte;
        }
        let values = sample(self.kind, rounds.blocks(), self.coefficients, &mut Nothing);
        store(values, self.dtype, &mut out[byte..byte + size]);
    }

    /// For kernels with tails. A tail takes longer than the centre and is rare, so tails are gathered, computed a vector
    /// at a time, and stored over what the centre's code gave.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn each_with_tails<U: Simd>(self, simd: U, out: &mut [u8]) {
        let keys = round_keys(simd, words(self.key.seed));
        let (strip, size) = (strip_of::<U>(), element_size(self.dtype));
        let strip_size = 4 * strip * size;
        let mut tails = Tails::new(simd, self.dtype);
        for i in 0..self.counters.strips(out.len(), strip_size) {
            for skip in (0..strip).step_by(U::LANES) {
                let (counters, byte) = self.counters.vector(simd, i, [strip, skip, strip_size]);
                let mut rounds = Rounds::new(simd, counters, &keys);
                rounds.finish();
                let found = centre_values(self.kind, Words::four(rounds.blocks()), self.coefficients);
                let first = byte / size + 4 * skip;
                store(found.values.quarters(), self.dtype, &mut out[first * size..(first + 4 * U::LANES) * size]);
                tails.push(first, found);
                if tails.count >= TAILS / 4 {
                    // whole vectors
                    tails.store(simd, self.coefficients, tails.count / U::LANES * U::LANES, out);
                }
            }
        }
        tails.store(simd, self.coefficients, tails.count, out);
    }

    /// For processors without a vector unit that this crate knows: simple loops, which the compiler may vectorise. A
    /// strip is a group.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn each_lane(self, out: &mut [u8]) {
        let keys = round_keys(Scalar, words(self.key.seed));
        let size = BLOCKS * block_size(self.dtype);
        for strip in 0..self.counters.strips(out.len(), size) {
            let [mut a, mut b, mut c, mut d] = [[0; BLOCKS]; 4];
            // separate loops over arrays: each has one kind of work, which a compiler can vectorise
            for i in 0..BLOCKS {
                let (counters, _) = self.counters.vector(Scalar, strip, [BLOCKS, i, size]);
                let mut rounds = Rounds::new(Scalar, counters, &keys);
                rounds.finish();
                [a[i], b[i], c[i], d[i]] = rounds.blocks().map(|word| word.1);
            }
            for i in 0..BLOCKS {
                let values = sample(self.kind, [a[i], b[i], c[i], d[i]].map(lane), self.coefficients, &mut Nothing);
                [a[i], b[i], c[i], d[i]] = values.map(|value| value.1);
            }
            let out = &mut out[self.counters.byte(strip, size)..][..size];
            for (i, out) in out.chunks_exact_mut(block_size(self.dtype)).enumerate() {
                store([a[i], b[i], c[i], d[i]].map(lane), self.dtype, out);
            }
        }
    }
}

/// Gathered tails.
struct Tails<U: Simd> {
    dtype: Dtype,
    /// Probabilities of the tails, with the signs of their quantiles.
    signed: [u32; TAILS],
    /// The elements of the output that they belong to.
    elements: [u32; TAILS],
    /// The number of tails.
    count: usize,
    /// The first element of the block that each lane holds, counted from the first lane's.
    lanes: Words<U>,
    /// The same numbers.
    numbers: [u32; WIDEST],
    /// Room for the bytes of a vector of blocks.
    bytes: [u8; WIDEST * 4 * 4],
}

impl<U: Simd> Tails<U> {
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn new(simd: U, dtype: Dtype) -> Self {
        let lanes = Words(simd, simd.shl(simd.narrow(simd.count_from(0)), 2));
        let mut numbers = [0; WIDEST];
        lanes.store(&mut numbers);
        let (signed, elements, bytes) = ([0; TAILS], [0; TAILS], [0; WIDEST * 4 * 4]);
        Self { dtype, signed, elements, count: 0, lanes, numbers, bytes }
    }

    /// Adds the tails of a vector of blocks that begins at this element of the output.
    #[cfg_attr(not(debug_assertions), inline(always))]
    #[expect(clippy::cast_possible_truncation, reason = "an element of a chunk")]
    fn push(&mut self, first: usize, found: WithTails<Pair<Pair<U>>>) {
        let ([low, high], [low_tail, high_tail]) = (found.signed.halves(), found.tail.halves());
        let lanes = self.lanes + first as u32;
        self.push_half(low, Words::pair(lanes, lanes + 1), low_tail);
        self.push_half(high, Words::pair(lanes + 2, lanes + 3), high_tail);
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn push_half(&mut self, signed: Words<Pair<U>>, elements: Words<Pair<U>>, tail: Mask<Pair<U>>) {
        let out = [&mut self.signed[self.count..], &mut self.elements[self.count..]];
        self.count += signed.compress(elements, tail, out);
    }

    /// Computes the first `count` tails and stores them. The others stay.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn store(&mut self, simd: U, coefficients: &Coefficients, count: usize, out: &mut [u8]) {
        let size = element_size(self.dtype);
        for (signed, elements) in self.signed.chunks_exact(U::LANES).zip(self.elements[..count].chunks(U::LANES)) {
            // a block of each value, rounded to the dtype; its first element is read
            let values = tail_value(Words::load(simd, signed), coefficients);
            store([values; 4], self.dtype, &mut self.bytes[..U::LANES * 4 * size]);
            for (element, number) in elements.iter().zip(&self.numbers) {
                let (to, from) = (*element as usize * size, *number as usize * size);
                // of a length that the compiler knows
                if size == 4 {
                    out[to..to + 4].copy_from_slice(&self.bytes[from..from + 4]);
                } else {
                    out[to..to + 2].copy_from_slice(&self.bytes[from..from + 2]);
                }
            }
        }
        self.signed.copy_within(count..self.count, 0);
        self.elements.copy_within(count..self.count, 0);
        self.count -= count;
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

    #[cfg_attr(not(debug_assertions), inline(always))]
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
