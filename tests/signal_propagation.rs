//! The papers' claims about initialisers, on networks of 50 layers of 512 units, the median over 16 keys.
//!
//! The second moment of one network varies: its logarithm has a std of about 0.7 behind 50 ReLU layers of this width.
//! So the median of 16 is within 0.9 of its own expectation, 4 standard errors, except once in 16,000 sets of keys.
//! These keys are fixed.
#![allow(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "numbers of a test are known to fit, and those that it found are worth reading"
)]

#[path = "../examples/signal_propagation.rs"]
mod signal_propagation;

use seedtensors::{Init, Key};
use signal_propagation::{Activation, Mlp, normals, second_moment};

const DEPTH: usize = 50;

/// The second moment behind each layer, the median over 16 keys; the inputs' is 1.
fn moments(init: Init, activation: Activation) -> Vec<f64> {
    let runs: Vec<Vec<f64>> = (0..16)
        .map(|i| {
            let key = Key::new(2010).fold_in(i);
            let net = Mlp::new(key, init, activation, DEPTH, 512).unwrap();
            let layers = net.forward(normals(key.named("inputs"), 16, 512).unwrap());
            layers[1..].iter().map(second_moment).collect()
        })
        .collect();
    let median = |layer: usize| {
        let mut values: Vec<f64> = runs.iter().map(|run| run[layer]).collect();
        values.sort_by(f64::total_cmp);
        (values[7] + values[8]) / 2.0
    };
    (0..DEPTH).map(median).collect()
}

/// He and others 2015: the second moment stays, within a factor of 2, behind every layer.
#[test]
fn he_keeps_a_relu_network_alive() {
    let moments = moments(Init::he_normal().into(), Activation::Relu);
    println!(
        "He, ReLU: {:.3} to {:.3}",
        moments.iter().copied().fold(9.0, f64::min),
        moments.iter().copied().fold(0.0, f64::max)
    );
    assert!(moments.iter().all(|moment| (0.5..2.0).contains(moment)), "{moments:?}");
}

/// Xavier's variance is half of He's where the fans are equal, and so is each layer's second moment.
#[test]
fn xavier_lets_a_relu_network_fade_to_2_to_the_minus_50() {
    let last = moments(Init::xavier_normal().into(), Activation::Relu)[DEPTH - 1].log2();
    println!("Xavier, ReLU: 2^{last:.2}");
    assert!((last + 50.0).abs() < 1.3, "2^{last}");
}

/// Glorot and Bengio 2010: a linear network's second moment stays.
#[test]
fn xavier_keeps_a_linear_network_alive() {
    let moments = moments(Init::xavier_normal().into(), Activation::Linear);
    println!(
        "Xavier, linear: {:.3} to {:.3}",
        moments.iter().copied().fold(9.0, f64::min),
        moments.iter().copied().fold(0.0, f64::max)
    );
    assert!(moments.iter().all(|moment| (0.5..2.0).contains(moment)), "{moments:?}");
}

/// Whether each unit of the hidden layers equals its neighbour, after two gradient steps: the weights into it and
/// the weights out of it.
fn equal_neighbours(init: Init) -> Vec<bool> {
    let (depth, width) = (4, 32);
    let mut net = Mlp::new(Key::new(1), init, Activation::Tanh, depth, width).unwrap();
    for step in 0..2 {
        let layers = net.forward(normals(Key::new(2).fold_in(step), 8, width).unwrap());
        let gradients = net.backward(&layers, normals(Key::new(3).fold_in(step), 8, width).unwrap());
        net.step(&layers, &gradients, 0.1);
    }
    let hidden = |layer: usize| {
        let (into, out_of) = (&net.weights[layer], &net.weights[layer + 1]);
        let same = move |unit: usize| {
            let row = |unit: usize| &into[unit * width..][..width];
            let column = |unit: usize| (0..width).map(move |i| out_of[i * width + unit]);
            row(unit) == row(unit + 1) && column(unit).eq(column(unit + 1))
        };
        (0..width - 1).map(same).collect::<Vec<bool>>()
    };
    (0..depth - 1).flat_map(hidden).collect()
}

/// Units that begin alike stay alike; random ones differ.
#[test]
fn constants_keep_units_alike_and_random_weights_break_the_symmetry() {
    for value in [0.0, 0.02, -0.5] {
        assert!(equal_neighbours(Init::Constant { value }).iter().all(|&same| same), "constant {value}");
    }
    for init in [Init::xavier_normal().into(), Init::he_uniform().into(), Init::Normal { mean: 0.0, std: 1e-3 }] {
        assert!(equal_neighbours(init).iter().all(|&same| !same), "{init:?}");
    }
}
