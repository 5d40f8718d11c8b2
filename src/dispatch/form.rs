//! Equivalent forms of the shaders, and the choice of one for a device.

use std::fmt;

/// The shaders' product of two 32-bit words in 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Multiply {
    /// Four products of 16-bit halves; works everywhere.
    U16,
    /// The high half by one product of 64-bit integers, the low half by a 32-bit product; needs
    /// `Features::SHADER_INT64`.
    U64,
    /// Both halves by one product of 64-bit integers; needs `Features::SHADER_INT64`.
    U64Whole,
}

/// The type of a 16-byte store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Slot {
    /// `vec4<u32>`; works everywhere.
    U32,
    /// `vec2<u64>`; needs `Features::SHADER_INT64`.
    U64,
}

/// The way in which a product that is added to something is kept from being fused into a multiply-add, which would
/// change its rounding. The numbers are those of `PRODUCTS` in the shaders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Products {
    /// Behind a barrier: an or with a uniform that is 0 at run time. Safe for every compiler.
    Pinned = 0,
    /// By a fused multiply-add with a uniform that is 1 at run time. Safe where products are not regrouped.
    Fma = 1,
    /// A plain product. Safe where nothing is fused: for llvmpipe alone.
    Bare = 2,
}

/// The variant of the shaders that a device runs. All give the same bits, unless a compiler breaks one; the comparison
/// with the CPU before a sampler's first use finds that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Form {
    /// The product of words.
    pub multiply: Multiply,
    /// The type of a store.
    pub slot: Slot,
    /// The protection of products.
    pub products: Products,
}

impl Form {
    /// The form that every device can run and that no compiler breaks.
    pub const SAFEST: Self = Self { multiply: Multiply::U16, slot: Slot::U32, products: Products::Pinned };
    /// The same with 64-bit integers, for devices that are not known otherwise.
    pub const SAFEST_U64: Self = Self { multiply: Multiply::U64, slot: Slot::U64, products: Products::Pinned };

    /// The form for RADV, Mesa's driver of AMD GPUs.
    pub const RADV: Self = Self { multiply: Multiply::U64, slot: Slot::U32, products: Products::Fma };
    /// The form for NVK, Mesa's driver of NVIDIA GPUs.
    pub const NVK: Self = Self { multiply: Multiply::U64Whole, slot: Slot::U64, products: Products::Fma };
    /// The form for llvmpipe, Mesa's software driver. It fuses nothing: LLVM fuses operations that carry its flag
    /// `contract`, and llvmpipe's carry none.
    pub const LLVMPIPE: Self = Self { multiply: Multiply::U64, slot: Slot::U64, products: Products::Bare };

    #[cfg(feature = "gpu")]
    /// Whether the form needs `Features::SHADER_INT64`.
    pub(crate) const fn needs_int64(self) -> bool {
        // the one pair that uses no 64-bit type
        !matches!((self.multiply, self.slot), (Multiply::U16, Slot::U32))
    }

    #[cfg(feature = "gpu")]
    /// The safest form with the same use of 64-bit integers.
    pub(crate) const fn safest(self) -> Self {
        // a device that ran 64-bit products keeps its 64-bit integers: they are not what may break
        match self.multiply {
            Multiply::U16 => Self::SAFEST,
            Multiply::U64 | Multiply::U64Whole => Self::SAFEST_U64,
        }
    }

    /// The whole shader of this form, the text that the library runs. Its overridable constants are the sampler and
    /// the dtype, and `PRODUCTS`.
    ///
    /// ```
    /// use seedtensors::dispatch::Form;
    ///
    /// assert!(Form::SAFEST.source().contains("fn fill_slots"));
    /// assert!(!Form::SAFEST.source().contains("u64"));
    /// ```
    #[must_use]
    pub fn source(self) -> String {
        // text chosen here and not by overridable constants: a device without 64-bit integers must not see their types
        let multiply = match self.multiply {
            Multiply::U16 => include_str!("../../shaders/multiply_u16.wgsl"),
            Multiply::U64 => include_str!("../../shaders/multiply_u64.wgsl"),
            Multiply::U64Whole => include_str!("../../shaders/multiply_u64_whole.wgsl"),
        };
        let slot = match self.slot {
            Slot::U32 => include_str!("../../shaders/slot_u32.wgsl"),
            Slot::U64 => include_str!("../../shaders/slot_u64.wgsl"),
        };
        [
            // WGSL needs no order of declarations; this one reads from the barriers to the entry points
            include_str!("../../shaders/pin.wgsl"),
            include_str!("../../shaders/llvmpipe.wgsl"),
            multiply,
            slot,
            include_str!("../../shaders/philox.wgsl"),
            include_str!("../../shaders/box_muller.wgsl"),
            include_str!("../../shaders/inverse_normal.wgsl"),
            include_str!("../../shaders/sampler.wgsl"),
            include_str!("../../shaders/dtype.wgsl"),
            include_str!("../../shaders/shard.wgsl"),
            include_str!("../../shaders/matrix.wgsl"),
            include_str!("../../shaders/fill.wgsl"),
            include_str!("../../shaders/reflectors.wgsl"),
        ]
        .join("\n")
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let multiply = match self.multiply {
            Multiply::U16 => "16-bit products",
            Multiply::U64 => "64-bit products for high halves",
            Multiply::U64Whole => "64-bit products for both halves",
        };
        let slot = match self.slot {
            Slot::U32 => "vec4<u32> stores",
            Slot::U64 => "vec2<u64> stores",
        };
        let products = match self.products {
            Products::Pinned => "products behind barriers",
            Products::Fma => "products rounded by fma",
            Products::Bare => "products bare, as the driver fuses nothing",
        };
        write!(f, "{multiply}, {slot}, {products}")
    }
}
