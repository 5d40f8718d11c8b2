//! The library in a browser, by wgpu's WebGPU backend: its fills compared with the CPU backend of the same module, and
//! its errors. web/tests/wgpu.spec.ts calls these functions.

use half::{bf16, f16};
use seedtensors::gpu::{Gpu, Select, Target};
use seedtensors::{Dtype, Element, Error, Fill, Init, Key, Sampler, Shape, cpu, wgpu};
use wasm_bindgen::prelude::{JsError, wasm_bindgen};

/// Elements of a fill of whole slots; software takes seconds to compile the kernel of other ends.
const COUNT: u64 = 1 << 18;

/// Every kind of sampler.
const SAMPLERS: [Sampler; 8] = [
    Sampler::Constant { value: -0.3 },
    Sampler::Uniform { low: -0.1, high: 0.3 },
    Sampler::Normal { mean: 0.001, std: 0.02 },
    Sampler::Normal { mean: 0.0, std: 0.02 },
    Sampler::TruncatedNormal { mean: 0.0, std: 0.02, low: -2.0, high: 2.0 },
    Sampler::TruncatedNormal { mean: 0.0, std: 0.02, low: -0.04, high: 0.04 },
    Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: 8.0, high: f32::INFINITY },
    Sampler::TruncatedNormal { mean: 0.001, std: 0.02, low: 0.01, high: 0.0101 },
];

fn key() -> Key {
    Key::new(42).named("browser")
}

/// Fills of every sampler, and of shards.
fn fills() -> Result<Vec<Fill>, Error> {
    let mut fills: Vec<Fill> = SAMPLERS.iter().map(|&sampler| Fill::from_sampler(key(), sampler, COUNT)).collect();
    // it begins and ends within blocks of four
    fills.push(Fill::from_sampler(key(), SAMPLERS[2], COUNT).range(3..COUNT - 2)?);
    let shape = Shape::new(&[40, 30, 50])?;
    let normal = Fill::new(key(), Init::Normal { mean: 0.0, std: 1.0 }, &shape)?;
    fills.push(normal.shard(&shape.shard(&[1, 2, 3], &[38, 27, 45])?)?);
    fills.push(normal.shard(&shape.shard(&[0, 0, 7], &[40, 30, 5])?)?);
    Ok(fills)
}

/// Fills of structured matrices.
fn matrices() -> Result<Vec<Fill>, Error> {
    let (wide, tall, kernel) = (Shape::new(&[90, 130])?, Shape::new(&[150, 60])?, Shape::new(&[12, 8, 3, 3])?);
    let orthogonal = Fill::new(key(), Init::Orthogonal { gain: 1.0 }, &tall)?;
    Ok(vec![
        Fill::new(key(), Init::Eye { gain: 0.5 }, &wide)?,
        Fill::new(key(), Init::Sparse { sparsity: 0.3, std: 0.1 }, &wide)?,
        Fill::new(key(), Init::Orthogonal { gain: 1.5 }, &wide)?,
        orthogonal,
        orthogonal.shard(&tall.shard(&[5, 7], &[140, 40])?)?,
        Fill::new(key(), Init::Dirac { groups: 2 }, &kernel)?,
        Fill::new(key(), Init::DeltaOrthogonal { gain: 1.0 }, &kernel)?,
    ])
}

/// Compares a fill on the GPU with the CPU's and returns the elements, and how many of them differ.
async fn compare<T: Element + bytemuck::Pod>(gpu: &Gpu, fill: &Fill) -> Result<[u64; 2], Error> {
    let buffer = gpu.tensor_async(fill, T::DTYPE).await?;
    let found: Vec<T> = gpu.read_async(&buffer, 0, fill.elements()).await?;
    let expected: Vec<T> = cpu::tensor(fill)?;
    let differing = found.iter().zip(&expected).filter(|(a, b)| bytemuck::bytes_of(*a) != bytemuck::bytes_of(*b));
    Ok([fill.elements(), differing.count() as u64])
}

/// Compares every sampler and shards in every dtype, and matrices in f32. Returns the elements that were compared, those that
/// differ, the fills, and the device's name.
///
/// # Errors
///
/// Those of the library.
#[wasm_bindgen]
pub async fn agreement() -> Result<String, JsError> {
    let gpu = Gpu::open_async(&Select::Default).await?;
    let mut results = Vec::new();
    for fill in fills()? {
        results.push(compare::<f32>(&gpu, &fill).await?);
        results.push(compare::<f16>(&gpu, &fill).await?);
        results.push(compare::<bf16>(&gpu, &fill).await?);
    }
    for matrix in matrices()? {
        results.push(compare::<f32>(&gpu, &matrix).await?);
    }
    gpu.check_all_async().await?;
    let exact = if gpu.is_exact() { "exact" } else { "inexact" };
    let total = |i: usize| results.iter().map(|result| result[i]).sum::<u64>();
    Ok(format!("{} {} {} {exact} {}", total(0), total(1), results.len(), gpu.info()))
}

/// Provokes an error of each kind that a browser tells of, and returns the messages, a line each.
///
/// # Errors
///
/// Those of the library that are not provoked.
#[wasm_bindgen]
pub async fn errors() -> Result<String, JsError> {
    let (gpu, other) = (Gpu::open_async(&Select::Default).await?, Gpu::open_async(&Select::Default).await?);
    let buffer = |gpu: &Gpu, usage| {
        gpu.device().create_buffer(&wgpu::BufferDescriptor { label: None, size: 400, usage, mapped_at_creation: false })
    };
    let storage = wgpu::BufferUsages::STORAGE;
    let fill = Fill::from_sampler(Key::new(1), SAMPLERS[1], 100);
    let long = Fill::from_sampler(Key::new(1), SAMPLERS[1], 101);
    let huge = Fill::from_sampler(Key::new(1), SAMPLERS[1], 1 << 40);
    let mut messages = Vec::new();
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    for (fill, buffer) in [
        (&long, buffer(&gpu, storage)),
        (&fill, buffer(&gpu, wgpu::BufferUsages::COPY_DST)),
        // found by an error scope
        (&fill, buffer(&other, storage)),
    ] {
        messages.push(gpu.fill_async(&mut encoder, fill, &Target::new(&buffer, Dtype::F32)).await);
    }
    messages.push(gpu.tensor_async(&huge, Dtype::F32).await.map(drop));
    messages.push(gpu.read_async::<f32>(&buffer(&gpu, storage), 0, 1).await.map(drop));
    // what came before is not in the way of a right fill
    let right = buffer(&gpu, storage | wgpu::BufferUsages::COPY_SRC);
    gpu.fill_async(&mut encoder, &fill, &Target::new(&right, Dtype::F32)).await?;
    gpu.queue().submit([encoder.finish()]);
    let found: Vec<f32> = gpu.read_async(&right, 0, 100).await?;
    messages.push(if found == cpu::tensor::<f32>(&fill)? { Ok(()) } else { Err(Error::Wgpu("differs".to_owned())) });
    let line = |message: Result<(), Error>| message.map_or_else(|error| error.to_string(), |()| "ok".to_owned());
    // wgpu's messages have several lines
    Ok(messages.into_iter().map(|message| line(message).replace('\n', " ")).collect::<Vec<_>>().join("\n"))
}
