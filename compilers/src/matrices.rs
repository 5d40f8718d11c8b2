//! The matrices that are compiled and compared.

use anyhow::Result;
use seedtensors::{Dtype, Fill, Init, Key, Layout, Shape};

/// A matrix, and the name of its shape.
pub(crate) struct Matrix {
    pub(crate) name: &'static str,
    pub(crate) shape: &'static str,
    pub(crate) dtype: Dtype,
    init: Init,
    dims: &'static [u64],
    layout: Layout,
}

const ORTHOGONAL: Init = Init::Orthogonal { gain: 1.0 };

/// Orthogonal matrices of two panels of 64 reflections; most have more rows than a block of 128, and no whole number of
/// tiles of 64 x 64. The last has a single panel. The other matrices take their elements from elementwise kernels.
pub(crate) const MATRICES: [Matrix; 10] = [
    matrix("orthogonal", "130 x 70", Dtype::F32, ORTHOGONAL, &[130, 70]),
    matrix("orthogonal", "70 x 130", Dtype::F16, ORTHOGONAL, &[70, 130]),
    matrix("orthogonal", "96 x 96", Dtype::BF16, ORTHOGONAL, &[96, 96]),
    // an odd number of elements, so that the last word is half written
    matrix("orthogonal", "131 x 67", Dtype::BF16, Init::Orthogonal { gain: 1.5 }, &[131, 67]),
    matrix("delta", "70 x 66 x 3", Dtype::F16, Init::DeltaOrthogonal { gain: 1.0 }, &[70, 66, 3]),
    matrix("delta", "3 x 3 x 10 x 13", Dtype::BF16, Init::DeltaOrthogonal { gain: 1.0 }, &[3, 3, 10, 13]).in_out(),
    matrix("eye", "100 x 200", Dtype::BF16, Init::Eye { gain: 0.5 }, &[100, 200]),
    matrix("dirac", "64 x 16 x 3 x 3", Dtype::F32, Init::Dirac { groups: 2 }, &[64, 16, 3, 3]),
    matrix("dirac", "3 x 5 x 16 x 33", Dtype::F16, Init::Dirac { groups: 3 }, &[3, 5, 16, 33]).in_out(),
    matrix("sparse", "301 x 100", Dtype::F32, Init::Sparse { sparsity: 0.3, std: 0.02 }, &[301, 100]),
];

const fn matrix(name: &'static str, shape: &'static str, dtype: Dtype, init: Init, dims: &'static [u64]) -> Matrix {
    Matrix { name, shape, dtype, init, dims, layout: Layout::OutIn }
}

impl Matrix {
    const fn in_out(self) -> Self {
        Self { layout: Layout::InOut, ..self }
    }

    pub(crate) fn fill(&self, key: Key) -> Result<Fill> {
        Ok(Fill::new(key, self.init, &Shape::new(self.dims)?.with_layout(self.layout))?)
    }
}
