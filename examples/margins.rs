//! The margin of a device's check: of each operation that a compiler could fuse or regroup, how many of the checked elements
//! that changes. Prints a table in Markdown. With `search` it first finds short fills, until each operation changes at least
//! 32 elements in every dtype, and adds them to src/gpu/chosen.rs.
//!
//! `cargo run --release --example margins [search [KERNEL]]`
#![allow(clippy::cast_possible_truncation, clippy::print_stdout, reason = "blocks are known to fit, an example prints")]

#[path = "../tests/common/graph.rs"]
mod graph;
#[path = "../tests/common/rewrites.rs"]
mod rewrites;
#[path = "../tests/common/trace.rs"]
mod trace;

use std::collections::BTreeMap;

use rayon::prelude::*;
use rewrites::{Inputs, LANES, Lanes, Mutant, Mutants, coefficients, splat, stored, words};
use seedtensors::Dtype;
use seedtensors::twins::{Family, Probe, probes};

/// Elements that each rewrite must change.
const WANTED: u64 = 32;
/// Sensitive blocks that are collected of each rewrite.
const COLLECTED: usize = 100;

/// Families of one kernel: what one of them does not show, another does. With how many elements of the stream are searched.
const GROUPS: [&[(Family, u32)]; 5] = [
    &[(Family::Uniform, 22)],
    &[(Family::Normal, 31)],
    // the sensitive blocks are those of normals of any mean, so far as their last operation is not concerned
    &[(Family::Centred, 24)],
    &[(Family::Truncated, 25), (Family::Tail, 28)],
    &[(Family::NarrowResidue, 22), (Family::Narrow, 28)],
];

/// A short fill that has not been tuned: its family, and its block.
type Place = (Family, u64);

fn main() -> std::io::Result<()> {
    if std::env::args().nth(1).is_none_or(|word| word != "search") {
        println!("| kernel | dtype | rewrites | of fewer than 32 | the smallest of the others |");
        println!("| --- | --- | ---: | ---: | ---: |");
        let tables: Vec<String> = GROUPS.iter().map(|group| table(group)).collect();
        tables.iter().for_each(|table| println!("{table}"));
        return Ok(());
    }
    let mut fills = Vec::new();
    let mut normals = BTreeMap::new();
    let only = std::env::args().nth(2);
    for group in GROUPS {
        let name = format!("{:?}", group[0].0);
        let of = |probe: &Probe| group.iter().any(|(family, _)| *family == probe.family);
        fills.extend(probes().2.into_iter().filter(of));
        if only.as_ref().is_none_or(|only| *only == name) {
            fills.extend(searched(group, &mut normals));
        }
    }
    write(&fills)
}

/// Writes the fills that the library has.
fn write(fills: &[Probe]) -> std::io::Result<()> {
    let mut text = String::from(
        "//! Written by `cargo run --release --example margins search`.\n\nuse super::probes::Family;\nuse crate::Dtype;\n\n\
         /// Parameters' bits, and blocks.\ntype Fills = &'static [(u32, u32)];\n\n/// The short fills of each family and dtype: the parameter's bits, and the block at which the fill begins.\n\
         #[rustfmt::skip]\npub(super) const CHOSEN: &[(Family, Dtype, Fills)] = &[\n",
    );
    for family in Family::ALL {
        for dtype in Dtype::ALL {
            let of = |probe: &&Probe| (probe.family, probe.dtype) == (family, dtype);
            let fills: Vec<_> = fills.iter().filter(of).map(|probe| (probe.parameter, probe.block)).collect();
            if !fills.is_empty() {
                text += &format!("    (Family::{family:?}, Dtype::{dtype:?}, &[\n");
                for line in fills.chunks(5) {
                    let line: Vec<_> = line.iter().map(|(p, block)| format!("({p:#x}, {block})")).collect();
                    text += &format!("        {},\n", line.join(", "));
                }
                text += "    ]),\n";
            }
        }
    }
    std::fs::write("src/gpu/chosen.rs", text + "];\n")
}

