//! The margin of a device's check: for each operation that a compiler could fuse or regroup, the number of checked
//! elements that the rewrite changes. Prints a table in Markdown. With `search` it first finds short fills, until each
//! operation changes at least 32 elements in every dtype, and adds them to src/dispatch/chosen.rs.
//!
//! `cargo run --release -p seedtensors-tools --bin margins [search [KERNEL]]`
#![allow(clippy::cast_possible_truncation, clippy::print_stdout, reason = "blocks are known to fit, a tool prints")]

#[path = "../../../../tests/common/graph.rs"]
mod graph;
#[path = "../../../../tests/common/margin.rs"]
mod margin;
#[path = "../../../../tests/common/rewrites.rs"]
mod rewrites;
#[path = "../../../../tests/common/trace.rs"]
mod trace;

mod choice;
mod places;

use choice::chosen;
use margin::{Covered, WANTED, is_excepted, kernels, margin};
use places::sensitive_places;
use rewrites::{Mutant, Mutants};
use seedtensors::Dtype;
use seedtensors::testing::{Family, Probe, probes};

fn main() -> std::io::Result<()> {
    if std::env::args().nth(1).is_none_or(|word| word != "search") {
        println!("| kernel | dtype | rewrites | of fewer than 32 | the smallest of the others |");
        println!("| --- | --- | ---: | ---: | ---: |");
        let tables: Vec<String> = kernels().iter().map(|families| table(families)).collect();
        tables.iter().for_each(|table| println!("{table}"));
        return Ok(());
    }
    let mut fills = Vec::new();
    let only = std::env::args().nth(2);
    for families in kernels() {
        let name = format!("{:?}", families[0]);
        fills.extend(probes().2.into_iter().filter(|probe| families.contains(&probe.family)));
        if only.as_ref().is_none_or(|only| *only == name) {
            fills.extend(searched(&families));
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
        "//! Written by `cargo run --release -p seedtensors-tools --bin margins search`.\n\n\
         use super::family::Family;\nuse crate::Dtype;\n\n\
         /// Parameters' bits, and blocks.\ntype Fills = &'static [(u32, u32)];\n\n/// The short fills of each family and dtype: the parameter's bits, and the block at which the fill begins.\n\
         #[rustfmt::skip]\npub(super) const CHOSEN: &[(Family, Dtype, Fills)] = &[\n",
    );
    for family in Family::ALL {
        for &dtype in Dtype::ALL {
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
    std::fs::write("src/dispatch/chosen.rs", text + "];\n")
}

/// Prints a kernel's margin in each dtype. Returns a table: the number of checked elements that each rewrite changes.
fn table(families: &[Family]) -> String {
    let (mutants, name) = (mutants(families[0]), families[0]);
    let counts: Vec<_> = Dtype::ALL.iter().map(|&dtype| margin(&mutants, families, dtype).1).collect();
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
    Mutants::new(family.sampler(family.parameter()).as_ref(), false)
}

/// More short fills of a kernel in every dtype.
fn searched(families: &[Family]) -> Vec<Probe> {
    let mutants = mutants(families[0]);
    let margins: Vec<_> = Dtype::ALL.iter().map(|&dtype| margin(&mutants, families, dtype).1).collect();
    let is_wanted = |i: usize, mutant: &Mutant| {
        !is_excepted(&mutant.to_string()) && margins.iter().any(|counts| counts[i] < WANTED)
    };
    let wanted: Vec<bool> = mutants.mutants.iter().enumerate().map(|(i, (mutant, _))| is_wanted(i, mutant)).collect();
    let places = sensitive_places(&mutants, families, &wanted);
    Dtype::ALL.iter().flat_map(|&dtype| chosen(&mutants, families, dtype, &places)).collect()
}
