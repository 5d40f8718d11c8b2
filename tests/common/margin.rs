//! The margin of a device's check: for each rewrite, the number of checked elements that it changes.
#![allow(dead_code, reason = "every file uses its own part")]

use std::collections::{BTreeMap, BTreeSet};

use seedtensors::testing::{Family, Probe, coefficients, probes};
use seedtensors::{Arithmetic, Dtype};

use crate::rewrites::Mutants;

/// Elements that each rewrite must change.
pub(crate) const WANTED: u64 = 32;

/// The families of each kernel that has operations: rewrites that one family does not show, another does.
pub(crate) fn kernels() -> Vec<Vec<Family>> {
    let mut kernels: BTreeMap<u32, Vec<Family>> = BTreeMap::new();
    let is_computed = |family: &Family| !matches!(family, Family::Words | Family::Constant);
    for family in Family::ALL.into_iter().filter(is_computed) {
        let sampler = family.sampler(family.parameter());
        let (kernel, _) = coefficients(sampler.as_ref(), Dtype::F32, Arithmetic::Exact).expect("a valid sampler");
        kernels.entry(kernel).or_default().push(family);
    }
    kernels.into_values().collect()
}

/// Rewrites that change nothing: none of the 2^32 radii of normals.
const HARMLESS: [&str; 4] = [
    // only the exponent of the sum is used
    "radius: w_high + w_low: right sum regrouped, 1",
    "radius: w_high + w_low: right sum regrouped, 2",
    // the difference of the rounded sum is exact
    "radius: w_low - pin(rest - above): left sum regrouped, 1",
    "radius: w_low - pin(rest - above): left sum regrouped, 2",
];

/// Whether the check may hold fewer than `WANTED` elements that a rewrite changes.
pub(crate) fn is_excepted(rewrite: &str) -> bool {
    HARMLESS.contains(&rewrite)
}

/// The blocks that fills cover, by family, dtype and parameter. A block that two fills cover is one.
#[derive(Default)]
pub(crate) struct Covered(BTreeMap<(Family, u32, u32), BTreeSet<u64>>);

impl Covered {
    /// The blocks of a fill that no other fill covers.
    pub(crate) fn missing(&self, probe: &Probe) -> Vec<u64> {
        let blocks = (0..probe.count / 4).map(|i| u64::from(probe.block) + i);
        let known = self.0.get(&key(probe));
        blocks.filter(|block| known.is_none_or(|known| !known.contains(block))).collect()
    }

    pub(crate) fn insert(&mut self, probe: &Probe) {
        let blocks = self.missing(probe);
        self.0.entry(key(probe)).or_default().extend(blocks);
    }
}

fn key(probe: &Probe) -> (Family, u32, u32) {
    (probe.family, probe.dtype as u32, probe.parameter)
}

/// Counts, for each rewrite of a kernel, the checked elements in a dtype that it changes. Returns the checked blocks as
/// well.
pub(crate) fn margin(mutants: &Mutants, families: &[Family], dtype: Dtype) -> (Covered, Vec<u64>) {
    let (key, long, short) = probes();
    let of = |probe: &&Probe| families.contains(&probe.family) && probe.dtype == dtype;
    let mut covered = Covered::default();
    let mut sum = vec![0; mutants.mutants.len()];
    for probe in long.iter().chain(&short).filter(of) {
        add(&mut sum, &mutants.counts(probe.sampler().as_ref(), dtype, key, &covered.missing(probe)));
        covered.insert(probe);
    }
    (covered, sum)
}

pub(crate) fn add(sum: &mut [u64], counts: &[u64]) {
    sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
}
