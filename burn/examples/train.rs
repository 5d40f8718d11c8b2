//! Trains one small model on two backends from one seed, and prints the losses side by side.
//!
//! ```sh
//! cargo run --example train
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::{Device, DeviceKind, Int, Tensor, activation};
use seedtensors_burn::seedtensors::Init;
use seedtensors_burn::{Seed, SharedDevice};

type Error = Box<dyn std::error::Error>;

/// A classifier of images of 12 x 12 pixels.
#[derive(Module, Debug)]
struct Net {
    conv: Conv2d,
    norm: LayerNorm,
    hidden: Linear,
    output: Linear,
}

impl Net {
    fn new(device: &Device) -> Self {
        Self {
            conv: Conv2dConfig::new([1, 4], [3, 3]).init(device),
            norm: LayerNormConfig::new(400).init(device),
            hidden: LinearConfig::new(400, 32).init(device),
            output: LinearConfig::new(32, 4).init(device),
        }
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let features: Tensor<2> = activation::relu(self.conv.forward(images)).flatten(1, 3);
        let hidden = activation::relu(self.hidden.forward(self.norm.forward(features)));
        self.output.forward(hidden)
    }
}

/// Trains for 20 steps; gives the initial parameters and the losses.
fn train(device: &Device, seed: &Seed) -> Result<(Vec<f32>, Vec<f32>), Error> {
    let device = device.clone().autodiff();
    let mut model = seed.init(Net::new(&device))?;
    let parameters = values(&model);

    // the data are of the same seed, so both backends learn the same: which quarter of an image is brighter
    let noise: Tensor<4> = seed.tensor("images", Init::Uniform { low: 0.0, high: 1.0 }, [64, 1, 12, 12], &device)?;
    let classes: Vec<i32> = (0..64).map(|image| image % 4).collect();
    let bright: Vec<f32> = classes.iter().flat_map(|&class| (0..144).map(move |i| quarter(class, i))).collect();
    let images = noise + Tensor::<1>::from_floats(bright.as_slice(), &device).reshape([64, 1, 12, 12]);
    let classes = Tensor::<1, Int>::from_ints(classes.as_slice(), &device);

    let loss = CrossEntropyLossConfig::new().init(&device);
    let mut optimiser = SgdConfig::new().init();
    let mut losses = Vec::new();
    for _ in 0..20 {
        let loss = loss.forward(model.forward(images.clone()), classes.clone());
        losses.push(loss.clone().into_scalar::<f32>());
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimiser.step(0.05, model, gradients);
    }
    Ok((parameters, losses))
}

/// Half a unit more for the pixels of one quarter of the image.
fn quarter(class: i32, pixel: i32) -> f32 {
    let (row, column) = (pixel / 12 / 6, pixel % 12 / 6);
    if class == 2 * row + column { 0.5 } else { 0.0 }
}

/// Every value of a model's parameters.
fn values(model: &Net) -> Vec<f32> {
    struct Values(Vec<f32>);
    impl ModuleVisitor for Values {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.extend(param.val().into_data().iter::<f32>());
        }
    }
    let mut values = Values(Vec::new());
    model.visit(&mut values);
    values.0
}

fn main() -> Result<(), Error> {
    let shared = SharedDevice::open(DeviceKind::DefaultDevice)?;
    let seed = Seed::new(42).with_device(&shared);
    let (gpu, gpu_losses) = train(shared.device(), &seed)?;
    let (cpu, cpu_losses) = train(&Device::flex(), &seed)?;

    let differing = gpu.iter().zip(&cpu).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
    println!("wgpu is {}", shared.gpu().info());
    println!("{} initial parameters, {differing} differ between wgpu and flex", gpu.len());
    println!("step  loss on wgpu  loss on flex");
    for (step, (gpu, cpu)) in gpu_losses.iter().zip(&cpu_losses).enumerate() {
        println!("{step:4}  {gpu:12.7}  {cpu:12.7}");
    }
    let (first, last) = ((gpu_losses[0] - cpu_losses[0]).abs(), gpu_losses[19]);
    // sums of backends are in different orders, so losses agree to rounding
    assert!(differing == 0 && gpu.len() == cpu.len() && first < 1e-5 && last < 0.7 * gpu_losses[0]);
    Ok(())
}
