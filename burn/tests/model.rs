//! Agreement: every parameter of a model has the bits of the CPU's fills, on every device.

#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

mod common;

use burn::module::{Module, Param, ParamId};
use burn::nn::{Linear, LinearConfig, LinearLayout};
use burn::tensor::{DType, Device, Tensor};
use common::{Found, Net, found, transposed};
use seedtensors_burn::seedtensors::{Init, cpu};
use seedtensors_burn::{Convention, Rules, Seed};

/// The seeds to compare: of the CPU, and of a shared device.
fn devices() -> Vec<(&'static str, Device, Seed)> {
    let seed = Seed::new(42);
    let flex = Device::flex();
    #[cfg_attr(not(feature = "wgpu"), expect(unused_mut, reason = "more devices with the feature"))]
    let mut devices = vec![("flex", flex.clone(), seed.clone()), ("flex, autodiff", flex.autodiff(), seed.clone())];
    #[cfg(feature = "wgpu")]
    {
        let shared = common::shared();
        let on_gpu = seed.clone().with_device(shared);
        devices.push(("wgpu, in place", shared.device().clone(), on_gpu.clone()));
        devices.push(("wgpu, in place, autodiff", shared.device().clone().autodiff(), on_gpu));
        devices.push(("wgpu that burn opened", common::burns_own(), seed));
    }
    devices
}

#[test]
#[cfg(feature = "wgpu")]
fn a_shared_device_is_filled_in_place() {
    for (name, device, seed) in devices() {
        assert_eq!(seed.fills_in_place(&device), name.contains("in place"), "{name}");
    }
}

/// The parameters that the CPU computes, without burn.
fn expected(seed: &Seed, model: &Net) -> Vec<(String, Vec<u32>)> {
    let parameters = seed.parameters(model).unwrap();
    let values = |path: &str| {
        let parameter = parameters.iter().find(|parameter| parameter.path == path).unwrap();
        let values: Vec<f32> = cpu::tensor(&parameter.fill(seed.key()).unwrap()).unwrap();
        let bits: Vec<u32> = values.iter().map(|value| value.to_bits()).collect();
        if parameter.is_transposed { transposed(&bits, parameter.shape.dims()[0] as usize) } else { bits }
    };
    // a clone has the values of its original
    parameters.iter().map(|p| (p.path.clone(), values(p.clone_of.as_ref().unwrap_or(&p.path)))).collect()
}

#[test]
fn every_parameter_has_the_cpus_bits_on_every_device() {
    for convention in [Convention::Burn, Convention::PyTorch] {
        for (name, device, seed) in devices() {
            let seed = seed.with_convention(convention);
            let expected = expected(&seed, &Net::new(&device));
            let parameters = found(&seed.init(Net::new(&device)).unwrap());
            assert_eq!(parameters.len(), expected.len());
            let (mut elements, mut differing) = (0, 0);
            for (Found { path, bits, .. }, (of, expected)) in parameters.iter().zip(&expected) {
                assert_eq!(path, of);
                assert_eq!(bits.len(), expected.len(), "{path}");
                elements += bits.len();
                differing += bits.iter().zip(expected).filter(|(a, b)| a != b).count();
            }
            eprintln!("{convention:?}, {name}: {} parameters, {elements} elements, {differing} differ", expected.len());
            assert_eq!(differing, 0, "{name}");
            assert!(expected.len() > 100 && elements > 16_000);
        }
    }
}

#[test]
fn a_model_that_burn_has_drawn_gets_the_same_values() {
    for convention in [Convention::Burn, Convention::PyTorch] {
        for (name, device, seed) in devices() {
            let seed = seed.with_convention(convention);
            let drawn = Net::new(&device);
            let before = found(&drawn);
            let after = found(&seed.init(drawn).unwrap());
            assert_eq!(after, found(&seed.init(Net::new(&device)).unwrap()), "{name}");
            assert!(before.iter().zip(&after).all(|(a, b)| (&a.path, &a.dims) == (&b.path, &b.dims)), "{name}");
        }
    }
}

