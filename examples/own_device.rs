//! Fills two weights in one pooled buffer of the caller's, on the caller's device, in the caller's encoder,
//! and compares them with the CPU: `cargo run --release --example own_device`.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::time::Instant;

use half::bf16;
use seedtensors::gpu::{Gpu, Target};
use seedtensors::{Dtype, Fill, Init, Key, Result, Shape, cpu};

fn main() -> Result<()> {
    let (device, queue) = pollster::block_on(open()).expect("a wgpu device");
    let begin = Instant::now();
    let gpu = Gpu::from_wgpu(device.clone(), queue.clone())?;
    println!("{}, {}, taken over in {:.1?}", gpu.info(), gpu.form(), begin.elapsed());

    // one buffer holds both, as an engine's pool would; each starts at a multiple of 4 bytes
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("pool"),
        size: 1 << 20,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    });
    let seed = Key::new(42);
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let mut weights = Vec::new();
    let mut offset = 1024;
    for (name, dims) in [("fc1.weight", [255, 129]), ("fc2.weight", [64, 255])] {
        let shape = Shape::new(&dims)?;
        let fill = Fill::new(seed.named(name), Init::he_normal(), &shape)?;
        gpu.fill(&mut encoder, &fill, &Target::new(&buffer, Dtype::BF16).at(offset))?;
        weights.push((name, fill, offset));
        offset += (fill.elements() * 2).next_multiple_of(256);
    }
    queue.submit([encoder.finish()]);

    for (name, fill, offset) in weights {
        let count = fill.elements();
        let on_gpu: Vec<bf16> = gpu.read(&buffer, offset, count)?;
        assert_eq!(on_gpu, cpu::tensor::<bf16>(&fill)?);
        println!("{name}: {count} values at byte {offset}, the same on the CPU; the first is {}", on_gpu[0]);
    }
    Ok(())
}

/// Any device of the caller's; 64-bit integers make it faster, and are not needed.
async fn open() -> std::result::Result<(wgpu::Device, wgpu::Queue), Box<dyn std::error::Error>> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await?;
    let descriptor = wgpu::DeviceDescriptor {
        required_features: adapter.features() & wgpu::Features::SHADER_INT64,
        ..Default::default()
    };
    Ok(adapter.request_device(&descriptor).await?)
}
