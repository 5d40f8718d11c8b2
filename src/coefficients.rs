//! A sampler's parameters, checked and turned into the numbers that the CPU's and the GPU's kernels take. All of it is
//! f64 and f32 arithmetic on the host, once for each tensor.

use bytemuck::{Pod, Zeroable};

use crate::bits::{flush, power_of_two, round};
use crate::window::{Narrow, Reach, SQRT_TAU, TWO_32, Wide, Window};
use crate::{Dtype, Error, Result};

/// The largest standard normal in magnitude: sqrt(66 ln 2), and a rounding error.
const LARGEST_NORMAL: f64 = 6.764;
/// With a std of at least this, 2^-79, no normal is below 2^-126: the smallest standard normal is above 2^-47.
pub(crate) const SMALL_STD: f32 = power_of_two(-79);
/// The exponent of the scale for tiny parameters. 2^96 keeps every product normal and overflows nothing that is not
/// clamped.
const SCALE_EXPONENT: i32 = 96;

/// A sampler's parameters as the numbers that the kernels take. The shaders have a struct of the same name and layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Coefficients {
    /// The factor of the kernel's number: uniform (high - low) 2^-24, else std.
    pub(crate) scale: f32,
    /// The summand after the product: low, or the mean; in narrow windows the middle.
    pub(crate) bias: f32,
    /// Uniform: the largest value of the dtype below `high`. Truncated: the largest value not above `high`.
    pub(crate) top: f32,
    /// Truncated: the smallest value of the dtype not below `low`.
    pub(crate) bottom: f32,
    /// Values are computed times 2^e, so that no product is subnormal. This is `e << 23`, to be subtracted from the
    /// bits of an f32.
    pub(crate) scale_exponent: u32,
    /// Constant: the value's f32 bits.
    pub(crate) bits: u32,
    /// Wide windows: this field, `base`, `share` and `offset` are those of [`Wide`].
    pub(crate) zero: u32,
    /// Far windows: the probabilities are times 2^e. This is `e << 23`.
    pub(crate) exponent: u32,
    pub(crate) base: [f32; 2],
    pub(crate) share: f32,
    pub(crate) offset: f32,
    /// Wide windows: 1/4, with a correction of what the rounding of `share` changes.
    pub(crate) quarter: f32,
    /// Narrow windows: the window's middle minus `bias`, which is the middle rounded.
    pub(crate) residue: f32,
    /// Narrow windows: the fields of [`Narrow`]. `scale` and `shift` are `step` and `start` times std.
    pub(crate) shift: f32,
    /// As in [`Narrow`], in standard deviations.
    pub(crate) start: f32,
    pub(crate) step: f32,
    /// The coefficients of y to y^4; the first, 1, is not stored.
    pub(crate) series_2: f32,
    pub(crate) series_3: f32,
    pub(crate) series_4: f32,
    pub(crate) series_5: f32,
    /// Padding: WGSL rounds the size of the struct up to a multiple of 8.
    pub(crate) end: u32,
}

/// The coefficients of a truncated normal, and the kernel that they are for.
pub(crate) enum Truncated {
    /// By the inverse of the distribution function.
    Wide(Reach, Coefficients),
    /// By a series about the window's middle.
    Narrow(Coefficients),
}

/// The coefficients of a constant.
pub(crate) fn constant(value: f32, dtype: Dtype) -> Result<Coefficients> {
    check_finite("a constant", value.into(), dtype)?;
    // a device may flush a subnormal number to 0, so every device stores 0
    Ok(Coefficients { bits: if value.is_subnormal() { 0 } else { value.to_bits() }, ..Coefficients::default() })
}

/// The coefficients of a uniform.
pub(crate) fn uniform(low: f32, high: f32, dtype: Dtype) -> Result<Coefficients> {
    check_finite("uniform's low", low.into(), dtype)?;
    check_finite("uniform's high", high.into(), dtype)?;
    if low > high {
        return Err(Error::bad("uniform's low must not be above high", format!("[{low:?}, {high:?})")));
    }
    // the factor is this difference in f32, and two finite bounds may be too far apart for it
    if !(high - low).is_finite() {
        return Err(Error::bad("uniform's high - low must be finite in f32", format!("{high:?} - {low:?}")));
    }
    let (low, high) = (flush(low), flush(high));
    // rounded to f64 here and to f32 below: the same as once, because f64 has more than twice the bits
    let range = f64::from(high) - f64::from(low);
    // From a range of 2^-100 on, a 2^24th of it is normal. Below, both bounds are below 2^-76, because they are so
    // close to each other, and the scaled values do not overflow.
    let scale = if range > 0.0 && range < power_of_two(-100).into() { SCALE_EXPONENT } else { 0 };
    let top = if low < high { dtype.largest_below(high) } else { low };
    Ok(Coefficients {
        // words have 24 bits and are not divided: the factor 2^-24 rounds nothing and is merged in here
        scale: round(range * f64::from(power_of_two(scale))) * power_of_two(-24),
        bias: low * power_of_two(scale),
        top: top * power_of_two(scale),
        scale_exponent: (scale as u32) << 23,
        ..Coefficients::default()
    })
}

