//! Functions of drawn values and of indices: values of a tensor that no initialiser gives, such as Mamba's decays.
//! Computed on the CPU in f64, by operations that are the same on every machine, and rounded to f32, then to the dtype.

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

#[cfg(test)]
mod tests {
    use super::*;

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
