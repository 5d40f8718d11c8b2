//! Faults while fills are running: each is the documented error or does no harm. Nothing panics, hangs or changes a
//! neighbour's bytes. tests/limits.rs and tests/out_of_memory.rs have devices that are too small, lost before a call,
//! or without memory.
#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are known to fit")]

mod common;

use std::pin::pin;
use std::sync::mpsc::channel;
use std::task::{Context, Waker};
use std::time::Duration;

use common::{canary, gpu};
use seedtensors::gpu::{Gpu, Target};
use seedtensors::{Dtype, Error, Fill, Key, Result, Sampler, cpu};

fn normal(name: &str, count: u64) -> Fill {
    Fill::from_sampler(Key::new(42).named(name), Sampler::Normal { mean: 0.0, std: 1.0 }, count)
}

/// Runs a test that must end; a minute is a hundred times what it takes.
fn within_a_minute(test: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = channel();
    let thread = std::thread::spawn(move || {
        test();
        // a send fails where nobody waits any more, and the test has then failed already
        let _ = sender.send(());
    });
    match receiver.recv_timeout(Duration::from_secs(60)) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        _ => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}

fn expected(fill: &Fill) -> Vec<f32> {
    cpu::tensor(fill).unwrap()
}

/// Records and submits one fill.
fn submit(gpu: &Gpu, fill: &Fill, buffer: &wgpu::Buffer, offset: u64) -> Result<()> {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    gpu.fill(&mut encoder, fill, &Target::new(buffer, Dtype::F32).at(offset))?;
    gpu.queue().submit([encoder.finish()]);
    Ok(())
}

#[test]
fn a_device_lost_while_it_fills() {
    within_a_minute(|| {
        let gpu = gpu();
        let buffer = canary(&gpu, 4 << 22);
        for _ in 0..20 {
            submit(&gpu, &normal("lost", 1 << 22), &buffer, 0).unwrap();
        }
        gpu.device().destroy();
        let error = gpu.read::<f32>(&buffer, 0, 1 << 22).unwrap_err();
        assert!(matches!(error, Error::DeviceLost(_)), "{error:?}");
        let error = gpu.tensor(&normal("lost", 16), Dtype::F32).unwrap_err();
        assert!(matches!(error, Error::DeviceLost(_)), "{error:?}");
        // another device is no part of it
        let other = common::gpu();
        let tensor = other.tensor(&normal("other", 1000), Dtype::F32).unwrap();
        assert_eq!(other.read::<f32>(&tensor, 0, 1000).unwrap(), expected(&normal("other", 1000)));
    });
}

#[test]
fn a_device_lost_under_threads_that_fill() {
    within_a_minute(|| {
        let gpu = gpu();
        let fill = normal("threads", 1 << 16);
        let values = expected(&fill);
        // the first fill waits for the check
        gpu.tensor(&fill, Dtype::F32).unwrap();
        std::thread::scope(|scope| {
            let work = || {
                let mut whole = 0;
                loop {
                    let read = gpu.tensor(&fill, Dtype::F32).and_then(|tensor| gpu.read::<f32>(&tensor, 0, 1 << 16));
                    match read {
                        Ok(found) => assert!(found == values, "values of a device that is going are wrong"),
                        Err(Error::DeviceLost(_)) => return whole,
                        Err(error) => panic!("{error:?}"),
                    }
                    whole += 1;
                }
            };
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(work)).collect();
            std::thread::sleep(Duration::from_millis(300));
            gpu.device().destroy();
            let whole: u32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
            assert!(whole > 0, "no fill came before the loss");
        });
    });
}

#[test]
fn a_read_that_is_dropped() {
    within_a_minute(|| {
        let gpu = gpu();
        let fill = normal("dropped", 1 << 20);
        let tensor = gpu.tensor(&fill, Dtype::F32).unwrap();
        for _ in 0..50 {
            let mut context = Context::from_waker(Waker::noop());
            let read = pin!(gpu.read_async::<f32>(&tensor, 0, 1 << 20));
            // begun, and given up
            let _ = read.poll(&mut context);
        }
        assert!(gpu.read::<f32>(&tensor, 0, 1 << 20).unwrap() == expected(&fill));
    });
}

#[test]
fn a_thousand_fills_in_flight() {
    within_a_minute(|| {
        const EACH: u64 = 1021;
        let gpu = gpu();
        let room = 4 * (EACH + 3);
        let buffer = canary(&gpu, 1000 * room);
        for i in 0..1000 {
            submit(&gpu, &normal(&i.to_string(), EACH), &buffer, i * room).unwrap();
        }
        let found = gpu.read::<u32>(&buffer, 0, 1000 * room / 4).unwrap();
        for (i, found) in found.chunks((room / 4) as usize).enumerate() {
            let values = expected(&normal(&i.to_string(), EACH));
            assert!(found.iter().zip(values).all(|(found, value)| *found == value.to_bits()), "fill {i}");
            assert_eq!(found[EACH as usize..], [0xa5a5_a5a5; 3], "behind fill {i}");
        }
    });
}

/// wgpu's own error, of a buffer that is another device's; the device, and both buffers, are as before.
#[test]
fn a_validation_error() {
    within_a_minute(|| {
        // of one instance: to another the buffer's own identity would be unknown
        let [gpu, other] = pollster::block_on(async {
            let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
            let adapters = instance.enumerate_adapters(wgpu::Backends::all()).await;
            let adapter = adapters.into_iter().next().unwrap();
            [(); 2].map(|()| {
                let (device, queue) = pollster::block_on(adapter.request_device(&Default::default())).unwrap();
                Gpu::from_wgpu(device, queue).unwrap()
            })
        });
        let (ours, theirs) = (canary(&gpu, 64), canary(&other, 64));
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let error = gpu.fill(&mut encoder, &normal("a", 16), &Target::new(&theirs, Dtype::F32)).unwrap_err();
        assert!(matches!(error, Error::Wgpu(_)), "{error:?}");
        for (gpu, buffer) in [(&gpu, &ours), (&other, &theirs)] {
            assert_eq!(gpu.read::<u32>(buffer, 0, 16).unwrap(), [0xa5a5_a5a5; 16]);
            submit(gpu, &normal("b", 16), buffer, 0).unwrap();
            assert_eq!(gpu.read::<f32>(buffer, 0, 16).unwrap(), expected(&normal("b", 16)));
        }
    });
}
