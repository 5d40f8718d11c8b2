//! Reading buffers back.

#[cfg(not(target_arch = "wasm32"))]
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_intrusive::channel::shared::oneshot_channel;

use super::context::Context;
use super::guard::known;
use super::target::check_range;
use crate::Result;
use crate::cpu::zeros;

/// Bytes copied back at a time, so that a read needs little memory beside its result.
const PIECE: usize = 64 << 20;

impl Context {
    /// Copies `count` elements back from byte `offset` on, once all that was submitted before is done.
    pub(super) async fn read<T: bytemuck::Pod>(
        &self,
        buffer: &wgpu::Buffer,
        offset: u64,
        count: u64,
    ) -> Result<Vec<T>> {
        let end = check_range(buffer, offset, count, size_of::<T>() as u64, wgpu::BufferUsages::COPY_SRC)?;
        let mut elements = zeros::<T>(count)?;
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut elements);
        let mut at = offset;
        for piece in bytes.chunks_mut(PIECE) {
            // the last piece ends with a whole word, which may be longer than the elements
            let size = (PIECE as u64).min(end - at);
            self.read_piece(buffer, at, size, piece).await?;
            at += size;
        }
        Ok(elements)
    }

    /// Copies `size` bytes of whole words from byte `at` on to the host, and as many of them to `piece` as it holds.
    async fn read_piece(&self, buffer: &wgpu::Buffer, at: u64, size: u64, piece: &mut [u8]) -> Result<()> {
        // only a buffer of this usage can be mapped, and the caller's need not have it
        let staging = self.buffer(size, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST).await?;
        let (sender, receiver) = oneshot_channel();
        let sender = Arc::new(sender);
        let mapped = Arc::clone(&sender);
        let mut encoder = self.encoder().await?;
        // the inner result is a buffer of another instance, the outer one an error of wgpu
        self.scoped(size, || known("buffer", || encoder.copy_buffer_to_buffer(buffer, at, &staging, 0, size)))
            .await??;
        self.scoped(size, || {
            self.queue.submit([encoder.finish()]);
            staging.slice(..).map_async(wgpu::MapMode::Read, move |result| {
                // it was sent to before, if the device was lost
                let _ = mapped.send(result.is_ok());
            });
        })
        .await?;
        // on the web the browser polls; elsewhere a mapping is only finished while someone polls the device
        #[cfg(not(target_arch = "wasm32"))]
        {
            let device = self.device.clone();
            super::guard::aside(move || {
                let poll = || device.poll(wgpu::PollType::wait_indefinitely());
                // wgpu panics where the driver has lost the device, and then never tells of the mapping
                if !matches!(catch_unwind(AssertUnwindSafe(poll)), Ok(Ok(_))) {
                    let _ = sender.send(false);
                }
            });
        }
        #[cfg(target_arch = "wasm32")]
        drop(sender);
        let mapped = receiver.receive().await == Some(true);
        // a device that is lost fails the mapping or gives no range
        match staging.slice(..).get_mapped_range() {
            Ok(view) if mapped => piece.copy_from_slice(&view[..piece.len()]),
            _ => return Err(self.lost_error()),
        }
        Ok(())
    }
}
