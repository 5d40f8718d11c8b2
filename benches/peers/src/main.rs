//! The same work by this project and by its peers, on the same machine and in turn. `scripts/bench/peers` builds and
//! runs it.
//!
//! A contest is a table. Each of its entries does its work once, one after the other, and again in every round. Times
//! are from the call to the end of the work. Peers that use the GPU as well, and Python, run in processes of their own.
//! They start when they read a line, and are stopped while others work. Every entry writes into memory that it had
//! before, if its interface allows that; burn and numr take a buffer from their pool.

mod gpt2;
mod report;
mod served;
#[path = "../../store/mod.rs"]
mod store;

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result};
use half::{bf16, f16};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use report::Contest;
use seedtensors::gpu::{DeviceKind, Gpu, Select, Target};
use seedtensors::{Arithmetic, Dtype, Element, Fill, Init, Key, Sampler, Shape, cpu};
use served::Served;
use store::Store;

/// Elements of a tensor: 8192 rows of 4096.
const ELEMENTS: u64 = 1 << 25;
/// Elements of a column shard of a tensor of 8192 x 8192.
const SHARD: u64 = 1 << 23;

/// Peers in processes of their own.
struct Peers {
    burn: Served,
    numr: Served,
    python: Served,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("serve-burn") => return served::burn(arguments.next().as_deref() == Some("software")),
        Some("serve-numr") => return served::numr(),
        _ => {}
    }
    let gpu = Gpu::open(&Select::Default).context("the peers need a GPU, llvmpipe at least: run scripts/test")?;
    let kind = if gpu.info().kind == DeviceKind::Software { "software" } else { "hardware" };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/bench/peers.py");
    let python = std::env::var("PEERS_PYTHON").context("PEERS_PYTHON is not set: run scripts/bench/peers")?;
    let own = std::env::current_exe()?;
    let peers = Peers {
        burn: Served::start(&own, &["serve-burn", kind])?,
        numr: Served::start(&own, &["serve-numr"])?,
        python: Served::start(python.as_ref(), &[script])?,
    };
    let machine =
        format!("{}; {}; {}; {}", gpu.info(), peers.burn.versions, peers.numr.versions, peers.python.versions);
    println!("{machine}\n");
    let tables = [
        normals_on_gpu(&gpu, &peers)?,
        uniforms_on_gpu(&gpu, &peers)?,
        dtypes_on_gpu(&gpu)?,
        small(&gpu, &peers)?,
        gpt2::contest(&gpu, &peers),
        normals_on_cpu(&peers)?,
        truncated_on_cpu(&peers)?,
        uniforms_on_cpu(&peers)?,
        dtypes_on_cpu()?,
    ];
    report::write(&machine, &tables)
}

/// Seconds that work takes.
pub(crate) fn seconds(work: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    work();
    begin.elapsed().as_secs_f64()
}

pub(crate) fn wait(gpu: &Gpu) {
    gpu.device().poll(wgpu::PollType::wait_indefinitely()).unwrap();
}

pub(crate) fn buffer(gpu: &Gpu, size: u64) -> wgpu::Buffer {
    let usage = wgpu::BufferUsages::STORAGE;
    gpu.device().create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
}

fn key() -> Key {
    Key::new(42).named("peers")
}

fn normal(count: u64) -> Fill {
    Fill::from_sampler(key(), Sampler::Normal { mean: 0.0, std: 1.0 }, count)
}

fn uniform() -> Fill {
    Fill::from_sampler(key(), Sampler::Uniform { low: 0.0, high: 1.0 }, ELEMENTS)
}

fn shard() -> Fill {
    let shape = Shape::new(&[8192, 8192]).unwrap();
    normal(shape.elements()).shard(&shape.shard(&[0, 1024], &[8192, 1024]).unwrap()).unwrap()
}

