//! The margin of a device's check: of each operation that a compiler could fuse or regroup, how many of the checked elements
//! that changes. Prints a table in Markdown. With `search` it first finds short fills, until each operation changes at least
//! 32 elements in every dtype, and writes them into src/gpu/chosen.rs.
//!
//! `cargo run --release --example margins [search]`
#![allow(clippy::print_stdout, reason = "an example prints")]

#[path = "../tests/common/rewrites.rs"]
mod rewrites;
#[path = "../tests/common/trace.rs"]
mod trace;

use std::fmt::Write as _;

use rayon::prelude::*;
use rewrites::{Inputs, LANES, Lanes, Mutants, coefficients, splat, stored, words};
use seedtensors::twins::{Family, Probe, probes};
use seedtensors::{Dtype, Sampler};

/// Elements that each rewrite must change.
const WANTED: u64 = 32;
/// Sensitive blocks that are collected of each rewrite.
const COLLECTED: usize = 400;
/// Elements of the stream that are searched.
const SEARCHED_BITS: u32 = 28;

fn main() -> std::io::Result<()> {
    let search = std::env::args().nth(1).is_some_and(|word| word == "search");
    if search {
        let mut text = String::from(
            "//! Written by `cargo run --release --example margins search`.\n\nuse super::probes::Family;\nuse crate::Dtype;\n\n\
             /// The short fills of each family and dtype: the parameter's bits, and the block at which the fill begins.\n\
             pub(super) const CHOSEN: &[(Family, Dtype, &[(u32, u32)])] = &[\n",
        );
        for family in Family::ALL {
            for (dtype, fills) in searched(family) {
                write!(text, "    (Family::{family:?}, Dtype::{dtype:?}, &[").unwrap();
                fills.iter().for_each(|(parameter, block)| write!(text, "({parameter:#x}, {block}), ").unwrap());
                text.push_str("]),\n");
            }
        }
        text.push_str("];\n");
        std::fs::write("src/gpu/chosen.rs", text)?;
        return Ok(());
    }
    table();
    Ok(())
}

/// Prints how many of the checked elements each rewrite changes.
fn table() {
    for family in Family::ALL {
        let Some(mutants) = mutants(family) else { continue };
        let counts = Dtype::ALL.map(|dtype| counted(&mutants, family, dtype));
        println!("\n{family:?}\n\n| rewrite | f32 | f16 | bf16 |\n| --- | ---: | ---: | ---: |");
        for (i, (mutant, _)) in mutants.mutants.iter().enumerate() {
            println!("| {mutant} | {} | {} | {} |", counts[0][i], counts[1][i], counts[2][i]);
        }
    }
}

/// The family's rewrites, where it has any.
fn mutants(family: Family) -> Option<Mutants> {
    let mutants = Mutants::new(&family.sampler(family.parameter()), false);
    (!mutants.mutants.is_empty()).then_some(mutants)
}

/// How many of the check's elements each rewrite changes.
fn counted(mutants: &Mutants, family: Family, dtype: Dtype) -> Vec<u64> {
    let (_, long, short) = probes();
    let of = |probe: &Probe| probe.family == family && probe.dtype == dtype;
    let fills: Vec<_> = long.iter().chain(&short).filter(|probe| of(probe)).map(|probe| counts_of(mutants, probe)).collect();
    fills.into_iter().fold(vec![0; mutants.mutants.len()], |sum, more| sum.iter().zip(more).map(|(a, b)| a + b).collect())
}

fn counts_of(mutants: &Mutants, probe: &Probe) -> Vec<u64> {
    let blocks: Vec<u64> = (0..probe.count / 4).map(|i| u64::from(probe.block) + i).collect();
    mutants.counts(&probe.sampler(), probe.dtype, probes().0, &blocks)
}

/// The short fills of a family in every dtype.
fn searched(family: Family) -> Vec<(Dtype, Vec<(u32, u32)>)> {
    let Some(mutants) = mutants(family) else { return Vec::new() };
    let sensitive = sensitive(&mutants, &family.sampler(family.parameter()));
    for ((mutant, _), blocks) in mutants.mutants.iter().zip(&sensitive) {
        println!("{family:?}: {} blocks, {mutant}", blocks.len());
    }
    Dtype::ALL.map(|dtype| (dtype, chosen(&mutants, family, dtype, &sensitive))).to_vec()
}

/// The blocks of the stream in which each rewrite changes a value in f32: the first so many.
fn sensitive(mutants: &Mutants, sampler: &Sampler) -> Vec<Vec<u64>> {
    const BATCH: u64 = 1 << 18;
    let (key, ..) = probes();
    let coefficients = coefficients(sampler, Dtype::F32);
    let mut found = vec![Vec::new(); mutants.mutants.len()];
    for batch in 0..(1_u64 << (SEARCHED_BITS - 2)) / BATCH {
        let active: Vec<bool> = found.iter().map(|blocks: &Vec<u64>| blocks.len() < COLLECTED).collect();
        if !active.contains(&true) {
            break;
        }
        let blocks: Vec<u64> = (batch * BATCH..(batch + 1) * BATCH).collect();
        let chunk = |blocks: &[u64]| {
            let inputs = Inputs { words: words(key, blocks), coefficients: splat(&coefficients) };
            let mut hits = Vec::new();
            mutants.changed(&inputs, Dtype::F32, LANES, &active, |mutant, lane, _| hits.push((mutant, blocks[lane / 2])));
            hits
        };
        let hits: Vec<_> = blocks.par_chunks(LANES / 2).flat_map_iter(chunk).collect();
        for (mutant, block) in hits {
            if found[mutant].len() < COLLECTED && found[mutant].last() != Some(&block) {
                found[mutant].push(block);
            }
        }
    }
    found
}

