//! The constants and parameters of shaders/reflectors.wgsl.

use bytemuck::{Pod, Zeroable};

use crate::cpu::reflectors;

/// Reflectors of a panel.
#[expect(clippy::cast_possible_truncation, reason = "64")]
pub(crate) const PANEL: u32 = reflectors::PANEL as u32;
/// Rows of a partial sum.
#[expect(clippy::cast_possible_truncation, reason = "128")]
pub(crate) const BLOCK: u32 = reflectors::BLOCK as u32;
/// The sides of the tile of sums that a workgroup computes. Those of V^T V are one tile.
pub(crate) const TILE: u32 = 64;
// tests/shaders.rs compares the offsets
/// The `Panel` of shaders/reflectors.wgsl.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct PanelParams {
    /// The first reflector, which is also the first row.
    pub(crate) first: u32,
    pub(crate) reflectors: u32,
    /// Elements of a vector.
    pub(crate) length: u32,
    /// The first vector of the batch, and the number of vectors.
    pub(crate) start: u32,
    pub(crate) vectors: u32,
    /// 0, which no compiler of the shaders knows.
    pub(crate) zero: u32,
    /// The positions of the buffer's parts, in f32.
    pub(crate) normals: u32,
    pub(crate) squares: u32,
    pub(crate) heads: u32,
    pub(crate) gram: u32,
    pub(crate) sides: u32,
    pub(crate) strips: u32,
}