/// A fill recorded, submitted and waited for.
fn on_gpu<'a>(gpu: &'a Gpu, buffer: &wgpu::Buffer, fill: Fill, dtype: Dtype) -> impl FnMut() -> f64 + use<'a> {
    let buffer = buffer.clone();
    move || {
        seconds(|| {
            submit(gpu, &[(fill, Target::new(&buffer, dtype))]);
            wait(gpu);
        })
    }
}

/// Records and submits fills, all at once.
pub(crate) fn submit(gpu: &Gpu, fills: &[(Fill, Target<'_>)]) {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    gpu.fill_all(&mut encoder, fills).unwrap();
    gpu.queue().submit([encoder.finish()]);
}

/// The lower bound of a fill's time.
fn store<'a>(gpu: &'a Gpu, target: &wgpu::Buffer) -> impl FnMut() -> f64 + use<'a> {
    let store = Store::new(gpu, target);
    move || {
        seconds(|| {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            store.record(&mut encoder);
            gpu.queue().submit([encoder.finish()]);
            wait(gpu);
        })
    }
}

fn normals_on_gpu(gpu: &Gpu, peers: &Peers) -> Result<String> {
    let target = buffer(gpu, 4 * ELEMENTS);
    let native = normal(ELEMENTS).with_arithmetic(Arithmetic::Native);
    let mut contest = Contest::new("Normals on the GPU, f32, 2^25", ELEMENTS);
    contest.entry("seedtensors, exact", on_gpu(gpu, &target, normal(ELEMENTS), Dtype::F32));
    contest.entry("seedtensors, native", on_gpu(gpu, &target, native, Dtype::F32));
    contest.entry("burn 0.22 `Tensor::random`", peers.burn.work("normal", ELEMENTS));
    contest.entry("numr 0.14 `philox_randn`", peers.numr.work("normal", ELEMENTS));
    contest.entry("storing a constant", store(gpu, &target));
    Ok(contest.run())
}

fn uniforms_on_gpu(gpu: &Gpu, peers: &Peers) -> Result<String> {
    let target = buffer(gpu, 4 * ELEMENTS);
    let mut contest = Contest::new("Uniforms on the GPU, f32, 2^25", ELEMENTS);
    contest.entry("seedtensors", on_gpu(gpu, &target, uniform(), Dtype::F32));
    contest.entry("burn 0.22 `Tensor::random`", peers.burn.work("uniform", ELEMENTS));
    contest.entry("numr 0.14 `philox_uniform`", peers.numr.work("uniform", ELEMENTS));
    contest.entry("storing a constant", store(gpu, &target));
    Ok(contest.run())
}

fn dtypes_on_gpu(gpu: &Gpu) -> Result<String> {
    let target = buffer(gpu, 4 * SHARD);
    let mut contest = Contest::new("Exact normals on the GPU by dtype and shard, 2^23", SHARD);
    contest.entry("f32", on_gpu(gpu, &target, normal(SHARD), Dtype::F32));
    contest.entry("bf16", on_gpu(gpu, &target, normal(SHARD), Dtype::BF16));
    contest.entry("f16", on_gpu(gpu, &target, normal(SHARD), Dtype::F16));
    contest.entry("f32, 1024 columns of 8192", on_gpu(gpu, &target, shard(), Dtype::F32));
    Ok(contest.run())
}

/// From the call to the submission, of a tensor of 1,024 elements.
fn small(gpu: &Gpu, peers: &Peers) -> Result<String> {
    let target = buffer(gpu, 4096);
    let mut contest = Contest::new("A tensor of 1,024 normals on the GPU, from call to submitted", 1024);
    contest.entry("seedtensors", || {
        let taken = seconds(|| {
            submit(gpu, &[(normal(1024), Target::new(&target, Dtype::F32))]);
        });
        wait(gpu);
        taken
    });
    contest.entry("burn 0.22 `Tensor::random`, `flush`", peers.burn.work("submit", 1024));
    Ok(contest.run())
}

fn on_cpu<T: Element>(fill: Fill, threads: usize) -> Result<impl FnMut() -> f64> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let mut out = vec![T::zeroed(); fill.elements() as usize];
    Ok(move || pool.install(|| seconds(|| cpu::fill(&fill, black_box(&mut out)).unwrap())))
}