#[test]
fn parameters_keep_whether_they_require_gradients() {
    for (name, device, seed) in devices() {
        let model = seed.init(Net::new(&device).no_grad()).unwrap();
        assert!(found(&model).iter().all(|parameter| !parameter.requires_grad), "{name}");
        let parameters = found(&seed.init(Net::new(&device)).unwrap());
        for Found { path, requires_grad, .. } in parameters {
            let is_running = path.starts_with("batch.running_");
            assert_eq!(requires_grad, device.is_autodiff() && !is_running, "{name}, {path}");
        }
    }
}

#[test]
fn a_parameter_is_the_same_in_another_model() {
    #[derive(Module, Debug)]
    struct Small {
        blocks: Vec<Linear>,
    }
    let device = Device::flex();
    let all = found(&Seed::new(7).init(Net::new(&device)).unwrap());
    let blocks = vec![LinearConfig::new(16, 33).init(&device)];
    let few = found(&Seed::new(7).init(Small { blocks }).unwrap());
    assert_eq!(few.len(), 2);
    assert!(few.iter().all(|parameter| all.contains(parameter)));
    let other = found(&Seed::new(8).init(Net::new(&device)).unwrap());
    let of = |found: &[Found]| found.iter().find(|p| p.path == "blocks.0.weight").unwrap().bits.clone();
    assert_ne!(of(&all), of(&other));
}

#[test]
fn burn_never_draws_a_parameter_first() {
    #[derive(Module, Debug)]
    struct Owned {
        scale: Param<Tensor<2>>,
    }
    for (name, device, seed) in devices() {
        let draw = |_: &Device, _: bool| -> Tensor<2> { panic!("burn draws it") };
        let scale = Param::uninitialized(ParamId::new(), draw, device.clone(), true, [3, 5].into());
        let id = scale.id;
        let rules = Rules::default().with("scale", Init::Uniform { low: 1.0, high: 2.0 }).unwrap();
        let model = seed.with_rules(rules).init(Owned { scale }).unwrap();
        assert_eq!((model.scale.id, model.scale.dims()), (id, [3, 5]), "{name}");
        assert!(found(&model)[0].bits.iter().all(|bits| (1.0..2.0).contains(&f32::from_bits(*bits))));
    }
}

#[derive(Module, Debug)]
struct Tied {
    first: Param<Tensor<2>>,
    second: Param<Tensor<2>>,
}

/// Two parameters of one id, and a seed with a rule for the first.
fn tied(device: &Device, seed: &Seed, second: impl FnOnce(Param<Tensor<2>>) -> Param<Tensor<2>>) -> (Tied, Seed) {
    let first = Param::from_tensor(Tensor::ones([3, 5], device));
    let rules = Rules::default().with("first", Init::Normal { mean: 0.0, std: 1.0 }).unwrap();
    let rules = rules.with("second", Init::ones()).unwrap();
    (Tied { second: second(first.clone()), first }, seed.clone().with_rules(rules))
}

#[test]
fn a_clone_keeps_its_own_dtype_and_gradient() {
    for (name, device, seed) in devices() {
        let (model, seed) = tied(&device, &seed, |second| second.set_require_grad(false));
        let model = seed.init(model).unwrap();
        let [first, second] = &found(&model)[..] else { panic!() };
        assert_eq!(first.bits, second.bits, "{name}");
        assert_eq!((first.requires_grad, second.requires_grad), (device.is_autodiff(), false), "{name}");
        assert!(first.bits.iter().any(|&bits| bits != 1.0_f32.to_bits()));

        let (model, seed) = tied(&device, &seed, |second| second.map(|tensor| tensor.cast(DType::F16)));
        let model = seed.init(model).unwrap();
        let half: Tensor<2> =
            seed.tensor("first", Init::Normal { mean: 0.0, std: 1.0 }, [3, 5], (&device, DType::F16)).unwrap();
        assert_eq!(model.second.dtype(), DType::F16);
        assert_eq!(common::bits(&model.second.val()), common::bits(&half), "{name}");
        let name = seed.parameters(&model).unwrap()[1].name.clone();
        assert_eq!((name.as_str(), model.second.id), ("second", model.first.id));
    }
}

