//! wgpu's objects, combined wrongly: each misuse is an error with the right text, and the device fills as before.
//! Errors that wgpu itself reports only when an encoder is finished or submitted appear then.
#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are known to fit")]

mod common;

use std::sync::OnceLock;

use common::{assert_agrees, canary};
use seedtensors::gpu::{Gpu, Target};
use seedtensors::{Dtype, Error, Fill, Init, Key, Sampler, Shape};
use wgpu::{BufferUsages, ErrorFilter, Limits};

/// An instance's first adapter.
fn adapter() -> wgpu::Adapter {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    adapters.into_iter().next().expect("this test needs a GPU or a software driver; scripts/test installs one")
}

fn device(adapter: &wgpu::Adapter, required_limits: Limits) -> (wgpu::Device, wgpu::Queue) {
    // with 64-bit integers the check takes less time
    let required_features = adapter.features() & wgpu::Features::SHADER_INT64;
    let descriptor = wgpu::DeviceDescriptor { required_features, required_limits, ..Default::default() };
    pollster::block_on(adapter.request_device(&descriptor)).unwrap()
}

/// The device that is misused, another of the same instance, and one of another instance.
fn gpus() -> &'static [Gpu; 3] {
    static GPUS: OnceLock<[Gpu; 3]> = OnceLock::new();
    GPUS.get_or_init(|| {
        let [one, two] = [adapter(), adapter()];
        [&one, &one, &two].map(|adapter| {
            let (device, queue) = device(adapter, Limits::default());
            Gpu::from_wgpu(device, queue).unwrap()
        })
    })
}

fn normal(count: u64) -> Fill {
    Fill::from_sampler(Key::new(42), Sampler::Normal { mean: 0.0, std: 0.02 }, count)
}

/// A matrix, which is copied and not dispatched.
fn eye() -> Fill {
    Fill::new(Key::new(42), Init::Eye { gain: 1.0 }, &Shape::new(&[4, 4]).unwrap()).unwrap()
}

fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device().create_command_encoder(&Default::default())
}

fn target(buffer: &wgpu::Buffer) -> Target<'_> {
    Target::new(buffer, Dtype::F32)
}

/// A buffer whose number no buffer of another instance has.
fn rare(gpu: &Gpu) -> wgpu::Buffer {
    let mut buffers: Vec<_> = (0..500).map(|_| canary(gpu, 64)).collect();
    buffers.swap_remove(499)
}

/// The result of a call on a device, and wgpu's validation error.
fn validation<T>(gpu: &Gpu, call: impl FnOnce() -> T) -> (T, Option<String>) {
    let scope = gpu.device().push_error_scope(ErrorFilter::Validation);
    let made = call();
    (made, pollster::block_on(scope.pop()).map(|error| error.to_string()))
}

/// Every device gives the CPU's bits, as before.
fn all_fill() {
    for gpu in gpus() {
        assert_agrees::<f32>(gpu, &normal(1001), 4);
    }
}

#[test]
fn a_queue_of_another_device() {
    let [gpu, others @ ..] = gpus();
    for other in others {
        for (device, queue) in [(gpu, other), (other, gpu)] {
            let error = Gpu::from_wgpu(device.device().clone(), queue.queue().clone()).unwrap_err();
            assert!(matches!(error, Error::OtherDevice { what: "queue", .. }), "{error:?}");
            assert!(error.to_string().starts_with("the queue is another device's"), "{error}");
        }
    }
    all_fill();
}

/// The device's own queue is accepted while another thread polls the device and receives the callbacks.
#[test]
fn a_queue_of_a_device_that_is_polled_elsewhere() {
    let gpu = &gpus()[0];
    let done = std::sync::atomic::AtomicBool::new(false);
    let load = || done.load(std::sync::atomic::Ordering::Relaxed);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !load() {
                gpu.device().poll(wgpu::PollType::Poll).unwrap();
            }
        });
        let again = Gpu::from_wgpu(gpu.device().clone(), gpu.queue().clone());
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_agrees::<f32>(&again.unwrap(), &normal(1000), 0);
    });
}

