//! The mean, std and density that an initialiser's values should have, for `inspect` to compare with.

use seedtensors::{Init, Layout, Sampler};

use crate::Tensor;

/// The mean, std and density of the values that an initialiser gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub std: f64,
    /// The fourth central moment divided by the square of the variance, where values are drawn one by one.
    kurtosis: Option<f64>,
    /// The density of the values that are drawn. Padding does not change it.
    density: Density,
}

/// A density that can be drawn beside a histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Density {
    /// No density, or one that is not known.
    None,
    Uniform {
        low: f64,
        high: f64,
    },
    /// A normal within two bounds. Its integral times `height` is 1.
    Normal {
        mean: f64,
        std: f64,
        low: f64,
        high: f64,
        height: f64,
    },
}

impl Expected {
    /// The values of a tensor, padding included. None for a shard of a matrix whose elements depend on each other: its
    /// zeros or signs may all lie in another shard.
    #[must_use]
    pub fn of(tensor: &Tensor) -> Option<Self> {
        if tensor.function.is_some() {
            return None;
        }
        let expected = match tensor.sampler().ok()? {
            Sampler::Constant { value } => {
                Self { mean: value.into(), std: 0.0, kurtosis: None, density: Density::None }
            }
            Sampler::Uniform { low, high } => uniform(low.into(), high.into()),
            Sampler::Normal { mean, std } => normal(mean.into(), std.into()),
            Sampler::TruncatedNormal { mean, std, low, high } => {
                truncated(mean.into(), std.into(), low.into(), high.into())
            }
            Sampler::Matrix(_) if tensor.shard.is_some() => return None,
            Sampler::Matrix(_) => matrix(tensor)?,
            _ => return None,
        };
        // padding rows are in the file, so the statistics of its values include their zeros
        let padding = tensor.padding_elements();
        let zeros = (padding.end - padding.start) as f64 / tensor.elements() as f64;
        Some(if zeros > 0.0 { expected.with_zeros(zeros) } else { expected })
    }

    /// The standard error of the std of `count` values. None where they are not drawn one by one.
    #[must_use]
    pub fn std_error(&self, count: f64) -> Option<f64> {
        // the large-sample formula: var(s) is about s^2 (kurtosis - 1) / (4 n)
        self.kurtosis.map(|kurtosis| self.std * ((kurtosis - 1.0) / (4.0 * count)).sqrt())
    }

    /// The density at a value; 0 where there is none.
    #[must_use]
    pub fn density(&self, x: f64) -> f64 {
        match self.density {
            Density::Uniform { low, high } if (low..=high).contains(&x) => 1.0 / (high - low),
            Density::Normal { mean, std, low, high, height } if (low..=high).contains(&x) => {
                height * bell((x - mean) / std)
            }
            _ => 0.0,
        }
    }

    /// The same values with a part of them replaced by zeros.
    fn with_zeros(self, part: f64) -> Self {
        let kept = 1.0 - part;
        let (m, v) = (self.mean, self.std * self.std);
        let mean = kept * m;
        // a mixture: E[x^2] - E[x]^2, where zeros add nothing to either moment
        let variance = kept * (v + m * m) - mean * mean;
        // about the new mean, of a distribution that is symmetric about its own
        let fourth = self.kurtosis.map(|kurtosis| {
            let d = m - mean;
            kept * (kurtosis * v * v + 6.0 * d * d * v + d.powi(4)) + part * mean.powi(4)
        });
        let kurtosis = fourth.map(|fourth| fourth / (variance * variance));
        Self { mean, std: variance.sqrt(), kurtosis, ..self }
    }
}

/// The moments of a uniform distribution: variance (high - low)^2 / 12, kurtosis 9/5.
fn uniform(low: f64, high: f64) -> Expected {
    // a range without a width is a constant, which has no density
    let density = if high > low { Density::Uniform { low, high } } else { Density::None };
    Expected { mean: (low + high) / 2.0, std: (high - low) / 12f64.sqrt(), kurtosis: Some(1.8), density }
}

/// The moments of a normal distribution. Its kurtosis is 3.
fn normal(mean: f64, std: f64) -> Expected {
    let density = if std > 0.0 {
        let height = 1.0 / (std * std::f64::consts::TAU.sqrt());
        Density::Normal { mean, std, low: f64::NEG_INFINITY, high: f64::INFINITY, height }
    } else {
        Density::None
    };
    Expected { mean, std, kurtosis: Some(3.0), density }
}

/// The standard normal density without its constant factor.
fn bell(z: f64) -> f64 {
    (-0.5 * z * z).exp()
}