#[test]
fn clones_inside_and_outside_of_a_graph_stay_there() {
    #[derive(Module, Debug)]
    struct Averaged {
        first: Linear,
        second: Linear,
    }
    let (device, seed) = (Device::flex().autodiff(), Seed::new(42));
    for is_average_first in [false, true] {
        let online: Linear = LinearConfig::new(5, 3).init(&device);
        let average = online.valid();
        assert_eq!(average.weight.id, online.weight.id);
        let (first, second) = if is_average_first { (average, online) } else { (online, average) };
        let model = seed.init(Averaged { first, second }).unwrap();
        let (average, online) =
            if is_average_first { (&model.first, &model.second) } else { (&model.second, &model.first) };
        assert!(online.weight.val().is_require_grad() && online.weight.device().is_autodiff());
        assert!(!average.weight.val().is_require_grad() && !average.weight.device().is_autodiff());
        assert_eq!(common::bits(&average.weight.val()), common::bits(&online.weight.val()));
    }
}

#[test]
fn a_clone_of_another_shape_is_refused() {
    let (model, seed) = tied(&Device::flex(), &Seed::new(42), |second| second.map(|tensor| tensor.transpose()));
    assert_eq!(
        seed.init(model).unwrap_err().to_string(),
        "parameters of one id must have one shape, \"second\" has [5, 3] and \"first\" has [3, 5]: \
         give one of them an id of its own"
    );
}

#[test]
fn a_rule_that_leaves_out_the_first_leaves_out_its_clones() {
    let (model, seed) = tied(&Device::flex(), &Seed::new(42), |second| second);
    let seed = seed.with_rules(Rules::default().skip("first").unwrap());
    assert_eq!(seed.parameters(&model).unwrap(), []);
    let model = seed.init(model).unwrap();
    assert!(found(&model).iter().all(|parameter| parameter.bits == [1.0_f32.to_bits(); 15]));
}

#[test]
fn clones_of_a_parameter_share_the_values_of_the_first() {
    for (name, device, seed) in devices() {
        let model = seed.init(Net::new(&device)).unwrap();
        assert_eq!(model.tied.weight.id, model.embedding.weight.id);
        let parameters = found(&model);
        let of = |path: &str| parameters.iter().find(|p| p.path == path).unwrap().bits.clone();
        assert_eq!(of("tied.weight"), of("embedding.weight"), "{name}");
        let planned = seed.parameters(&Net::new(&device)).unwrap();
        let clones: Vec<_> = planned.iter().filter_map(|p| p.clone_of.as_ref().map(|of| (&*p.path, &**of))).collect();
        assert_eq!(clones, [("tied.weight", "embedding.weight")]);
        if device.is_autodiff() {
            // one node of the graph, so both uses add to one gradient
            let (a, b) = (model.embedding.weight.val(), model.tied.weight.val());
            let gradients = (a.clone().sum() + b.sum() * 2.0).backward();
            let gradient = a.grad(&gradients).unwrap();
            assert_eq!(gradient.max().into_scalar::<f32>(), 3.0, "{name}");
        }
    }
}

#[test]
fn a_linear_layer_of_either_layout_computes_with_what_was_drawn() {
    for (name, device, seed) in devices() {
        let mut outputs = Vec::new();
        for layout in [LinearLayout::Row, LinearLayout::Col] {
            let layer = LinearConfig::new(3, 4).with_layout(layout).init(&device);
            let seed = seed.clone().with_convention(Convention::PyTorch);
            let weight = &seed.parameters(&layer).unwrap()[0];
            let drawn: Vec<f32> = cpu::tensor(&weight.fill(seed.key()).unwrap()).unwrap();
            let layer = Linear { bias: None, ..seed.init(layer).unwrap() };
            // the second unit vector picks the second column of (out, in)
            let output = layer.forward(Tensor::<2>::from_floats([[0.0, 1.0, 0.0]], &device));
            assert_eq!(output.into_data().try_to_vec::<f32>().unwrap(), [drawn[1], drawn[4], drawn[7], drawn[10]]);
            outputs.push(found(&layer)[0].bits.clone());
        }
        assert_eq!(outputs[0], outputs[1], "{name}");
    }
}
