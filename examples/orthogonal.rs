//! Times orthogonal matrices and measures them, on the CPU and on the GPU: `cargo run --release --example orthogonal`.
//!
//! `scripts/bench/orthogonal.py` compares it with numpy's and PyTorch's QR.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::time::Instant;

use seedtensors::gpu::{Gpu, Select, Target};
use seedtensors::{Dtype, Fill, Init, Key, Result, Shape, cpu};

/// The median of three times of a call, in seconds.
fn median(mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut times = [0.0; 3];
    for time in &mut times {
        let begin = Instant::now();
        call()?;
        *time = begin.elapsed().as_secs_f64();
    }
    times.sort_by(f64::total_cmp);
    Ok(times[1])
}

/// `max |QtQ - I|` over every 16th row with all rows, in f64.
fn defect(q: &[f32], n: usize) -> f64 {
    let rows: Vec<&[f32]> = q.chunks_exact(n).collect();
    let mut worst = 0.0_f64;
    for (i, a) in rows.iter().enumerate().step_by(16) {
        for (j, b) in rows.iter().enumerate() {
            let product: f64 = a.iter().zip(*b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            worst = worst.max((product - f64::from(u8::from(i == j))).abs());
        }
    }
    worst
}

fn main() -> Result<()> {
    for n in [2048_u64, 4096] {
        let shape = Shape::new(&[n, n])?;
        let fill = Fill::new(Key::new(42).named("weight"), Init::Orthogonal { gain: 1.0 }, &shape)?;
        let mut q: Vec<f32> = cpu::tensor(&fill)?;
        let time = median(|| cpu::fill(&fill, &mut q))?;
        #[expect(clippy::cast_possible_truncation, reason = "a number of this example")]
        let defect = defect(&q, n as usize);
        println!("seedtensors {n} x {n}: {time:.2} s, max |QtQ - I| {defect:.2e}");
        for shard in 0..8 {
            let part = fill.shard(&shape.shard(&[shard * n / 8, 0], &[n / 8, n])?)?;
            let mut out: Vec<f32> = cpu::tensor(&part)?;
            let shard_time = median(|| cpu::fill(&part, &mut out))?;
            println!("  rows of rank {shard} of 8: {shard_time:.3} s, {:.3} of the whole", shard_time / time);
        }
    }
    // without a GPU the CPU's times are all there is
    let Ok(gpu) = Gpu::open(&Select::Default) else { return Ok(()) };
    for n in [2048_u64, 4096] {
        let fill = Fill::new(Key::new(42).named("weight"), Init::Orthogonal { gain: 1.0 }, &Shape::new(&[n, n])?)?;
        let buffer = gpu.tensor(&fill, Dtype::F32)?;
        let time = median(|| {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            gpu.fill(&mut encoder, &fill, &Target::new(&buffer, Dtype::F32))?;
            gpu.queue().submit([encoder.finish()]);
            gpu.read::<u32>(&buffer, 0, 1).map(drop)
        })?;
        println!("{} {n} x {n}: {time:.2} s", gpu.info().name);
    }
    Ok(())
}
