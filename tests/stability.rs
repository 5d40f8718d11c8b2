//! Our own first values. A change of any is value-breaking: it needs another `VALUES_VERSION`.
#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are known to fit")]

use std::fmt::Display;

use half::{bf16, f16};
use seedtensors::{Element, Fill, Init, Key, Mode, Sampler, Shape, VALUES_VERSION, cpu};
use sha2::{Digest, Sha256};

fn fill<T: Element>(sampler: Sampler, start: u64, count: usize) -> Vec<T> {
    let mut values = vec![T::zeroed(); count];
    let fill = Fill::from_sampler(Key::new(42).named("stability"), sampler, u64::MAX);
    let fill = fill.range(start..start + count as u64).unwrap();
    cpu::fill(&fill, &mut values).unwrap();
    values
}

/// The first 8 bytes of the SHA-256 of values, and the first three of them.
fn digest<T: Element + Display>(sampler: Sampler, start: u64, count: usize) -> String {
    let values = fill::<T>(sampler, start, count);
    let hash = Sha256::digest(bytemuck::cast_slice::<T, u8>(&values));
    let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{hash} {} {} {}", values[0], values[1], values[2])
}

/// Of every kind of value.
fn digests(count: usize) -> [String; 13] {
    let normal = Sampler::Normal { mean: 0.0, std: 1.0 };
    let uniform = Sampler::Uniform { low: -0.1, high: 0.3 };
    let truncated = |low, high| Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low, high };
    let matrix = |init: Init, dims: [u64; 2]| init.sampler(&Shape::new(&dims).unwrap()).unwrap();
    let sparse = matrix(Init::Sparse { sparsity: 0.3, std: 1.0 }, [1000, 100]);
    let orthogonal = Init::Orthogonal { gain: 1.0 };
    [
        digest::<f32>(normal, 0, count),
        digest::<f32>(normal, (1 << 40) + 1, count),
        digest::<f16>(normal, 0, count),
        digest::<bf16>(normal, 0, count),
        digest::<f32>(uniform, 0, count),
        digest::<bf16>(uniform, 0, count),
        digest::<f32>(truncated(-2.0, 2.0), 0, count),
        digest::<bf16>(truncated(-2.0, 2.0), 0, count),
        digest::<f32>(truncated(4.0, f32::INFINITY), 0, count),
        digest::<f32>(truncated(1.0, 1.0625), 0, count),
        digest::<f32>(sparse, 0, count),
        digest::<f32>(matrix(orthogonal, [400, 250]), 0, count),
        digest::<bf16>(matrix(orthogonal, [250, 400]), 0, count),
    ]
}

#[test]
#[cfg_attr(miri, ignore = "too slow where it is interpreted; the next test is short")]
fn words_keys_and_values_are_those_of_version_1() {
    assert_eq!(VALUES_VERSION, 1);
    let expected = [
        "3a507cc9593e2dfe 0.69424707 -0.08593764 0.8483331",
        "09e52a4dd082dc88 0.6250279 0.042980418 -0.10548092",
        "cee9b82bb02bef39 0.69433594 -0.0859375 0.84814453",
        "f1cac0eda7fe0ea8 0.6953125 -0.0859375 0.84765625",
        "5ece8b3738711208 0.07442302 0.29282215 0.12523183",
        "efea04a646803e81 0.07421875 0.29296875 0.125",
        "eb3f22ea6d2b4592 0.7391067 1.7339935 0.49167427",
        "20895a30e6469aac 0.73828125 1.734375 0.4921875",
        "9ac740f43d949a81 4.347843 4.8488812 4.274458",
        "8c83884271eaa7e6 1.0485861 1.0612351 1.0431644",
        "5a943c53375c87d6 0.69424707 -0.08593764 0",
        "e4ff813251e679a3 0.03470552 -0.024617072 0.0692883",
        "69bb2b257438cc19 0.03466797 -0.0043029785 0.04248047",
    ];
    assert_eq!(digests(100_000), expected);
}

/// Short enough for Miri, and the last on several threads.
#[test]
fn the_first_values_are_those_of_version_1() {
    let expected = [
        "3d7415c20e904d0a 0.69424707 -0.08593764 0.8483331",
        "1efef51ef2b87f58 0.6250279 0.042980418 -0.10548092",
        "cc199b6af025aa28 0.69433594 -0.0859375 0.84814453",
        "8bedd18c3c4e1e92 0.6953125 -0.0859375 0.84765625",
        "64a3b25d5b679a3c 0.07442302 0.29282215 0.12523183",
        "fd3743b98c056aab 0.07421875 0.29296875 0.125",
        "6780511d112d70d2 0.7391067 1.7339935 0.49167427",
        "38d615aa3e5aa609 0.73828125 1.734375 0.4921875",
        "dee494b9e40fa6a4 4.347843 4.8488812 4.274458",
        "e425489d4a8c10cc 1.0485861 1.0612351 1.0431644",
        "1b0888e337590fa4 0.69424707 -0.08593764 0",
        "2b7d5aa6920691a5 0.03470552 -0.024617072 0.0692883",
        "99831dde37e3881f 0.03466797 -0.0043029785 0.04248047",
    ];
    assert_eq!(digests(300), expected);
    let threads = digest::<f32>(Sampler::Uniform { low: 0.0, high: 1.0 }, 0, 20_000);
    assert_eq!(threads, "a46061c2691fa196 0.43605757 0.98205537 0.5630796");
}

/// A named initialiser's sampler, rounding of its std included.
#[test]
fn initialisers_are_those_of_version_1() {
    let shape = Shape::new(&[300, 700]).unwrap();
    let samplers = [Init::he_normal(), Init::he_normal().mode(Mode::FanOut), Init::xavier_uniform()]
        .map(|init| init.sampler(&shape).unwrap());
    let expected = [
        Sampler::Normal { mean: 0.0, std: 0.053_452_25 },
        Sampler::Normal { mean: 0.0, std: 0.081_649_66 },
        Sampler::Uniform { low: -0.077_459_67, high: 0.077_459_67 },
    ];
    assert_eq!(samplers, expected);
}