#[test]
fn an_encoder_of_another_instance() {
    let [gpu, _, other] = gpus();
    let buffer = canary(gpu, 64);
    for fill in [normal(16), eye()] {
        let mut theirs = encoder(other);
        let error = gpu.fill(&mut theirs, &fill, &target(&buffer)).unwrap_err();
        assert!(matches!(error, Error::OtherDevice { what: "encoder", .. }), "{error:?}");
        assert!(error.to_string().starts_with("the encoder is another device's"), "{error}");
        // nothing was recorded, and the encoder is still usable
        let theirs_too = canary(other, 64);
        other.fill(&mut theirs, &normal(16), &target(&theirs_too)).unwrap();
        other.queue().submit([theirs.finish()]);
        assert_ne!(other.read::<u32>(&theirs_too, 0, 16).unwrap(), [0xa5a5_a5a5; 16]);
    }
    assert_eq!(gpu.read::<u32>(&buffer, 0, 16).unwrap(), [0xa5a5_a5a5; 16]);
    all_fill();
}

/// wgpu reports this one when the encoder is finished, and nothing is written.
#[test]
fn an_encoder_of_another_device_of_the_instance() {
    let [gpu, sibling, _] = gpus();
    let buffer = canary(gpu, 64);
    for fill in [normal(16), eye()] {
        let mut theirs = encoder(sibling);
        gpu.fill(&mut theirs, &fill, &target(&buffer)).unwrap();
        let (_, error) = validation(sibling, || theirs.finish());
        assert!(error.as_ref().is_some_and(|text| text.contains("Device")), "{error:?}");
    }
    assert_eq!(gpu.read::<u32>(&buffer, 0, 16).unwrap(), [0xa5a5_a5a5; 16]);
    all_fill();
}

/// A pass that is open makes wgpu refuse the encoder, at once or when it is finished.
#[test]
fn an_encoder_with_an_open_pass() {
    let gpu = &gpus()[0];
    let buffer = canary(gpu, 64);
    for fill in [normal(16), eye()] {
        let mut ours = encoder(gpu);
        let open = ours.begin_compute_pass(&Default::default()).forget_lifetime();
        if let Err(error) = gpu.fill(&mut ours, &fill, &target(&buffer)) {
            assert!(matches!(error, Error::Wgpu(_)) && error.to_string().contains("locked"), "{error:?}");
        }
        drop(open);
        let (_, error) = validation(gpu, || ours.finish());
        assert!(error.as_ref().is_some_and(|text| text.contains("locked")), "{error:?}");
    }
    assert_eq!(gpu.read::<u32>(&buffer, 0, 16).unwrap(), [0xa5a5_a5a5; 16]);
    all_fill();
}

#[test]
fn buffers_of_other_devices() {
    let [gpu, sibling, other] = gpus();
    for fill in [normal(16), eye()] {
        let theirs = canary(sibling, 64);
        let error = gpu.fill(&mut encoder(gpu), &fill, &target(&theirs)).unwrap_err();
        assert!(matches!(error, Error::Wgpu(_)) && error.to_string().contains("evice"), "{error:?}");
        let theirs = rare(other);
        let error = gpu.fill(&mut encoder(gpu), &fill, &target(&theirs)).unwrap_err();
        assert!(matches!(error, Error::OtherDevice { what: "buffer", .. }), "{error:?}");
        assert_eq!(other.read::<u32>(&theirs, 0, 16).unwrap(), [0xa5a5_a5a5; 16]);
    }
    let error = gpu.read::<u32>(&canary(sibling, 64), 0, 16).unwrap_err();
    assert!(matches!(error, Error::Wgpu(_)) && error.to_string().contains("evice"), "{error:?}");
    let error = gpu.read::<u32>(&rare(other), 0, 16).unwrap_err();
    assert!(matches!(error, Error::OtherDevice { what: "buffer", .. }), "{error:?}");
    all_fill();
}