/// The moments of a truncated normal, by Simpson's rule over the interval, or over the 10 std beside its densest point:
/// beyond them the density is below e^-50 of the highest.
fn truncated(mean: f64, std: f64, low: f64, high: f64) -> Expected {
    // the moments are then within 1e-6 of scipy's, as the tests check
    const STEPS: u32 = 20_000;
    // everything up to `height` is in units of std from the mean
    let (a, b) = ((low - mean) / std, (high - mean) / std);
    let peak = 0_f64.clamp(a, b);
    let (from, to) = (a.max(peak - 10.0), b.min(peak + 10.0));
    let step = (to - from) / f64::from(STEPS);
    // relative to the highest point, since a far tail would vanish
    let integral = |of: &dyn Fn(f64) -> f64| {
        let weighed = (0..=STEPS).map(|i| {
            // Simpson's weights: 1, 4, 2, 4, ..., 4, 1
            let weight = if i == 0 || i == STEPS { 1.0 } else { 2.0 + 2.0 * f64::from(i % 2) };
            let z = from + f64::from(i) * step;
            weight * of(z) * (0.5 * (peak * peak - z * z)).exp()
        });
        weighed.sum::<f64>() * step / 3.0
    };
    let whole = integral(&|_| 1.0);
    let first = integral(&|z| z) / whole;
    let central = |power: i32| integral(&|z| (z - first).powi(power)) / whole;
    let variance = central(2);
    // undoes the scaling of the integral, so that the density integrates to 1
    let height = (0.5 * peak * peak).exp() / (std * whole);
    let density = Density::Normal { mean, std, low, high, height };
    let kurtosis = Some(central(4) / (variance * variance));
    Expected { mean: mean + std * first, std: std * variance.sqrt(), kurtosis, density }
}

/// The values of a matrix, by how many elements have which value.
fn matrix(tensor: &Tensor) -> Option<Expected> {
    let dims = tensor.shape.dims();
    let elements = tensor.shape.elements() as f64;
    let (outs, ins) = match (tensor.shape.layout(), dims) {
        (Layout::OutIn, [outs, ins, ..]) | (Layout::InOut, [.., ins, outs]) => (*outs, *ins),
        _ => return None,
    };
    // `count` elements are `gain`, all others are 0
    let ones = |count: u64, gain: f64| {
        let part = count as f64 / elements;
        Expected {
            mean: gain * part,
            std: gain.abs() * (part * (1.0 - part)).sqrt(),
            kurtosis: None,
            density: Density::None,
        }
    };
    // the mean of an orthogonal matrix is 0 on average
    let turned =
        |squares: f64| Expected { mean: 0.0, std: (squares / elements).sqrt(), kurtosis: None, density: Density::None };
    Some(match tensor.init {
        Init::Eye { gain } => ones(outs.min(ins), gain),
        Init::Dirac { groups } => ones(groups * (outs / groups.max(1)).min(ins), 1.0),
        // the shorter dimension is orthonormal: the squares of the elements add up to its length, times gain^2
        Init::Orthogonal { gain } => {
            let (rows, columns) = (dims[0] as f64, elements / dims[0] as f64);
            turned(gain * gain * rows.min(columns))
        }
        Init::DeltaOrthogonal { gain } => turned(gain * gain * ins as f64),
        // each column has ceil(sparsity rows) zeros, as in PyTorch, and normals elsewhere
        Init::Sparse { sparsity, std } => {
            let rows = dims[0] as f64;
            let normal = normal(0.0, std).with_zeros((sparsity * rows).ceil().min(rows) / rows);
            Expected { density: Density::None, ..normal }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recipe;

    fn expected(init: &str, rest: &str) -> Expected {
        let text = format!("[[tensor]]\nname = \"w\"\nshape = [4, 5]\ninit = {init}\n{rest}");
        Expected::of(&Recipe::parse(&text).unwrap().tensors[0]).unwrap()
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-6 * b.abs().max(1e-3), "{a} {b}");
    }

    #[test]
    fn moments_are_the_textbooks() {
        let two = expected("{ truncated_normal = { std = 3.0, low = -2.0, high = 2.0, bounds = \"std\" } }", "");
        close(two.std, 3.0 * 0.879_625_661_034_24);
        close(two.kurtosis.unwrap(), 2.365_536_717_129); // scipy.stats.truncnorm
        // a half normal: mean sqrt(2 / pi), variance 1 - 2 / pi
        let half = expected("{ truncated_normal = { low = 0.0, high = inf } }", "");
        close(half.mean, (2.0 / std::f64::consts::PI).sqrt());
        close(half.std, (1.0 - 2.0 / std::f64::consts::PI).sqrt());
        close(half.density(0.0), (2.0 / std::f64::consts::PI).sqrt());
        let tail = expected("{ truncated_normal = { low = 8.0, high = inf } }", "");
        close(tail.mean, 8.121_368);
        let uniform = expected("{ uniform = { low = -1.0, high = 3.0 } }", "");
        close(uniform.std, 4.0 / 12f64.sqrt());
        close(uniform.density(0.0), 0.25);
        assert_eq!(uniform.density(3.5), 0.0);
    }

    #[test]
    fn padding_and_matrices_are_counted() {
        let padded = expected("{ normal = { mean = 1.0, std = 2.0 } }", "padding = 1");
        close(padded.mean, 0.75);
        close(padded.std, (0.75 * 5.0 - 0.75 * 0.75_f64).sqrt());
        let eye = expected("{ eye = { gain = 3.0 } }", "");
        close(eye.mean, 3.0 * 4.0 / 20.0);
        close(expected("\"orthogonal\"", "").std, (4.0 / 20.0_f64).sqrt());
        close(expected("{ sparse = { sparsity = 0.5, std = 2.0 } }", "").std, 2.0 * 0.5_f64.sqrt());
    }
}
