//! Chooses short fills, and parameters that bring values close to where they round the other way.

use rayon::prelude::*;
use seedtensors::Dtype;
use seedtensors::testing::{Family, Probe, probes};

use crate::margin::{Covered, WANTED, add, margin};
use crate::places::Place;
use crate::rewrites::{Inputs, LANES, Lanes, Mutants, coefficients, splat, stored};

/// Counts, for each rewrite, the elements that it changes in some blocks of a fill.
fn counts_of(mutants: &Mutants, probe: &Probe, blocks: &[u64]) -> Vec<u64> {
    mutants.counts(probe.sampler().as_ref(), probe.dtype, probes().0, blocks)
}

/// Chooses more short fills, until every rewrite changes enough elements. Rewrites with the fewest sensitive blocks
/// come first, and for each the fills that show most of what is still wanted.
pub(crate) fn chosen(mutants: &Mutants, families: &[Family], dtype: Dtype, sensitive: &[Vec<Place>]) -> Vec<Probe> {
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
                // fills that were chosen since may cover a part of it
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

/// A parameter with which the rewrite changes a stored element of the block. In f32 it is the family's own. Otherwise
/// it is one that brings the value close to where it rounds the other way.
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
            Family::Central | Family::Truncated | Family::Skewed | Family::Tail(_) | Family::Narrow => {
                parameter.to_bits() & !15
            }
            _ => parameter.to_bits(),
        }
    })
}

/// The coefficients of each lane's parameter.
fn per_lane(family: Family, dtype: Dtype, parameters: &Lanes) -> Vec<Lanes> {
    let base = coefficients(family.sampler(family.parameter()).as_ref(), dtype);
    let mut lanes = splat(&base);
    for (lane, &parameter) in parameters.iter().enumerate() {
        let value = f32::from_bits(parameter);
        if matches!(family, Family::Central | Family::Truncated | Family::Skewed | Family::Tail(_)) {
            // the window is the same, so that only the scale, the mean and the bounds change; bounds are never met
            let scale = value.copysign(f32::from_bits(base[0]));
            let mean = if matches!(family, Family::Tail(_)) { 2.0 * value } else { 0.25 * value };
            for (word, number) in [(0, scale), (1, mean), (2, f32::MAX), (3, -f32::MAX)] {
                lanes[word][lane] = number.to_bits();
            }
        } else {
            let words = coefficients(family.sampler(value).as_ref(), dtype);
            lanes.iter_mut().zip(words).for_each(|(lanes, word)| lanes[lane] = word);
        }
    }
    lanes
}
