//! Functions of drawn values and of indices: values of a tensor that no initialiser gives, such as Mamba's decays.
//! Computed on the CPU in f64, by operations that are the same on every machine, and rounded to f32, then to the dtype.

use half::{bf16, f16};
use seedtensors::{Dtype, Sampler};
use serde::{Deserialize, Serialize};

/// A function that a tensor's values go through after they are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Function {
    /// The natural logarithm.
    Log,
    /// x with softplus(x) = exp(drawn): the logarithm of exp(exp(drawn)) - 1. Mamba's step sizes.
    InverseSoftplusOfExp,
    /// The natural logarithm of 1 + the index in the last dimension, whatever is drawn. Mamba's decays.
    LogOfIndex,
    /// Sines, then cosines, of position / 10000^(i / (channels / 2 - 1)), whatever is drawn. The shape is (positions,
    /// channels). Whisper's positions.
    Sinusoids,
}

impl Function {
    /// The name that recipes use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::InverseSoftplusOfExp => "inverse_softplus_of_exp",
            Self::LogOfIndex => "log_of_index",
            Self::Sinusoids => "sinusoids",
        }
    }

    /// The reason why a shape does not fit.
    pub(crate) fn check(self, dims: &[u64]) -> Result<(), String> {
        match (self, dims) {
            (Self::LogOfIndex, []) => Err("log_of_index needs a shape of at least one dimension".to_owned()),
            (Self::Sinusoids, [_, channels]) if channels % 2 == 0 && *channels >= 4 => Ok(()),
            (Self::Sinusoids, _) => {
                Err(format!("sinusoids need a shape of positions and an even number of channels from 4, not {dims:?}"))
            }
            _ => Ok(()),
        }
    }

    /// The reason why the values of a sampler do not fit: not all of them give a finite number in the dtype.
    pub(crate) fn check_values(self, sampler: &Sampler, dtype: Dtype) -> Result<(), String> {
        if matches!(self, Self::LogOfIndex | Self::Sinusoids) {
            return Ok(());
        }
        let name = self.name();
        let limit = match dtype {
            Dtype::F16 => f16::MAX.to_f32(),
            Dtype::BF16 => bf16::MAX.to_f32(),
            _ => f32::MAX,
        };
        let Some((low, high)) = bounds(sampler) else {
            return Err(format!("{name} needs values that are drawn one by one, not a matrix"));
        };
        // both functions are monotonic: between finite ends everything is finite
        let values = [low, high].map(|drawn| self.value(drawn, 0, 0, 1));
        if values.iter().all(|value| value.abs() <= limit) {
            return Ok(());
        }
        let of = format!("{name} of values from {low:?} to {high:?}");
        Err(format!("{of} must be finite in {dtype}, not {:?} to {:?}", values[0], values[1]))
    }

    /// A value, from the drawn one and the element's index in the last two dimensions. The last has `columns`.
    pub(crate) fn value(self, drawn: f32, row: u64, column: u64, columns: u64) -> f32 {
        let value = match self {
            Self::Log => libm::log(drawn.into()),
            Self::InverseSoftplusOfExp => {
                let softplus = libm::exp(drawn.into());
                // log(exp(y) - 1), without overflow of a large y or loss of a small one
                softplus + libm::log(-libm::expm1(-softplus))
            }
            Self::LogOfIndex => libm::log((column + 1) as f64),
            Self::Sinusoids => {
                let half = columns / 2;
                let rate = libm::log(10_000.0) / (half - 1) as f64;
                let angle = row as f64 * libm::exp(-rate * (column % half) as f64);
                if column < half { libm::sin(angle) } else { libm::cos(angle) }
            }
        };
        #[expect(clippy::cast_possible_truncation, reason = "rounded to f32")]
        let value = value as f32;
        value
    }
}

/// Bounds of a sampler's values; none for a matrix.
fn bounds(sampler: &Sampler) -> Option<(f32, f32)> {
    // no normal is farther from its mean, and no truncated one from the value of its window that is nearest to the mean
    const FARTHEST: f32 = 6.77;
    match *sampler {
        Sampler::Constant { value } => Some((value, value)),
        Sampler::Uniform { low, high } => Some((low, high)),
        Sampler::Normal { mean, std } => Some((mean - FARTHEST * std, mean + FARTHEST * std)),
        Sampler::TruncatedNormal { mean, std, low, high } => {
            let nearest = mean.clamp(low, high);
            Some((low.max(nearest - FARTHEST * std), high.min(nearest + FARTHEST * std)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_not_finite_are_refused() {
        let check = |function: Function, sampler, dtype| function.check_values(&sampler, dtype);
        let uniform = |low, high| Sampler::Uniform { low, high };
        assert_eq!(check(Function::Log, uniform(1.0, 16.0), Dtype::F16), Ok(()));
        assert_eq!(
            check(Function::Log, uniform(0.0, 16.0), Dtype::F32).unwrap_err(),
            "log of values from 0.0 to 16.0 must be finite in f32, not -inf to 2.7725887"
        );
        let normal = Sampler::Normal { mean: 0.0, std: 1.0 };
        assert!(check(Function::Log, normal, Dtype::F32).unwrap_err().contains("not NaN to 1.9125"));
        assert_eq!(check(Function::Log, Sampler::Normal { mean: 1.0, std: 0.145 }, Dtype::F32), Ok(()));
        assert_eq!(check(Function::LogOfIndex, normal, Dtype::F32), Ok(()));
        assert_eq!(check(Function::InverseSoftplusOfExp, normal, Dtype::F16), Ok(()));
        assert_eq!(check(Function::InverseSoftplusOfExp, uniform(-6.9, 11.0), Dtype::F16), Ok(()));
        assert!(check(Function::InverseSoftplusOfExp, uniform(-6.9, 11.2), Dtype::F16).is_err());
        let tail = Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: 2.0, high: f32::INFINITY };
        assert_eq!(check(Function::Log, tail, Dtype::F32), Ok(()));
    }

    #[test]
    fn values_are_pytorchs() {
        // torch: x = 0.001.log(); (x.exp().expm1()).log() = -6.907255, of 0.1: -2.252168
        for (drawn, expected) in [(0.001_f32.ln(), -6.907_255), (0.1_f32.ln(), -2.252_168)] {
            let value = Function::InverseSoftplusOfExp.value(drawn, 0, 0, 1);
            assert!((value - expected).abs() < 2e-6, "{value}");
        }
        assert_eq!(Function::Log.value(16.0, 0, 0, 1), 16.0_f32.ln());
        assert_eq!(Function::LogOfIndex.value(9.0, 3, 15, 16), 16.0_f32.ln());
        // position 3 of 6 channels: rates 1, 1/100, 1/10000
        let row: Vec<f32> = (0..6).map(|column| Function::Sinusoids.value(0.0, 3, column, 6)).collect();
        let expected = [3f64.sin(), 0.03f64.sin(), 0.0003f64.sin(), 3f64.cos(), 0.03f64.cos(), 0.0003f64.cos()];
        for (value, expected) in row.iter().zip(expected) {
            assert!((f64::from(*value) - expected).abs() < 1e-7, "{row:?}");
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        assert!(Function::LogOfIndex.check(&[]).is_err());
        assert!(Function::Sinusoids.check(&[10, 5]).is_err() && Function::Sinusoids.check(&[10]).is_err());
        assert_eq!(Function::Sinusoids.check(&[10, 8]), Ok(()));
    }
}
