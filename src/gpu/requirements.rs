//! Devices and queues that the shaders cannot run on, refused before wgpu is asked.

#[cfg(not(target_arch = "wasm32"))]
use std::sync::Arc;
#[cfg(not(target_arch = "wasm32"))]
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(not(target_arch = "wasm32"))]
use super::guard::{aside, is_lost};
use crate::dispatch::params::Params;
use crate::dispatch::plan::{LEAST_WORKGROUPS, WORKGROUP_SIZE};
use crate::{Error, Result};

/// Bytes of a storage binding: the fills of a device's check lie in one binding.
pub(super) const LEAST_BINDING: u64 = 2 << 20;
/// Bytes of workgroup memory: two tiles of 16 x 64 f32 in shaders/reflectors.wgsl.
const WORKGROUP_STORAGE: u64 = 8192;
/// WebGPU's default for the alignment of bindings, which it lets no device exceed.
const MOST_ALIGNMENT: u64 = 256;

/// Refuses limits below what the shaders need, which is nowhere above WebGPU's defaults.
pub(super) fn check_limits(limits: &wgpu::Limits) -> Result<()> {
    // a uniform and two storage buffers in one group, at one dynamic offset; workgroups in x only; grids in x and y
    let least = [
        ("max_bind_groups", limits.max_bind_groups.into(), 1),
        ("max_bindings_per_bind_group", limits.max_bindings_per_bind_group.into(), 3),
        (
            "max_dynamic_uniform_buffers_per_pipeline_layout",
            limits.max_dynamic_uniform_buffers_per_pipeline_layout.into(),
            1,
        ),
        ("max_storage_buffers_per_shader_stage", limits.max_storage_buffers_per_shader_stage.into(), 2),
        ("max_uniform_buffers_per_shader_stage", limits.max_uniform_buffers_per_shader_stage.into(), 1),
        ("max_uniform_buffer_binding_size", limits.max_uniform_buffer_binding_size, size_of::<Params>() as u64),
        ("max_storage_buffer_binding_size", limits.max_storage_buffer_binding_size, LEAST_BINDING),
        ("max_compute_workgroup_storage_size", limits.max_compute_workgroup_storage_size.into(), WORKGROUP_STORAGE),
        ("max_compute_workgroup_size_x", limits.max_compute_workgroup_size_x.into(), WORKGROUP_SIZE.into()),
        ("max_compute_workgroup_size_y", limits.max_compute_workgroup_size_y.into(), 1),
        ("max_compute_workgroup_size_z", limits.max_compute_workgroup_size_z.into(), 1),
        (
            "max_compute_invocations_per_workgroup",
            limits.max_compute_invocations_per_workgroup.into(),
            WORKGROUP_SIZE.into(),
        ),
        ("max_compute_workgroups_per_dimension", limits.max_compute_workgroups_per_dimension.into(), LEAST_WORKGROUPS),
    ];
    let most = [
        ("min_uniform_buffer_offset_alignment", limits.min_uniform_buffer_offset_alignment.into()),
        ("min_storage_buffer_offset_alignment", limits.min_storage_buffer_offset_alignment.into()),
    ];
    // the first that fails is the one in the message
    let low = least.into_iter().find(|&(_, found, needed)| found < needed);
    let high = most.into_iter().find(|&(_, found)| found > MOST_ALIGNMENT);
    match low.or(high.map(|(limit, found)| (limit, found, MOST_ALIGNMENT))) {
        Some((limit, found, needed)) => Err(Error::DeviceLimit { limit, found, needed }),
        None => Ok(()),
    }
}

/// A device on the web has one queue, which a caller cannot mistake.
#[cfg(target_arch = "wasm32")]
pub(super) async fn check_queue(_: &wgpu::Device, _: &wgpu::Queue) -> Result<()> {
    Ok(())
}

/// Refuses a queue that is another device's: a device's poll tells of the end of its own queue's work alone.
#[cfg(not(target_arch = "wasm32"))]
pub(super) async fn check_queue(device: &wgpu::Device, queue: &wgpu::Queue) -> Result<()> {
    let (sender, receiver) = futures_intrusive::channel::shared::oneshot_channel();
    // on another thread: a wait of wgpu blocks, and an executor's thread must not
    let (polled, queue) = (device.clone(), queue.clone());
    aside(move || {
        // the receiver lives until the end of this function
        let _ = sender.send(tells_of(&polled, &queue));
    });
    match receiver.receive().await {
        _ if is_lost(device).await => Err(Error::DeviceLost("it maps no buffer".to_owned())),
        Some(true) => Ok(()),
        _ => {
            Err(Error::OtherDevice { what: "queue", reason: "the device's poll does not tell of its work".to_owned() })
        }
    }
}

/// The number of times that the end of a queue's work is waited for. Other threads that poll the device may receive it
/// first.
#[cfg(not(target_arch = "wasm32"))]
const TRIES: usize = 1000;

/// Whether the device's poll, on this thread, tells of the end of the queue's work. Told on another, it may have been
/// another device's poll.
#[cfg(not(target_arch = "wasm32"))]
fn tells_of(device: &wgpu::Device, queue: &wgpu::Queue) -> bool {
    let here = std::thread::current().id();
    // a callback on another thread says nothing about this device, and is tried again
    (0..TRIES).any(|_| {
        let told = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&told);
        queue.on_submitted_work_done(move || tell.store(std::thread::current().id() == here, Ordering::Relaxed));
        // an error is a device that is lost, and tells of nothing
        let _ = device.poll(wgpu::PollType::wait_indefinitely());
        told.load(Ordering::Relaxed)
    })
}