/// Prints a kernel's margin in each dtype. Returns how many of the checked elements each rewrite changes, as a table.
fn table(group: &[(Family, u32)]) -> String {
    let mutants = mutants(group[0].0);
    let counts = Dtype::ALL.map(|dtype| counted(&mutants, group, dtype));
    for (dtype, counts) in Dtype::ALL.iter().zip(&counts) {
        let few = counts.iter().filter(|&&count| count < WANTED).count();
        let smallest = counts.iter().filter(|&&count| count >= WANTED).min().unwrap_or(&0);
        println!("| {:?} | {dtype} | {} | {few} | {smallest} |", group[0].0, counts.len());
    }
    let mut text = format!("\n### {:?}\n\n| rewrite | f32 | f16 | bf16 |\n| --- | ---: | ---: | ---: |\n", group[0].0);
    for (i, (mutant, _)) in mutants.mutants.iter().enumerate() {
        text += &format!("| `{mutant}` | {} | {} | {} |\n", counts[0][i], counts[1][i], counts[2][i]);
    }
    text
}

/// The family's rewrites.
fn mutants(family: Family) -> Mutants {
    Mutants::new(&family.sampler(family.parameter()), false)
}

/// How many of the check's elements each rewrite changes.
fn counted(mutants: &Mutants, group: &[(Family, u32)], dtype: Dtype) -> Vec<u64> {
    let (_, long, short) = probes();
    let of = |probe: &&Probe| probe.dtype == dtype && group.iter().any(|(family, _)| *family == probe.family);
    let mut sum = vec![0; mutants.mutants.len()];
    long.iter().chain(&short).filter(of).for_each(|probe| add(&mut sum, &counts_of(mutants, probe)));
    sum
}

fn add(sum: &mut [u64], counts: &[u64]) {
    sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
}

fn counts_of(mutants: &Mutants, probe: &Probe) -> Vec<u64> {
    let blocks: Vec<u64> = (0..probe.count / 4).map(|i| u64::from(probe.block) + i).collect();
    mutants.counts(&probe.sampler(), probe.dtype, probes().0, &blocks)
}

/// The short fills of a kernel in every dtype.
fn searched(group: &[(Family, u32)], normals: &mut BTreeMap<Mutant, Vec<u64>>) -> Vec<Probe> {
    let mutants = mutants(group[0].0);
    let mut sensitive = vec![Vec::new(); mutants.mutants.len()];
    for &(family, bits) in group {
        collect(&mutants, family, bits, &mut sensitive);
    }
    for ((mutant, _), places) in mutants.mutants.iter().zip(&mut sensitive) {
        match group[0].0 {
            Family::Normal => {
                drop(normals.insert(mutant.clone(), places.iter().map(|place: &Place| place.1).collect()))
            }
            Family::Centred if places.len() < COLLECTED => {
                places.extend(normals.remove(mutant).into_iter().flatten().map(|block| (Family::Centred, block)));
            }
            _ => {}
        }
        println!("{:?}: {} places, {mutant}", group[0].0, places.len());
    }
    Dtype::ALL.into_iter().flat_map(|dtype| chosen(&mutants, group, dtype, &sensitive)).collect()
}

/// Adds the blocks of the stream in which each rewrite changes a value in f32, until there are enough.
fn collect(mutants: &Mutants, family: Family, bits: u32, found: &mut [Vec<Place>]) {
    const BATCH: u64 = 1 << 18;
    let (key, ..) = probes();
    let coefficients = coefficients(&family.sampler(family.parameter()), Dtype::F32);
    for batch in 0..(1_u64 << (bits - 2)).div_ceil(BATCH) {
        let active: Vec<bool> = found.iter().map(|places| places.len() < COLLECTED).collect();
        if !active.contains(&true) {
            break;
        }
        let blocks: Vec<u64> = (batch * BATCH..(batch + 1) * BATCH).collect();
        let chunk = |blocks: &[u64]| {
            let inputs = Inputs { words: words(key, blocks), coefficients: splat(&coefficients) };
            let mut hits = Vec::new();
            mutants
                .changed(&inputs, Dtype::F32, LANES, &active, |mutant, lane, _| hits.push((mutant, blocks[lane / 2])));
            hits
        };
        let hits: Vec<_> = blocks.par_chunks(LANES / 2).flat_map_iter(chunk).collect();
        for (mutant, block) in hits {
            if found[mutant].len() < COLLECTED && found[mutant].last() != Some(&(family, block)) {
                found[mutant].push((family, block));
            }
        }
    }
}

