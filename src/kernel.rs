//! The kernel that executes a sampler: its kind, with the coefficients that it takes.

use crate::bits::round;
use crate::coefficients::{Coefficients, SMALL_STD, Truncated, constant, normal, truncated, uniform};
use crate::fill::Arithmetic;
use crate::matrix::{Matrix, Structure};
use crate::window::Reach;
use crate::{Dtype, Error, Fill, Result, Sampler};

// tests/shaders.rs compares the numbers with those of the shaders
/// The code that makes values from words. The numbers are those of `SAMPLER` in the shaders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub(crate) enum KernelKind {
    /// The raw words.
    Words,
    Constant,
    Uniform,
    Normal,
    /// A normal by the device's own functions.
    NormalNative,
    /// A truncated normal whose window reaches equally far to both sides of the mean: see [`window`](crate::window).
    Truncated,
    /// One whose window is narrow.
    TruncatedNarrow,
    /// A normal of mean 0 without tiny values, which needs no bias and no flush. Initialisers ask for these.
    NormalCentred,
    /// A truncated normal whose window reaches at most 2 standard deviations to both sides, without tiny values. It
    /// needs no tail and no flush. Initialisers ask for these.
    TruncatedCentral,
    /// One whose window reaches farther to one side.
    TruncatedSkewed,
    /// One whose window is far from the mean.
    TruncatedFar,
}

impl KernelKind {
    /// The sampler's name in messages.
    #[cfg(feature = "gpu")]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Constant => "constant",
            Self::Uniform => "uniform",
            Self::Normal | Self::NormalCentred => "normal",
            Self::NormalNative => "native normal",
            Self::Truncated
            | Self::TruncatedNarrow
            | Self::TruncatedCentral
            | Self::TruncatedSkewed
            | Self::TruncatedFar => "truncated normal",
        }
    }
}

/// The execution of a sampler: element by element by a kernel, or as a matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kernel {
    /// Each element from its own block of words.
    Elementwise(KernelKind, Coefficients),
    /// A structured matrix.
    Matrix(Matrix),
}

impl Kernel {
    /// The raw words.
    #[cfg(any(feature = "dispatch", test))]
    pub(crate) fn words() -> Self {
        Self::Elementwise(KernelKind::Words, Coefficients::default())
    }

    /// Checks a sampler's parameters against the dtype and makes its kernel.
    pub(crate) fn new(sampler: &Sampler, dtype: Dtype, arithmetic: Arithmetic) -> Result<Self> {
        let exact = arithmetic == Arithmetic::Exact;
        let (kind, coefficients) = match *sampler {
            Sampler::Constant { value } => (KernelKind::Constant, constant(value, dtype)?),
            Sampler::Uniform { low, high } => (KernelKind::Uniform, uniform(low, high, dtype)?),
            Sampler::Normal { mean, std } => {
                // Adding a mean of 0 changes no bits, and with such a std no value is small enough to be flushed. The
                // centred kernel leaves both out and gives the bits of the other one.
                let kind = match (exact, mean == 0.0 && std >= SMALL_STD) {
                    (false, _) => KernelKind::NormalNative,
                    (true, true) => KernelKind::NormalCentred,
                    (true, false) => KernelKind::Normal,
                };
                (kind, normal(mean, std, dtype, exact)?)
            }
            // native arithmetic has no truncated normals of its own
            Sampler::TruncatedNormal { mean, std, low, high } => match truncated(mean, std, [low, high], dtype)? {
                Truncated::Wide(Reach::Symmetric, coefficients) => (KernelKind::Truncated, coefficients),
                Truncated::Wide(Reach::Central, coefficients) => (KernelKind::TruncatedCentral, coefficients),
                Truncated::Wide(Reach::Skewed, coefficients) => (KernelKind::TruncatedSkewed, coefficients),
                Truncated::Wide(Reach::Far, coefficients) => (KernelKind::TruncatedFar, coefficients),
                Truncated::Narrow(coefficients) => (KernelKind::TruncatedNarrow, coefficients),
            },
            Sampler::Matrix(matrix) => return Self::matrix(matrix, dtype),
        };
        Ok(Self::Elementwise(kind, coefficients))
    }

    /// The kernel of a fill. Refuses what [`new`](Self::new) does, and elements behind its matrix's last.
    pub(crate) fn of(fill: &Fill, dtype: Dtype, arithmetic: Arithmetic) -> Result<Self> {
        let kernel = Self::new(&fill.sampler(), dtype, arithmetic)?;
        match kernel {
            Self::Matrix(matrix) if fill.end() > matrix.elements() => Err(Error::bad(
                &format!("a fill of this matrix must end within its {} elements", matrix.elements()),
                fill.end(),
            )),
            kernel => Ok(kernel),
        }
    }

    /// Refuses a matrix with values that the dtype cannot hold.
    fn matrix(matrix: Matrix, dtype: Dtype) -> Result<Self> {
        match matrix.structure() {
            // its gain is the std of its normals
            Structure::Sparse { .. } => normal(0.0, round(matrix.gain()), dtype, true)?,
            // no element of the others is above the gain
            _ => constant(round(matrix.gain()), dtype)?,
        };
        Ok(Self::Matrix(matrix))
    }
}

impl Sampler {
    /// Checks the parameters for a dtype, as a fill does.
    ///
    /// # Errors
    ///
    /// [`Error::BadParameter`](crate::Error::BadParameter) names the rule and the value.
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
        // native arithmetic refuses the same parameters
        Kernel::new(self, dtype, Arithmetic::Exact).map(drop)
    }
}
