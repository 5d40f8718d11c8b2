//! Fills on the CPU and the GPU, in elements and bytes a second.
//!
//! `cargo bench --bench fill`, then `scripts/bench/figures` for the table. A name is `where/sampler/dtype/elements`:
//! `cpu-1` one thread, `cpu-all` every core, `gpu-call` from recording to the queue's end, `gpu-pass` the compute pass
//! alone by timestamps. `store` is the floor: on the GPU a shader that stores a constant, one slot a thread, on the CPU
//! `slice::fill`. Fills of 2^23 elements are shards of an 8192 x 8192 tensor and a contiguous run for comparison: 1024
//! columns, a corner of 4096 x 2048, and 1024 columns from an odd one on. `model` is 10,000 tensors of 1 to 4096
//! elements, in one submission or each in its own.
#![allow(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a bench of known sizes, which names its device"
)]

mod store;

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use half::bf16;
use rayon::ThreadPoolBuilder;
use seedtensors::gpu::{Gpu, Target};
use seedtensors::{Arithmetic, Dtype, Element, Fill, Init, Key, Sampler, Shape, cpu};
use store::Store;

const SIZES: [u64; 3] = [1 << 16, 1 << 20, 1 << 25];

fn key() -> Key {
    Key::new(42).named("bench")
}

/// Each sampler's name and fill, for a number of elements.
fn fills(count: u64) -> Vec<(&'static str, Fill)> {
    let shape = Shape::new(&[count / 256, 256]).unwrap();
    let of = |sampler| Fill::from_sampler(key(), sampler, count);
    let normal = of(Sampler::Normal { mean: 0.0, std: 1.0 });
    vec![
        ("uniform", of(Sampler::Uniform { low: -1.0, high: 1.0 })),
        ("normal", normal),
        ("native-normal", normal.with_arithmetic(Arithmetic::Native)),
        ("he_normal", Fill::new(key(), Init::he_normal(), &shape).unwrap()),
        ("truncated", of(Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: -2.0, high: 2.0 })),
        // PyTorch's bounds, which are values: the window holds the whole line but for 2^-7000
        ("truncated-line", of(Sampler::TruncatedNormal { mean: 0.0, std: 0.02, low: -2.0, high: 2.0 })),
        ("constant", of(Sampler::Constant { value: 1.0 })),
    ]
}

/// A run of 2^23 normals, and shards of as many.
fn shards() -> Vec<(&'static str, Fill)> {
    let shape = Shape::new(&[8192, 8192]).unwrap();
    let normal = Fill::from_sampler(key(), Sampler::Normal { mean: 0.0, std: 1.0 }, shape.elements());
    let shard = |start: [u64; 2], extent: [u64; 2]| normal.shard(&shape.shard(&start, &extent).unwrap()).unwrap();
    vec![
        ("normal", normal.range(0..1 << 23).unwrap()),
        ("normal-columns", shard([0, 1024], [8192, 1024])),
        ("normal-corner", shard([4096, 2048], [4096, 2048])),
        ("normal-odd-columns", shard([0, 1023], [8192, 1024])),
    ]
}

fn group(c: &mut Criterion, place: &str, name: &str, dtype: Dtype, count: u64, mut time: impl FnMut(u64) -> Duration) {
    let mut group = c.benchmark_group(format!("{place}/{name}"));
    group.throughput(Throughput::ElementsAndBytes { elements: count, bytes: count * dtype.size() });
    group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    group.bench_function(BenchmarkId::new(dtype.name(), count), |b| b.iter_custom(&mut time));
    group.finish();
}

/// The time of `n` runs.
fn repeat(n: u64, mut run: impl FnMut()) -> Duration {
    let begin = Instant::now();
    (0..n).for_each(|_| run());
    begin.elapsed()
}