fn normals_on_cpu(peers: &Peers) -> Result<String> {
    let mut contest = Contest::new("Normals on the CPU, f32, 2^25", ELEMENTS);
    contest.entry("seedtensors, every core", on_cpu::<f32>(normal(ELEMENTS), 0)?);
    contest.entry("seedtensors, one thread", on_cpu::<f32>(normal(ELEMENTS), 1)?);
    contest.entry("rand_distr 0.6 `StandardNormal`, Xoshiro256++, one thread", {
        let mut out = vec![0.0_f32; ELEMENTS as usize];
        move || seconds(|| normals(&mut out, 1))
    });
    contest.entry("the same, rayon, every core", {
        let mut out = vec![0.0_f32; ELEMENTS as usize];
        move || seconds(|| out.par_chunks_mut(1 << 16).enumerate().for_each(|(i, chunk)| normals(chunk, i as u64)))
    });
    contest.entry("candle 0.10 `Tensor::randn`", || {
        seconds(|| {
            black_box(candle_core::Tensor::randn(0.0_f32, 1.0, ELEMENTS as usize, &candle_core::Device::Cpu).unwrap());
        })
    });
    contest.entry("torch `kaiming_normal_`", peers.python.work("torch kaiming_normal_", ELEMENTS));
    contest.entry("numpy `standard_normal`", peers.python.work("numpy standard_normal", ELEMENTS));
    contest.entry("storing a constant, every core", {
        let mut out = vec![0.0_f32; ELEMENTS as usize];
        move || seconds(|| black_box(&mut out).par_chunks_mut(1 << 16).for_each(|chunk| chunk.fill(1.0)))
    });
    Ok(contest.run())
}

fn normals(out: &mut [f32], seed: u64) {
    let generator = Xoshiro256PlusPlus::seed_from_u64(seed);
    let values = rand::RngExt::sample_iter::<f32, _>(generator, StandardNormal);
    black_box(out).iter_mut().zip(values).for_each(|(out, value)| *out = value);
}

fn truncated_on_cpu(peers: &Peers) -> Result<String> {
    let truncated = Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: -2.0, high: 2.0 };
    let truncated = Fill::from_sampler(key(), truncated, ELEMENTS);
    let mut contest = Contest::new("Truncated normals on the CPU, f32, 2^25", ELEMENTS);
    contest.entry("seedtensors, every core", on_cpu::<f32>(truncated, 0)?);
    contest.entry("seedtensors, one thread", on_cpu::<f32>(truncated, 1)?);
    contest.entry("torch `trunc_normal_`", peers.python.work("torch trunc_normal_", ELEMENTS));
    Ok(contest.run())
}

fn uniforms_on_cpu(peers: &Peers) -> Result<String> {
    let shape = Shape::new(&[ELEMENTS / 4096, 4096])?;
    let fill = Fill::new(key(), Init::xavier_uniform(), &shape)?;
    let mut contest = Contest::new("Xavier uniforms on the CPU, f32, 2^25", ELEMENTS);
    contest.entry("seedtensors, every core", on_cpu::<f32>(fill, 0)?);
    contest.entry("seedtensors, one thread", on_cpu::<f32>(fill, 1)?);
    contest.entry("torch `xavier_uniform_`", peers.python.work("torch xavier_uniform_", ELEMENTS));
    Ok(contest.run())
}

fn dtypes_on_cpu() -> Result<String> {
    let mut contest = Contest::new("Exact normals on the CPU by dtype and shard, every core, 2^23", SHARD);
    contest.entry("f32", on_cpu::<f32>(normal(SHARD), 0)?);
    contest.entry("bf16", on_cpu::<bf16>(normal(SHARD), 0)?);
    contest.entry("f16", on_cpu::<f16>(normal(SHARD), 0)?);
    contest.entry("f32, 1024 columns of 8192", on_cpu::<f32>(shard(), 0)?);
    Ok(contest.run())
}
