//! The choice of a vector unit.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::wasm::Simd128;

/// A processor's vector unit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    // it reinterprets words as halves of 64-bit words, whose order is another on big-endian processors
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    Neon(pulp::aarch64::Neon),
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128(Simd128),
    /// None that this crate knows.
    #[cfg_attr(
        all(target_arch = "wasm32", target_feature = "simd128"),
        expect(dead_code, reason = "a module with SIMD128 runs nowhere without it")
    )]
    Plain,
}

impl Unit {
    /// The widest that this processor has.
    pub(crate) fn widest() -> Self {
        // benchmarks.md has AVX-512 at more than twice the rate of AVX2
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V4::try_new() {
            return Self::Avx512(simd);
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            return Self::Avx2(simd);
        }
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        if let Some(simd) = pulp::aarch64::Neon::try_new() {
            return Self::Neon(simd);
        }
        // a module is compiled for vectors or without them, and an engine that lacks them refuses it
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        let last = Self::Simd128(Simd128);
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        let last = Self::Plain;
        last
    }
}