/// The coefficients of a normal. `exact` says whether values are computed by the exact functions; the device's own
/// need no scale.
pub(crate) fn normal(mean: f32, std: f32, dtype: Dtype, exact: bool) -> Result<Coefficients> {
    check_finite("normal's mean", mean.into(), dtype)?;
    check_finite("normal's std", std.into(), Dtype::F32)?;
    if std < 0.0 {
        return Err(Error::bad("normal's std must be at least 0", format!("{std:?}")));
    }
    // in f64, so that the bound itself does not overflow
    let largest = f64::from(mean.abs()) + LARGEST_NORMAL * f64::from(std);
    check_finite("normal's |mean| + 6.77 std", largest, dtype)?;
    let (mean, std) = (flush(mean), flush(std));
    // to a mean of 2^-40 or more, so small a std adds nothing
    let tiny = std > 0.0 && std < SMALL_STD && mean.abs() < power_of_two(-40);
    let scale = if tiny && exact { SCALE_EXPONENT } else { 0 };
    Ok(Coefficients {
        scale: std * power_of_two(scale),
        bias: mean * power_of_two(scale),
        scale_exponent: (scale as u32) << 23,
        ..Coefficients::default()
    })
}

/// The coefficients of an orthogonal matrix, whose elements are multiplied by the gain. They are at least 2^-40 in
/// magnitude, or 0.
pub(crate) fn factor(gain: f64) -> Coefficients {
    let gain = flush(round(gain));
    let scale = if gain.abs() < SMALL_STD { SCALE_EXPONENT } else { 0 };
    Coefficients { scale: gain * power_of_two(scale), scale_exponent: (scale as u32) << 23, ..Coefficients::default() }
}

/// The coefficients of a truncated normal, for a narrow or a wide window.
pub(crate) fn truncated(mean: f32, std: f32, [low, high]: [f32; 2], dtype: Dtype) -> Result<Truncated> {
    check_finite("truncated normal's mean", mean.into(), dtype)?;
    check_finite("truncated normal's std", std.into(), Dtype::F32)?;
    if std < f32::MIN_POSITIVE {
        return Err(Error::bad("truncated normal's std must be above 0 (at least 2^-126)", format!("{std:?}")));
    }
    if low.is_nan() || high.is_nan() || low >= high {
        return Err(Error::bad("truncated normal's low must be below high", format!("[{low:?}, {high:?}]")));
    }
    // `flush` takes an infinity for 0
    let [low, high] = [low, high].map(|bound| if bound.is_infinite() { bound } else { flush(bound) });
    let mean = flush(mean);
    // the dtype's smallest and largest value in the window
    // a sum with 0 is not -0
    let (bottom, top) = (0.0 - dtype.largest_to(-low), dtype.largest_to(high) + 0.0);
    if bottom > top {
        return Err(Error::bad(
            &format!("truncated normal's window must hold a value of {dtype}"),
            format!("[{low:?}, {high:?}]"),
        ));
    }
    // infinite bounds stay infinite
    let in_std = |bound: f32| (f64::from(bound) - f64::from(mean)) / f64::from(std);
    let window = Window::new(in_std(low), in_std(high)).ok_or_else(|| {
        Error::bad(
            "truncated normal's window must have a probability of at least 2^-126",
            format!("[{low:?}, {high:?}] of mean {mean:?} and std {std:?}"),
        )
    })?;
    // values are clamped to the dtype's own numbers, so that rounding to it does not leave the window
    let inside = Coefficients { top, bottom, ..Coefficients::default() };
    match window {
        Window::Narrow(narrow) => {
            check_finite("truncated normal's low", low.into(), dtype)?;
            check_finite("truncated normal's high", high.into(), dtype)?;
            let middle = f64::from(low) / 2.0 + f64::from(high) / 2.0;
            Ok(Truncated::Narrow(narrow_coefficients(&narrow, middle, std, inside)))
        }
        Window::Wide(wide) => {
            // no value lies outside of the bounds, so only bounds that the dtype cannot hold need a closer look
            if [low, high].iter().any(|&bound| !dtype.rounded(bound.into()).is_finite()) {
                for end in wide.ends() {
                    let value = (f64::from(mean) + f64::from(std) * end).clamp(low.into(), high.into());
                    check_finite("truncated normal's least and greatest value", value, dtype)?;
                }
            }
            let coefficients = wide_coefficients(&wide, mean, std, inside);
            // the central kernel has no flush
            let scaled = wide.reach == Reach::Central && coefficients.scale_exponent != 0;
            Ok(Truncated::Wide(if scaled { Reach::Symmetric } else { wide.reach }, coefficients))
        }
    }
}

