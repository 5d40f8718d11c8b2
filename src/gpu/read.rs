//! Reading buffers back.

use futures_intrusive::channel::shared::oneshot_channel;

use super::Gpu;
use super::fill::check_range;
use crate::{Error, Result};

/// Bytes copied back at a time, so that a read needs little memory beside its result.
const PIECE: usize = 64 << 20;

impl Gpu {
    /// Copies `count` elements back from byte `offset` on, once all that was submitted before is done.
    /// `T` is any plain type, such as `f32`, `half::bf16` or `u32`.
    ///
    /// # Errors
    ///
    /// [`MisalignedRange`](Error::MisalignedRange), [`BufferTooSmall`](Error::BufferTooSmall),
    /// [`MissingUsage`](Error::MissingUsage) (it needs `COPY_SRC`),
    /// [`OutOfMemory`](Error::OutOfMemory), [`DeviceLost`](Error::DeviceLost).
    pub fn read<T: bytemuck::Pod>(&self, buffer: &wgpu::Buffer, offset: u64, count: u64) -> Result<Vec<T>> {
        pollster::block_on(self.read_async(buffer, offset, count))
    }

    /// The same, without blocking; any executor will do, the device is polled on a thread of its own.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub async fn read_async<T: bytemuck::Pod>(&self, buffer: &wgpu::Buffer, offset: u64, count: u64) -> Result<Vec<T>> {
        let end = check_range(buffer, offset, count, size_of::<T>() as u64, wgpu::BufferUsages::COPY_SRC)?;
        let len =
            usize::try_from(count).map_err(|_| Error::ShapeOverflow { what: format!("a Vec of {count} elements") })?;
        let mut elements = vec![T::zeroed(); len];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut elements);
        let mut at = offset;
        for piece in bytes.chunks_mut(PIECE) {
            let size = (PIECE as u64).min(end - at);
            self.read_piece(buffer, at, size, piece).await?;
            at += size;
        }
        Ok(elements)
    }

    /// Copies whole words from byte `at` on, and of them as many bytes as `piece` takes.
    async fn read_piece(&self, buffer: &wgpu::Buffer, at: u64, size: u64, piece: &mut [u8]) -> Result<()> {
        let staging = self.buffer(size, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)?;
        let (sender, receiver) = oneshot_channel();
        self.scoped(size, || {
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            encoder.copy_buffer_to_buffer(buffer, at, &staging, 0, size);
            self.queue.submit([encoder.finish()]);
            staging.slice(..).map_async(wgpu::MapMode::Read, move |result| {
                // the receiver lives until the end of this function
                let _ = sender.send(result);
            });
        })?;
        #[cfg(not(target_arch = "wasm32"))]
        {
            let device = self.device.clone();
            let poll = move || device.poll(wgpu::PollType::wait_indefinitely());
            // where no thread can be made, the present one waits
            if std::thread::Builder::new().spawn(poll.clone()).is_err() {
                let _ = poll();
            }
        }
        let mapped = matches!(receiver.receive().await, Some(Ok(())));
        match staging.slice(..).get_mapped_range() {
            Ok(view) if mapped => piece.copy_from_slice(&view[..piece.len()]),
            _ => return Err(self.lost_error()),
        }
        Ok(())
    }
}
