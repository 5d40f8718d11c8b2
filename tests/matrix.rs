//! Eye, dirac, orthogonal, delta-orthogonal and sparse: their definitions, on the CPU and in a GPU's buffer.
#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are known to fit")]

mod common;

use common::{assert_agrees, gpu, gpus};
use half::{bf16, f16};
use rand_core::{Rng, SeedableRng};
use seedtensors::{Dtype, Element, Fill, Init, Key, Layout, Philox, Shape, cpu};

fn key() -> Key {
    Key::new(42).named("matrix")
}

fn filled<T: Element>(init: Init, shape: &Shape) -> Vec<T> {
    cpu::tensor(&Fill::new(key(), init, shape).unwrap()).unwrap()
}

fn shape(dims: &[u64]) -> Shape {
    Shape::new(dims).unwrap()
}

/// `max |QtQ - gain^2 I|` of the columns, or of the rows where there are fewer.
fn defect(values: &[f64], rows: usize, columns: usize, gain: f64) -> f64 {
    let at = |i: usize, j: usize| if rows < columns { values[j * columns + i] } else { values[i * columns + j] };
    let (long, short) = (rows.max(columns), rows.min(columns));
    let mut worst = 0.0_f64;
    for a in 0..short {
        for b in 0..=a {
            let product: f64 = (0..long).map(|i| at(i, a) * at(i, b)).sum();
            worst = worst.max((product - if a == b { gain * gain } else { 0.0 }).abs());
        }
    }
    worst
}

