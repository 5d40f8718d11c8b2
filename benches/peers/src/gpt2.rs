//! A whole model: the tensors of GPT-2 (124 M parameters) as transformers saves it.

use seedtensors::gpu::{Gpu, Target};
use seedtensors::{Dtype, Fill, Key, Sampler};

use crate::report::Contest;
use crate::{Peers, buffer, seconds, submit, wait};

const NORMAL: Sampler = Sampler::Normal { mean: 0.0, std: 0.02 };

pub(crate) struct Parameter {
    name: String,
    dims: Vec<u64>,
    pub(crate) sampler: Sampler,
}

impl Parameter {
    pub(crate) fn elements(&self) -> u64 {
        self.dims.iter().product()
    }
}

pub(crate) fn parameters() -> Vec<Parameter> {
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

pub(crate) fn contest(gpu: &Gpu, peers: &Peers) -> String {
    let parameters = parameters();
    let elements = parameters.iter().map(Parameter::elements).sum();
    let fills = || {
        let key = |parameter: &Parameter| Key::new(42).named(&parameter.name);
        let fill = |parameter| Fill::from_sampler(key(parameter), parameter.sampler, parameter.elements());
        parameters.iter().map(|parameter| (fill(parameter), Dtype::F32)).collect::<Vec<_>>()
    };
    let buffers: Vec<_> = parameters.iter().map(|parameter| buffer(gpu, 4 * parameter.elements())).collect();
    let submit_all = || {
        let target = |((fill, dtype), buffer)| (fill, Target::new(buffer, dtype));
        let targets: Vec<_> = fills().into_iter().zip(&buffers).map(target).collect();
        submit(gpu, &targets);
    };
    let mut contest = Contest::new("GPT-2, 124 M parameters in 148 tensors, into the GPU's buffers, f32", elements);
    contest.entry("seedtensors, one submission, to its end", || {
        seconds(|| {
            submit_all();
            wait(gpu);
        })
    });
    contest.entry("burn 0.22, to its end", peers.burn.work("model", elements));
    contest.entry("seedtensors, to submitted", || {
        let taken = seconds(submit_all);
        wait(gpu);
        taken
    });
    contest.entry("burn 0.22, to submitted", peers.burn.work("submit-model", elements));
    contest.entry("seedtensors, memory from the system included, to its end", || {
        let mut buffers = Vec::new();
        let taken = seconds(|| {
            buffers = gpu.tensors(&fills()).unwrap();
            wait(gpu);
        });
        drop(buffers);
        wait(gpu);
        taken
    });
    contest.run()
}
