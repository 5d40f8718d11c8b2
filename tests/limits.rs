//! Every error, provoked, and the limits that they guard. `InexactDevice` is provoked in
//! src/gpu/tests.rs, which can spoil a shader, and `OutOfMemory` in a process of its own, tests/out_of_memory.rs.
#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are known to fit")]

mod common;

use common::gpu;
use half::f16;
use seedtensors::gpu::{DeviceKind, Form, Gpu, Select, Target, devices};
use seedtensors::{Dtype, Error, Fill, Gain, Init, Key, Sampler, Shape, cpu};
use wgpu::BufferUsages;

fn normal(count: u64) -> Fill {
    Fill::from_sampler(Key::new(1), Sampler::Normal { mean: 0.0, std: 1.0 }, count)
}

fn buffer(gpu: &Gpu, size: u64, usage: BufferUsages) -> wgpu::Buffer {
    let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
    gpu.device().create_buffer(&descriptor)
}

/// The error of a fill. Its encoder must stay usable.
fn fill_error(gpu: &Gpu, fill: &Fill, target: &Target<'_>) -> Error {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let error = gpu.fill(&mut encoder, fill, target).unwrap_err();
    gpu.queue().submit([encoder.finish()]);
    error
}

#[test]
fn no_adapter() {
    let count = devices().len();
    let error = Gpu::open(&Select::Index(count)).unwrap_err();
    assert!(matches!(error, Error::NoAdapter { .. }));
    assert!(error.to_string().starts_with(&format!("no GPU of index {count}: there are {count}, \"")), "{error}");
    let hardware = Gpu::open(&Select::Hardware);
    if devices().iter().any(|info| info.kind != DeviceKind::Software) {
        assert_ne!(hardware.unwrap().info().kind, DeviceKind::Software);
    } else {
        assert!(matches!(hardware.unwrap_err(), Error::NoAdapter { .. }));
    }
    let error = Gpu::open(&Select::Name("no such device".into())).unwrap_err();
    assert!(error.to_string().starts_with("no GPU named \"no such device\": "), "{error}");
}

#[test]
fn a_device_is_opened_by_index_and_by_name() {
    let gpu = gpu();
    let index = devices().iter().position(|info| info == gpu.info()).unwrap();
    assert_eq!(Gpu::open(&Select::Index(index)).unwrap().info(), gpu.info());
    assert_eq!(Gpu::open(&Select::Name(gpu.info().name.to_uppercase())).unwrap().info().name, gpu.info().name);
    gpu.check_all().unwrap();
    assert!(gpu.is_exact());
}

fn missing(missing: BufferUsages, found: BufferUsages) -> Error {
    Error::MissingUsage { missing: format!("{missing:?}"), found: format!("{found:?}") }
}

#[test]
fn ranges() {
    let gpu = gpu();
    let buffer_64 = buffer(&gpu, 64, BufferUsages::STORAGE);
    let target = Target::new(&buffer_64, Dtype::F32);
    assert_eq!(fill_error(&gpu, &normal(16), &target.at(2)), Error::MisalignedRange { offset: 2 });
    let too_small = |end| Error::BufferTooSmall { end, size: 64 };
    assert_eq!(fill_error(&gpu, &normal(17), &target), too_small(68));
    assert_eq!(fill_error(&gpu, &normal(1), &Target::new(&buffer_64, Dtype::F16).at(64)), too_small(68));
    let error = fill_error(&gpu, &normal(u64::MAX / 2), &target);
    assert!(matches!(error, Error::ShapeOverflow { .. }), "{error}");
    let error = gpu.words(Key::new(1), u64::MAX - 3, 16).unwrap_err();
    assert_eq!(error.to_string(), "start 18446744073709551612 + 16 words is more than an integer can count");

    let copy = buffer(&gpu, 64, BufferUsages::COPY_DST);
    let error = fill_error(&gpu, &normal(16), &Target::new(&copy, Dtype::F32));
    assert_eq!(error, missing(BufferUsages::STORAGE, BufferUsages::COPY_DST));
    let error = gpu.read::<f32>(&buffer_64, 0, 16).unwrap_err();
    assert_eq!(error, missing(BufferUsages::COPY_SRC, BufferUsages::STORAGE));
    assert_eq!(gpu.read::<f32>(&buffer_64, 6, 1).unwrap_err(), Error::MisalignedRange { offset: 6 });
}

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "a range that is refused")]
fn ranges_outside_of_a_fill_are_refused() {
    let fill = normal(24);
    for range in [0..25, 24..25, 5..4, u64::MAX..u64::MAX] {
        let error = fill.range(range.clone()).unwrap_err();
        assert_eq!(error, Error::BadParameter(format!("a range must lie inside its 24 elements, not {range:?}")));
    }
    assert_eq!(fill.range(24..24).unwrap().elements(), 0);
    // a range of a range counts in its elements
    let part = fill.range(10..20).unwrap();
    assert!(part.range(5..11).is_err());
    assert_eq!(part.range(5..10), fill.range(15..20));

    let endless = normal(u64::MAX);
    cpu::fill(&endless.range(u64::MAX - 7..u64::MAX).unwrap(), &mut [0.0_f32; 7]).unwrap();
}

