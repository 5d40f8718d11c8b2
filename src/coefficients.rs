//! A sampler's parameters checked, and worked out into the numbers that shaders and CPU take.

use crate::key::words;
use crate::sampler::{Coefficients, Kind, Work};
use crate::scalar::quantile_of;
use crate::window::{Narrow, Wide, Window};
use crate::{Arithmetic, Dtype, Error, Result, Sampler};

/// The largest standard normal in magnitude: sqrt(66 ln 2) and a rounding.
const LARGEST_NORMAL: f64 = 6.764;
/// A std from which on no normal is below 2^-126, 2^-79: the smallest standard normal is above 2^-47.
const SMALL_STD: f32 = power_of_two(-79);
/// By how many powers of two tiny parameters are lifted, so that products stay normal.
const LIFT: i32 = 96;

impl Sampler {
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
        self.work(dtype, Arithmetic::Exact).map(drop)
    }

    /// Checks the parameters against the dtype and works out the shader's numbers.
    pub(crate) fn work(&self, dtype: Dtype, arithmetic: Arithmetic) -> Result<Work> {
        Ok(match *self {
            Self::Words if dtype != Dtype::F32 => return Err(Error::WordsNeedF32(dtype)),
            Self::Words => Work::Words(Kind::Words, Coefficients::default()),
            Self::Constant { value } => Work::Words(Kind::Constant, constant(value, dtype)?),
            Self::Uniform { low, high } => Work::Words(Kind::Uniform, uniform(low, high, dtype)?),
            Self::Normal { mean, std } => {
                let coefficients = normal(mean, std, dtype, arithmetic)?;
                let kind = match arithmetic {
                    Arithmetic::Native => Kind::NormalNative,
                    Arithmetic::Exact if mean == 0.0 && std >= SMALL_STD => Kind::NormalCentred,
                    Arithmetic::Exact => Kind::Normal,
                };
                Work::Words(kind, coefficients)
            }
            Self::TruncatedNormal { mean, std, low, high } => {
                let (kind, coefficients) = truncated(mean, std, [low, high], dtype)?;
                Work::Words(kind, coefficients)
            }
            Self::Matrix(matrix) => {
                matrix.check(dtype)?;
                Work::Matrix(matrix)
            }
        })
    }
}

