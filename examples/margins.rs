//! The margin of a device's check: of each operation that a compiler could fuse or regroup, how many of the checked elements
//! that changes. Prints a table in Markdown. With `search` it first finds short fills, until each operation changes at least
//! 32 elements in every dtype, and adds them to src/gpu/chosen.rs.
//!
//! `cargo run --release --example margins [search [KERNEL]]`
#![allow(clippy::cast_possible_truncation, clippy::print_stdout, reason = "blocks are known to fit, an example prints")]

#[path = "../tests/common/graph.rs"]
mod graph;
#[path = "../tests/common/margin.rs"]
mod margin;
#[path = "../tests/common/rewrites.rs"]
mod rewrites;
#[path = "../tests/common/trace.rs"]
mod trace;

use margin::{Covered, KERNELS, WANTED, add, is_excepted, margin};
use rayon::prelude::*;
use rewrites::{Inputs, LANES, Lanes, Mutant, Mutants, coefficients, splat, stored, words};
use seedtensors::Dtype;
use seedtensors::twins::{Family, Probe, probes};

/// Sensitive blocks that are collected of each rewrite.
const COLLECTED: usize = 100;

/// Elements of the stream that are searched, as a power of two.
const fn searched_bits(family: Family) -> u32 {
    match family {
        Family::Normal | Family::Centred => 31,
        Family::Truncated => 25,
        Family::Tail | Family::Narrow => 28,
        _ => 22,
    }
}

/// A short fill that has not been tuned: its family, and its block.
type Place = (Family, u64);

fn main() -> std::io::Result<()> {
    if std::env::args().nth(1).is_none_or(|word| word != "search") {
        println!("| kernel | dtype | rewrites | of fewer than 32 | the smallest of the others |");
        println!("| --- | --- | ---: | ---: | ---: |");
        let tables: Vec<String> = KERNELS.iter().map(|families| table(families)).collect();
        tables.iter().for_each(|table| println!("{table}"));
        return Ok(());
    }
    let mut fills = Vec::new();
    let only = std::env::args().nth(2);
    for families in KERNELS {
        let name = format!("{:?}", families[0]);
        fills.extend(probes().2.into_iter().filter(|probe| families.contains(&probe.family)));
        if only.as_ref().is_none_or(|only| *only == name) {
            fills.extend(searched(families));
        }
    }
    write(&fills)
}

/// Writes the library's short fills, without those that others cover.
fn write(fills: &[Probe]) -> std::io::Result<()> {
    let mut covered = Covered::default();
    probes().1.iter().for_each(|long| covered.insert(long));
    let is_new = |probe: &&Probe| {
        let is_new = !covered.missing(probe).is_empty();
        covered.insert(probe);
        is_new
    };
    let fills: Vec<&Probe> = fills.iter().filter(is_new).collect();
    let mut text = String::from(
        "//! Written by `cargo run --release --example margins search`.\n\nuse super::probes::Family;\nuse crate::Dtype;\n\n\
         /// Parameters' bits, and blocks.\ntype Fills = &'static [(u32, u32)];\n\n/// The short fills of each family and dtype: the parameter's bits, and the block at which the fill begins.\n\
         #[rustfmt::skip]\npub(super) const CHOSEN: &[(Family, Dtype, Fills)] = &[\n",
    );
    for family in Family::ALL {
        for dtype in Dtype::ALL {
            let of = |probe: &&&Probe| (probe.family, probe.dtype) == (family, dtype);
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
fn table(families: &[Family]) -> String {
    let (mutants, name) = (mutants(families[0]), families[0]);
    let counts = Dtype::ALL.map(|dtype| margin(&mutants, families, dtype).1);
    for (dtype, counts) in Dtype::ALL.iter().zip(&counts) {
        let few = counts.iter().filter(|&&count| count < WANTED).count();
        let smallest = counts.iter().filter(|&&count| count >= WANTED).min().unwrap_or(&0);
        println!("| {name:?} | {dtype} | {} | {few} | {smallest} |", counts.len());
    }
    let mut text = format!("\n### {name:?}\n\n| rewrite | f32 | f16 | bf16 |\n| --- | ---: | ---: | ---: |\n");
    for (i, (mutant, _)) in mutants.mutants.iter().enumerate() {
        text += &format!("| `{mutant}` | {} | {} | {} |\n", counts[0][i], counts[1][i], counts[2][i]);
    }
    text
}

/// The family's rewrites.
fn mutants(family: Family) -> Mutants {
    Mutants::new(&family.sampler(family.parameter()), false)
}

/// How many elements of some of a fill's blocks each rewrite changes.
fn counts_of(mutants: &Mutants, probe: &Probe, blocks: &[u64]) -> Vec<u64> {
    mutants.counts(&probe.sampler(), probe.dtype, probes().0, blocks)
}

/// More short fills of a kernel in every dtype.
fn searched(families: &[Family]) -> Vec<Probe> {
    let mutants = mutants(families[0]);
    let margins = Dtype::ALL.map(|dtype| margin(&mutants, families, dtype).1);
    let is_wanted = |i: usize, mutant: &Mutant| {
        !is_excepted(families[0], &mutant.to_string()) && margins.iter().any(|counts| counts[i] < WANTED)
    };
    let wanted: Vec<bool> = mutants.mutants.iter().enumerate().map(|(i, (mutant, _))| is_wanted(i, mutant)).collect();
    let mut sensitive = vec![Vec::new(); mutants.mutants.len()];
    for &family in families {
        collect(&mutants, family, &wanted, &mut sensitive);
    }
    Dtype::ALL.into_iter().flat_map(|dtype| chosen(&mutants, families, dtype, &sensitive)).collect()
}

/// Adds the blocks of the stream in which each wanted rewrite changes a value in f32, until there are enough.
fn collect(mutants: &Mutants, family: Family, wanted: &[bool], found: &mut [Vec<Place>]) {
    const BATCH: u64 = 1 << 18;
    let (key, ..) = probes();
    let coefficients = coefficients(&family.sampler(family.parameter()), Dtype::F32);
    for batch in 0..(1_u64 << (searched_bits(family) - 2)).div_ceil(BATCH) {
        let active: Vec<bool> =
            found.iter().zip(wanted).map(|(places, wanted)| *wanted && places.len() < COLLECTED).collect();
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
fn chosen(mutants: &Mutants, families: &[Family], dtype: Dtype, sensitive: &[Vec<Place>]) -> Vec<Probe> {
    let (mut covered, mut counts) = margin(mutants, families, dtype);
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
                let (probe, _) = pool.swap_remove(best);
                // other fills may cover a part of it since
                let shown = counts_of(mutants, &probe, &covered.missing(&probe));
                if shown[mutant] > 0 {
                    add(&mut counts, &shown);
                    covered.insert(&probe);
                    fills.push(probe);
                }
                continue;
            }
            let Some(places) = places.next() else { break };
            let tune = |&place: &Place| {
                let probe = tuned(mutants, dtype, mutant, place)?;
                Some((probe, counts_of(mutants, &probe, &covered.missing(&probe))))
            };
            pool.par_extend(places.par_iter().filter_map(tune));
        }
        println!("{:?} {dtype}: {} changed by {}", families[0], counts[mutant], mutants.mutants[mutant].0);
    }
    println!("{:?} {dtype}: {} fills", families[0], fills.len());
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
        let blocks = |probe: &Probe| Covered::default().missing(probe);
        let shown = |probe: &Probe| counts_of(mutants, probe, &blocks(probe))[mutant] > 0;
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
