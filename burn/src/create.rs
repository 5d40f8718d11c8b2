//! New tensors, filled on the CPU or in place.

use burn::module::Param;
use burn::tensor::{DType, Tensor, TensorCreationOptions, TensorData, bf16, f16};
use seedtensors::{Dtype, Fill, cpu};

use crate::{Error, Result, Seed};

/// The dtype of a fill into tensors of burn's dtype.
pub(crate) fn dtype_of(dtype: DType, name: &str) -> Result<Dtype> {
    match dtype {
        DType::F32 => Ok(Dtype::F32),
        DType::F16 => Ok(Dtype::F16),
        DType::BF16 => Ok(Dtype::BF16),
        other => Err(Error::Dtype { dtype: format!("{other:?}").to_lowercase(), name: name.to_owned() }),
    }
}

/// The elements that burn gives a tensor of these options: its own default where none are named.
pub(crate) fn resolve(options: &TensorCreationOptions) -> DType {
    options.dtype.unwrap_or_else(|| options.device.settings().float_dtype.into())
}

/// The dtype of a parameter, or the one that burn would draw it in.
pub(crate) fn param_dtype<const D: usize>(param: &Param<Tensor<D>>) -> DType {
    if param.is_initialized() { param.dtype() } else { resolve(&(&param.lazy_device()).into()) }
}

/// A shape as burn counts it, in `usize`.
pub(crate) fn burn_dims(dims: &[u64]) -> Result<Vec<usize>> {
    let too_large = |_| seedtensors::Error::ShapeOverflow { what: format!("shape {dims:?} in usize") };
    Ok(dims.iter().map(|&dim| usize::try_from(dim)).collect::<Result<_, _>>().map_err(too_large)?)
}

impl Seed {
    /// A new tensor of a fill: in place on a shared device, by the CPU on every other.
    pub(crate) fn create<const D: usize>(
        &self,
        fill: &Fill,
        name: &str,
        dims: &[usize],
        options: &TensorCreationOptions,
    ) -> Result<Tensor<D>> {
        let dtype = resolve(options);
        let ours = dtype_of(dtype, name)?;
        #[cfg(feature = "wgpu")]
        if let Some(shared) = self.shared_device(&options.device) {
            let tensor = Tensor::<D>::empty(dims.to_vec(), options.clone().with_dtype(dtype));
            shared.fill(&tensor, fill)?;
            return Ok(tensor);
        }
        let data = match ours {
            Dtype::F16 => TensorData::new(cpu::tensor::<f16>(fill)?, dims),
            Dtype::BF16 => TensorData::new(cpu::tensor::<bf16>(fill)?, dims),
            _ => TensorData::new(cpu::tensor::<f32>(fill)?, dims),
        };
        Ok(Tensor::from_data(data, options.clone().with_dtype(dtype)))
    }
}
