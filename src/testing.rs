//! Constants and structs that the shaders and Rust share, for tests that compare the two. Not part of the public API.

use std::mem::offset_of;

use crate::coefficients::{Coefficients, wide_coefficients};
use crate::cpu::box_muller::{COS, LN2_HIGH, LN2_LOW, LOG, RSQRT_MAGIC, RSQRT_STEP, SIN};
use crate::cpu::inverse_normal::{
    CENTRE_BOTTOM, CENTRE_TOP, FAR_BOTTOM, FAR_TOP, LOG2, RECIPROCAL_MAGIC, RECIPROCAL_STEP, TAIL, TAIL_BOTTOM,
    TAIL_TOP,
};
use crate::cpu::reflectors::{ROOT_MAGIC, SMALL, SMALL_SIDE, SMALL_SOLUTION, TWO_OVER_MAGIC};
use crate::cpu::sampler::window_quantile;
use crate::dispatch::matrix::MatrixParams as Matrix;
use crate::dispatch::params::{Dim, Params};
use crate::dispatch::plan;
use crate::dispatch::reflect::{self, PanelParams as Panel};
use crate::dispatch::structure::StructureKind;
use crate::dispatch::{Products, probes};
use crate::kernel::{Kernel, KernelKind};
use crate::philox::{PHILOX_M0, PHILOX_M1, PHILOX_W0, PHILOX_W1};
use crate::window::{SQRT_TAU, Window};
use crate::{Arithmetic, Dtype, Error, Key, Result, Sampler};

pub use crate::dispatch::family::Family;
pub use crate::dispatch::probes::Probe;

/// Threads of a workgroup.
pub const WORKGROUP_SIZE: u32 = plan::WORKGROUP_SIZE;

/// The key of the fills that check a device.
pub const PROBE_KEY: Key = probes::KEY;

/// The long fills that check a device.
#[must_use]
pub fn long_probes() -> Vec<Probe> {
    probes::long().collect()
}

/// The fills that check a device: the key, the long fills, and the short ones.
#[must_use]
pub fn probes() -> (Key, Vec<Probe>, Vec<Probe>) {
    (PROBE_KEY, long_probes(), probes::short().collect())
}

