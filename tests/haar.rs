//! Orthogonal matrices have the Haar distribution: the same, whatever fixed orthogonal matrices they are multiplied by.
//! Two constructions that look like it are noticed.

use seedtensors::{Fill, Init, Key, Shape, cpu};

/// Matrices of each test.
const COUNT: u64 = 20_000;
/// The bound of sqrt(n) D, the Kolmogorov-Smirnov statistic, that a right construction exceeds with a probability of
/// 2 exp(-2 * 3.1^2) = 9e-9. With 18 statistics of a test that is 1.6e-7.
const BOUND: f64 = 3.1;

type Matrix = [[f64; 3]; 3];

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    [0, 1, 2].map(|i| [0, 1, 2].map(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
}

/// A fixed rotation about no axis of the coordinates.
fn rotation(a: f64, b: f64) -> Matrix {
    let (s, c) = a.sin_cos();
    let (t, d) = b.sin_cos();
    product(&[[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]], &[[1.0, 0.0, 0.0], [0.0, d, -t], [0.0, t, d]])
}

/// The largest Kolmogorov-Smirnov statistic of the entries of Q, and of R Q S for two rotations: an entry of a Haar
/// matrix of 3 x 3 is uniform on [-1, 1] (Archimedes).
fn statistic(matrices: impl Iterator<Item = Matrix>) -> f64 {
    let (left, right) = (rotation(0.7, 1.9), rotation(2.3, 0.4));
    let mut entries = vec![Vec::new(); 18];
    for q in matrices {
        let rotated = product(&product(&left, &q), &right);
        for (entry, value) in entries.iter_mut().zip(q.into_iter().chain(rotated).flatten()) {
            entry.push(value);
        }
    }
    let mut worst = 0.0_f64;
    for mut entry in entries {
        entry.sort_by(f64::total_cmp);
        let n = entry.len() as f64;
        for (i, value) in entry.iter().enumerate() {
            let (expected, i) = (value.midpoint(1.0), i as f64);
            worst = worst.max((expected - i / n).max((i + 1.0) / n - expected) * n.sqrt());
        }
    }
    worst
}

/// The library's matrices of a shape whose first three rows and columns are taken.
fn ours() -> impl Iterator<Item = Matrix> {
    let shape = Shape::new(&[3, 3]).unwrap();
    (0..COUNT).map(move |i| {
        let fill = Fill::new(Key::new(7).fold_in(i), Init::Orthogonal { gain: 1.0 }, &shape).unwrap();
        let q: Vec<f32> = cpu::tensor(&fill).unwrap();
        [0, 1, 2].map(|row| [0, 1, 2].map(|column| f64::from(q[3 * row + column])))
    })
}

/// Three normals of a key.
fn normals(key: Key) -> [f64; 3] {
    let fill = Fill::new(key, Init::Normal { mean: 0.0, std: 1.0 }, &Shape::new(&[3]).unwrap()).unwrap();
    let values: Vec<f32> = cpu::tensor(&fill).unwrap();
    [0, 1, 2].map(|i| f64::from(values[i]))
}

#[test]
fn orthogonal_matrices_have_the_haar_distribution() {
    let statistic = statistic(ours());
    assert!(statistic < BOUND, "{statistic}");
    // half of them are rotations: the standard error of the count is sqrt(n) / 2
    let rotations = ours().filter(|[a, b, c]| {
        let cross = [b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0]];
        a[0] * cross[0] + a[1] * cross[1] + a[2] * cross[2] > 0.0
    });
    let deviation = (rotations.count() as f64 - COUNT as f64 / 2.0).abs() / ((COUNT as f64).sqrt() / 2.0);
    // five standard errors: 6e-7
    assert!(deviation < 5.0, "{deviation}");
}

/// Without the signs the first entry of each row is never positive: a Householder QR has that fault.
#[test]
fn matrices_without_signs_are_noticed() {
    let signless = ours().map(|q| q.map(|row| if row[0] > 0.0 { row.map(|value| -value) } else { row }));
    assert!(statistic(signless) > 10.0 * BOUND);
}

/// A reflection along a random direction is no Haar matrix, nor does one make the product of two of them.
#[test]
fn reflections_along_random_directions_are_noticed() {
    let reflection = |v: [f64; 3]| {
        let square: f64 = v.iter().map(|x| x * x).sum();
        [0, 1, 2].map(|i| [0, 1, 2].map(|j| f64::from(u8::from(i == j)) - 2.0 * v[i] * v[j] / square))
    };
    let of = |i: u64| reflection(normals(Key::new(8).fold_in(i)));
    assert!(statistic((0..COUNT).map(of)) > 10.0 * BOUND);
    let two = statistic((0..COUNT).map(|i| product(&of(i), &of(i + COUNT))));
    assert!(two > 2.0 * BOUND, "{two}");
}
