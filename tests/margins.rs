//! The margin of a device's check: each operation that a compiler could fuse or regroup, rewritten alone, changes at
//! least 32 of the checked elements in every sampler and dtype. The exceptions are rewrites that change no
//! value. `cargo run --release -p seedtensors-tools --bin margins` prints the table and finds the fills.

#[path = "common/graph.rs"]
mod graph;
#[path = "common/margin.rs"]
mod margin;
#[path = "common/rewrites.rs"]
mod rewrites;
#[path = "common/trace.rs"]
mod trace;

use margin::{WANTED, is_excepted, kernels, margin};
use rewrites::{Inputs, Mutants, coefficients, splat, words};
use seedtensors::testing::Family;
use seedtensors::{Dtype, Fill, Key, cpu};

#[test]
fn every_rewrite_changes_enough_of_the_checked_elements() {
    let (mut rewrites, mut seen) = (0, 0);
    for families in kernels() {
        let mutants = Mutants::new(families[0].sampler(families[0].parameter()).as_ref(), false);
        for &dtype in Dtype::ALL {
            let (_, counts) = margin(&mutants, &families, dtype);
            for ((mutant, _), count) in mutants.mutants.iter().zip(counts) {
                let excepted = is_excepted(&mutant.to_string());
                assert!(excepted || count >= WANTED, "{families:?} in {dtype}: {mutant} changes {count}");
                seen += usize::from(count >= WANTED);
                rewrites += 1;
            }
        }
    }
    // docs/margins.md has the figures
    assert_eq!((rewrites, seen), (1020, 996));
}

/// Operations inside pin.wgsl's `exact` are exact: rewriting them changes nothing.
#[test]
fn exact_operations_may_be_rewritten() {
    let blocks: Vec<u64> = (0..1 << 17).collect();
    let mut rewrites = 0;
    for family in Family::ALL {
        let sampler = family.sampler(family.parameter());
        let mutants = Mutants::new(sampler.as_ref(), true);
        let counts = mutants.counts(sampler.as_ref(), Dtype::F32, Key::new(42), &blocks);
        for ((mutant, _), count) in mutants.mutants.iter().zip(counts) {
            assert_eq!(count, 0, "{family:?}: {mutant}");
            rewrites += 1;
        }
    }
    assert!(rewrites > 40, "only {rewrites} rewrites");
}

/// Without a rewrite the graph gives the library's values.
#[test]
fn the_graph_gives_the_values() {
    let blocks: Vec<u64> = (0..64).collect();
    for family in Family::ALL {
        let sampler = family.sampler(family.parameter());
        let mutants = Mutants::new(sampler.as_ref(), false);
        let coefficients = splat(&coefficients(sampler.as_ref(), Dtype::F32));
        let inputs = Inputs { words: words(Key::new(42), &blocks), coefficients };
        let [even, odd] = mutants.values(&inputs);
        let mut expected = [0; 256];
        match sampler {
            Some(sampler) => {
                let fill = Fill::from_sampler(Key::new(42), sampler, 256);
                cpu::fill_bytes(&fill, Dtype::F32, bytemuck::cast_slice_mut(&mut expected)).unwrap();
            }
            None => cpu::words(Key::new(42), 0, &mut expected),
        }
        for (pair, expected) in expected.chunks_exact(2).enumerate() {
            assert_eq!([even[pair], odd[pair]], [expected[0], expected[1]], "{family:?} {pair}");
        }
    }
}