/// A refused fill leaves what was recorded before it, which can still be submitted.
#[test]
fn a_refused_fill_leaves_the_encoder_as_it_was() {
    let [gpu, sibling, other] = gpus();
    let (buffer, mut ours) = (canary(gpu, 64), encoder(gpu));
    gpu.fill(&mut ours, &eye(), &target(&buffer)).unwrap();
    for theirs in [canary(sibling, 64), rare(other)] {
        gpu.fill_all(&mut ours, &[(normal(16), target(&buffer)), (eye(), target(&theirs))]).unwrap_err();
    }
    gpu.queue().submit([ours.finish()]);
    let expected: Vec<f32> = seedtensors::cpu::tensor(&eye()).unwrap();
    assert_eq!(gpu.read::<f32>(&buffer, 0, 16).unwrap(), expected);
}

#[test]
fn buffers_that_are_gone_or_mapped() {
    let gpu = &gpus()[0];
    let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
    let descriptor = wgpu::BufferDescriptor { label: None, size: 64, usage, mapped_at_creation: true };
    for fill in [normal(16), eye()] {
        let gone = canary(gpu, 64);
        gone.destroy();
        let error = gpu.fill(&mut encoder(gpu), &fill, &target(&gone)).unwrap_err();
        assert!(matches!(error, Error::Wgpu(_)) && error.to_string().contains("destroyed"), "{error:?}");
        let error = gpu.read::<u32>(&gone, 0, 16).unwrap_err();
        assert!(matches!(error, Error::Wgpu(_)) && error.to_string().contains("destroyed"), "{error:?}");

        // it may be unmapped before the encoder is submitted, and wgpu refuses the submission of one that is not
        let mapped = gpu.device().create_buffer(&descriptor);
        let error = gpu.read::<u32>(&mapped, 0, 16).unwrap_err();
        assert!(matches!(error, Error::Wgpu(_)) && error.to_string().contains("mapped"), "{error:?}");
        let record = || {
            let mut ours = encoder(gpu);
            gpu.fill(&mut ours, &fill, &target(&mapped)).unwrap();
            ours.finish()
        };
        let (_, error) = validation(gpu, || gpu.queue().submit([record()]));
        assert!(error.as_ref().is_some_and(|text| text.contains("mapped")), "{error:?}");
        mapped.unmap();
        gpu.queue().submit([record()]);
        assert_ne!(gpu.read::<u32>(&mapped, 0, 16).unwrap(), [0; 16]);
    }
    all_fill();
}

#[test]
fn ranges_at_their_extremes() {
    let gpu = &gpus()[0];
    let buffer = canary(gpu, 64);
    for (offset, count) in [(u64::MAX - 3, 0), (u64::MAX - 3, 16), (4, u64::MAX), (0, u64::MAX / 4 + 1), (1 << 63, 1)] {
        let refused = |error: &Error| matches!(error, Error::ShapeOverflow { .. } | Error::BufferTooSmall { .. });
        let error = gpu.fill(&mut encoder(gpu), &normal(count), &target(&buffer).at(offset)).unwrap_err();
        assert!(refused(&error), "{offset} {count}: {error:?}");
        let error = gpu.read::<f32>(&buffer, offset, count).unwrap_err();
        assert!(refused(&error), "{offset} {count}: {error:?}");
    }
    assert_eq!(gpu.read::<u32>(&buffer, 64, 0).unwrap(), []);
    assert_eq!(gpu.read::<[u32; 0]>(&buffer, 0, 5).unwrap(), [[]; 5]);
    assert!(gpu.tensors(&[]).unwrap().is_empty());
    gpu.fill_all(&mut encoder(gpu), &[]).unwrap();
    assert_eq!(gpu.read::<u32>(&buffer, 0, 16).unwrap(), [0xa5a5_a5a5; 16]);
}