fn constant(value: f32, dtype: Dtype) -> Result<Coefficients> {
    check_finite("a constant", value.into(), dtype)?;
    Ok(Coefficients { pattern: if value.is_subnormal() { 0 } else { value.to_bits() }, ..Coefficients::default() })
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
    let lift = if range > 0.0 && range < power_of_two(-100).into() { LIFT } else { 0 };
    let top = if low < high { dtype.largest_below(high) } else { low };
    Ok(Coefficients {
        scale: round(range * f64::from(power_of_two(lift))) * power_of_two(-24),
        bias: low * power_of_two(lift),
        top: top * power_of_two(lift),
        lift: (lift as u32) << 23,
        ..Coefficients::default()
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
    // 2^-40: beyond it so small a std adds nothing
    let tiny = std > 0.0 && std < SMALL_STD && mean.abs() < power_of_two(-40);
    let lift = if tiny && arithmetic == Arithmetic::Exact { LIFT } else { 0 };
    Ok(Coefficients {
        scale: std * power_of_two(lift),
        bias: mean * power_of_two(lift),
        lift: (lift as u32) << 23,
        ..Coefficients::default()
    })
}

fn truncated(mean: f32, std: f32, [low, high]: [f32; 2], dtype: Dtype) -> Result<(Kind, Coefficients)> {
    check_finite("truncated normal's mean", mean.into(), dtype)?;
    check_finite("truncated normal's std", std.into(), Dtype::F32)?;
    if std < f32::MIN_POSITIVE {
        return Err(Error::bad("truncated normal's std must be above 0 (at least 2^-126)", format!("{std:?}")));
    }
    if low.is_nan() || high.is_nan() || low >= high {
        return Err(Error::bad("truncated normal's low must be below high", format!("[{low:?}, {high:?}]")));
    }
    let [low, high] = [low, high].map(|bound| if bound.is_infinite() { bound } else { flush(bound) });
    let mean = flush(mean);
    // what the dtype has inside
    let (bottom, top) = (-dtype.largest_to(-low), dtype.largest_to(high));
    if bottom > top {
        return Err(Error::bad(
            &format!("truncated normal's window must hold a value of {dtype}"),
            format!("[{low:?}, {high:?}]"),
        ));
    }
    let in_std = |bound: f32| (f64::from(bound) - f64::from(mean)) / f64::from(std);
    let window = Window::new(in_std(low), in_std(high)).ok_or_else(|| {
        Error::bad(
            "truncated normal's window must have a probability of at least 2^-126",
            format!("[{low:?}, {high:?}] of mean {mean:?} and std {std:?}"),
        )
    })?;
    let inside = Coefficients { top, bottom, ..Coefficients::default() };
    match window {
        Window::Narrow(narrow) => {
            check_finite("truncated normal's low", low.into(), dtype)?;
            check_finite("truncated normal's high", high.into(), dtype)?;
            Ok((
                Kind::TruncatedNarrow,
                narrow_coefficients(&narrow, f64::from(low) / 2.0 + f64::from(high) / 2.0, std, inside),
            ))
        }
        Window::Wide(wide) => {
            let coefficients = wide_coefficients(&wide, mean, std, inside);
            for word in [0, u32::MAX] {
                let x = f64::from(quantile_of(word ^ coefficients.flip, &coefficients));
                let x = if wide.mirrored { -x } else { x };
                let end = (f64::from(mean) + f64::from(std) * x).clamp(low.into(), high.into());
                check_finite("truncated normal's least and greatest value", end, dtype)?;
            }
            Ok((Kind::Truncated, coefficients))
        }
    }
}

/// The quantiles of words in a wide window, for those who count their error.
pub(crate) fn window_quantiles_of(low: f64, high: f64) -> Option<impl Fn(u32) -> f32> {
    let Some(Window::Wide(wide)) = Window::new(low, high) else { return None };
    let c = wide_coefficients(&wide, 0.0, 1.0, Coefficients::default());
    Some(move |w| quantile_of(w ^ c.flip, &c) * c.scale)
}

fn wide_coefficients(wide: &Wide, mean: f32, std: f32, inside: Coefficients) -> Coefficients {
    Coefficients {
        scale: if wide.mirrored { -std } else { std },
        bias: mean,
        flip: if wide.mirrored { u32::MAX } else { 0 },
        centre: wide.centre,
        base: words(wide.base),
        range: words(wide.range),
        octaves: wide.octaves,
        ..inside
    }
    .lifted(window_lift(std, mean))
}

fn narrow_coefficients(narrow: &Narrow, middle: f64, std: f32, inside: Coefficients) -> Coefficients {
    let (scale, bias) = (f64::from(std) * narrow.step, round(middle));
    let lift = window_lift(round(scale), bias);
    // rounded once lifted, before which it could be subnormal
    let lifted = |value: f64| flush(round(value * f64::from(power_of_two(lift))));
    // below 2^-60 of a unit it adds nothing
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
        scale: lifted(scale),
        residue: lifted(middle - f64::from(bias)),
        shift: lifted(f64::from(std) * narrow.start),
        ..coefficients.lifted(lift)
    }
}

/// Quantiles within a window are above 2^-66 in magnitude, so that a smaller std would give subnormal products.
fn window_lift(std: f32, mean: f32) -> i32 {
    // beyond 2^-20 so small a std adds nothing to the mean
    if std < power_of_two(-60) && mean.abs() < power_of_two(-20) { LIFT } else { 0 }
}

impl Coefficients {
    /// With what has the unit of a value times 2^lift.
    fn lifted(self, lift: i32) -> Self {
        let up = |value: f32| (value * power_of_two(lift)).clamp(-f32::MAX, f32::MAX);
        Self {
            scale: up(self.scale),
            bias: up(self.bias),
            top: up(self.top),
            bottom: up(self.bottom),
            lift: (lift as u32) << 23,
            ..self
        }
    }
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

/// 2^exponent, from -126 to 127. `powi` would be of whatever precision the platform has.
const fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits((127 + exponent).cast_unsigned() << 23)
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
