//! Rates of truncated normals and of shards beside those of whole tensors of normals, timed in turn:
//! `cargo run --release --example ratios`. The ratio of a pair of times means more than a rate on a noisy machine.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::time::Instant;

use half::bf16;
use rayon::ThreadPoolBuilder;
use seedtensors::gpu::{Gpu, Select, Target};
use seedtensors::{Element, Fill, Key, Result, Sampler, Shape, cpu};

/// Pairs of times of each line.
const PAIRS: usize = 15;

/// The work of each line: a name, and a fill that is compared with as many normals.
fn fills() -> Result<Vec<(String, Fill)>> {
    let key = Key::new(42).named("ratios");
    let (mean, std) = (0.0, 0.02);
    let truncated = |low, high| Sampler::TruncatedNormal { mean, std, low, high };
    let of = |sampler| Fill::from_sampler(key, sampler, 1 << 23);
    let mut fills = vec![
        ("uniform".to_owned(), of(Sampler::Uniform { low: -0.1, high: 0.1 })),
        ("truncated at 2 std".to_owned(), of(truncated(-0.04, 0.04))),
        ("truncated at 100 std".to_owned(), of(truncated(-2.0, 2.0))),
        ("truncated at 0 and 100 std".to_owned(), of(truncated(0.0, 2.0))),
        ("truncated from 3 std on".to_owned(), of(truncated(0.06, f32::INFINITY))),
    ];
    for (rows, columns, first, count) in [
        (8192, 8192, 1024, 1024),
        (8192, 8192, 1023, 1024),
        (4096, 8191, 0, 2048),
        (16_384, 2049, 3, 512),
        (65_536, 257, 1, 128),
        (131_072, 100, 5, 61),
        (262_144, 64, 5, 25),
        (524_288, 64, 5, 9),
        (4_194_304, 8, 3, 1),
    ] {
        let shape = Shape::new(&[rows, columns])?;
        let whole = Fill::from_sampler(key, Sampler::Normal { mean, std }, shape.elements());
        let name = format!("columns {first} to {} of {columns}", first + count);
        fills.push((name, whole.shard(&shape.shard(&[0, first], &[rows, count])?)?));
    }
    Ok(fills)
}

/// Prints the rate of a fill and its ratio to the rate of as many normals. `time` gives seconds.
fn print(place: &str, name: &str, fill: &Fill, mut time: impl FnMut(&Fill) -> Result<f64>) -> Result<()> {
    let normal = Fill::from_sampler(fill.key(), Sampler::Normal { mean: 0.0, std: 0.02 }, fill.elements());
    let (mut rates, mut ratios) = ([0.0; PAIRS], [0.0; PAIRS]);
    for (rate, ratio) in rates.iter_mut().zip(&mut ratios) {
        let (whole, own) = (time(&normal)?, time(fill)?);
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let elements = fill.elements() as f64;
        (*rate, *ratio) = (elements / own / 1e6, whole / own);
    }
    rates.sort_by(f64::total_cmp);
    ratios.sort_by(f64::total_cmp);
    let middle = PAIRS / 2;
    println!("| {place} | {name} | {:.0} | {:.2} |", rates[middle], ratios[middle]);
    Ok(())
}

fn on_cpu<T: Element>(threads: usize) -> Result<()> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads");
    for (name, fill) in fills()? {
        let mut out: Vec<T> = cpu::tensor(&fill)?;
        let place = format!("CPU, {}, {}", pool.current_num_threads(), T::DTYPE);
        print(&place, &name, &fill, |fill| {
            let begin = Instant::now();
            pool.install(|| cpu::fill(fill, &mut out))?;
            Ok(begin.elapsed().as_secs_f64())
        })?;
    }
    Ok(())
}

fn on_gpu<T: Element>(gpu: &Gpu) -> Result<()> {
    for (name, fill) in fills()? {
        let buffer = gpu.tensor(&fill, T::DTYPE)?;
        print(&format!("{}, {}", gpu.info().name, T::DTYPE), &name, &fill, |fill| {
            let begin = Instant::now();
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            gpu.fill(&mut encoder, fill, &Target::new(&buffer, T::DTYPE))?;
            gpu.queue().submit([encoder.finish()]);
            gpu.read::<u32>(&buffer, 0, 1)?;
            Ok(begin.elapsed().as_secs_f64())
        })?;
    }
    Ok(())
}

fn main() -> Result<()> {
    println!("| where | what | M elements/s | of a normal's rate |\n| --- | --- | ---: | ---: |");
    for threads in [1, 0] {
        on_cpu::<f32>(threads)?;
        on_cpu::<bf16>(threads)?;
    }
    // without a GPU the CPU's rates are all there is
    if let Ok(gpu) = Gpu::open(&Select::Default) {
        on_gpu::<f32>(&gpu)?;
        on_gpu::<bf16>(&gpu)?;
    }
    Ok(())
}
