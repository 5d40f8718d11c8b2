//! Fills candle tensors: a linear layer of PyTorch's defaults, and a bf16 weight.
//!
//! candle's storage is its own, so the CPU fills a vector and candle takes it, on any of its devices. Files of the command
//! `seedtensors init` have the same values: `VarBuilder::from_mmaped_safetensors` reads them.
//!
//! ```sh
//! cargo run -p seedtensors-candle-example
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use candle_core::{DType, Device, Result, Tensor, WithDType};
use seedtensors::{Element, Fill, Init, Key, Layer, Shape, cpu};

/// A tensor of a fill.
fn tensor<T: Element + WithDType>(fill: &Fill, shape: &Shape, device: &Device) -> Result<Tensor> {
    let dims = shape.dims().iter().map(|&dim| usize::try_from(dim).map_err(candle_core::Error::wrap));
    let values: Vec<T> = cpu::tensor(fill).map_err(candle_core::Error::wrap)?;
    Tensor::from_vec(values, dims.collect::<Result<Vec<_>>>()?, device)
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let device = Device::Cpu; // or CUDA, or Metal
    let key = Key::new(42);

    // candle's shapes and names are PyTorch's
    let layer = Layer::Linear { inputs: 784, outputs: 512, bias: true };
    for parameter in layer.parameters()? {
        let name = format!("fc1.{}", parameter.name);
        let fill = Fill::new(key.named(&name), parameter.init, &parameter.shape)?;
        let tensor = tensor::<f32>(&fill, &parameter.shape, &device)?;
        println!("{name} {:?}: mean {:+.6}", tensor.dims(), tensor.mean_all()?.to_scalar::<f32>()?);
    }

    let shape = Shape::new(&[512, 784])?;
    let fill = Fill::new(key.named("proj.weight"), Init::he_normal(), &shape)?;
    let weight = tensor::<half::bf16>(&fill, &shape, &device)?;
    let std = weight.to_dtype(DType::F32)?.sqr()?.mean_all()?.to_scalar::<f32>()?.sqrt();
    println!(
        "proj.weight {:?} {:?}: std {std:.5}, sqrt(2 / 784) is {:.5}",
        weight.dims(),
        weight.dtype(),
        (2.0_f32 / 784.0).sqrt()
    );
    assert_eq!(weight.flatten_all()?.to_vec1::<half::bf16>()?, cpu::tensor::<half::bf16>(&fill)?);
    Ok(())
}
