//! A device without room: in a process of its own, whose address space it uses up.

mod common;

use seedtensors::{Dtype, Error, Fill, Key, Sampler};

/// Buffers as large as the device allows, never written, until there is no room for another.
#[test]
fn out_of_memory_is_an_error_and_passes() {
    let gpu = common::gpu();
    let device = gpu.device();
    let count = device.limits().max_buffer_size / 4;
    let descriptor = wgpu::BufferDescriptor {
        label: None,
        size: 4 * count,
        usage: wgpu::BufferUsages::STORAGE,
        mapped_at_creation: false,
    };
    let mut kept = Vec::new();
    loop {
        let scope = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffer = device.create_buffer(&descriptor);
        if pollster::block_on(scope.pop()).is_some() {
            break;
        }
        kept.push(buffer);
        assert!(kept.len() < 100_000, "{} buffers of {} bytes were had", kept.len(), descriptor.size);
    }
    let fill = Fill::from_sampler(Key::new(1), Sampler::Normal { mean: 0.0, std: 1.0 }, count);
    let error = gpu.tensor(&fill, Dtype::F32).unwrap_err();
    assert_eq!(error, Error::OutOfMemory { bytes: 4 * count });

    // with room again the same device works
    drop(kept);
    let buffer = gpu.tensor(&fill.range(0..1000).unwrap(), Dtype::F32).unwrap();
    let values: Vec<f32> = gpu.read(&buffer, 0, 1000).unwrap();
    assert!(values.iter().all(|value| value.is_normal()));
}
