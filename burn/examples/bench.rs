//! Times 2^25 normals in burn's own tensor beside burn's `Tensor::random`, in turns.
//!
//! ```sh
//! cargo run --example bench
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::time::{Duration, Instant};

use burn::tensor::{Device, DeviceKind, Distribution, Tensor};
use seedtensors_burn::SharedDevice;
use seedtensors_burn::seedtensors::{Fill, Key, Sampler};

const ELEMENTS: usize = 1 << 25;
const ROUNDS: usize = 9;

/// The time until the device has done its work.
fn time(device: &Device, work: impl FnOnce() -> Result<(), Error>) -> Result<Duration, Error> {
    device.sync()?;
    let start = Instant::now();
    work()?;
    device.sync()?;
    Ok(start.elapsed())
}

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let shared = SharedDevice::open(DeviceKind::DefaultDevice)?;
    let device = shared.device();
    let fill = Fill::from_sampler(Key::new(42), Sampler::Normal { mean: 0.0, std: 0.02 }, ELEMENTS as u64);
    let (mut ours, mut burns) = (Vec::new(), Vec::new());
    for _ in 0..=ROUNDS {
        // both allocate, in a pool that holds the memory of the round before
        ours.push(time(device, || {
            let tensor = Tensor::<1>::empty([ELEMENTS], device);
            Ok(shared.fill(&tensor, &fill)?)
        })?);
        burns.push(time(device, || {
            let tensor = Tensor::<1>::random([ELEMENTS], Distribution::Normal(0.0, 0.02), device);
            // with fusion nothing happens before a tensor is needed
            drop(tensor.narrow(0, 0, 1).into_data());
            Ok(())
        })?);
    }
    // the first round compiles shaders
    let (ours, burns) = (median(&ours[1..]), median(&burns[1..]));
    println!("{}, 2^25 normals in f32, medians of {ROUNDS} rounds", shared.gpu().info());
    println!("seedtensors, in burn's tensor: {:6.1} ms", 1e3 * ours);
    println!("burn's Tensor::random:         {:6.1} ms, {:.2} times as long", 1e3 * burns, burns / ours);
    Ok(())
}

fn median(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2].as_secs_f64()
}