/// More short fills, until every rewrite changes enough elements: those with the rarest places first, of each the fills that
/// show most of what is still wanted.
fn chosen(mutants: &Mutants, group: &[(Family, u32)], dtype: Dtype, sensitive: &[Vec<Place>]) -> Vec<Probe> {
    let mut counts = counted(mutants, group, dtype);
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&i| sensitive[i].len());
    let mut fills: Vec<Probe> = Vec::new();
    let mut pool: Vec<(Probe, Vec<u64>)> = Vec::new();
    for mutant in order {
        let mut places = sensitive[mutant].chunks(16);
        while counts[mutant] < WANTED {
            let gain = |shown: &[u64]| {
                shown.iter().zip(&counts).map(|(&shown, &count)| shown.min(WANTED.saturating_sub(count))).sum::<u64>()
            };
            let best = (0..pool.len()).filter(|&i| pool[i].1[mutant] > 0).max_by_key(|&i| gain(&pool[i].1));
            if let Some(best) = best {
                let (probe, shown) = pool.swap_remove(best);
                add(&mut counts, &shown);
                fills.push(probe);
                continue;
            }
            let Some(places) = places.next() else { break };
            let tune = |&place: &Place| {
                let probe = tuned(mutants, dtype, mutant, place)?;
                let known = fills.iter().any(|fill| (fill.parameter, fill.block) == (probe.parameter, probe.block));
                (!known).then(|| (probe, counts_of(mutants, &probe)))
            };
            let tuned: Vec<_> = places.par_iter().filter_map(tune).collect();
            if tuned.is_empty() {
                continue;
            }
            pool.extend(tuned);
        }
        println!("{:?} {dtype}: {} changed by {}", group[0].0, counts[mutant], mutants.mutants[mutant].0);
    }
    println!("{:?} {dtype}: {} fills", group[0].0, fills.len());
    fills
}

/// A parameter with which the rewrite changes what is stored of an element of the block: the family's in f32, else one that
/// brings the value next to where it rounds the other way.
fn tuned(mutants: &Mutants, dtype: Dtype, mutant: usize, (family, block): Place) -> Option<Probe> {
    let probe = |parameter| Probe { family, parameter, dtype, block: block as u32, count: 64 / dtype.size() };
    if dtype == Dtype::F32 {
        return Some(probe(family.parameter().to_bits()));
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
        let inputs =
            Inputs { words: pair.map(|word| [word; LANES]), coefficients: per_lane(family, dtype, &parameters) };
        let values = mutants.values(&inputs);
        if !(0..LANES).any(|lane| values.iter().any(|value| is_near_a_tie(value[lane], dtype))) {
            continue;
        }
        let mut found = None;
        mutants.changed(&inputs, dtype, LANES, &active, |_, lane, _| found = Some(parameters[lane]));
        // with all the coefficients that belong to the parameter
        let shown = |probe: &Probe| counts_of(mutants, probe)[mutant] > 0;
        if let Some(probe) = found.map(probe).filter(shown) {
            return Some(probe);
        }
    }
    None
}

/// Whether a neighbour of an f32 may round to another value of the dtype.
fn is_near_a_tie(bits: u32, dtype: Dtype) -> bool {
    (1..=4)
        .any(|ulp| stored(bits + ulp, dtype) != stored(bits, dtype) || stored(bits - ulp, dtype) != stored(bits, dtype))
}

/// Parameters within a quarter of the family's own, with as many bits as it may have.
fn parameters(family: Family, seed: u64) -> Lanes {
    let mut words = (0..).flat_map(|i| seedtensors::Key::new(seed).block(i));
    std::array::from_fn(|_| {
        let word = words.next().unwrap_or_default();
        let parameter = family.parameter() * (0.75 + 0.5 * (word as f32 / 4_294_967_296.0));
        match family {
            Family::Truncated | Family::Tail | Family::Narrow => parameter.to_bits() & !15,

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
        if matches!(family, Family::Truncated | Family::Tail) {
            // the window is the same, so that only the scale, the mean and the bounds change; bounds are never met
            let scale = value.copysign(f32::from_bits(base[0]));
            for (word, number) in [(0, scale), (1, 2.0 * value), (2, f32::MAX), (3, 0.0)] {
                lanes[word][lane] = number.to_bits();
            }
        } else {
            let words = coefficients(&family.sampler(value), dtype);
            lanes.iter_mut().zip(words).for_each(|(lanes, word)| lanes[lane] = word);
        }
    }
    lanes
}
