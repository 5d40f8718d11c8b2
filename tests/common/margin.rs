//! How many of the elements that a device's check compares each rewrite changes.
#![allow(dead_code, reason = "every file uses its own part")]

use std::collections::{BTreeMap, BTreeSet};

use seedtensors::Dtype;
use seedtensors::twins::{Family, Probe, probes};

use crate::rewrites::Mutants;

/// Elements that each rewrite must change.
pub(crate) const WANTED: u64 = 32;

/// Families of one kernel: what one of them does not show, another does.
pub(crate) const KERNELS: [&[Family]; 5] = [
    &[Family::Uniform],
    &[Family::Normal],
    &[Family::Centred],
    &[Family::Truncated, Family::Tail],
    &[Family::Narrow, Family::NarrowResidue],
];

/// Rewrites that change nothing.
const HARMLESS: [&str; 4] = [
    // only the exponent of the sum is used
    "radius: w_high + w_low: right sum regrouped, 1",
    "radius: w_high + w_low: right sum regrouped, 2",
    // the difference of the rounded sum is exact
    "radius: w_low - pin(rest - above): left sum regrouped, 1",
    "radius: w_low - pin(rest - above): left sum regrouped, 2",
];

/// Of normals, it changes fewer than one value in 2^27.
const RARE_NORMAL: [&str; 1] = ["root: pin(mul_add(rounded(f * f), p, f_low)) - e_ln2_low: right product fused"];

/// Of truncated normals, they change fewer than one value in 2^23.
const RARE_TRUNCATED: [&str; 17] = [
    "root: pin(mul_add(rounded(f * f), p, f_low)) - e_ln2_low: right product fused",
    "root: horner(vec4(LOG_10), f, LOG_9): left product fused",
    "root: horner(p, f, LOG_8): left product fused",
    "root: horner(p, f, LOG_7): left product fused",
    "root: mul_add(d, y, s): left product fused",
    "root: mul_add(d, y, s): right product regrouped, 1",
    "root: mul_add(d, y, s): right product regrouped, 2",
    "root: square * y: right product regrouped, 1",
    "root: square * y: right product regrouped, 2",
    "root: sub_mul(vec4(RSQRT_STEP), rounded(square * seed), seed): right product fused",
    "root: e_ln2 - f: right sum regrouped, 1",
    "root: e_ln2 - f: right sum regrouped, 2",
    "root: pin(e_ln2 - exact(s * s)) - f: right sum regrouped, 1",
    "upper_quantile: float(high & vec4(0xffffu)) * 4294967296.0 + n_middle: right sum regrouped, 1",
    "upper_quantile: float(high & vec4(0xffffu)) * 4294967296.0 + n_middle: right sum regrouped, 2",
    "upper_quantile: float(low >> vec4(16u)) * 65536.0 + n_low: right sum regrouped, 1",
    "upper_quantile: float(low >> vec4(16u)) * 65536.0 + n_low: right sum regrouped, 2",
];

/// Of narrow windows, they change fewer than one value in 2^23.
const RARE_NARROW: [&str; 3] = [
    "narrow_values: horner(vec4(c.series_5), y, c.series_4): left product fused",
    "narrow_values: horner(series, y, c.series_3): left product fused",
    "narrow_values: mul_add(main, series, vec4(c.residue)): left product fused",
];

/// Whether the check need not hold `WANTED` elements that a kernel's rewrite changes.
pub(crate) fn is_excepted(family: Family, rewrite: &str) -> bool {
    let rare: &[&str] = match family {
        Family::Normal | Family::Centred => &RARE_NORMAL,
        Family::Truncated | Family::Tail => &RARE_TRUNCATED,
        Family::Narrow | Family::NarrowResidue => &RARE_NARROW,
        _ => &[],
    };
    HARMLESS.contains(&rewrite) || rare.contains(&rewrite)
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

/// What the check covers of a kernel in a dtype, and how many of those elements each rewrite changes.
pub(crate) fn margin(mutants: &Mutants, families: &[Family], dtype: Dtype) -> (Covered, Vec<u64>) {
    let (key, long, short) = probes();
    let of = |probe: &&Probe| families.contains(&probe.family) && probe.dtype == dtype;
    let mut covered = Covered::default();
    let mut sum = vec![0; mutants.mutants.len()];
    for probe in long.iter().chain(&short).filter(of) {
        add(&mut sum, &mutants.counts(&probe.sampler(), dtype, key, &covered.missing(probe)));
        covered.insert(probe);
    }
    (covered, sum)
}

pub(crate) fn add(sum: &mut [u64], counts: &[u64]) {
    sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
}