/// The coefficients of a wide window. `inside` has the bounds in the dtype.
pub(crate) fn wide_coefficients(wide: &Wide, mean: f32, std: f32, inside: Coefficients) -> Coefficients {
    // far probabilities are scaled to between 1/2 and 1, so that none is subnormal
    let (mut exponent, mut unit) = (0, 1.0);
    while wide.reach == Reach::Far && unit * (wide.share * TWO_32 + wide.base[1]) < 0.5 {
        exponent += 1;
        unit *= 2.0;
    }
    let share = round(wide.share * unit);
    Coefficients {
        scale: if wide.mirrored { -std } else { std },
        bias: mean,
        zero: wide.zero,
        exponent: exponent << 23,
        base: wide.base.map(|base| round(base * unit)),
        share,
        offset: round(wide.offset),
        quarter: round(0.25 + correction(wide, f64::from(share))),
        ..inside
    }
    .scaled(window_scale(std, mean))
}

/// The correction of the centre's 1/4 for a share that was rounded, and for the rounding of [`SQRT_TAU`]. It is exact
/// near the mean, where the distance from a half is the share times a number of words.
fn correction(wide: &Wide, share: f64) -> f64 {
    // the quantile is sqrt(2 pi) c + sqrt(2 pi)^3 / 6 c^3 + ..., and the centre has 1/4 - (q - q^2) for c^2
    let slope = std::f64::consts::TAU.sqrt();
    if wide.offset > 0.0 {
        0.0
    } else {
        (slope * (wide.share / share) - f64::from(SQRT_TAU)) / (slope * std::f64::consts::TAU / 6.0)
    }
}

/// The coefficients of a narrow window about its middle, which is a value and not in standard deviations.
fn narrow_coefficients(narrow: &Narrow, middle: f64, std: f32, inside: Coefficients) -> Coefficients {
    // the middle in two parts, `bias` and `residue`: one f32 is too coarse where the window spans few units in the last
    // place
    let (scale, bias) = (f64::from(std) * narrow.step, round(middle));
    let exponent = window_scale(round(scale), bias);
    // scaled first and rounded then: unscaled it could be subnormal
    let scaled = |value: f64| flush(round(value * f64::from(power_of_two(exponent))));
    // below 2^-60 it adds nothing to a value of about 1
    let small = |value: f64| if value.abs() < power_of_two(-60).into() { 0.0 } else { round(value) };
    let [series_2, series_3, series_4, series_5] = narrow.series.map(small);
    let coefficients = Coefficients {
        bias,
        start: small(narrow.start),
        step: small(narrow.step),
        series_2,
        series_3,
        series_4,
        series_5,
        ..inside
    };
    Coefficients {
        scale: scaled(scale),
        residue: scaled(middle - f64::from(bias)),
        shift: scaled(f64::from(std) * narrow.start),
        ..coefficients.scaled(exponent)
    }
}

/// The scale's exponent for a truncated normal. Quantiles in a window are above 2^-66 in magnitude, so a std below
/// 2^-60 would give subnormal products.
fn window_scale(std: f32, mean: f32) -> i32 {
    // to a mean of 2^-20 or more, so small a std adds nothing
    if std < power_of_two(-60) && mean.abs() < power_of_two(-20) { SCALE_EXPONENT } else { 0 }
}

impl Coefficients {
    /// The coefficients with every value times 2^exponent.
    fn scaled(self, exponent: i32) -> Self {
        // bounds far from the values overflow; the largest f32 clamps as well as they do
        let up = |value: f32| (value * power_of_two(exponent)).clamp(-f32::MAX, f32::MAX);
        Self {
            scale: up(self.scale),
            bias: up(self.bias),
            top: up(self.top),
            bottom: up(self.bottom),
            scale_exponent: (exponent as u32) << 23,
            ..self
        }
    }
}

/// Refuses a value that is infinite, or NaN, once it is rounded to the dtype.
fn check_finite(what: &str, value: f64, dtype: Dtype) -> Result<()> {
    // f16 ends at 65504, so a value that is finite in f32 may not be in the dtype
    if dtype.rounded(value).is_finite() {
        Ok(())
    } else {
        Err(Error::bad(&format!("{what} must be finite in {dtype}"), format!("{value:?}")))
    }
}
