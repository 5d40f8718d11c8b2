//! The processor or device that fills tensors.

#[cfg(feature = "gpu")]
use seedtensors::gpu::Gpu;

/// A processor or device that fills tensors. The bytes do not depend on the choice where the arithmetic is exact.
#[derive(Debug)]
#[non_exhaustive]
pub enum Backend {
    /// Every core of the processor.
    Cpu,
    /// A device. Needs the feature `gpu`.
    #[cfg(feature = "gpu")]
    Gpu(Box<Gpu>),
}
