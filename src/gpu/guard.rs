//! wgpu's errors, including its panics, as this library's.
//!
//! A browser tells of errors later, so whatever may fail is awaited. Elsewhere these futures are ready at once.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Error, Result};

/// Calls `make` and returns its result and the first error that wgpu found in it.
pub(super) async fn captured<T>(device: &wgpu::Device, make: impl FnOnce() -> T) -> (T, Option<wgpu::Error>) {
    let (made, errors) = in_scopes(device, make);
    let mut first = None;
    for error in errors {
        // every scope is awaited: a browser may tell of one error before another
        let error = error.await;
        first = first.or(error);
    }
    (made, first)
}

/// Calls `make` and returns its result and the errors of its scopes. wgpu keeps error scopes per thread, so `make` must
/// stay on this one; the errors may be awaited on any.
fn in_scopes<T>(
    device: &wgpu::Device,
    make: impl FnOnce() -> T,
) -> (T, [impl Future<Output = Option<wgpu::Error>>; 3]) {
    // one scope for each class of error: a scope catches one class only
    let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
    let made = make();
    // scopes are a stack, so the last one is popped first
    (made, [internal.pop(), validation.pop(), memory.pop()])
}

/// Calls wgpu with an object of the caller's, which may belong to another instance.
///
/// wgpu numbers the objects of each instance from 0 and panics at a number that it has not given out. It looks the
/// number up before anything else, so nothing has changed when it panics, and the panic can be caught. Its message
/// appears on stderr unless the caller has set another hook. wgpu cannot detect an object of another instance with a
/// number that is in use.
pub(super) fn known<T>(what: &'static str, call: impl FnOnce() -> T) -> Result<T> {
    // safe to unwind: wgpu has changed nothing yet, and `call` is not used again
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        // a panic's message is a `String` where it was formatted, else a `&str`
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let reason = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("wgpu panics").to_owned();
        Error::OtherDevice { what, reason }
    })
}

/// Whether a device is lost. wgpu reports it only to the device's callback, which belongs to the caller. But a lost
/// device maps no new buffer.
pub(super) async fn is_lost(device: &wgpu::Device) -> bool {
    let descriptor = wgpu::BufferDescriptor {
        label: Some("seedtensors probe"),
        size: 4,
        usage: wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: true,
    };
    // the mapping fails if and only if wgpu reports an error
    captured(device, || device.create_buffer(&descriptor).get_mapped_range_mut(..).is_err()).await.0
}

/// Runs a blocking function on a thread of its own, or on this one where the system has no more threads.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn aside(wait: impl Fn() + Send + Sync + 'static) {
    // shared, because a thread that cannot be started does not give its function back
    let wait = std::sync::Arc::new(wait);
    let waiting = std::sync::Arc::clone(&wait);
    if std::thread::Builder::new().spawn(move || waiting()).is_err() {
        wait();
    }
}
