//! Words to values. Twin: shaders/sampler.wgsl.

use bytemuck::{Pod, Zeroable};

use crate::box_muller::box_muller;
use crate::inverse_normal::signed_quantile;
use crate::matrix::Matrix;
use crate::vector::{Floats, Unit, Words};
use crate::weft::Weft;

/// What a tensor's values are; parameters and results below 2^-126 in magnitude count as 0.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case", deny_unknown_fields))]
#[non_exhaustive]
pub enum Sampler {
    /// The raw words as 32-bit patterns, for tests of the generator; read them with `f32::to_bits`.
    Words,
    /// One value everywhere.
    Constant {
        /// Finite in the dtype.
        value: f32,
    },
    /// `u * (high - low) + low` with `u` a multiple of 2^-24 in [0, 1), each operation rounded once: in
    /// [low, high), never `high`, in every dtype. Where `low` equals `high` it is that value.
    Uniform {
        /// The least value.
        low: f32,
        /// The bound above, not below `low`; finite in the dtype, like `low` and `high - low`.
        high: f32,
    },
    /// A standard normal (between -6.77 and 6.77) times `std`, plus `mean`, each operation rounded once.
    Normal {
        /// The mean.
        mean: f32,
        /// The standard deviation, at least 0; `mean` and 6.77 `std` about it finite in the dtype.
        std: f32,
    },
    /// A normal kept inside `[low, high]` by the inverse of its distribution function: no value is drawn twice
    /// and none is moved to a bound. In every dtype the least and the greatest value are inside.
    TruncatedNormal {
        /// The mean of the normal before it is cut; finite.
        mean: f32,
        /// Its standard deviation before it is cut; above 0.
        std: f32,
        /// The bound below; may be infinite.
        low: f32,
        /// The bound above, above `low`; may be infinite. The normal's probability between the two is at least
        /// 2^-126, and the dtype has a value there.
        high: f32,
    },
    /// The values of a matrix, worked out on the CPU; those of an orthogonal or a sparse one whole, whatever part of
    /// them is asked for. It has no serialised form: its initialiser and shape do.
    #[cfg_attr(feature = "serde", serde(skip))]
    Matrix(Matrix),
}

/// A sampler and its arithmetic, as the shader's `SAMPLER` numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub(crate) enum Kind {
    Words,
    Constant,
    Uniform,
    Normal,
    NormalNative,
    Truncated,
    TruncatedNarrow,
    /// A normal of mean 0 whose values are all storable as they are: what initialisers ask for.
    NormalCentred,
}

impl Kind {
    /// What callers know it by.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Constant => "constant",
            Self::Uniform => "uniform",
            Self::Normal | Self::NormalCentred => "normal",
            Self::NormalNative => "native normal",
            Self::Truncated | Self::TruncatedNarrow => "truncated normal",
        }
    }
}

/// A sampler's numbers as the shader takes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Coefficients {
    pub(crate) scale: f32,
    pub(crate) bias: f32,
    /// Uniform: the largest value of the dtype below `high`; truncated: the largest not above it.
    pub(crate) top: f32,
    /// Truncated: the least value of the dtype not below `low`.
    pub(crate) bottom: f32,
    /// Values come out times 2^lift, so that no product is subnormal; in the place of an f32's exponent.
    pub(crate) lift: u32,
    /// Constant: its f32 bits.
    pub(crate) pattern: u32,
    /// Truncated: what a word is changed by where the window stands mirrored.
    pub(crate) flip: u32,
    /// Truncated: as [`Wide::centre`](crate::window::Wide), and so on.
    pub(crate) centre: u32,
    pub(crate) base: [u32; 2],
    pub(crate) range: [u32; 2],
    pub(crate) octaves: f32,
    /// Narrow windows: what `bias` lacks of the middle.
    pub(crate) residue: f32,
    /// Narrow windows: as [`Narrow`](crate::window::Narrow), `scale` and `shift` being `step` and `start` times std.
    pub(crate) shift: f32,
    pub(crate) start: f32,
    pub(crate) step: f32,
    pub(crate) series_2: f32,
    pub(crate) series_3: f32,
    pub(crate) series_4: f32,
    pub(crate) series_5: f32,
    pub(crate) end: u32,
}

/// What carries a sampler out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Work {
    /// Word by word.
    Words(Kind, Coefficients),
    /// The whole matrix, on the CPU.
    Matrix(Matrix),
}

/// Bits of `value * 2^-lift`, with 0 where that is below 2^-126 in magnitude.
#[inline(always)]
pub(crate) fn storable<U: Unit>(value: Floats<U>, lift: u32) -> Words<U> {
    let bits = value.bits();
    let small = bits.all(lift).at_least(bits & 0x7f80_0000);
    small.words(bits.all(0), bits - lift)
}