/// Short fills until every rewrite changes enough elements, those of few blocks first.
fn chosen(mutants: &Mutants, family: Family, dtype: Dtype, sensitive: &[Vec<u64>]) -> Vec<(u32, u32)> {
    let mut counts = counted(mutants, family, dtype);
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&i| sensitive[i].len());
    let mut fills = Vec::new();
    for mutant in order {
        for blocks in sensitive[mutant].chunks(8) {
            if counts[mutant] >= WANTED {
                break;
            }
            let tuned = |&block: &u64| Some((tuned(mutants, family, dtype, mutant, block)?, block as u32));
            let tuned: Vec<_> = blocks.par_iter().filter_map(tuned).collect();
            for (parameter, block) in tuned {
                if counts[mutant] < WANTED && !fills.contains(&(parameter, block)) {
                    let probe = Probe { family, parameter, dtype, block, count: 64 / dtype.size() };
                    counts.iter_mut().zip(counts_of(mutants, &probe)).for_each(|(sum, more)| *sum += more);
                    fills.push((parameter, block));
                }
            }
        }
        println!("{family:?} {dtype}: {} changed by {}", counts[mutant], mutants.mutants[mutant].0);
    }
    println!("{family:?} {dtype}: {} fills", fills.len());
    fills
}

/// A parameter with which the rewrite changes what is stored of an element of the block: the family's in f32, else one that
/// brings the value next to where it rounds the other way.
fn tuned(mutants: &Mutants, family: Family, dtype: Dtype, mutant: usize, block: u64) -> Option<u32> {
    if dtype == Dtype::F32 {
        return Some(family.parameter().to_bits());
    }
    let mut active = vec![false; mutants.mutants.len()];
    active[mutant] = true;
    let (key, ..) = probes();
    let block_words = key.block(block);
    for round in 0..4096 {
        let parameters = parameters(family, block * 4096 + round);
        let [a, b, c, d] = block_words;
        // both pairs of the block in turn
        let pair = if round % 2 == 0 { [a, b] } else { [c, d] };
        let inputs = Inputs { words: pair.map(|word| [word; LANES]), coefficients: per_lane(family, dtype, &parameters) };
        let values = mutants.values(&inputs);
        if !(0..LANES).any(|lane| values.iter().any(|value| is_near_a_tie(value[lane], dtype))) {
            continue;
        }
        let mut found = None;
        mutants.changed(&inputs, dtype, LANES, &active, |_, lane, _| found = Some(parameters[lane]));
        // the coefficients in all their parts
        let probe = |parameter| Probe { family, parameter, dtype, block: block as u32, count: 64 / dtype.size() };
        if let Some(parameter) = found.filter(|&parameter| counts_of(mutants, &probe(parameter))[mutant] > 0) {
            return Some(parameter);
        }
    }
    None
}

/// Whether a neighbour of an f32 may round to another value of the dtype.
fn is_near_a_tie(bits: u32, dtype: Dtype) -> bool {
    (1..=4).any(|ulp| stored(bits + ulp, dtype) != stored(bits, dtype) || stored(bits - ulp, dtype) != stored(bits, dtype))
}

/// Parameters within a quarter of the family's own, with as many bits as it may have.
fn parameters(family: Family, seed: u64) -> Lanes {
    let mut words = (0..).flat_map(|i| seedtensors::Key::new(seed).block(i));
    std::array::from_fn(|_| {
        let word = words.next().unwrap_or_default();
        let parameter = family.parameter() * (0.75 + 0.5 * (word as f32 / 4_294_967_296.0));
        match family {
            Family::Truncated | Family::Narrow => parameter.to_bits() & !15,
            Family::NarrowResidue => (0.0101 + 0.0001 * (word as f32 / 4_294_967_296.0)).to_bits(),
            _ => parameter.to_bits(),
        }
    })
}

/// The coefficients of each lane's parameter.
fn per_lane(family: Family, dtype: Dtype, parameters: &Lanes) -> Vec<Lanes> {
    let base = coefficients(&family.sampler(family.parameter()), dtype);
    let mut lanes = splat(&base);
    for (lane, &parameter) in parameters.iter().enumerate() {
        let value = f32::from_bits(parameter);
        if family == Family::Truncated {
            // the window is the same, so that only the scale, the mean and the bounds change
            let scale = f32::from_bits(base[0]) / family.parameter() * value;
            for (word, number) in [(0, scale), (1, 2.0 * value), (2, 10.0 * value), (3, value)] {
                lanes[word][lane] = number.to_bits();
            }
        } else {
            let words = coefficients(&family.sampler(value), dtype);
            lanes.iter_mut().zip(words).for_each(|(lanes, word)| lanes[lane] = word);
        }
    }
    lanes
}