fn on_cpu<T: Element>(c: &mut Criterion) {
    for (place, threads) in [("cpu-1", 1), ("cpu-all", 0)] {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for count in SIZES {
            let mut out = vec![T::zeroed(); count as usize];
            if threads == 1 {
                group(c, place, "store", T::DTYPE, count, |n| {
                    repeat(n, || std::hint::black_box(&mut out).fill(T::zeroed()))
                });
            }
            for (name, fill) in fills(count) {
                group(c, place, name, T::DTYPE, count, |n| {
                    pool.install(|| repeat(n, || cpu::fill(&fill, &mut out).unwrap()))
                });
            }
            if T::DTYPE == Dtype::F32 {
                let words = bytemuck::cast_slice_mut(&mut out);
                group(c, place, "words", T::DTYPE, count, |n| {
                    pool.install(|| repeat(n, || cpu::words(key(), 0, words)))
                });
            }
        }
        let mut out = vec![T::zeroed(); 1 << 23];
        for (name, fill) in shards() {
            group(c, place, name, T::DTYPE, 1 << 23, |n| {
                pool.install(|| repeat(n, || cpu::fill(&fill, &mut out).unwrap()))
            });
        }
    }
}

/// A device with timestamps, as a caller would open it.
fn device() -> Gpu {
    let features = wgpu::Features::SHADER_INT64
        | wgpu::Features::TIMESTAMP_QUERY
        | wgpu::Features::TIMESTAMP_QUERY_INSIDE_ENCODERS;
    pollster::block_on(async {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let mut adapters = instance.enumerate_adapters(wgpu::Backends::all()).await;
        adapters.sort_by_key(|adapter| adapter.get_info().device_type == wgpu::DeviceType::Cpu);
        let adapter =
            adapters.into_iter().next().expect("the bench needs a GPU; scripts/test installs a software driver");
        let descriptor = wgpu::DeviceDescriptor {
            required_features: adapter.features() & features,
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) = adapter.request_device(&descriptor).await.unwrap();
        assert!(
            device.features().contains(wgpu::Features::TIMESTAMP_QUERY_INSIDE_ENCODERS),
            "the device has no timestamps"
        );
        Gpu::from_wgpu_async(device, queue).await.unwrap()
    })
}

/// A timer of what an encoder records between two of its commands.
struct Timer<'a> {
    gpu: &'a Gpu,
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
}

impl<'a> Timer<'a> {
    fn new(gpu: &'a Gpu) -> Self {
        let queries = gpu.device().create_query_set(&wgpu::QuerySetDescriptor {
            label: None,
            ty: wgpu::QueryType::Timestamp,
            count: 2,
        });
        let resolved = buffer(gpu, 16, wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC);
        Self { gpu, queries, resolved }
    }

    fn time(&self, record: &mut dyn FnMut(&mut wgpu::CommandEncoder)) -> Duration {
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        encoder.write_timestamp(&self.queries, 0);
        record(&mut encoder);
        encoder.write_timestamp(&self.queries, 1);
        encoder.resolve_query_set(&self.queries, 0..2, &self.resolved, 0);
        self.gpu.queue().submit([encoder.finish()]);
        let words: Vec<u32> = self.gpu.read(&self.resolved, 0, 4).unwrap();
        let [begin, end] = [[words[0], words[1]], [words[2], words[3]]].map(|[l, h]| u64::from(h) << 32 | u64::from(l));
        Duration::from_secs_f64((end - begin) as f64 * f64::from(self.gpu.queue().get_timestamp_period()) * 1e-9)
    }
}

fn buffer(gpu: &Gpu, size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    gpu.device().create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
}

/// The whole call, and the pass alone.
fn both_times(
    c: &mut Criterion,
    timer: &Timer<'_>,
    (name, dtype, count): (&str, Dtype, u64),
    record: &mut dyn FnMut(&mut wgpu::CommandEncoder),
) {
    let gpu = timer.gpu;
    group(c, "gpu-call", name, dtype, count, |n| {
        repeat(n, || {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            record(&mut encoder);
            gpu.queue().submit([encoder.finish()]);
            gpu.device().poll(wgpu::PollType::wait_indefinitely()).unwrap();
        })
    });
    group(c, "gpu-pass", name, dtype, count, |n| (0..n).map(|_| timer.time(record)).sum());
}

