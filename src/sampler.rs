//! Words to values. Twin: shaders/sampler.wgsl.

use bytemuck::{Pod, Zeroable};

use crate::box_muller::{box_muller, box_muller_native};
use crate::inverse_normal::signed_quantile;
use crate::key::words;
use crate::matrix::Matrix;

/// What a tensor's values are; parameters and results below 2^-126 in magnitude count as 0.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// Values that belong together, such as an orthogonal matrix: worked out whole on the CPU, whatever part of
    /// them is asked for.
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
pub(crate) fn storable(value: f32, lift: u32) -> u32 {
    let bits = value.to_bits();
    if bits & 0x7f80_0000 > lift { bits.wrapping_sub(lift) } else { 0 }
}

#[inline(always)]
#[expect(clippy::cast_possible_wrap, reason = "24 bits")]
pub(crate) fn uniform_value(w: u32, c: &Coefficients) -> u32 {
    let u = (w & 0xff_ffff) as i32 as f32;
    let value = u * c.scale + c.bias;
    storable(if value > c.top { c.top } else { value }, c.lift)
}

#[inline(always)]
pub(crate) fn normal_value(z: f32, c: &Coefficients) -> u32 {
    storable(z * c.scale + c.bias, c.lift)
}

/// The quantile of a word's probability in its window.
#[inline(always)]
pub(crate) fn window_quantile(w: u32, c: &Coefficients) -> f32 {
    // base + w range 2^-32
    let [_, carried] = words(u64::from(w) * u64::from(c.range[0]));
    let product = u64::from(w) * u64::from(c.range[1]) + u64::from(carried);
    let [low, high] = words(product.wrapping_add(u64::from(c.base[1]) << 32 | u64::from(c.base[0])));
    signed_quantile(high, low, c.octaves, c.centre)
}

#[inline(always)]
fn truncated_value(w: u32, c: &Coefficients) -> u32 {
    inside(window_quantile(w ^ c.flip, c) * c.scale + c.bias, c)
}

#[inline(always)]
#[expect(clippy::cast_possible_wrap, reason = "words are taken apart as bits")]
fn narrow_value(w: u32, c: &Coefficients) -> u32 {
    // t = (w + 1/2) 2^-32 - 1/2
    let high = (w ^ 0x8000_0000) as i32 >> 16;
    let t = (high as f32 * 65536.0 + ((w & 0xffff) as i32 as f32 + 0.5)) * (1.0 / 4_294_967_296.0);
    let y = c.step * t + c.start;
    let series = (((c.series_5 * y + c.series_4) * y + c.series_3) * y + c.series_2) * y + 1.0;
    let main = c.scale * t + c.shift;
    inside((main * series + c.residue) + c.bias, c)
}

#[inline(always)]
fn inside(value: f32, c: &Coefficients) -> u32 {
    let value = if value < c.bottom { c.bottom } else { value };
    storable(if value > c.top { c.top } else { value }, c.lift)
}

/// The words of `N` blocks side by side to their values, as the bits of f32: `[word][block]`.
#[inline(always)]
pub(crate) fn sample<const N: usize>(kind: Kind, mut w: [[u32; N]; 4], c: &Coefficients) -> [[u32; N]; 4] {
    match kind {
        Kind::Words => w,
        Kind::Constant => [[c.pattern; N]; 4],
        Kind::Uniform => {
            for word in w.as_flattened_mut() {
                *word = uniform_value(*word, c);
            }
            w
        }
        Kind::Normal => normals(&mut w, box_muller, |z| normal_value(z, c)),
        Kind::NormalNative => normals(&mut w, box_muller_native, |z| (z * c.scale + c.bias).to_bits()),
        Kind::Truncated => {
            for word in w.as_flattened_mut() {
                *word = truncated_value(*word, c);
            }
            w
        }
        Kind::TruncatedNarrow => {
            for word in w.as_flattened_mut() {
                *word = narrow_value(*word, c);
            }
            w
        }
    }
}

/// Words pair up, (0, 1) and (2, 3).
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "a lane is an index into two arrays")]
fn normals<const N: usize>(
    w: &mut [[u32; N]; 4],
    pair: impl Fn(u32, u32) -> (f32, f32),
    value: impl Fn(f32) -> u32,
) -> [[u32; N]; 4] {
    for even in [0, 2] {
        for lane in 0..N {
            let (a, b) = pair(w[even][lane], w[even + 1][lane]);
            w[even][lane] = value(a);
            w[even + 1][lane] = value(b);
        }
    }
    *w
}