/// Every constant of the shaders, f32 as bits.
#[must_use]
pub fn constants() -> Vec<(&'static str, u32)> {
    // the shaders have no arrays of coefficients, but a constant for each, named after its power
    let [log_2, log_3, log_4, log_5, log_6, log_7, log_8, log_9, log_10] = LOG.map(f32::to_bits);
    let [sin_1, sin_3, sin_5, sin_7] = SIN.map(f32::to_bits);
    let [cos_2, cos_4, cos_6, cos_8] = COS.map(f32::to_bits);
    let [centre_top_0, centre_top_1, centre_top_2, centre_top_3, centre_top_4] = CENTRE_TOP.map(f32::to_bits);
    let [centre_bottom_1, centre_bottom_2, centre_bottom_3, centre_bottom_4] = CENTRE_BOTTOM.map(f32::to_bits);
    let [log2_1, log2_2, log2_3, log2_4, log2_5, log2_6, log2_7, log2_8] = LOG2.map(f32::to_bits);
    let [tail_top_0, tail_top_1, tail_top_2, tail_top_3, tail_top_4, tail_top_5] = TAIL_TOP.map(f32::to_bits);
    let [tail_bottom_1, tail_bottom_2, tail_bottom_3] = TAIL_BOTTOM.map(f32::to_bits);
    let [far_top_0, far_top_1, far_top_2, far_top_3, far_top_4, far_top_5, far_top_6] = FAR_TOP.map(f32::to_bits);
    let [far_bottom_1, far_bottom_2, far_bottom_3, far_bottom_4, far_bottom_5, far_bottom_6] =
        FAR_BOTTOM.map(f32::to_bits);
    vec![
        ("PHILOX_M0", PHILOX_M0),
        ("PHILOX_M1", PHILOX_M1),
        ("PHILOX_W0", PHILOX_W0),
        ("PHILOX_W1", PHILOX_W1),
        ("LN2_HIGH", LN2_HIGH.to_bits()),
        ("LN2_LOW", LN2_LOW.to_bits()),
        ("LOG_2", log_2),
        ("LOG_3", log_3),
        ("LOG_4", log_4),
        ("LOG_5", log_5),
        ("LOG_6", log_6),
        ("LOG_7", log_7),
        ("LOG_8", log_8),
        ("LOG_9", log_9),
        ("LOG_10", log_10),
        ("RSQRT_MAGIC", RSQRT_MAGIC),
        ("RSQRT_STEP", RSQRT_STEP.to_bits()),
        ("SIN_1", sin_1),
        ("SIN_3", sin_3),
        ("SIN_5", sin_5),
        ("SIN_7", sin_7),
        ("COS_2", cos_2),
        ("COS_4", cos_4),
        ("COS_6", cos_6),
        ("COS_8", cos_8),
        // native arithmetic has no code on the CPU, so its constants are written here
        ("NATIVE_LOG", (-2.0 * std::f32::consts::LN_2).to_bits()),
        ("NATIVE_TURN", (std::f32::consts::TAU / 4_294_967_296.0).to_bits()),
        ("SQRT_TAU", SQRT_TAU.to_bits()),
        ("CENTRE_TOP_0", centre_top_0),
        ("CENTRE_TOP_1", centre_top_1),
        ("CENTRE_TOP_2", centre_top_2),
        ("CENTRE_TOP_3", centre_top_3),
        ("CENTRE_TOP_4", centre_top_4),
        ("CENTRE_BOTTOM_1", centre_bottom_1),
        ("CENTRE_BOTTOM_2", centre_bottom_2),
        ("CENTRE_BOTTOM_3", centre_bottom_3),
        ("CENTRE_BOTTOM_4", centre_bottom_4),
        ("LOG2_1", log2_1),
        ("LOG2_2", log2_2),
        ("LOG2_3", log2_3),
        ("LOG2_4", log2_4),
        ("LOG2_5", log2_5),
        ("LOG2_6", log2_6),
        ("LOG2_7", log2_7),
        ("LOG2_8", log2_8),
        ("TAIL_TOP_0", tail_top_0),
        ("TAIL_TOP_1", tail_top_1),
        ("TAIL_TOP_2", tail_top_2),
        ("TAIL_TOP_3", tail_top_3),
        ("TAIL_TOP_4", tail_top_4),
        ("TAIL_TOP_5", tail_top_5),
        ("TAIL_BOTTOM_1", tail_bottom_1),
        ("TAIL_BOTTOM_2", tail_bottom_2),
        ("TAIL_BOTTOM_3", tail_bottom_3),
        ("FAR_TOP_0", far_top_0),
        ("FAR_TOP_1", far_top_1),
        ("FAR_TOP_2", far_top_2),
        ("FAR_TOP_3", far_top_3),
        ("FAR_TOP_4", far_top_4),
        ("FAR_TOP_5", far_top_5),
        ("FAR_TOP_6", far_top_6),
        ("FAR_BOTTOM_1", far_bottom_1),
        ("FAR_BOTTOM_2", far_bottom_2),
        ("FAR_BOTTOM_3", far_bottom_3),
        ("FAR_BOTTOM_4", far_bottom_4),
        ("FAR_BOTTOM_5", far_bottom_5),
        ("FAR_BOTTOM_6", far_bottom_6),
        ("TAIL", TAIL.to_bits()),
        ("RECIPROCAL_MAGIC", RECIPROCAL_MAGIC),
        ("RECIPROCAL_STEP", RECIPROCAL_STEP.to_bits()),
        // numbers of enums, which the shaders compare overridable constants with
        ("PRODUCTS_PINNED", Products::Pinned as u32),
        ("PRODUCTS_FMA", Products::Fma as u32),
        ("PRODUCTS_BARE", Products::Bare as u32),
        ("SAMPLER_WORDS", KernelKind::Words as u32),
        ("SAMPLER_CONSTANT", KernelKind::Constant as u32),
        ("SAMPLER_UNIFORM", KernelKind::Uniform as u32),
        ("SAMPLER_NORMAL", KernelKind::Normal as u32),
        ("SAMPLER_NORMAL_NATIVE", KernelKind::NormalNative as u32),
        ("SAMPLER_TRUNCATED", KernelKind::Truncated as u32),
        ("SAMPLER_TRUNCATED_NARROW", KernelKind::TruncatedNarrow as u32),
        ("SAMPLER_NORMAL_CENTRED", KernelKind::NormalCentred as u32),
        ("SAMPLER_TRUNCATED_CENTRAL", KernelKind::TruncatedCentral as u32),
        ("SAMPLER_TRUNCATED_SKEWED", KernelKind::TruncatedSkewed as u32),
        ("SAMPLER_TRUNCATED_FAR", KernelKind::TruncatedFar as u32),
        ("DTYPE_F32", Dtype::F32 as u32),
        ("DTYPE_F16", Dtype::F16 as u32),
        ("DTYPE_BF16", Dtype::BF16 as u32),
        ("WORKGROUP_SIZE", plan::WORKGROUP_SIZE),
        ("STRUCTURE_NONE", StructureKind::None as u32),
        ("STRUCTURE_EYE", StructureKind::Eye as u32),
        ("STRUCTURE_DIRAC_OUT_IN", StructureKind::DiracOutIn as u32),
        ("STRUCTURE_DIRAC_IN_OUT", StructureKind::DiracInOut as u32),
        ("STRUCTURE_SPARSE", StructureKind::Sparse as u32),
        ("STRUCTURE_TALL", StructureKind::Tall as u32),
        ("STRUCTURE_WIDE", StructureKind::Wide as u32),
        ("STRUCTURE_DELTA_OUT_IN", StructureKind::DeltaOutIn as u32),
        ("STRUCTURE_DELTA_IN_OUT", StructureKind::DeltaInOut as u32),
        ("PANEL", reflect::PANEL),
        ("BLOCK", reflect::BLOCK),
        ("TILE", reflect::TILE),
        // the shader alone loads factors step by step
        ("DEPTH", 16),
        ("ROOT_MAGIC", ROOT_MAGIC),
        ("TWO_OVER_MAGIC", TWO_OVER_MAGIC),
        ("SMALL", SMALL.to_bits()),
        ("SMALL_SIDE", SMALL_SIDE.to_bits()),
        ("SMALL_SOLUTION", SMALL_SOLUTION.to_bits()),
    ]
}