#[test]
fn slices_of_another_length_are_refused() {
    let fill = normal(24);
    for found in [0, 23, 25] {
        let error = cpu::fill(&fill, &mut vec![0.0_f32; found]).unwrap_err();
        let found = found as u64;
        assert_eq!(error, Error::WrongLength { elements: 24, expected: 24, unit: "elements", found });
        assert_eq!(error.to_string(), format!("a fill of 24 elements needs a slice of 24 elements, not of {found}"));
    }
    for found in [0, 24, 47, 49, 96] {
        let error = cpu::fill_bytes(&fill, Dtype::BF16, &mut vec![0; found]).unwrap_err();
        assert_eq!(error, Error::WrongLength { elements: 24, expected: 48, unit: "bytes", found: found as u64 });
    }
    cpu::fill_bytes(&fill, Dtype::BF16, &mut [0; 48]).unwrap();
    let filler = cpu::Filler::new(&fill, Dtype::F32).unwrap();
    for (start, found) in [(0, 97), (0, 100), (20, 20), (24, 4), (25, 4), (u64::MAX, 4)] {
        let error = filler.fill_bytes(start, &mut vec![0; found]).unwrap_err();
        assert!(matches!(error, Error::WrongLength { unit: "bytes", .. }), "{start} {found}: {error}");
    }
    filler.fill_bytes(24, &mut []).unwrap();
}

#[test]
fn nothing_is_no_error() {
    let gpu = gpu();
    let empty = gpu.tensor(&normal(0), Dtype::BF16).unwrap();
    assert_eq!(empty.size(), 4);
    assert_eq!(gpu.read::<f32>(&empty, 0, 0).unwrap(), []);
    cpu::fill(&normal(0), &mut [] as &mut [f16]).unwrap();
    let shape = Shape::new(&[0]).unwrap();
    assert!(Init::he_normal().sampler(&shape).is_ok());
    assert_eq!(Shape::new(&[u64::MAX, u64::MAX, 0]).unwrap().elements(), 0);
}

#[test]
fn shapes_and_fans() {
    let error = Shape::new(&[1 << 32, 1 << 32]).unwrap_err();
    let text = "the number of elements of shape [4294967296, 4294967296] is more than an integer can count";
    assert_eq!(error.to_string(), text);
    let error = Init::he_normal().sampler(&Shape::new(&[7]).unwrap()).unwrap_err();
    assert_eq!(error, Error::TooFewDimensions { shape: vec![7] });
    let text = "fan_in and fan_out need at least two dimensions, shape [7] has 1: give the fans";
    assert_eq!(error.to_string(), text);
    for groups in [0, 3] {
        let error = Shape::new(&[8, 1, 3]).unwrap().with_groups(groups).fans().unwrap_err();
        assert_eq!(error.to_string(), format!("groups must divide the 8 channels of shape [8, 1, 3], not {groups}"));
    }
    let fans = seedtensors::Fans { fan_in: 0, fan_out: 5 };
    let error = Init::he_normal().sampler(&Shape::new(&[7]).unwrap().with_fans(fans)).unwrap_err();
    assert!(matches!(error, Error::BadParameter(_)), "{error}");
}

#[test]
fn bad_parameters_name_the_rule_and_the_value() {
    let shape = Shape::new(&[4, 4]).unwrap();
    let nan = f64::NAN;
    let inits = [
        (Init::Constant { value: nan }, "constant's value must be finite in f32, not NaN"),
        (Init::Constant { value: 1e39 }, "constant's value must be finite in f32, not 1e39"),
        (Init::Uniform { low: f64::NEG_INFINITY, high: 1.0 }, "uniform's low must be finite in f32, not -inf"),
        (Init::Uniform { low: 0.0, high: nan }, "uniform's high must be finite in f32, not NaN"),
        (Init::Normal { mean: nan, std: 1.0 }, "normal's mean must be finite in f32, not NaN"),
        (Init::Normal { mean: 0.0, std: f64::INFINITY }, "normal's std must be finite in f32, not inf"),
        (
            Init::he_normal().gain(Gain::Value(nan)).into(),
            "variance scaling's scale (the gain squared) must be finite and at least 0, not NaN",
        ),
    ];
    for (init, text) in inits {
        assert_eq!(init.sampler(&shape).unwrap_err().to_string(), text);
    }
    let samplers = [
        (Sampler::Uniform { low: 1.0, high: 0.5 }, Dtype::F32, "uniform's low must not be above high, not [1.0, 0.5)"),
        (
            Sampler::Uniform { low: -3e38, high: 3e38 },
            Dtype::F32,
            "uniform's high - low must be finite in f32, not 3e38 - -3e38",
        ),
        (Sampler::Uniform { low: 0.0, high: 1e5 }, Dtype::F16, "uniform's high must be finite in f16, not 100000.0"),
        (Sampler::Normal { mean: 0.0, std: -0.5 }, Dtype::F32, "normal's std must be at least 0, not -0.5"),
        (Sampler::Constant { value: f32::INFINITY }, Dtype::BF16, "a constant must be finite in bf16, not inf"),
    ];
    let gpu = gpu();
    for (sampler, dtype, text) in samplers {
        assert_eq!(sampler.check(dtype).unwrap_err().to_string(), text);
        assert_eq!(gpu.tensor(&Fill::from_sampler(Key::new(1), sampler, 4), dtype).unwrap_err().to_string(), text);
    }
    let wide = Sampler::Normal { mean: 0.0, std: 1e38 };
    assert!(
        wide.check(Dtype::F32).unwrap_err().to_string().starts_with("normal's |mean| + 6.77 std must be finite in f32")
    );
}

