//! Fills on the CPU: the same bits as every GPU, on every core.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::dtype::Element;
use crate::key::words;
use crate::philox::{philox_bump, philox_round};
use crate::sampler::{Coefficients, Kind, sample};
use crate::{Fill, Key, Result};

/// Blocks worked on side by side, one to a lane, so that the compiler makes vector instructions of them.
const LANES: usize = 16;
/// Blocks whose words are worked out column by column before they are woven into elements.
const BLOCKS: usize = 64;
const GROUP: usize = 4 * BLOCKS;
/// Elements that one task of the thread pool fills.
const CHUNK: usize = 64 * GROUP;

/// Fills `out` with the elements `fill.start ..` on the threads of rayon's current pool.
///
/// Allocates nothing. The values are those of a GPU fill, to the bit, where the arithmetic is exact.
///
/// # Errors
///
/// [`BadParameter`](crate::Error::BadParameter) for parameters that the sampler refuses in this dtype,
/// [`WordsNeedF32`](crate::Error::WordsNeedF32), and [`ShapeOverflow`](crate::Error::ShapeOverflow) where the last
/// index does not fit in 64 bits.
///
/// ```
/// use half::bf16;
/// use seedtensors::{Fill, Init, Key, Shape, cpu};
///
/// let shape = Shape::new(&[256, 128])?;
/// let sampler = Init::he_normal().sampler(&shape)?;
/// let mut weights = vec![bf16::ZERO; 256 * 128];
/// cpu::fill(&Fill::new(Key::new(42).named("fc1.weight"), sampler), &mut weights)?;
///
/// let square = weights.iter().map(|w| w.to_f64().powi(2)).sum::<f64>() / weights.len() as f64;
/// assert!((square.sqrt() - 0.125).abs() < 0.002); // sqrt(2 / 128)
/// # Ok::<(), seedtensors::Error>(())
/// ```
pub fn fill<T: Element>(fill: &Fill, out: &mut [T]) -> Result<()> {
    let coefficients = fill.sampler.coefficients(T::DTYPE, fill.arithmetic)?;
    fill.check_range(out.len() as u64)?;
    let kind = fill.sampler.kind(fill.arithmetic);
    // chunks begin at whole blocks, but for the first
    let (head, rest) = out.split_at_mut(((fill.start.wrapping_neg() % 4) as usize).min(out.len()));
    let head_len = head.len() as u64;
    fill_chunk(kind, fill.key, fill.start, &coefficients, head);
    if rest.len() <= CHUNK {
        // not worth waking a thread
        fill_chunk(kind, fill.key, fill.start + head_len, &coefficients, rest);
        return Ok(());
    }
    rest.par_chunks_mut(CHUNK).enumerate().for_each(|(i, chunk)| {
        let start = fill.start + head_len + (i * CHUNK) as u64;
        fill_chunk(kind, fill.key, start, &coefficients, chunk);
    });
    Ok(())
}

/// Fills a run of elements that begins anywhere: group by group, the first cut at its front.
fn fill_chunk<T: Element>(kind: Kind, key: Key, start: u64, coefficients: &Coefficients, out: &mut [T]) {
    let lead = (start % 4) as usize;
    if lead > 0 {
        let mut group = [T::zeroed(); GROUP];
        groups(kind, key, start / 4, coefficients, &mut group);
        let len = out.len();
        out.copy_from_slice(&group[lead..][..len]);
        return;
    }
    let whole = out.len() / GROUP * GROUP;
    let (body, tail) = out.split_at_mut(whole);
    groups(kind, key, start / 4, coefficients, body);
    if !tail.is_empty() {
        let mut group = [T::zeroed(); GROUP];
        groups(kind, key, start / 4 + (whole / 4) as u64, coefficients, &mut group);
        tail.copy_from_slice(&group[..tail.len()]);
    }
}

/// Fills whole groups of blocks, from the block `block` of the key on, compiled for each width of vector
/// unit and chosen when it runs.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2",))]
fn groups<T: Element>(kind: Kind, key: Key, block: u64, coefficients: &Coefficients, out: &mut [T]) {
    // a kind known to the compiler in each arm, so that its loop holds nothing of the others
    match kind {
        Kind::Words => each_group(Kind::Words, key, block, coefficients, out),
        Kind::Constant => each_group(Kind::Constant, key, block, coefficients, out),
        Kind::Uniform => each_group(Kind::Uniform, key, block, coefficients, out),
        Kind::Normal => each_group(Kind::Normal, key, block, coefficients, out),
        Kind::NormalNative => each_group(Kind::NormalNative, key, block, coefficients, out),
    }
}

#[inline(always)]
fn each_group<T: Element>(kind: Kind, key: Key, block: u64, coefficients: &Coefficients, out: &mut [T]) {
    let first = key.offset.wrapping_add(block);
    let mut columns = [[0; BLOCKS]; 4];
    for (i, group) in out.chunks_exact_mut(GROUP).enumerate() {
        for lane in (0..BLOCKS).step_by(LANES) {
            let counter = first.wrapping_add((i * BLOCKS + lane) as u64);
            let values = sample(kind, blocks(counter, words(key.seed)), coefficients);
            for (column, values) in columns.iter_mut().zip(values) {
                column[lane..lane + LANES].copy_from_slice(&values);
            }
        }
        let [c0, c1, c2, c3] = &columns;
        for ((((quad, a), b), c), d) in group.as_chunks_mut::<4>().0.iter_mut().zip(c0).zip(c1).zip(c2).zip(c3) {
            *quad = [T::round(*a), T::round(*b), T::round(*c), T::round(*d)];
        }
    }
}

/// The blocks of `LANES` counters in a row, word by word.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "a lane is an index into four arrays")]
fn blocks(counter: u64, mut key: [u32; 2]) -> [[u32; LANES]; 4] {
    let mut w = [[0; LANES]; 4];
    for lane in 0..LANES {
        [w[0][lane], w[1][lane]] = words(counter.wrapping_add(lane as u64));
    }
    for _ in 0..10 {
        for lane in 0..LANES {
            let counter = [w[0][lane], w[1][lane], w[2][lane], w[3][lane]];
            [w[0][lane], w[1][lane], w[2][lane], w[3][lane]] = philox_round(counter, key);
        }
        key = philox_bump(key);
    }
    w
}
