//! Blocks of the stream in which rare rewrites change a value. The words at which they do are computed first. Searching
//! the stream for these words is faster than computing all of its values.

use rayon::prelude::*;
use seedtensors::testing::{Family, probes};
use seedtensors::{Dtype, Key};

use crate::rewrites::{Inputs, LANES, Lanes, Mutants, coefficients, splat, words};

/// Blocks that are collected for each rewrite.
const COLLECTED: usize = 300;
/// Words that are collected for each rewrite, with their neighbours.
const WORDS: u64 = 1024;
/// Words, or blocks, that are tried before rewrites that have enough are left out.
const BATCH: u64 = 1 << 20;

/// A short fill that has not been tuned: its family, and its block.
pub(crate) type Place = (Family, u64);

/// Elements of the stream whose values are computed, as a power of two.
const fn searched_bits(family: Family) -> u32 {
    match family {
        Family::Normal | Family::Centred | Family::NarrowResidue => 28,
        Family::Central | Family::Truncated | Family::Skewed | Family::Tail(_) => 27,
        Family::Narrow => 30,
        _ => 22,
    }
}

/// A range of words to try: the first, the distance to the next, and their number.
#[derive(Clone, Copy)]
struct Tried {
    first: u32,
    stride: u32,
    count: u64,
}

/// For normals, all words as radii. For a tail, whose probabilities are rounded to 24 bits, one or two words for each.
/// For windows with a centre, the words of the upper tail. For other families, none.
fn tried_words(family: Family) -> Vec<Tried> {
    match family {
        Family::Normal | Family::Centred => vec![Tried { first: 0, stride: 1, count: 1 << 32 }],
        Family::Truncated | Family::Skewed => vec![Tried { first: 0, stride: 1, count: 97 << 20 }],
        Family::Tail(_) => {
            let doubling = |j: u32| Tried { first: 1 << (31 - j), stride: 1 << (7 - j), count: 1 << 24 };
            let rest = Tried { first: 0, stride: 1, count: 1 << 24 };
            (0..8).map(doubling).chain([rest]).collect()
        }
        _ => Vec::new(),
    }
}

fn f32_coefficients(family: Family) -> Vec<Lanes> {
    splat(&coefficients(family.sampler(family.parameter()).as_ref(), Dtype::F32))
}

/// A word at which a rewrite changes the value.
struct SensitiveWord {
    word: u32,
    /// Words within this distance are likely to be sensitive as well.
    within: u32,
    mutant: usize,
}

/// The search of a kernel's rewrites.
struct Search<'a> {
    mutants: &'a Mutants,
    wanted: &'a [bool],
    /// The blocks of each rewrite, with their families.
    found: Vec<Vec<Place>>,
}

/// The blocks in which each wanted rewrite changes a value in f32, until there are enough.
pub(crate) fn sensitive_places(mutants: &Mutants, families: &[Family], wanted: &[bool]) -> Vec<Vec<Place>> {
    let mut search = Search { mutants, wanted, found: vec![Vec::new(); mutants.mutants.len()] };
    for &family in families {
        let words = search.sensitive_words(family);
        search.find_words(family, &words);
    }
    for &family in families {
        search.work_out_stream(family);
    }
    search.found
}