/// The logarithms in `FILL_SIZES`, such as "20 25 30", or the sizes of the CPU.
fn gpu_sizes() -> Vec<u64> {
    match std::env::var("FILL_SIZES") {
        Ok(sizes) => sizes.split_whitespace().map(|size| 1 << size.parse::<u32>().unwrap()).collect(),
        Err(_) => SIZES.to_vec(),
    }
}

fn on_gpu(c: &mut Criterion) {
    let gpu = device();
    let begin = Instant::now();
    gpu.check_all().unwrap();
    println!("{}, checked in {:?}", gpu.info(), begin.elapsed());
    let timer = Timer::new(&gpu);
    for count in gpu_sizes() {
        if 4 * count > gpu.device().limits().max_buffer_size {
            println!("{count} elements do not fit in a buffer of this device");
            continue;
        }
        let target = buffer(&gpu, 4 * count, wgpu::BufferUsages::STORAGE);
        // in one binding, which other fills need not keep to
        if 4 * count <= gpu.device().limits().max_storage_buffer_binding_size {
            let store = Store::new(&gpu, &target);
            both_times(c, &timer, ("store", Dtype::F32, count), &mut |encoder| store.record(encoder));
        }
        for dtype in [Dtype::F32, Dtype::BF16] {
            for (name, fill) in fills(count) {
                let target = Target::new(&target, dtype);
                both_times(c, &timer, (name, dtype, count), &mut |encoder| gpu.fill(encoder, &fill, &target).unwrap());
            }
        }
    }
}

fn on_gpu_shards(c: &mut Criterion) {
    let gpu = device();
    let timer = Timer::new(&gpu);
    let count = 1 << 23;
    let target = buffer(&gpu, 4 * count, wgpu::BufferUsages::STORAGE);
    for dtype in [Dtype::F32, Dtype::BF16] {
        for (name, fill) in shards() {
            let target = Target::new(&target, dtype);
            both_times(c, &timer, (name, dtype, count), &mut |encoder| gpu.fill(encoder, &fill, &target).unwrap());
        }
    }
}

/// A whole model of small tensors, from the first call to the queue's end.
fn model(c: &mut Criterion) {
    let gpu = device();
    let normal = Sampler::Normal { mean: 0.0, std: 0.02 };
    let sizes = |i: u64| 1 + i * 2_654_435_761 % 4096;
    let elements = (0..10_000).map(sizes).sum();
    let buffers: Vec<_> = (0..10_000).map(|i| buffer(&gpu, 4 * sizes(i), wgpu::BufferUsages::STORAGE)).collect();
    let fills: Vec<(Fill, Target<'_>)> = (0..)
        .zip(&buffers)
        .map(|(i, buffer)| {
            (Fill::from_sampler(Key::new(42).fold_in(i), normal, sizes(i)), Target::new(buffer, Dtype::F32))
        })
        .collect();
    let submit = |fills: &[(Fill, Target<'_>)]| {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        gpu.fill_all(&mut encoder, fills).unwrap();
        gpu.queue().submit([encoder.finish()]);
    };
    let wait = || gpu.device().poll(wgpu::PollType::wait_indefinitely()).unwrap();
    group(c, "gpu-call", "model-at-once", Dtype::F32, elements, |n| {
        repeat(n, || {
            submit(&fills);
            wait();
        })
    });
    group(c, "gpu-call", "model-one-by-one", Dtype::F32, elements, |n| {
        repeat(n, || {
            fills.iter().for_each(|fill| submit(std::slice::from_ref(fill)));
            wait();
        })
    });
}

criterion_group!(
    name = benches;
    // plots need a font, which a server may lack
    config = Criterion::default().without_plots();
    targets = on_cpu::<f32>, on_cpu::<bf16>, on_gpu, on_gpu_shards, model
);
criterion_main!(benches);
