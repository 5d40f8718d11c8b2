//! Shards and batches: any rectangle of any tensor is that rectangle of the whole, on the CPU and the GPU, and
//! many fills recorded together are the same as one by one.
#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are known to fit")]

mod common;

use std::fmt::Debug;
use std::sync::LazyLock;

use common::{assert_agrees, canary, elements, gpu, gpus};
use half::{bf16, f16};
use proptest::prelude::*;
use seedtensors::cpu::Filler;
use seedtensors::gpu::{Gpu, Target};
use seedtensors::{Bounds, Dtype, Element, Error, Fill, Init, Key, Sampler, Shape, cpu};

static GPU: LazyLock<Gpu> = LazyLock::new(gpu);

fn filled<T: Element>(fill: &Fill) -> Vec<T> {
    cpu::tensor(fill).unwrap()
}

/// The rectangle cut out of the whole, index by index.
fn cut<T: Element>(whole: &[T], dims: &[u64], start: &[u64], extent: &[u64]) -> Vec<T> {
    let count = extent.iter().product();
    let element = |mut place: u64| {
        let (mut index, mut stride) = (0, 1);
        for ((dim, start), extent) in dims.iter().zip(start).zip(extent).rev() {
            index += (start + place % extent) * stride;
            place /= extent;
            stride *= dim;
        }
        whole[index as usize]
    };
    (0..count).map(element).collect()
}

/// Every initialiser that takes a shape with this number of dimensions.
fn inits(dims: &[u64]) -> Vec<Init> {
    let mut inits = vec![
        Init::Constant { value: 0.3 },
        Init::Uniform { low: -0.3, high: 0.7 },
        Init::Normal { mean: 0.1, std: 0.5 },
        Init::TruncatedNormal { mean: 0.0, std: 1.0, bounds: Bounds::InStd { low: -2.0, high: 2.0 } },
        Init::TruncatedNormal { mean: 0.0, std: 1.0, bounds: Bounds::Absolute { low: 4.0, high: f64::INFINITY } },
        Init::TruncatedNormal { mean: 0.0, std: 1.0, bounds: Bounds::Absolute { low: 0.5, high: 0.5625 } },
    ];
    if dims.len() >= 2 {
        inits.extend([Init::he_normal().into(), Init::Orthogonal { gain: 2.0 }]);
    }
    if dims.len() == 2 {
        inits.extend([Init::Eye { gain: 3.0 }, Init::Sparse { sparsity: 0.3, std: 0.1 }]);
    }
    if (3..=5).contains(&dims.len()) {
        inits.push(Init::Dirac { groups: 1 });
        if dims[0] >= dims[1] {
            inits.push(Init::DeltaOrthogonal { gain: 1.0 });
        }
    }
    inits
}

/// A shape of 1 to 8 dimensions and at most 30,000 elements, a rectangle of it, an initialiser and a key.
#[derive(Clone, Debug)]
struct Case {
    dims: Vec<u64>,
    start: Vec<u64>,
    extent: Vec<u64>,
    init: Init,
    key: Key,
    skip: u64,
    offset: u64,
}

fn case() -> impl Strategy<Value = Case> {
    let dims = (1..=8_usize).prop_flat_map(|rank| {
        let most: u64 = [2000, 170, 31, 13, 8, 6, 4, 4][rank - 1];
        // multiples of four, too, whose rows are whole blocks
        let dim = prop_oneof![1..=most, (1..=most.div_ceil(4)).prop_map(|quarter| 4 * quarter)];
        prop::collection::vec(dim, rank)
    });
    dims.prop_flat_map(|dims| {
        let ranges: Vec<_> = dims
            .iter()
            .map(|&dim| {
                let any = (0..dim).prop_flat_map(move |start| (Just(start), 0..=dim - start));
                let whole = Just((0, dim));
                let blocks =
                    (0..=dim / 4, 0..=dim / 4).prop_map(move |(a, b)| (4 * a.min(b), 4 * (a.max(b) - a.min(b))));
                prop_oneof![any, whole, blocks]
            })
            .collect();
        let count = inits(&dims).len();
        let key = (any::<u64>(), prop_oneof![any::<u64>(), Just(u64::MAX - 50), Just(0)]);
        (Just(dims.clone()), ranges, 0..count, key, 0..20_u64, 0..5_u64).prop_map(
            |(dims, ranges, init, (seed, offset), skip, at): (Vec<u64>, Vec<(u64, u64)>, _, _, _, _)| {
                let (start, extent) = ranges.into_iter().unzip();
                let init = inits(&dims)[init];
                Case { dims, start, extent, init, key: Key { seed, offset }, skip, offset: 4 * at }
            },
        )
    })
}