#[inline(always)]
fn uniform_value<U: Unit>(w: Words<U>, c: &Coefficients) -> Words<U> {
    let u = (w & 0xff_ffff).to_f32();
    let value = u * c.scale + c.bias;
    storable(value.above(c.top).floats(value.all(c.top), value), c.lift)
}

#[inline(always)]
fn normal_value<U: Unit>(z: Floats<U>, c: &Coefficients) -> Words<U> {
    storable(z * c.scale + c.bias, c.lift)
}

/// 1 where a sum is below one of its parts, 0 elsewhere.
#[inline(always)]
fn carry<U: Unit>(sum: Words<U>, part: Words<U>) -> Words<U> {
    sum.at_least(part).words(sum.all(0), sum.all(1))
}

/// The quantile of a word's probability in its window.
#[inline(always)]
pub(crate) fn window_quantile<U: Unit>(w: Words<U>, c: &Coefficients) -> Floats<U> {
    // base + w range 2^-32
    let [_, carried] = w.mul_wide(c.range[0]);
    let [product, product_high] = w.mul_wide(c.range[1]);
    let first = product + carried;
    let low = first + c.base[0];
    let high = product_high + c.base[1] + carry(first, carried) + carry(low, first);
    signed_quantile(high, low, c.octaves, c.centre)
}

#[inline(always)]
fn truncated_value<U: Unit>(w: Words<U>, c: &Coefficients) -> Words<U> {
    inside(window_quantile(w ^ c.flip, c) * c.scale + c.bias, c)
}

#[inline(always)]
fn narrow_value<U: Unit>(w: Words<U>, c: &Coefficients) -> Words<U> {
    // t = (w + 1/2) 2^-32 - 1/2
    let high = (w ^ 0x8000_0000).shr_signed(16).to_f32();
    let t = (high * 65536.0 + ((w & 0xffff).to_f32() + 0.5)) * (1.0 / 4_294_967_296.0);
    let y = c.step * t + c.start;
    let series = (((c.series_5 * y + c.series_4) * y + c.series_3) * y + c.series_2) * y + 1.0;
    let main = c.scale * t + c.shift;
    inside((main * series + c.residue) + c.bias, c)
}

#[inline(always)]
fn inside<U: Unit>(value: Floats<U>, c: &Coefficients) -> Words<U> {
    let value = value.below(c.bottom).floats(value.all(c.bottom), value);
    storable(value.above(c.top).floats(value.all(c.top), value), c.lift)
}

/// Words pair up, (0, 1) and (2, 3).
#[inline(always)]
fn normals<U: Unit>([w0, w1, w2, w3]: [Words<U>; 4], weft: &mut impl Weft) -> [Floats<U>; 4] {
    let [cos, sin] = box_muller(Words::pair(w0, w2), Words::pair(w1, w3), weft);
    let ([z0, z2], [z1, z3]) = (cos.parts(), sin.parts());
    [z0, z1, z2, z3]
}

/// The words of a vector of blocks to their values, as the bits of f32, and the work that is woven in.
#[inline(always)]
pub(crate) fn sample<U: Unit>(
    kind: Kind,
    mut w: [Words<U>; 4],
    c: &Coefficients,
    weft: &mut impl Weft,
) -> [Words<U>; 4] {
    if !matches!(kind, Kind::Normal | Kind::NormalNative | Kind::NormalCentred) {
        weft.whole();
    }
    // loops, because a quantile in full twice takes long to compile and is no faster
    match kind {
        Kind::Words => {}
        Kind::Constant => w = [w[0].all(c.pattern); 4],
        Kind::Uniform => {
            for word in &mut w {
                *word = uniform_value(*word, c);
            }
        }
        // native ones do not get here: the CPU goes fastest the exact way
        Kind::Normal | Kind::NormalNative => {
            let [z0, z1, z2, z3] = normals(w, weft);
            w = [normal_value(z0, c), normal_value(z1, c), normal_value(z2, c), normal_value(z3, c)];
        }
        Kind::NormalCentred => {
            let [z0, z1, z2, z3] = normals(w, weft);
            w = [(z0 * c.scale).bits(), (z1 * c.scale).bits(), (z2 * c.scale).bits(), (z3 * c.scale).bits()];
        }
        Kind::Truncated => {
            for pair in w.as_chunks_mut().0 {
                let [first, second] = *pair;
                *pair = truncated_value(Words::pair(first, second), c).parts();
            }
        }
        Kind::TruncatedNarrow => {
            for word in &mut w {
                *word = narrow_value(*word, c);
            }
        }
    }
    w
}
