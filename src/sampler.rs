//! Words to values. Twin: shaders/sampler.wgsl.

use bytemuck::{Pod, Zeroable};

use crate::box_muller::{box_muller, box_muller_native};
use crate::{Arithmetic, Dtype, Error, Result};

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
}

/// A sampler's numbers as the shader takes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Coefficients {
    pub(crate) scale: f32,
    pub(crate) bias: f32,
    /// Uniform: the largest value of the dtype below `high`.
    pub(crate) top: f32,
    /// Values come out times 2^lift, so that no product is subnormal; in the place of an f32's exponent.
    pub(crate) lift: u32,
    /// Constant: its f32 bits.
    pub(crate) pattern: u32,
}

/// The largest standard normal in magnitude: sqrt(66 ln 2) and a rounding.
const LARGEST_NORMAL: f64 = 6.764;
/// By how many powers of two tiny parameters are lifted, so that products stay normal.
const LIFT: i32 = 96;

impl Sampler {
    pub(crate) const fn kind(&self, arithmetic: Arithmetic) -> Kind {
        match (self, arithmetic) {
            (Self::Words, _) => Kind::Words,
            (Self::Constant { .. }, _) => Kind::Constant,
            (Self::Uniform { .. }, _) => Kind::Uniform,
            (Self::Normal { .. }, Arithmetic::Exact) => Kind::Normal,
            (Self::Normal { .. }, Arithmetic::Native) => Kind::NormalNative,
        }
    }

    /// Refuses what a fill of this dtype would refuse.
    ///
    /// # Errors
    ///
    /// [`Error::BadParameter`] and [`Error::WordsNeedF32`].
    ///
    /// ```
    /// use seedtensors::{Dtype, Sampler};
    ///
    /// let sampler = Sampler::Constant { value: 1e6 };
    /// assert!(sampler.check(Dtype::F32).is_ok());
    /// let error = sampler.check(Dtype::F16).unwrap_err();
    /// assert_eq!(error.to_string(), "a constant must be finite in f16, not 1000000.0");
    /// ```
    pub fn check(&self, dtype: Dtype) -> Result<()> {
        self.coefficients(dtype, Arithmetic::Exact).map(drop)
    }

    /// Checks the parameters against the dtype and works out the shader's numbers.
    pub(crate) fn coefficients(&self, dtype: Dtype, arithmetic: Arithmetic) -> Result<Coefficients> {
        match *self {
            Self::Words if dtype != Dtype::F32 => Err(Error::WordsNeedF32(dtype)),
            Self::Words => Ok(Coefficients::default()),
            Self::Constant { value } => {
                check_finite("a constant", value.into(), dtype)?;
                Ok(Coefficients {
                    pattern: if value.is_subnormal() { 0 } else { value.to_bits() },
                    ..Coefficients::default()
                })
            }
            Self::Uniform { low, high } => uniform(low, high, dtype),
            Self::Normal { mean, std } => normal(mean, std, dtype, arithmetic),
        }
    }
}

fn uniform(low: f32, high: f32, dtype: Dtype) -> Result<Coefficients> {
    check_finite("uniform's low", low.into(), dtype)?;
    check_finite("uniform's high", high.into(), dtype)?;
    if low > high {
        return Err(Error::bad("uniform's low must not be above high", format!("[{low:?}, {high:?})")));
    }
    if !(high - low).is_finite() {
        return Err(Error::bad("uniform's high - low must be finite in f32", format!("{high:?} - {low:?}")));
    }
    let (low, high) = (flush(low), flush(high));
    let range = f64::from(high) - f64::from(low);
    let lift = if range > 0.0 && range < 2f64.powi(-100) { LIFT } else { 0 };
    let top = if low < high { dtype.largest_below(high) } else { low };
    Ok(Coefficients {
        scale: round(range * 2f64.powi(lift)) * 2f32.powi(-24),
        bias: low * 2f32.powi(lift),
        top: top * 2f32.powi(lift),
        lift: (lift as u32) << 23,
        pattern: 0,
    })
}

fn normal(mean: f32, std: f32, dtype: Dtype, arithmetic: Arithmetic) -> Result<Coefficients> {
    check_finite("normal's mean", mean.into(), dtype)?;
    check_finite("normal's std", std.into(), Dtype::F32)?;
    if std < 0.0 {
        return Err(Error::bad("normal's std must be at least 0", format!("{std:?}")));
    }
    let largest = f64::from(mean.abs()) + LARGEST_NORMAL * f64::from(std);
    check_finite("normal's |mean| + 6.77 std", largest, dtype)?;
    let (mean, std) = (flush(mean), flush(std));
    // 2^-79: the smallest standard normal is above 2^-47; 2^-40: beyond it so small a std adds nothing
    let tiny = std > 0.0 && std < 2f32.powi(-79) && mean.abs() < 2f32.powi(-40);
    let lift = if tiny && arithmetic == Arithmetic::Exact { LIFT } else { 0 };
    Ok(Coefficients {
        scale: std * 2f32.powi(lift),
        bias: mean * 2f32.powi(lift),
        top: 0.0,
        lift: (lift as u32) << 23,
        pattern: 0,
    })
}

/// Refuses a value that is infinite, or NaN, once it is rounded to the dtype.
fn check_finite(what: &str, value: f64, dtype: Dtype) -> Result<()> {
    let rounded = match dtype {
        Dtype::F32 => f64::from(round(value)),
        Dtype::F16 => half::f16::from_f64(value).to_f64(),
        Dtype::BF16 => half::bf16::from_f64(value).to_f64(),
    };
    if rounded.is_finite() {
        Ok(())
    } else {
        Err(Error::bad(&format!("{what} must be finite in {dtype}"), format!("{value:?}")))
    }
}

/// f64 to f32, the one rounding of a parameter.
#[expect(clippy::cast_possible_truncation, reason = "rounding is what it is for")]
pub(crate) const fn round(value: f64) -> f32 {
    value as f32
}

/// Positive zero for a zero or a subnormal.
fn flush(value: f32) -> f32 {
    if value.is_normal() { value } else { 0.0 }
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
