//! A whole model: the tensors of GPT-2 (124 M parameters) as transformers saves it.

use std::hint::black_box;

use anyhow::Result;
use burn::tensor::{Distribution, Tensor};
use seedtensors::gpu::Gpu;
use seedtensors::{Dtype, Fill, Key, Sampler, Shape};

use crate::report::Contest;
use crate::{burn_device, seconds, wait};

const NORMAL: Sampler = Sampler::Normal { mean: 0.0, std: 0.02 };

struct Parameter {
    name: String,
    dims: Vec<u64>,
    sampler: Sampler,
}

fn parameters() -> Vec<Parameter> {
    let [zeros, ones] = [0.0, 1.0].map(|value| Sampler::Constant { value });
    let parameter = |name: String, dims: &[u64], sampler| Parameter { name, dims: dims.to_vec(), sampler };
    let mut parameters = vec![
        parameter("wte.weight".into(), &[50257, 768], NORMAL),
        parameter("wpe.weight".into(), &[1024, 768], NORMAL),
    ];
    for layer in 0..12 {
        for (name, dims, sampler) in [
            ("ln_1.weight", &[768][..], ones),
            ("ln_1.bias", &[768], zeros),
            ("attn.c_attn.weight", &[768, 2304], NORMAL),
            ("attn.c_attn.bias", &[2304], zeros),
            ("attn.c_proj.weight", &[768, 768], NORMAL),
            ("attn.c_proj.bias", &[768], zeros),
            ("ln_2.weight", &[768], ones),
            ("ln_2.bias", &[768], zeros),
            ("mlp.c_fc.weight", &[768, 3072], NORMAL),
            ("mlp.c_fc.bias", &[3072], zeros),
            ("mlp.c_proj.weight", &[3072, 768], NORMAL),
            ("mlp.c_proj.bias", &[768], zeros),
        ] {
            parameters.push(parameter(format!("h.{layer}.{name}"), dims, sampler));
        }
    }
    parameters.extend([parameter("ln_f.weight".into(), &[768], ones), parameter("ln_f.bias".into(), &[768], zeros)]);
    parameters
}

pub(crate) fn contest(gpu: &Gpu) -> Result<Contest<'static>> {
    let parameters = parameters();
    let elements = parameters.iter().map(|parameter| parameter.dims.iter().product::<u64>()).sum();
    let device = burn_device(gpu);
    let mut contest = Contest::new("GPT-2, 124 M parameters in 148 tensors, into new buffers of the GPU, f32", elements);
    let fills = || {
        let fill = |parameter: &Parameter| -> Result<_> {
            let shape = Shape::new(&parameter.dims)?;
            Ok((Fill::new(Key::new(42).named(&parameter.name), parameter.sampler), Dtype::F32, shape.elements()))
        };
        parameters.iter().map(fill).collect::<Result<Vec<_>>>().unwrap()
    };
    contest.entry("seedtensors, one submission, to its end", || {
        let mut buffers = Vec::new();
        let taken = seconds(|| {
            buffers = gpu.tensors(&fills()).unwrap();
            wait(gpu);
        });
        drop(buffers);
        wait(gpu);
        taken
    });
    let burned = || -> Vec<_> {
        let make = |parameter: &Parameter| {
            let shape = [parameter.dims.iter().product::<u64>() as usize];
            match parameter.sampler {
                Sampler::Constant { value: 0.0 } => Tensor::<1>::zeros(shape, &device),
                Sampler::Constant { .. } => Tensor::ones(shape, &device),
                _ => Tensor::random(shape, Distribution::Normal(0.0, 0.02), &device),
            }
        };
        parameters.iter().map(make).collect()
    };
    contest.entry("burn 0.22, to its end", || {
        seconds(|| {
            let tensors = burned();
            device.sync().unwrap();
            black_box(tensors);
        })
    });
    contest.entry("seedtensors, to submitted", || {
        let mut buffers = Vec::new();
        let taken = seconds(|| buffers = gpu.tensors(&fills()).unwrap());
        wait(gpu);
        drop(buffers);
        wait(gpu);
        taken
    });
    contest.entry("burn 0.22, to submitted", || {
        let mut tensors = Vec::new();
        let taken = seconds(|| {
            tensors = burned();
            device.flush().unwrap();
        });
        device.sync().unwrap();
        taken
    });
    contest.run()
}