#[test]
fn eye_and_dirac_are_those_of_pytorch() {
    assert_eq!(filled::<f32>(Init::Eye { gain: 2.0 }, &shape(&[2, 3])), [2.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
    assert_eq!(filled::<f32>(Init::Eye { gain: 1.0 }, &shape(&[3, 2])), [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    // torch.nn.init.dirac_(torch.empty(4, 2, 3, 2), groups=2): ones at [0,0,1,1], [1,1,1,1], [2,0,1,1], [3,1,1,1]
    let index = |a: usize, b: usize, c: usize, d: usize| ((a * 2 + b) * 3 + c) * 2 + d;
    let mut expected = vec![0.0_f32; 48];
    for (a, b) in [(0, 0), (1, 1), (2, 0), (3, 1)] {
        expected[index(a, b, 1, 1)] = 1.0;
    }
    assert_eq!(filled::<f32>(Init::Dirac { groups: 2 }, &shape(&[4, 2, 3, 2])), expected);
    // more outputs than inputs, and the same weight in JAX's layout
    let out_in = filled::<f32>(Init::Dirac { groups: 1 }, &shape(&[3, 2, 3]));
    let in_out = filled::<f32>(Init::Dirac { groups: 1 }, &shape(&[3, 2, 3]).with_layout(Layout::InOut));
    let ones = |values: &[f32]| -> Vec<usize> { (0..18).filter(|&i| values[i] == 1.0).collect() };
    assert_eq!(ones(&out_in), [1, 10]); // w[0, 0, 1], w[1, 1, 1]
    assert_eq!(ones(&in_out), [6, 10]); // w[1, 0, 0], w[1, 1, 1]
}

#[test]
fn orthogonal_rows_or_columns_are_orthonormal() {
    for dims in [&[64, 64][..], &[100, 30], &[30, 100], &[16, 8, 3, 3], &[200, 4, 3, 3], &[1, 7], &[7, 1]] {
        let shape = shape(dims);
        let (rows, columns) = (dims[0] as usize, dims[1..].iter().product::<u64>() as usize);
        let values: Vec<f64> =
            filled::<f32>(Init::Orthogonal { gain: 1.5 }, &shape).into_iter().map(f64::from).collect();
        let defect = defect(&values, rows, columns, 1.5);
        assert!(defect < 1e-6 * 1.5 * 1.5, "{dims:?}: {defect:e}");
        // half precision is the f32 value rounded
        let halves = filled::<bf16>(Init::Orthogonal { gain: 1.5 }, &shape);
        for (half, value) in halves.iter().zip(&values) {
            assert_eq!(*half, bf16::from_f32(*value as f32), "{dims:?} {value:e}");
        }
    }
}

/// The definition of docs/orthogonal.md in f64: a product of the reflections of the tensor's normals, whose columns are
/// taken from both ends in turn.
#[test]
fn orthogonal_is_the_product_of_reflections() {
    for (rows, columns) in [(5, 5), (6, 6), (9, 4), (4, 9), (1, 3), (70, 130), (130, 70)] {
        let (n, m) = (rows.max(columns), rows.min(columns));
        let normals = filled::<f32>(Init::Normal { mean: 0.0, std: 1.0 }, &shape(&[m as u64, n as u64]));
        let values = filled::<f32>(Init::Orthogonal { gain: 1.0 }, &shape(&[rows as u64, columns as u64]));
        for position in 0..m {
            let column = if position % 2 == 0 { position / 2 } else { m - 1 - (position - 1) / 2 };
            let reflector = |k: usize| -> Vec<f64> {
                let mut v: Vec<f64> = normals[k * n + k..(k + 1) * n].iter().map(|&x| f64::from(x)).collect();
                let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
                v[0] += length.copysign(v[0]);
                v
            };
            let mut q = vec![0.0; n];
            q[column] = if normals[column * n + column] < 0.0 { 1.0 } else { -1.0 };
            for k in (0..=column).rev() {
                let v = reflector(k);
                let product: f64 = v.iter().zip(&q[k..]).map(|(a, b)| a * b).sum();
                let factor = 2.0 * product / v.iter().map(|x| x * x).sum::<f64>();
                q[k..].iter_mut().zip(&v).for_each(|(q, v)| *q -= factor * v);
            }
            for (i, expected) in q.into_iter().enumerate() {
                let found = values[if rows > columns { i * columns + position } else { position * columns + i }];
                assert!(
                    (f64::from(found) - expected).abs() < 1e-6,
                    "{rows} x {columns}: vector {position}, element {i}"
                );
            }
        }
    }
}

#[test]
fn delta_orthogonal_is_orthogonal_at_its_centre_and_zero_elsewhere() {
    let (outs, ins) = (12, 8);
    let values = filled::<f32>(Init::DeltaOrthogonal { gain: 2.0 }, &shape(&[outs, ins, 3, 4]));
    // the centre of JAX: (size - 1) / 2
    let centre: Vec<f64> = (0..96).map(|channel| f64::from(values[channel * 12 + 4 + 1])).collect();
    assert!(defect(&centre, 12, 8, 2.0) < 1e-6 * 4.0);
    let zeros = values.iter().filter(|&&value| value == 0.0).count();
    assert_eq!(zeros, values.len() - 96);
    let in_out =
        filled::<f32>(Init::DeltaOrthogonal { gain: 2.0 }, &shape(&[3, 4, ins, outs]).with_layout(Layout::InOut));
    for out in 0..12 {
        for input in 0..8 {
            assert_eq!(f64::from(in_out[((4 + 1) * 8 + input) * 12 + out]), centre[out * 8 + input]);
        }
    }
}

#[test]
fn sparse_columns_have_their_zeros() {
    let (rows, columns) = (101, 37);
    let shape = shape(&[rows, columns]);
    let sparse = filled::<f32>(Init::Sparse { sparsity: 0.3, std: 0.1 }, &shape);
    let normal = filled::<f32>(Init::Normal { mean: 0.0, std: 0.1 }, &shape);
    let mut positions = vec![0_u32; rows as usize];
    for column in 0..columns as usize {
        let values = (0..rows as usize).map(|row| row * columns as usize + column);
        let zeros: Vec<usize> = values.clone().filter(|&i| sparse[i] == 0.0).collect();
        assert_eq!(zeros.len(), 31); // ceil(0.3 * 101)
        zeros.iter().for_each(|&i| positions[i / columns as usize] += 1);
        values.filter(|&i| sparse[i] != 0.0).for_each(|i| assert_eq!(sparse[i], normal[i]));
    }
    // 37 columns' zeros fall on every row alike: chi-square of 101 rows, whose 1e-6 quantile is below 180
    let expected = 37.0 * 31.0 / 101.0;
    let chi: f64 =
        positions.iter().map(|&n| (f64::from(n) - expected).powi(2) / (expected * (1.0 - 31.0 / 101.0))).sum();
    assert!((40.0..180.0).contains(&chi), "{chi}");
    assert!(filled::<f32>(Init::Sparse { sparsity: 1.0, std: 0.1 }, &shape).iter().all(|&value| value == 0.0));
    assert_eq!(filled::<f32>(Init::Sparse { sparsity: 0.0, std: 0.1 }, &shape), normal);
}

#[test]
fn matrices_reach_the_gpu_with_their_neighbours_kept() {
    let gpu = gpu();
    let square = shape(&[33, 33]);
    let kernel = shape(&[9, 5, 3]);
    let kernel_in_out = shape(&[3, 5, 9]).with_layout(Layout::InOut);
    for (init, shape) in [
        (Init::Eye { gain: 0.3 }, &square),
        (Init::Eye { gain: -0.0 }, &square),
        (Init::Eye { gain: -1e-40 }, &square),
        (Init::Orthogonal { gain: 1.0 }, &square),
        (Init::Sparse { sparsity: 0.5, std: 1.0 }, &square),
        (Init::Dirac { groups: 3 }, &kernel),
        (Init::Dirac { groups: 3 }, &kernel_in_out),
        (Init::DeltaOrthogonal { gain: 1.0 }, &kernel),
        (Init::DeltaOrthogonal { gain: 1.0 }, &kernel_in_out),
    ] {
        let fill = Fill::new(key(), init, shape).unwrap();
        let to = |end: u64| fill.range(3..end).unwrap();
        assert_agrees::<f32>(&gpu, &to(fill.elements()), 12);
        assert_agrees::<f16>(&gpu, &to(fill.elements() - 1), 4);
        assert_agrees::<bf16>(&gpu, &to(fill.elements()), 8);
        assert_agrees::<bf16>(&gpu, &to(4), 8);
    }
}

/// Orthogonal matrices on the GPU in every form of the shaders: tall, wide and square, one panel and several, panels and
/// blocks of rows that are not full, gains of either sign and tiny ones.
#[test]
fn orthogonal_matrices_agree_on_the_gpu() {
    let of = |gain: f64, dims: &[u64]| Fill::new(key(), Init::Orthogonal { gain }, &shape(dims)).unwrap();
    for gpu in gpus() {
        for (gain, dims) in [
            (1.0, &[1, 1][..]),
            (1.0, &[1, 300]),
            (-0.5, &[300, 1]),
            (1.5, &[64, 64]),
            (1.0, &[130, 129]),
            (1.0, &[70, 400]),
            (1e-30, &[17, 3, 3, 3]),
        ] {
            assert_agrees::<f32>(gpu, &of(gain, dims), 4);
            assert_agrees::<bf16>(gpu, &of(gain, dims), 8);
        }
    }
    let gpu = &gpus()[0];
    assert_agrees::<f32>(gpu, &of(1.0, &[600, 500]), 0);
    assert_agrees::<f32>(gpu, &of(1.0, &[500, 600]), 0);
}

/// Any rectangle of a matrix is that rectangle of the whole, on the CPU and on the GPU.
#[test]
fn parts_of_matrices_are_the_wholes() {
    let gpu = gpu();
    let cases = [
        (Init::Eye { gain: 2.0 }, shape(&[40, 50])),
        (Init::Sparse { sparsity: 0.4, std: 0.02 }, shape(&[101, 37])),
        (Init::Orthogonal { gain: 1.0 }, shape(&[90, 150])),
        (Init::Orthogonal { gain: 1.0 }, shape(&[150, 90])),
        (Init::Orthogonal { gain: 1.0 }, shape(&[20, 9, 3, 5])),
        (Init::Dirac { groups: 2 }, shape(&[8, 5, 3, 3])),
        (Init::Dirac { groups: 2 }, shape(&[3, 3, 5, 8]).with_layout(Layout::InOut)),
        (Init::DeltaOrthogonal { gain: 1.0 }, shape(&[12, 8, 3, 4])),
        (Init::DeltaOrthogonal { gain: 1.0 }, shape(&[3, 4, 8, 12]).with_layout(Layout::InOut)),
    ];
    let mut random = Philox::seed_from_u64(5);
    for (init, shape) in cases {
        let fill = Fill::new(key(), init, &shape).unwrap();
        let whole: Vec<f32> = cpu::tensor(&fill).unwrap();
        for case in 0..12 {
            let bounds = |&dim: &u64| {
                let start = u64::from(random.next_u32()) % dim;
                (start, 1 + u64::from(random.next_u32()) % (dim - start))
            };
            let (start, extent): (Vec<u64>, Vec<u64>) = shape.dims().iter().map(bounds).unzip();
            let shard = fill.shard(&shape.shard(&start, &extent).unwrap()).unwrap();
            let part: Vec<f32> = cpu::tensor(&shard).unwrap();
            let inside = |index: &usize| {
                let mut rest = *index as u64;
                shape.dims().iter().zip(start.iter().zip(&extent)).rev().all(|(dim, (start, extent))| {
                    let coordinate = rest % dim;
                    rest /= dim;
                    (*start..start + extent).contains(&coordinate)
                })
            };
            let expected: Vec<f32> = (0..whole.len()).filter(inside).map(|index| whole[index]).collect();
            assert_eq!(part, expected, "{init:?} {shape:?} {start:?} {extent:?}");
            if case < 4 {
                assert_agrees::<f32>(&gpu, &shard, 4);
                assert_agrees::<f16>(&gpu, &shard, 8);
            }
        }
        // a range that begins and ends within rows
        let range = fill.range(7..fill.elements() - 5).unwrap();
        assert_eq!(cpu::tensor::<f32>(&range).unwrap(), whole[7..whole.len() - 5]);
    }
}

/// The number of threads changes nothing.
#[test]
fn threads_do_not_change_orthogonal_matrices() {
    let fill = Fill::new(key(), Init::Orthogonal { gain: 1.0 }, &shape(&[333, 200])).unwrap();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| cpu::tensor::<f32>(&fill)).unwrap()
    };
    let one = on(1);
    assert_eq!(on(2), one);
    assert_eq!(on(7), one);
}

#[test]
fn what_a_matrix_cannot_be_is_refused() {
    let message = |init: Init, dims: &[u64], dtype| {
        init.sampler(&shape(dims)).and_then(|sampler| sampler.check(dtype)).unwrap_err().to_string()
    };
    let f32 = Dtype::F32;
    assert_eq!(message(Init::Eye { gain: 1.0 }, &[2, 2, 2], f32), "eye needs 2 dimensions, not shape [2, 2, 2]");
    assert_eq!(message(Init::Dirac { groups: 1 }, &[2, 2], f32), "dirac needs 3 to 5 dimensions, not shape [2, 2]");
    assert_eq!(message(Init::Dirac { groups: 3 }, &[4, 2, 3], f32), "dirac's groups must divide the 4 outputs, not 3");
    assert_eq!(message(Init::Dirac { groups: 0 }, &[4, 2, 3], f32), "dirac's groups must divide the 4 outputs, not 0");
    assert_eq!(
        message(Init::Orthogonal { gain: 1.0 }, &[4], f32),
        "orthogonal needs at least 2 dimensions, not shape [4]"
    );
    let delta = Init::DeltaOrthogonal { gain: 1.0 };
    assert_eq!(
        message(delta, &[2, 3, 3], f32),
        "delta_orthogonal needs at least as many outputs as its 3 inputs, not 2"
    );
    let sparse = |sparsity: f64| Init::Sparse { sparsity, std: 1.0 };
    assert_eq!(message(sparse(1.1), &[2, 3], f32), "sparse's sparsity must be from 0 to 1, not 1.1");
    assert!(message(sparse(f64::NAN), &[2, 3], f32).contains("from 0 to 1"));
    assert!(message(Init::Sparse { sparsity: 0.1, std: -1.0 }, &[2, 3], f32).contains("std must be at least 0"));
    assert!(message(Init::Eye { gain: f64::NAN }, &[2, 2], f32).contains("eye's gain must be finite"));
    assert!(message(Init::Orthogonal { gain: 1e5 }, &[2, 2], Dtype::F16).contains("must be finite in f16"));
    // nothing is no error
    for init in [Init::Eye { gain: 1.0 }, Init::Dirac { groups: 3 }, Init::Orthogonal { gain: 1.0 }, sparse(0.5)] {
        assert_eq!(filled::<f32>(init, &shape(&[0])), []);
    }
}

/// A matrix has no values behind its last element. A fill of fewer elements is its beginning.
#[test]
fn more_elements_than_a_matrix_has_are_refused() {
    let gpu = gpu();
    for (init, dims, elements) in [
        (Init::Eye { gain: 1.0 }, &[3, 4][..], 12),
        (Init::Orthogonal { gain: 1.0 }, &[4, 2, 3], 24),
        (Init::Sparse { sparsity: 0.5, std: 1.0 }, &[5, 3], 15),
        (Init::Dirac { groups: 2 }, &[4, 2, 3, 2], 48),
        (Init::DeltaOrthogonal { gain: 1.0 }, &[4, 3, 2], 24),
    ] {
        let sampler = init.sampler(&shape(dims)).unwrap();
        let fill = |count| Fill::from_sampler(key(), sampler, count);
        let text = |count| format!("a fill of this matrix must end within its {elements} elements, not {count}");
        for count in [elements + 1, u64::MAX] {
            for fill in [fill(count), fill(count).range(count - 1..count).unwrap()] {
                assert_eq!(cpu::Filler::new(&fill, Dtype::F32).unwrap_err().to_string(), text(count));
                assert_eq!(cpu::tensor::<bf16>(&fill).unwrap_err().to_string(), text(count));
            }
            // a part inside the matrix is that part
            let part = fill(count).range(1..elements).unwrap();
            assert_eq!(cpu::tensor::<f32>(&part).unwrap(), filled::<f32>(init, &shape(dims))[1..]);
        }
        assert_eq!(cpu::fill(&fill(elements + 1), &mut vec![0.0_f32; 64]).unwrap_err().to_string(), text(elements + 1));
        assert_eq!(gpu.tensor(&fill(elements + 1), Dtype::F32).unwrap_err().to_string(), text(elements + 1));
        let whole = filled::<f32>(init, &shape(dims));
        assert_eq!(cpu::tensor::<f32>(&fill(elements)).unwrap(), whole);
        assert_eq!(cpu::tensor::<f32>(&fill(elements - 1)).unwrap(), whole[..whole.len() - 1]);
    }
}

/// A shard of an eye or a dirac is computed without the whole, whatever its size. Other matrices have a limit.
#[test]
fn a_small_part_of_a_huge_matrix_is_quick_or_refused() {
    let cut = |init: Init, shape: &Shape, start: &[u64], extent: &[u64]| {
        let fill = Fill::new(key(), init, shape).unwrap().shard(&shape.shard(start, extent).unwrap()).unwrap();
        let mut out = vec![7.0_f32; extent.iter().product::<u64>() as usize];
        cpu::fill(&fill, &mut out).unwrap();
        out
    };
    let side = 1 << 31;
    let eye = Init::Eye { gain: 2.0 };
    assert_eq!(cut(eye, &shape(&[side, side]), &[side - 2, side - 3], &[2, 3]), [0.0, 2.0, 0.0, 0.0, 0.0, 2.0]);
    assert_eq!(cut(eye, &shape(&[1, u64::MAX]), &[0, u64::MAX - 1], &[1, 1]), [0.0]);
    let kernel = [1 << 30, 1 << 29, 3];
    let dirac = cut(Init::Dirac { groups: 2 }, &shape(&kernel), &[(1 << 30) - 1, (1 << 29) - 2, 1], &[1, 2, 1]);
    assert_eq!(dirac, [0.0, 1.0]);
    let kernel = shape(&[3, 1 << 29, 1 << 30]).with_layout(Layout::InOut);
    let dirac = cut(Init::Dirac { groups: 2 }, &kernel, &[1, (1 << 29) - 2, (1 << 30) - 1], &[1, 2, 1]);
    assert_eq!(dirac, [0.0, 1.0]);

    let message = |init: Init, dims: &[u64]| init.sampler(&shape(dims)).unwrap_err().to_string();
    let orthogonal = Init::Orthogonal { gain: 1.0 };
    assert_eq!(
        message(orthogonal, &[1 << 17, 1 << 16]),
        "orthogonal needs a matrix of at most 4294967296 elements, not shape [131072, 65536]"
    );
    let sparse = Init::Sparse { sparsity: 0.5, std: 1.0 };
    assert_eq!(message(sparse, &[1 << 40, 1]), "sparse needs at most 2147483648 rows, not 1099511627776");
    assert_eq!(
        message(Init::DeltaOrthogonal { gain: 1.0 }, &[1 << 20, 1 << 20, 1]),
        "delta_orthogonal needs a matrix of at most 4294967296 elements, not shape [1048576, 1048576, 1]"
    );
    // shapes of no elements, whose other dimensions overflow
    for init in [orthogonal, Init::Dirac { groups: 1 }, Init::DeltaOrthogonal { gain: 1.0 }] {
        assert_eq!(filled::<f32>(init, &shape(&[1, 0, 1 << 40, 1 << 40])), []);
    }
}