/// Values stay below `high` in every dtype, at the words that come nearest to it.
#[test]
fn uniforms_never_reach_high() {
    fn check<T: seedtensors::Element + Into<f32>>(low: f32, high: f32) {
        let fill = Fill::from_sampler(Key::new(3), Sampler::Uniform { low, high }, 1 << 20);
        let values: Vec<T> = cpu::tensor(&fill).unwrap();
        let largest = values.into_iter().map(Into::into).fold(f32::NEG_INFINITY, f32::max);
        assert!(largest < high, "[{low}, {high}) in {} gave {largest}", T::DTYPE);
    }
    for (low, high) in [(0.0, 1.0), (-1.0, 1.0), (0.999, 1.0), (-2.0, -1.999), (0.1, 0.100_1)] {
        check::<f32>(low, high);
        check::<f16>(low, high);
        check::<half::bf16>(low, high);
    }
}

#[test]
fn too_large_for_the_device() {
    let gpu = gpu();
    let limit = gpu.device().limits().max_buffer_size;
    let count = limit / 4 + 1;
    let bytes = 4 * count;
    assert_eq!(gpu.tensor(&normal(count), Dtype::F32).unwrap_err(), Error::BufferTooLarge { bytes, limit });
    assert!(matches!(gpu.tensor(&normal(u64::MAX / 2), Dtype::F32).unwrap_err(), Error::ShapeOverflow { .. }));
}

/// A device of the caller's without 64-bit integers takes the 16-bit products, and refuses the others.
#[test]
fn a_shader_that_the_device_refuses() {
    let (device, queue) = pollster::block_on(async {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let adapters = instance.enumerate_adapters(wgpu::Backends::all()).await;
        adapters.into_iter().next().unwrap().request_device(&Default::default()).await.unwrap()
    });
    let gpu = Gpu::from_wgpu(device, queue).unwrap();
    assert_eq!(gpu.form(), Form::SAFEST);
    gpu.check_all().unwrap();
    assert!(gpu.is_exact());
    let error = gpu.with_form(Form::SAFEST_U64).unwrap_err();
    assert!(matches!(error, Error::Wgpu(_)), "{error:?}");
}

#[test]
fn a_lost_device_is_an_error() {
    let gpu = gpu();
    let buffer = gpu.tensor(&normal(1024), Dtype::F32).unwrap();
    gpu.device().destroy();
    for error in [
        gpu.read::<f32>(&buffer, 0, 4).unwrap_err(),
        gpu.tensor(&normal(1024), Dtype::F32).unwrap_err(),
        fill_error(&gpu, &normal(4), &Target::new(&buffer, Dtype::F32)),
    ] {
        assert!(matches!(error, Error::DeviceLost(_)), "{error:?}");
    }
}

/// The loss of a caller's device is noticed, although its callbacks are the caller's.
#[test]
fn a_lost_device_of_the_callers_is_an_error() {
    let ours = gpu();
    let gpu = Gpu::from_wgpu(ours.device().clone(), ours.queue().clone()).unwrap();
    let buffer = gpu.tensor(&normal(1024), Dtype::F32).unwrap();
    gpu.device().destroy();
    let error = gpu.read::<f32>(&buffer, 0, 4).unwrap_err();
    assert!(matches!(error, Error::DeviceLost(_)), "{error:?}");
    let error = gpu.tensor(&normal(1024), Dtype::F32).unwrap_err();
    assert!(matches!(error, Error::DeviceLost(_)), "{error:?}");
    let error = Gpu::from_wgpu(ours.device().clone(), ours.queue().clone()).unwrap_err();
    assert!(matches!(error, Error::DeviceLost(_)), "{error:?}");
}