/// The quantile above the mean at the tail's probability `q 2^-exponent`, as in a far window, for measuring its error.
#[must_use]
pub fn far_quantile(q: f32, exponent: u32) -> f32 {
    crate::reference::far_quantile(q, exponent)
}

/// The quantile above the mean at the tail's probability `q`, as in a window with tails.
#[must_use]
pub fn tail_quantile(q: f32) -> f32 {
    crate::reference::tail_quantile(q)
}

/// The quantiles of words in a wide window, in standard deviations; none where the window is empty or narrow.
#[must_use]
pub fn window_quantiles(low: f64, high: f64) -> Option<impl Fn(u32) -> f32> {
    let Some(Window::Wide(wide)) = Window::new(low, high) else { return None };
    // mean 0 and std 1, without bounds of a dtype: the quantile as it is
    let c = wide_coefficients(&wide, 0.0, 1.0, Coefficients::default());
    Some(move |w| window_quantile(wide.reach, w, &c) * c.scale)
}

/// A struct's name, its members' names and offsets in bytes, and its size.
type Layout = (&'static str, Vec<(&'static str, usize)>, usize);

/// Every struct that the shaders share with the host.
#[must_use]
pub fn structs() -> Vec<Layout> {
    // padding members are left out: the shaders have none
    macro_rules! layout {
        ($name:ident { $($member:ident),* }) => {
            (stringify!($name), vec![$((stringify!($member), offset_of!($name, $member))),*], size_of::<$name>())
        };
    }
    vec![
        layout!(Coefficients {
            scale,
            bias,
            top,
            bottom,
            scale_exponent,
            bits,
            zero,
            exponent,
            base,
            share,
            offset,
            quarter,
            residue,
            shift,
            start,
            step,
            series_2,
            series_3,
            series_4,
            series_5
        }),
        layout!(Dim { extent, magic, shift, stride }),
        layout!(Params {
            key,
            block,
            count,
            width,
            first,
            lead,
            zero,
            origin,
            limit,
            run,
            last,
            carry,
            jump,
            threads,
            coefficients,
            dims,
            matrix
        }),
        layout!(Matrix {
            inner,
            middle,
            at_inner,
            at_middle,
            at_outer,
            centre,
            group,
            key,
            offset,
            zeros,
            width,
            height,
            rows,
            start,
            vectors,
            strips,
            length,
            rounds,
            count
        }),
        layout!(Panel {
            first,
            reflectors,
            length,
            start,
            vectors,
            zero,
            normals,
            squares,
            heads,
            gram,
            sides,
            strips
        }),
    ]
}

/// The error for a matrix.
fn no_shader(kernel: &Kernel) -> Error {
    Error::bad("a shader makes elementwise samplers alone", format!("{kernel:?}"))
}

/// The number of a sampler's kernel in the shaders, and the bytes of its `Coefficients`. None is the words.
///
/// # Errors
///
/// Those of [`Sampler::check`]; [`Error::BadParameter`] for a matrix, which no shader makes.
pub fn coefficients(sampler: Option<&Sampler>, dtype: Dtype, arithmetic: Arithmetic) -> Result<(u32, Vec<u8>)> {
    let kernel = sampler.map_or(Ok(Kernel::words()), |sampler| Kernel::new(sampler, dtype, arithmetic))?;
    match kernel {
        Kernel::Elementwise(kind, coefficients) => Ok((kind as u32, bytemuck::bytes_of(&coefficients).to_vec())),
        Kernel::Matrix(_) => Err(no_shader(&kernel)),
    }
}
