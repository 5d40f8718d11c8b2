//! The processor or device that fills tensors.

use seedtensors::gpu::Gpu;

/// A processor or device that fills tensors. The bytes do not depend on the choice where the arithmetic is exact.
#[derive(Debug)]
pub enum Backend {
    /// Every core of the processor.
    Cpu,
    /// A device.
    Gpu(Box<Gpu>),
}