impl Search<'_> {
    fn has_enough(&self, mutant: usize) -> bool {
        self.found[mutant].len() >= COLLECTED
    }

    fn add(&mut self, family: Family, hits: Vec<(usize, u64)>) {
        for (mutant, block) in hits {
            if !self.has_enough(mutant) && self.found[mutant].last() != Some(&(family, block)) {
                self.found[mutant].push((family, block));
            }
        }
    }

    /// Words of a family at which the wanted rewrites change a value.
    fn sensitive_words(&self, family: Family) -> Vec<SensitiveWord> {
        let coefficients = f32_coefficients(family);
        let mut counts: Vec<u64> = (0..self.found.len()).map(|i| if self.has_enough(i) { WORDS } else { 0 }).collect();
        let mut words: Vec<SensitiveWord> = Vec::new();
        for tried in tried_words(family) {
            for batch in (0..tried.count).step_by(BATCH as usize) {
                let active: Vec<bool> = (0..counts.len()).map(|i| self.wanted[i] && counts[i] < WORDS).collect();
                if !active.contains(&true) {
                    return words;
                }
                for (mutant, word) in self.changed_at(family, tried, batch, &coefficients, &active) {
                    let is_new = words.last().is_none_or(|last| (last.mutant, last.word) != (mutant, word));
                    if is_new && counts[mutant] < WORDS {
                        counts[mutant] += u64::from(tried.stride);
                        words.push(SensitiveWord { word, within: tried.stride / 2, mutant });
                    }
                }
            }
        }
        words
    }

    /// The words of a batch at which active rewrites change a value.
    fn changed_at(
        &self,
        family: Family,
        tried: Tried,
        batch: u64,
        coefficients: &[Lanes],
        active: &[bool],
    ) -> Vec<(usize, u32)> {
        let is_normal = matches!(family, Family::Normal | Family::Centred);
        let word = |i: u64| {
            let word = (u64::from(tried.first) + i * u64::from(tried.stride)) as u32;
            // the words of a tail above the mean run backwards, so that it begins with its farthest values
            if is_normal { word } else { !word }
        };
        let chunk = |from: u64| {
            let lanes = |skip: usize| std::array::from_fn(|lane| word(from + (skip + lane) as u64));
            // the angle of a normal is one whose cosine and sine differ and are far from 0
            let second = if is_normal { [0x1480_0001; LANES] } else { lanes(LANES) };
            let inputs = Inputs { words: [lanes(0), second], coefficients: coefficients.to_vec() };
            let mut hits = Vec::new();
            self.mutants.changed(&inputs, Dtype::F32, LANES, active, |mutant, lane, value| {
                hits.push((mutant, inputs.words[if is_normal { 0 } else { value }][lane]));
            });
            hits
        };
        let step = if is_normal { LANES } else { 2 * LANES };
        let chunks: Vec<u64> = (batch..batch + BATCH).step_by(step).collect();
        chunks.into_par_iter().flat_map_iter(chunk).collect()
    }

    /// Adds the blocks of the stream that hold sensitive words.
    fn find_words(&mut self, family: Family, words: &[SensitiveWord]) {
        let near = Near::new(words);
        let (key, ..) = probes();
        for batch in (0..1 << 32).step_by(BATCH as usize) {
            if words.iter().all(|word| self.has_enough(word.mutant)) {
                break;
            }
            let hits =
                (batch..batch + BATCH).into_par_iter().flat_map_iter(|block| near.of_block(key, block)).collect();
            self.add(family, hits);
        }
    }

    /// Adds the blocks of the stream whose values the rewrites change.
    fn work_out_stream(&mut self, family: Family) {
        let (key, ..) = probes();
        let coefficients = f32_coefficients(family);
        for batch in (0..1_u64 << (searched_bits(family) - 2)).step_by(BATCH as usize) {
            let active: Vec<bool> = (0..self.found.len()).map(|i| self.wanted[i] && !self.has_enough(i)).collect();
            if !active.contains(&true) {
                break;
            }
            let blocks: Vec<u64> = (batch..batch + BATCH).collect();
            let chunk = |blocks: &[u64]| {
                let inputs = Inputs { words: words(key, blocks), coefficients: coefficients.clone() };
                let mut hits = Vec::new();
                let report = |mutant, lane: usize, _| hits.push((mutant, blocks[lane / 2]));
                self.mutants.changed(&inputs, Dtype::F32, LANES, &active, report);
                hits
            };
            let hits = blocks.par_chunks(LANES / 2).flat_map_iter(chunk).collect();
            self.add(family, hits);
        }
    }
}

/// Sensitive words in order, with a table of the words' high bits that rules most words out.
struct Near<'a> {
    sorted: Vec<&'a SensitiveWord>,
    has_high: Vec<bool>,
    most_within: u32,
}

impl<'a> Near<'a> {
    fn new(words: &'a [SensitiveWord]) -> Self {
        let mut sorted: Vec<&SensitiveWord> = words.iter().collect();
        sorted.sort_by_key(|word| word.word);
        let mut has_high = vec![false; 1 << 20];
        for word in words {
            for end in [word.word.saturating_sub(word.within), word.word.saturating_add(word.within)] {
                has_high[end as usize >> 12] = true;
            }
        }
        let most_within = words.iter().map(|word| word.within).max().unwrap_or_default();
        Self { sorted, has_high, most_within }
    }

    /// The rewrites to which a block's words are sensitive, with the block.
    fn of_block(&self, key: Key, block: u64) -> Vec<(usize, u64)> {
        let mut hits = Vec::new();
        for word in key.block(block) {
            if self.has_high[word as usize >> 12] {
                let (low, high) = (word.saturating_sub(self.most_within), word.saturating_add(self.most_within));
                let from = self.sorted.partition_point(|near| near.word < low);
                let near = self.sorted[from..].iter().take_while(|near| near.word <= high);
                hits.extend(
                    near.filter(|near| near.word.abs_diff(word) <= near.within).map(|near| (near.mutant, block)),
                );
            }
        }
        hits
    }
}