impl Case {
    fn check<T: Element + PartialEq + Debug>(&self) -> Result<(), TestCaseError> {
        let shape = Shape::new(&self.dims).unwrap();
        let fill = Fill::new(self.key, self.init, &shape).unwrap();
        let whole: Vec<T> = filled(&fill);

        let shard = shape.shard(&self.start, &self.extent).unwrap();
        let expected = cut(&whole, &self.dims, &self.start, &self.extent);
        prop_assert_eq!(shard.elements(), expected.len() as u64);
        let part = fill.shard(&shard).unwrap();
        prop_assert_eq!(&filled::<T>(&part), &expected);

        // a prefix of a shard, and the rest of it
        let skip = self.skip.min(shard.elements());
        prop_assert_eq!(&filled::<T>(&part.range(0..skip).unwrap())[..], &expected[..skip as usize]);
        let rest = part.range(skip..shard.elements()).unwrap();
        prop_assert_eq!(&filled::<T>(&rest)[..], &expected[skip as usize..]);
        // the GPU, at any offset of a buffer
        assert_agrees::<T>(&GPU, &part, self.offset);
        assert_agrees::<T>(&GPU, &rest, self.offset);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whole, part and GPU agree for every initialiser, in every dtype.
    #[test]
    fn a_shard_is_the_rectangle_of_the_whole(case in case(), dtype in 0..3) {
        match dtype {
            0 => case.check::<f32>()?,
            1 => case.check::<f16>()?,
            _ => case.check::<bf16>()?,
        }
    }

    /// The first values of a tensor do not depend on how many come behind them.
    #[test]
    fn a_prefix_of_a_longer_tensor_is_the_shorter(seed: u64, offset: u64, long in 0..3000_u64, share in 0.0..1.0_f64, init in 0..6_usize) {
        let short = (share * long as f64) as u64;
        let sampler = inits(&[long])[init].sampler(&Shape::new(&[7]).unwrap()).unwrap();
        let [long, prefix] = [long, short].map(|count| Fill::from_sampler(Key { seed, offset }, sampler, count));
        prop_assert_eq!(&filled::<f32>(&long)[..short as usize], &filled::<f32>(&prefix)[..]);
        prop_assert_eq!(&filled::<bf16>(&long)[..short as usize], &filled::<bf16>(&prefix)[..]);
    }
}

const NORMAL: Sampler = Sampler::Normal { mean: 0.01, std: 0.02 };

/// A shard of a tensor of normals.
fn shard_of(key: Key, dims: &[u64], start: &[u64], extent: &[u64]) -> Fill {
    let shape = Shape::new(dims).unwrap();
    let whole = Fill::from_sampler(key, NORMAL, shape.elements());
    whole.shard(&shape.shard(start, extent).unwrap()).unwrap()
}

fn agrees(gpu: &Gpu, dims: &[u64], start: &[u64], extent: &[u64]) {
    let fill = shard_of(Key::new(3).named("shards"), dims, start, extent);
    assert_agrees::<f32>(gpu, &fill, 16);
    assert_agrees::<bf16>(gpu, &fill, 4);
}

/// The shards of tensor parallelism, by rows, by columns and by both, whose rows are whole blocks or not.
#[test]
fn large_shards_agree() {
    for gpu in gpus() {
        agrees(gpu, &[2048, 2048], &[1024, 0], &[512, 2048]);
        agrees(gpu, &[2048, 2048], &[0, 512], &[2048, 512]);
        agrees(gpu, &[2048, 2048], &[512, 1024], &[1024, 1024]);
        agrees(gpu, &[2047, 2050], &[512, 1023], &[1024, 1000]);
        agrees(gpu, &[7, 100_003], &[1, 5], &[5, 40_000]);
        agrees(gpu, &[64, 32, 16, 12], &[3, 5, 4, 4], &[60, 20, 9, 8]);
    }
}

/// Rows larger than a dispatch counts, in a tensor of 2^62 elements: where coordinates overflow within a window.
#[test]
fn shards_of_tensors_beyond_memory_agree() {
    for gpu in gpus() {
        for (dims, start, extent, skip) in [
            ([1 << 20, 1 << 21, 1 << 21], [5, 1 << 20, 3], [1 << 10, 1 << 20, (1 << 20) + 1], (1_u64 << 40) - 1000),
            ([1 << 20, 1 << 21, 1 << 21], [5, 1 << 20, 4], [1 << 10, 1 << 20, 1 << 20], (1 << 40) - 4000),
            ([1 << 20, 1 << 31, 1 << 11], [5, 7, 8], [1 << 10, (1 << 30) + 1, 4], (1 << 32) - 4000),
            ([1 << 20, 1 << 31, 1 << 11], [5, 7, 9], [1 << 10, (1 << 30) + 1, 1], (1 << 30) - 4000),
            ([1 << 20, 1 << 32, 1 << 10], [5, 1 << 31, 9], [1 << 10, 1 << 31, 3], (3 << 31) - 5000),
            ([1 << 20, 1 << 31, 1 << 11], [5, 7, 9], [1 << 10, (1 << 30) + 1, 21], 21 * ((1 << 30) + 1) - 5000),
            ([1 << 20, 1 << 31, 1 << 11], [5, 7, 9], [1 << 10, (1 << 30) + 1, 78], 78 * ((1 << 30) + 1) - 5000),
            ([1 << 20, 1 << 31, 1 << 11], [5, 7, 9], [1 << 10, 1 << 30, 9], (9 << 30) - 4999),
        ] {
            let fill = shard_of(Key::new(4), &dims, &start, &extent).range(skip..skip + 10_000).unwrap();
            assert_agrees::<f32>(gpu, &fill, 0);
            assert_agrees::<bf16>(gpu, &fill, 0);
        }
    }
}

/// A column shard larger than a binding.
#[test]
fn a_shard_larger_than_a_binding_agrees() {
    let gpu = gpu();
    let rows = gpu.device().limits().max_storage_buffer_binding_size.min(1 << 27) / 4 / 1024 + 5;
    let columns = |first, count| shard_of(Key::new(5), &[rows, 2048], &[0, first], &[rows, count]);
    assert_agrees::<f32>(&gpu, &columns(1024, 1024), 8);
    assert_agrees::<f32>(&gpu, &columns(1023, 1025), 8);
}

#[test]
fn what_is_no_rectangle_of_the_shape_is_refused() {
    let shape = Shape::new(&[4, 6]).unwrap();
    for (start, extent) in [(&[0, 0][..], &[5, 6][..]), (&[4, 0], &[1, 6]), (&[0], &[4]), (&[u64::MAX, 0], &[1, 1])] {
        let error = shape.shard(start, extent).unwrap_err().to_string();
        assert!(error.contains("shape [4, 6]") && error.contains(&format!("start {start:?}")), "{error}");
    }
    let error = Shape::new(&[1; 9]).unwrap().shard(&[0; 9], &[1; 9]).unwrap_err().to_string();
    assert_eq!(error, "a shard has at most 8 dimensions, not 9");
    // a range of a shard counts in the shard's elements
    let fill = shard_of(Key::new(1), &[4, 6], &[1, 1], &[2, 3]);
    assert_eq!(fill.range(2..6).unwrap().elements(), 4);
    let error = fill.range(2..7).unwrap_err().to_string();
    assert_eq!(error, "a range must lie inside its 6 elements, not 2..7");
}

/// A shard can only be taken of a fill of its own tensor, whole.
#[test]
fn a_shard_of_another_tensor_is_refused() {
    let shape = Shape::new(&[4, 6]).unwrap();
    let shard = shape.shard(&[1, 1], &[2, 3]).unwrap();
    let normal = |count| Fill::from_sampler(Key::new(1), NORMAL, count);
    let [first, part] = [normal(24).shard(&shard).unwrap(), normal(24).range(0..6).unwrap()];
    for fill in [normal(23), normal(25), normal(6), normal(0), first, part] {
        let error = fill.shard(&shard).unwrap_err();
        assert!(matches!(error, Error::BadParameter(_)), "{error}");
        assert!(error.to_string().starts_with("a shard must be of the fill's whole tensor, of "), "{error}");
    }
    // a shard that is one run, too
    let rows = shape.shard(&[1, 0], &[2, 6]).unwrap();
    normal(25).shard(&rows).unwrap_err();
    normal(24).shard(&rows).unwrap().shard(&rows).unwrap_err();
    assert_eq!(normal(24).shard(&rows).unwrap(), normal(24).range(6..18).unwrap());
}

/// Pieces of any length equal the whole, of a run, of a shard and of a matrix, in every dtype.
#[test]
fn pieces_equal_the_whole() {
    let shape = Shape::new(&[100, 103]).unwrap();
    let shard = shape.shard(&[3, 5], &[90, 77]).unwrap();
    for init in inits(&[100, 103]) {
        let fill = Fill::new(Key::new(6), init, &shape).unwrap();
        for fill in [fill, fill.range(7..5000).unwrap(), fill.shard(&shard).unwrap()] {
            for &dtype in Dtype::ALL {
                let size = dtype.size() as usize;
                let mut whole = vec![0; fill.elements() as usize * size];
                cpu::fill_bytes(&fill, dtype, &mut whole).unwrap();
                let filler = Filler::new(&fill, dtype).unwrap();
                let mut pieces = vec![0xa5; whole.len()];
                for (i, piece) in pieces.chunks_mut(1537 * size).enumerate() {
                    filler.fill_bytes(1537 * i as u64, piece).unwrap();
                }
                assert!(pieces == whole, "{fill:?} in {dtype}");
            }
        }
    }
}

/// 10,000 tensors of 1 to 4096 elements, of every dtype and many samplers, in one submission: each in a buffer of
/// its own, or all in one, with the neighbours' bytes kept.
#[test]
fn ten_thousand_tensors_in_one_submission() {
    let gpu = gpu();
    let shape = Shape::new(&[64, 64]).unwrap();
    let samplers: Vec<Sampler> = inits(&[64, 64]).iter().map(|init| init.sampler(&shape).unwrap()).collect();
    // matrices are of one shape
    let elementwise: Vec<Sampler> =
        samplers.into_iter().filter(|sampler| !matches!(sampler, Sampler::Matrix(_))).collect();
    let fills: Vec<(Fill, Dtype)> = (0..10_000_u64)
        .map(|i| {
            let (key, sampler) = (Key::new(9).fold_in(i), elementwise[i as usize % elementwise.len()]);
            (elements(key, sampler, i % 7, 1 + i * 2_654_435_761 % 4096), Dtype::ALL[i as usize % 3])
        })
        .collect();
    let buffers = gpu.tensors(&fills).unwrap();
    let bytes_of = |fill: &Fill, dtype: Dtype| {
        let mut bytes = vec![0; (fill.elements() * dtype.size()) as usize];
        cpu::fill_bytes(fill, dtype, &mut bytes).unwrap();
        bytes
    };
    for ((fill, dtype), buffer) in fills.iter().zip(&buffers).step_by(37) {
        let expected = bytes_of(fill, *dtype);
        assert!(gpu.read::<u8>(buffer, 0, expected.len() as u64).unwrap() == expected, "{fill:?} in {dtype}");
    }

    let room = |fill: &Fill, dtype: Dtype| (fill.elements() * dtype.size()).next_multiple_of(4) + 4;
    let bytes: u64 = fills.iter().map(|(fill, dtype)| room(fill, *dtype)).sum();
    let pool = canary(&gpu, bytes);
    let mut targets = Vec::new();
    let mut expected = vec![0xa5_u8; bytes as usize];
    let mut offset = 0;
    for &(fill, dtype) in &fills {
        targets.push((fill, Target::new(&pool, dtype).at(offset)));
        let bytes = bytes_of(&fill, dtype);
        expected[offset as usize..][..bytes.len()].copy_from_slice(&bytes);
        offset += room(&fill, dtype);
    }
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    gpu.fill_all(&mut encoder, &targets).unwrap();
    gpu.queue().submit([encoder.finish()]);
    let found: Vec<u8> = gpu.read(&pool, 0, bytes).unwrap();
    assert!(found == expected, "first difference at byte {:?}", found.iter().zip(&expected).position(|(a, b)| a != b));
}

/// Fills of a batch happen in their order, matrices too, and one that is refused leaves nothing recorded.
#[test]
fn a_batch_keeps_its_order() {
    let gpu = gpu();
    let shape = Shape::new(&[33, 31]).unwrap();
    let count = shape.elements();
    let eye = Fill::new(Key::new(1), Init::Eye { gain: 2.0 }, &shape).unwrap();
    let uniform = Fill::new(Key::new(1), Init::Uniform { low: 1.0, high: 2.0 }, &shape).unwrap();
    for fills in [[eye, uniform], [uniform, eye]] {
        let pool = canary(&gpu, 4 * count);
        let target = Target::new(&pool, Dtype::F32);
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        gpu.fill_all(&mut encoder, &fills.map(|fill| (fill, target))).unwrap();
        gpu.fill_all(&mut encoder, &[(fills[0], target), (fills[0], target.at(4))]).unwrap_err();
        gpu.queue().submit([encoder.finish()]);
        assert_eq!(gpu.read::<f32>(&pool, 0, count).unwrap(), filled::<f32>(&fills[1]));
    }
}
