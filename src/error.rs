//! The library's error: each variant names the rule and the value that broke it.

use crate::{Dtype, UnknownName};

/// A `Result` with this library's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every error of the library, which logs nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no GPU, or none of that index or name.
    #[error(
        "no GPU {wanted}: {found}; install a Vulkan driver (Debian and Ubuntu: mesa-vulkan-drivers), or fill on the CPU, which gives the same values"
    )]
    NoAdapter {
        /// The device that was asked for.
        wanted: String,
        /// The devices that there are.
        found: String,
    },
    /// The device is gone: destroyed, reset, or unplugged.
    #[error("the GPU device is lost: {0}; open it again and fill again, the values will be the same")]
    DeviceLost(String),
    /// The device has no room for a buffer.
    #[error("the GPU is out of memory for a buffer of {bytes} bytes")]
    OutOfMemory {
        /// The buffer's size.
        bytes: u64,
    },
    /// The CPU has no memory for the elements, or for a matrix, which is computed whole whatever part of it is filled.
    #[error("no memory for {bytes} bytes")]
    NoMemory {
        /// The bytes that were asked for.
        bytes: u64,
    },
    /// A buffer larger than the device allows, whatever memory is free.
    #[error("a buffer of {bytes} bytes is larger than the device allows ({limit} bytes)")]
    BufferTooLarge {
        /// The buffer's size.
        bytes: u64,
        /// The device's `max_buffer_size`.
        limit: u64,
    },
    /// The range does not lie inside the buffer.
    #[error("the range ends at byte {end} (rounded up to whole 4-byte words), the buffer at byte {size}")]
    BufferTooSmall {
        /// The end of the range, rounded up to a multiple of 4.
        end: u64,
        /// The buffer's size.
        size: u64,
    },
    /// The buffer was made without a usage that the operation needs.
    #[error("the buffer lacks usage {missing}, it has {found}")]
    MissingUsage {
        /// The usages that it needs.
        missing: String,
        /// The usages that it was made with.
        found: String,
    },
    /// A range that starts in the middle of a 4-byte word.
    #[error("a range must start at a multiple of 4 bytes, not at byte {offset}")]
    MisalignedRange {
        /// The start of the range.
        offset: u64,
    },
    /// A limit of the caller's device is too low, or too high, for the shaders.
    #[error(
        "the device's limit {limit} is {found}, it must be {}{needed}: request the device with the adapter's limits, or with Limits::default()",
        if found < needed { "at least " } else { "at most " }
    )]
    DeviceLimit {
        /// The limit's name in `wgpu::Limits`.
        limit: &'static str,
        /// Its value on the device.
        found: u64,
        /// The value that would do.
        needed: u64,
    },
    /// A queue of another device, or an encoder or a buffer of another `wgpu::Instance`. A buffer of another device of
    /// the same instance is [`Wgpu`](Self::Wgpu), as wgpu reports it.
    #[error("the {what} is another device's ({reason}); a device works with its own objects alone")]
    OtherDevice {
        /// The object: queue, encoder or buffer.
        what: &'static str,
        /// wgpu's message, or the test that the object failed.
        reason: String,
    },
    /// More elements, or a larger index, than an integer can count.
    #[error("{what} is more than an integer can count")]
    ShapeOverflow {
        /// The shape, or the range of elements.
        what: String,
    },
    /// A shape of fewer than two dimensions has no fans.
    #[error("fan_in and fan_out need at least two dimensions, shape {shape:?} has {}: give the fans", shape.len())]
    TooFewDimensions {
        /// The shape.
        shape: Vec<u64>,
    },
    /// A parameter that its initialiser refuses.
    #[error("{0}")]
    BadParameter(String),
    /// A text that names no dtype, mode, distribution, gain or layout.
    #[error(transparent)]
    UnknownName(#[from] UnknownName),
    /// A slice, or a range of bytes, of another length than the fill has elements.
    #[error("a fill of {elements} elements needs a slice of {expected} {unit}, not of {found}")]
    WrongLength {
        /// The fill's elements.
        elements: u64,
        /// The length that they take.
        expected: u64,
        /// `elements` or `bytes`.
        unit: &'static str,
        /// The slice's length.
        found: u64,
    },
    /// An exact fill on a device whose values differ from the CPU's.
    #[error(
        "{device} is not exact: {sampler} in {dtype} gave {found:#x} for element {element}, not {expected:#x}; use native arithmetic, or the CPU"
    )]
    InexactDevice {
        /// The device's name.
        device: String,
        /// The sampler whose fill differed first.
        sampler: String,
        /// Its dtype.
        dtype: Dtype,
        /// The first element that differed.
        element: u64,
        /// Its bits on the CPU.
        expected: u32,
        /// Its bits on the device.
        found: u32,
    },
    /// wgpu refused an operation for a reason that none of the above names.
    #[error("wgpu: {0}")]
    Wgpu(String),
}

impl Error {
    /// A refused parameter: the rule, then the value.
    pub(crate) fn bad(rule: &str, value: impl std::fmt::Display) -> Self {
        Self::BadParameter(format!("{rule}, not {value}"))
    }
}
