//! A device with its queue and pipelines: the objects that recording, reading and the check work with.

use std::sync::{Arc, OnceLock};

use super::guard::{captured, is_lost};
use super::info::DeviceInfo;
use super::pipeline::{Pipelines, Source};
use crate::dispatch::entry::Variant;
use crate::dispatch::form::Form;
use crate::{Error, Result};

/// A device, its queue, and the shaders' pipelines that were compiled so far.
pub(super) struct Context {
    /// The device, opened or the caller's.
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    /// Its name, kind and driver.
    pub(super) info: DeviceInfo,
    pub(super) pipelines: Pipelines,
    /// The reason why the device is lost, once it is.
    lost: Arc<OnceLock<String>>,
}

impl Context {
    /// `source` gives the shader's text of a form.
    pub(super) async fn new(
        device: wgpu::Device,
        queue: wgpu::Queue,
        lost: Arc<OnceLock<String>>,
        source: Source,
    ) -> Result<Self> {
        // there is no context yet whose `scoped` could be used
        let (pipelines, error) = captured(&device, || Pipelines::new(&device, source)).await;
        match error {
            Some(error) => Err(Error::Wgpu(error.to_string())),
            None => Ok(Self { info: device.adapter_info().into(), pipelines, device, queue, lost }),
        }
    }

    /// Runs calls of wgpu and returns the first error that wgpu finds in them as this library's. `bytes` is the memory
    /// that they ask for.
    pub(super) async fn scoped<T>(&self, bytes: u64, make: impl FnOnce() -> T) -> Result<T> {
        self.check_lost()?;
        let (made, error) = captured(&self.device, make).await;
        match error {
            None => Ok(made),
            // lack of memory is no sign of a lost device, so it is not asked
            Some(wgpu::Error::OutOfMemory { .. }) => Err(Error::OutOfMemory { bytes }),
            // any error may come from a lost device; only then is it asked, because that creates a buffer
            Some(_) if is_lost(&self.device).await => Err(self.lost_error()),
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
        // a caller's device has no reason here: its callback is the caller's
        let reason = self.lost.get().map_or("it maps no buffer", String::as_str);
        Error::DeviceLost(reason.to_owned())
    }

    /// The pipeline of a variant, compiled if this is its first use.
    pub(super) async fn pipeline(&self, form: Form, variant: Variant) -> Result<wgpu::ComputePipeline> {
        if let Some(pipeline) = self.pipelines.get(form, variant) {
            return Ok(pipeline);
        }
        // no lock is held here, so that threads compile side by side
        let pipeline = self.scoped(0, || self.pipelines.compile(&self.device, form, variant)).await?;
        // a clone is another handle to the same pipeline
        self.pipelines.insert(form, variant, pipeline.clone());
        Ok(pipeline)
    }

    /// A new encoder.
    pub(super) async fn encoder(&self) -> Result<wgpu::CommandEncoder> {
        self.scoped(0, || self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())).await
    }

    /// Submits an encoder's commands.
    pub(super) async fn submit(&self, encoder: wgpu::CommandEncoder) -> Result<()> {
        self.scoped(0, || self.queue.submit([encoder.finish()])).await.map(drop)
    }

    /// A new buffer.
    pub(super) async fn buffer(&self, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        self.check_size(bytes)?;
        self.scoped(bytes, || self.device.create_buffer(&descriptor(bytes, usage, false))).await
    }

    /// A buffer that holds its contents from its creation on, so that nothing has to be submitted.
    pub(super) async fn filled_buffer(&self, contents: &[u8], usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        let bytes = contents.len() as u64;
        self.check_size(bytes)?;
        let buffer = self.scoped(bytes, || self.device.create_buffer(&descriptor(bytes, usage, true))).await?;
        // a new mapped buffer has no range only where the device is lost
        match buffer.get_mapped_range_mut(..) {
            Ok(mut view) => view.copy_from_slice(contents),
            Err(_) => return Err(self.lost_error()),
        }
        buffer.unmap();
        Ok(buffer)
    }

    /// Refuses a size above the device's limit, which wgpu would report as a validation error.
    fn check_size(&self, bytes: u64) -> Result<()> {
        let limit = self.device.limits().max_buffer_size;
        if bytes > limit { Err(Error::BufferTooLarge { bytes, limit }) } else { Ok(()) }
    }
}

/// A buffer's descriptor; `mapped` where the contents are written at once.
const fn descriptor(size: u64, usage: wgpu::BufferUsages, mapped: bool) -> wgpu::BufferDescriptor<'static> {
    wgpu::BufferDescriptor { label: Some("seedtensors"), size, usage, mapped_at_creation: mapped }
}