/// The limits that the shaders need, and the least of each.
type Limit = (&'static str, u64, fn(&mut Limits, u64));
const LIMITS: [Limit; 13] = [
    ("max_bind_groups", 1, |limits, value| limits.max_bind_groups = value as u32),
    ("max_bindings_per_bind_group", 3, |limits, value| limits.max_bindings_per_bind_group = value as u32),
    ("max_dynamic_uniform_buffers_per_pipeline_layout", 1, |limits, value| {
        limits.max_dynamic_uniform_buffers_per_pipeline_layout = value as u32;
    }),
    ("max_storage_buffers_per_shader_stage", 2, |limits, value| {
        limits.max_storage_buffers_per_shader_stage = value as u32;
    }),
    ("max_uniform_buffers_per_shader_stage", 1, |limits, value| {
        limits.max_uniform_buffers_per_shader_stage = value as u32;
    }),
    ("max_uniform_buffer_binding_size", 512, |limits, value| limits.max_uniform_buffer_binding_size = value),
    ("max_storage_buffer_binding_size", 2 << 20, |limits, value| limits.max_storage_buffer_binding_size = value),
    ("max_compute_workgroup_storage_size", 8192, |limits, value| {
        limits.max_compute_workgroup_storage_size = value as u32;
    }),
    ("max_compute_workgroup_size_x", 256, |limits, value| limits.max_compute_workgroup_size_x = value as u32),
    ("max_compute_workgroup_size_y", 1, |limits, value| limits.max_compute_workgroup_size_y = value as u32),
    ("max_compute_workgroup_size_z", 1, |limits, value| limits.max_compute_workgroup_size_z = value as u32),
    ("max_compute_invocations_per_workgroup", 256, |limits, value| {
        limits.max_compute_invocations_per_workgroup = value as u32;
    }),
    ("max_compute_workgroups_per_dimension", 1024, |limits, value| {
        limits.max_compute_workgroups_per_dimension = value as u32;
    }),
];

#[test]
fn limits_below_the_least() {
    let adapter = adapter();
    for (limit, least, set) in LIMITS {
        for found in [0, 4.min(least - 1), least - 1] {
            let mut limits = Limits::default();
            set(&mut limits, found);
            let (device, queue) = device(&adapter, limits);
            let error = Gpu::from_wgpu(device, queue).unwrap_err();
            assert_eq!(error, Error::DeviceLimit { limit, found, needed: least });
            let text = format!("the device's limit {limit} is {found}, it must be at least {least}: ");
            assert!(error.to_string().starts_with(&text), "{error}");
        }
    }
}

#[test]
fn alignments_above_the_default() {
    let adapter = adapter();
    let set: [(_, fn(&mut Limits)); 2] = [
        ("min_uniform_buffer_offset_alignment", |limits| limits.min_uniform_buffer_offset_alignment = 1 << 31),
        ("min_storage_buffer_offset_alignment", |limits| limits.min_storage_buffer_offset_alignment = 1 << 31),
    ];
    for (limit, set) in set {
        let mut limits = Limits::default();
        set(&mut limits);
        let (device, queue) = device(&adapter, limits);
        let error = Gpu::from_wgpu(device, queue).unwrap_err();
        assert_eq!(error, Error::DeviceLimit { limit, found: 1 << 31, needed: 256 });
        assert!(error.to_string().contains("it must be at most 256"), "{error}");
    }
}

/// A device with the least of every limit fills what is larger than its bindings.
#[test]
fn the_least_limits_are_enough() {
    let mut limits = Limits::default();
    for (_, least, set) in LIMITS {
        set(&mut limits, least);
    }
    let (device, queue) = device(&adapter(), limits);
    let gpu = Gpu::from_wgpu(device, queue).unwrap();
    gpu.check_all().unwrap();
    assert!(gpu.is_exact());
    assert_agrees::<f32>(&gpu, &normal((3 << 20) + 1), 4);
    assert_agrees::<half::bf16>(&gpu, &normal((3 << 20) + 1), 4);
}

#[test]
fn buffers_below_the_check_are_an_error() {
    let limits = Limits { max_buffer_size: 4096, ..Limits::default() };
    let (device, queue) = device(&adapter(), limits);
    let gpu = Gpu::from_wgpu(device, queue).unwrap();
    for error in [gpu.check_all().unwrap_err(), gpu.tensor(&normal(16), Dtype::F32).unwrap_err()] {
        assert!(matches!(error, Error::BufferTooLarge { limit: 4096, .. }), "{error:?}");
    }
}
