//! wgpu's errors, panics included, as this library's.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Gpu;
use crate::{Error, Result};

/// Calls `make` and gives its result and the first error that wgpu found in it. wgpu keeps an error scope for each thread, so
/// that `make` must stay on this one.
pub(super) fn captured<T>(device: &wgpu::Device, make: impl FnOnce() -> T) -> (T, Option<wgpu::Error>) {
    let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
    let made = make();
    let errors = [poll_once(internal.pop()), poll_once(validation.pop()), poll_once(memory.pop())];
    (made, errors.into_iter().flatten().next())
}

/// Calls wgpu with an object of the caller's, which may be another instance's.
///
/// wgpu numbers the objects of every instance anew and panics at a number that the instance has not given. The look-up
/// stands before everything else in a call, so that nothing has changed by then and the panic can be caught; its message is
/// on stderr where the caller has set no other hook. wgpu has no means to tell an object from one of this instance that
/// happens to have the same number.
pub(super) fn known<T>(what: &'static str, call: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let reason = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("wgpu panics").to_owned();
        Error::OtherDevice { what, reason }
    })
}

/// Whether a device is lost: wgpu tells it to the callback alone, and that is the caller's where the device is, but a lost
/// device maps no new buffer.
pub(super) fn is_lost(device: &wgpu::Device) -> bool {
    let descriptor = wgpu::BufferDescriptor {
        label: Some("seedtensors probe"),
        size: 4,
        usage: wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: true,
    };
    // what it would report is what the mapping says
    captured(device, || device.create_buffer(&descriptor).get_mapped_range_mut(..).is_err()).0
}

impl Gpu {
    /// Runs what makes wgpu objects and turns the first error that wgpu finds in it into ours.
    pub(super) fn scoped<T>(&self, bytes: u64, make: impl FnOnce() -> T) -> Result<T> {
        self.check_lost()?;
        let (made, error) = captured(&self.device, make);
        match error {
            None => Ok(made),
            Some(wgpu::Error::OutOfMemory { .. }) => Err(Error::OutOfMemory { bytes }),
            Some(_) if is_lost(&self.device) => Err(self.lost_error()),
            Some(other) => Err(Error::Wgpu(other.to_string())),
        }
    }

    /// Refuses to go on with a device that is known to be lost.
    pub(super) fn check_lost(&self) -> Result<()> {
        match self.lost.get() {
            Some(reason) => Err(Error::DeviceLost(reason.clone())),
            None => Ok(()),
        }
    }

    /// The error for an operation that only a lost device refuses.
    pub(super) fn lost_error(&self) -> Error {
        let reason = self.lost.get().map_or("it maps no buffer", String::as_str);
        Error::DeviceLost(reason.to_owned())
    }
}

/// Runs what waits on a thread of its own; on this one where the system has no more threads.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn aside(wait: impl Fn() + Send + Sync + 'static) {
    let wait = std::sync::Arc::new(wait);
    let waiting = std::sync::Arc::clone(&wait);
    if std::thread::Builder::new().spawn(move || waiting()).is_err() {
        wait();
    }
}

/// The value of a future that is ready; wgpu's error scopes are, outside the browser.
fn poll_once<T>(future: impl Future<Output = Option<T>>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => None,
    }
}
