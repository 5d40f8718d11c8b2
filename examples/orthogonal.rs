//! Times orthogonal matrices and measures them: `cargo run --release --features orthogonal --example orthogonal`.
//!
//! `scripts/bench/orthogonal.py` compares it with numpy's and PyTorch's QR.
#![allow(clippy::cast_possible_truncation, clippy::print_stdout, reason = "an example of known sizes, which prints")]

use std::time::Instant;

use faer::Mat;
use seedtensors::{Fill, Init, Key, Result, Shape, cpu};

fn main() -> Result<()> {
    for n in [2048, 4096] {
        let shape = Shape::new(&[n, n])?;
        let fill = Fill::new(Key::new(42).named("weight"), Init::Orthogonal { gain: 1.0 }, &shape)?;
        let mut q = vec![0.0_f32; (n * n) as usize];
        let mut times = Vec::new();
        for _ in 0..3 {
            let begin = Instant::now();
            cpu::fill(&fill, &mut q)?;
            times.push(begin.elapsed());
        }
        times.sort_unstable();
        let n = n as usize;
        let q = Mat::from_fn(n, n, |i, j| f64::from(q[i * n + j]));
        let product = q.transpose() * &q;
        let defect = |i: usize, j: usize| (product[(i, j)] - if i == j { 1.0 } else { 0.0 }).abs();
        let worst = (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| defect(i, j)).fold(0.0, f64::max);
        println!("seedtensors {n} x {n}: {:.2} s, max |QtQ - I| {worst:.2e}", times[1].as_secs_f64());
    }
    Ok(())
}
