//! Known answers: each module's parameters, by name, shape and distribution.

#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

mod common;

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::norm::{Normalization, NormalizationConfig};
use burn::nn::{LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{DType, Device, Tensor};
use common::Net;
use seedtensors_burn::seedtensors::{Init, Sampler};
use seedtensors_burn::{Convention, Error, Rules, Seed};

/// The distribution of a parameter, and the shape that is drawn.
fn distributions(convention: Convention) -> impl Fn(&str) -> (Vec<u64>, Sampler) {
    let parameters = Seed::new(0).with_convention(convention).parameters(&Net::new(&Device::flex())).unwrap();
    move |name| {
        let parameter = parameters.iter().find(|p| p.name == name).unwrap_or_else(|| panic!("{name}"));
        (parameter.shape.dims().to_vec(), parameter.init.sampler(&parameter.shape).unwrap())
    }
}

/// U(+-b).
fn within(b: f64) -> Sampler {
    Sampler::Uniform { low: -b as f32, high: b as f32 }
}

/// U(+-1 / sqrt(n)).
fn by_fan_in(n: f64) -> Sampler {
    within(1.0 / n.sqrt())
}

const ONES: Sampler = Sampler::Constant { value: 1.0 };
const ZEROS: Sampler = Sampler::Constant { value: 0.0 };

#[test]
fn what_burn_and_pytorch_share() {
    for convention in [Convention::Burn, Convention::PyTorch] {
        let of = distributions(convention);
        assert_eq!(of("embedding.weight"), (vec![101, 16], Sampler::Normal { mean: 0.0, std: 1.0 }));
        assert_eq!(of("conv1.weight"), (vec![5, 3, 7], by_fan_in(21.0)));
        assert_eq!(of("conv1.bias"), (vec![5], by_fan_in(21.0)));
        // six channels in three groups: two inputs each
        assert_eq!(of("conv2.weight"), (vec![9, 2, 3, 5], by_fan_in(30.0)));
        assert_eq!(of("conv2.bias"), (vec![9], by_fan_in(30.0)));
        assert_eq!(of("conv3.weight"), (vec![3, 2, 3, 3, 3], by_fan_in(54.0)));
        // (in, out / groups, 3, 3): the fan_in is 3 * 9 in burn and PyTorch
        assert_eq!(of("up.weight"), (vec![4, 3, 3, 3], by_fan_in(27.0)));
        assert_eq!(of("up.bias"), (vec![6], by_fan_in(27.0)));
        assert_eq!(of("deform.weight"), (vec![4, 2, 3, 3], by_fan_in(18.0)));
        assert_eq!(of("column.weight"), (vec![20, 12], by_fan_in(12.0)));
        assert_eq!(of("column.bias"), (vec![20], by_fan_in(12.0)));
        assert_eq!(of("blocks.0.bias"), (vec![33], by_fan_in(16.0)));
        assert_eq!(of("encoder.layers.1.pwff.linear_outer.bias"), (vec![16], by_fan_in(32.0)));
        assert_eq!(of("batch.running_mean"), (vec![9], ZEROS));
        assert_eq!(of("batch.running_var"), (vec![9], ONES));
        assert_eq!(of("instance.gamma"), (vec![6], ONES));
        assert_eq!(of("instance.beta"), (vec![6], ZEROS));
        assert_eq!(of("relu.alpha"), (vec![1], Sampler::Constant { value: 0.25 }));
    }
}

#[test]
fn what_is_burns_alone() {
    let of = distributions(Convention::Burn);
    assert_eq!(of("blocks.0.weight"), (vec![16, 33], by_fan_in(16.0)));
    assert_eq!(of("pair.1.gamma"), (vec![20], ONES));
    assert_eq!(of("pair.1.beta"), (vec![20], ZEROS));
    assert_eq!(of("attention.query.weight"), (vec![16, 16], by_fan_in(16.0)));
    let xavier = |n: f64| Sampler::Normal { mean: 0.0, std: (2.0 / n).sqrt() as f32 };
    assert_eq!(of("lstm.input_gate.input_transform.weight"), (vec![16, 24], xavier(40.0)));
    assert_eq!(of("lstm.input_gate.input_transform.bias"), (vec![24], xavier(40.0)));
    assert_eq!(of("lstm.cell_gate.hidden_transform.weight"), (vec![24, 24], xavier(48.0)));
    assert_eq!(of("both.reverse.forget_gate.input_transform.weight"), (vec![5, 6], xavier(11.0)));
    assert_eq!(of("gru.new_gate.hidden_transform.bias"), (vec![8], xavier(16.0)));
}

#[test]
fn what_is_pytorchs_alone() {
    let of = distributions(Convention::PyTorch);
    assert_eq!(of("blocks.0.weight"), (vec![33, 16], by_fan_in(16.0)));
    for (norm, features) in [("pair.1", 20), ("batch", 9), ("group", 6), ("encoder.layers.0.norm_1", 16)] {
        assert_eq!(of(&format!("{norm}.weight")), (vec![features], ONES));
        assert_eq!(of(&format!("{norm}.bias")), (vec![features], ZEROS));
    }
    assert_eq!(of("rms.weight"), (vec![16], ONES));
    assert_eq!(of("attention.query.weight"), (vec![16, 16], within((6.0 / 64.0_f64).sqrt())));
    assert_eq!(of("attention.key.bias"), (vec![16], ZEROS));
    assert_eq!(of("attention.output.weight"), (vec![16, 16], by_fan_in(16.0)));
    assert_eq!(of("attention.output.bias"), (vec![16], ZEROS));
    assert_eq!(of("lstm.input_gate.input_transform.weight"), (vec![24, 16], by_fan_in(24.0)));
    assert_eq!(of("both.forward.cell_gate.input_transform.weight"), (vec![6, 5], by_fan_in(6.0)));
    assert_eq!(of("gru.reset_gate.hidden_transform.bias"), (vec![8], by_fan_in(8.0)));
}

#[derive(Module, Debug)]
enum Either {
    Wide(Linear),
    Image(Conv2d),
}

#[derive(Module, Debug)]
struct Custom {
    either: Either,
    norm: Normalization,
    scale: Param<Tensor<1>>,
}

impl Custom {
    fn new(dtype: DType) -> Self {
        let device = Device::flex();
        Self {
            either: Either::Wide(LinearConfig::new(2, 3).init(&device)),
            norm: NormalizationConfig::Layer(LayerNormConfig::new(3)).init(&device),
            scale: Param::from_tensor(Tensor::ones([3], (&device, dtype))),
        }
    }
}

#[test]
fn variants_of_enums_are_part_of_burns_names_alone() {
    let rules = Rules::default().with("scale", Init::ones()).unwrap();
    let seed = Seed::new(0).with_rules(rules);
    let names = |convention| -> Vec<String> {
        let seed = seed.clone().with_convention(convention);
        seed.parameters(&Custom::new(DType::F32)).unwrap().into_iter().map(|p| p.name).collect()
    };
    assert_eq!(
        names(Convention::Burn),
        ["either.Wide.weight", "either.Wide.bias", "norm.Layer.gamma", "norm.Layer.beta", "scale"]
    );
    assert_eq!(names(Convention::PyTorch), ["either.weight", "either.bias", "norm.weight", "norm.bias", "scale"]);
    let image = Either::Image(Conv2dConfig::new([1, 1], [1, 1]).init(&Device::flex()));
    assert_eq!(seed.parameters(&image).unwrap()[0].name, "Image.weight");
}

#[test]
fn a_parameter_without_a_rule_is_refused() {
    let refused = |rules: Rules, dtype| {
        let seed = Seed::new(0).with_rules(rules);
        seed.init(Custom::new(dtype)).unwrap_err()
    };
    let error = refused(Rules::default(), DType::F32);
    assert!(matches!(&error, Error::NoRule { name, shape, module }
        if name == "scale" && shape == &[3] && module == "Custom"));
    assert_eq!(
        error.to_string(),
        "no rule is for parameter \"scale\" of shape [3] in Custom, which has no default: give one with Rules::with"
    );
    // a rule for others does not help, and without defaults the first parameter is refused
    let others = Rules::default().with("scale.*", Init::ones()).unwrap();
    assert_eq!(refused(others.clone(), DType::F32), error);
    assert_eq!(
        refused(others.without_defaults(), DType::F32).to_string(),
        "no rule is for parameter \"either.Wide.weight\" of shape [2, 3], and the rules do without defaults"
    );
    let rules = Rules::default().with("scale", Init::he_normal()).unwrap();
    assert_eq!(
        refused(rules, DType::F32).to_string(),
        "parameter \"scale\": fan_in and fan_out need at least two dimensions, shape [3] has 1: give the fans"
    );
    let ones = Rules::default().with("scale", Init::ones()).unwrap();
    assert_eq!(refused(ones, DType::F64).to_string(), "a tensor's dtype must be f32, f16 or bf16, not f64 (scale)");
    let large = Rules::default().with("scale", Init::Constant { value: 1e6 }).unwrap();
    let error = refused(large, DType::F16).to_string();
    assert!(error.starts_with("parameter \"scale\": ") && error.contains("f16"), "{error}");
}

#[test]
fn a_skipped_parameter_stays_as_it_was() {
    let rules = Rules::default().skip("scale").unwrap().with("*.bias", Init::Constant { value: 2.0 }).unwrap();
    let seed = Seed::new(0).with_rules(rules);
    let model = seed.init(Custom::new(DType::F32)).unwrap();
    assert_eq!(model.scale.val().into_data().try_to_vec::<f32>().unwrap(), [1.0; 3]);
    let Either::Wide(linear) = model.either else { panic!() };
    assert_eq!(linear.bias.unwrap().val().into_data().try_to_vec::<f32>().unwrap(), [2.0; 3]);
    assert_eq!(seed.parameters(&Custom::new(DType::F32)).unwrap().len(), 4);
}

#[test]
fn a_rule_makes_up_for_a_default_that_does_not_suit_the_shape() {
    // a depthwise convolution of one dimension: (channels, width)
    #[derive(Module, Debug)]
    struct Conv1d {
        weight: Param<Tensor<2>>,
        bias: Param<Tensor<1>>,
    }
    let device = Device::flex();
    let new = || Conv1d {
        weight: Param::from_tensor(Tensor::ones([6, 4], &device)),
        bias: Param::from_tensor(Tensor::ones([6], &device)),
    };
    let refused = Seed::new(42).parameters(&new()).unwrap_err().to_string();
    assert_eq!(refused, "parameter \"weight\": a convolution's kernel needs 1 to 3 dimensions, not []");
    let rules = Rules::default().with("weight", Init::Normal { mean: 0.0, std: 0.1 }).unwrap();
    let rules = rules.skip("bias").unwrap();
    let parameters = Seed::new(42).with_rules(rules).parameters(&new()).unwrap();
    assert_eq!(parameters.len(), 1);
    assert_eq!(parameters[0].shape.dims(), [6, 4]);
}
