//! Tests that need the inside of the module: devices whose shaders compute wrongly.

use super::handle::Gpu;
use super::pipeline::Source;
use super::*;
use crate::dispatch::probes;
use crate::{Arithmetic, Dtype, Error, Fill, Key, Result, Sampler};

fn open() -> Gpu {
    Gpu::open(&Select::Default).unwrap_or_else(|error| {
        panic!("this test needs a GPU or a software driver; scripts/test installs one where there is none: {error}")
    })
}

/// The shader of a form with one piece of its text replaced.
fn replaced(form: Form, from: &str, to: &str) -> String {
    let source = form.source();
    // a text that is not there would test the unchanged shader
    assert!(source.contains(from), "{from}");
    source.replacen(from, to, 1)
}

/// The default device with other shaders, in every form that it would try.
fn spoilt(source: Source) -> Gpu {
    let gpu = open();
    let forms = vec![gpu.form(), gpu.form().safest()];
    let (device, queue) = (gpu.device().clone(), gpu.queue().clone());
    pollster::block_on(Gpu::new(device, queue, std::sync::Arc::default(), forms, source)).unwrap()
}

const NORMAL: Sampler = Sampler::Normal { mean: 0.0, std: 1.0 };
const UNIFORM: Sampler = Sampler::Uniform { low: 0.0, high: 1.0 };

fn tensor(gpu: &Gpu, sampler: Sampler, arithmetic: Arithmetic, dtype: Dtype) -> Result<wgpu::Buffer> {
    gpu.tensor(&Fill::from_sampler(Key::new(1), sampler, 100).with_arithmetic(arithmetic), dtype)
}

#[test]
fn a_device_that_regroups_is_refused_for_exact_normals_alone() {
    // llvmpipe regroups where there is no barrier
    let gpu = spoilt(|form| replaced(form, "bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) | vec4(zero))", "x"));
    let error = tensor(&gpu, NORMAL, Arithmetic::Exact, Dtype::F32).unwrap_err();
    let Error::InexactDevice { device, sampler, dtype, expected, found, .. } = &error else { panic!("{error:?}") };
    assert_eq!((device, sampler.as_str(), dtype), (&gpu.info().name, "normal", &Dtype::F32));
    assert_ne!(expected, found);
    assert!(error.to_string().contains("use native arithmetic, or the CPU"), "{error}");
    assert!(!gpu.is_exact());
    tensor(&gpu, NORMAL, Arithmetic::Native, Dtype::F32).unwrap();
    tensor(&gpu, UNIFORM, Arithmetic::Exact, Dtype::F32).unwrap();
}

#[test]
fn a_device_whose_words_are_wrong_is_refused_for_everything() {
    // one bit of a constant that is added to the key between rounds
    let gpu = spoilt(|form| replaced(form, "0x9E3779B9u", "0x9E3779B8u"));
    let words = gpu.words(Key::new(1), 0, 100).map(drop);
    let fills = [(UNIFORM, Arithmetic::Native), (NORMAL, Arithmetic::Native), (NORMAL, Arithmetic::Exact)];
    let fills = fills.map(|(sampler, arithmetic)| tensor(&gpu, sampler, arithmetic, Dtype::F32).map(drop));
    for result in fills.into_iter().chain([words]) {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::InexactDevice { .. }), "{error:?}");
    }
}

#[test]
fn a_device_that_rounds_halves_wrongly_is_refused() {
    // bf16 then rounds a little more than half a unit down
    let gpu = spoilt(|form| replaced(form, "(bits + vec4(0x7fffu) + ", "(bits + vec4(0x7f00u) + "));
    for (sampler, arithmetic) in
        [(NORMAL, Arithmetic::Exact), (NORMAL, Arithmetic::Native), (UNIFORM, Arithmetic::Exact)]
    {
        let error = tensor(&gpu, sampler, arithmetic, Dtype::BF16).unwrap_err();
        assert!(matches!(error, Error::InexactDevice { dtype: Dtype::BF16, .. }), "{error:?}");
        tensor(&gpu, sampler, arithmetic, Dtype::F32).unwrap();
        tensor(&gpu, sampler, arithmetic, Dtype::F16).unwrap();
    }
}

/// A device whose fastest form differs runs the safest form, and gives the CPU's bits.
#[test]
fn a_form_that_differs_is_replaced_by_the_safest() {
    let gpu = open();
    let forms = vec![Form::NVK, Form::SAFEST];
    let source: Source =
        |form| if form == Form::NVK { replaced(form, "0x9E3779B9u", "0x9E3779B8u") } else { form.source() };
    let (device, queue) = (gpu.device().clone(), gpu.queue().clone());
    let gpu = pollster::block_on(Gpu::new(device, queue, std::sync::Arc::default(), forms, source)).unwrap();
    let fill = Fill::from_sampler(Key::new(1), NORMAL, 1000);
    let found: Vec<f32> = gpu.read(&gpu.tensor(&fill, Dtype::F32).unwrap(), 0, 1000).unwrap();
    assert_eq!(found, crate::cpu::tensor::<f32>(&fill).unwrap());
    assert!(gpu.is_exact());
}

/// All fills of the check fit in one binding of the smallest size that a device must allow.
#[test]
fn the_check_fits_into_the_least_binding() {
    let bytes: u64 = probes::long().chain(probes::short()).map(|probe| probe.count * probe.dtype.size()).sum();
    assert!(bytes <= requirements::LEAST_BINDING, "{bytes}");
    // the bound is not far too large, either
    assert!(bytes > requirements::LEAST_BINDING / 4, "{bytes}");
}

/// Every kernel that a sampler can need has fills that check it.
#[test]
fn every_kernel_has_a_check() {
    let gpu = open();
    gpu.check_all().unwrap();
    assert!(gpu.is_exact());
    let narrow = Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: 0.4, high: 0.41 };
    let wide = Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: -2.0, high: 2.0 };
    let [line, skewed, far] = [(-9.0, 9.0), (-1.0, 9.0), (4.0, 9.0)].map(|(low, high)| Sampler::TruncatedNormal {
        mean: 0.0,
        std: 1.0,
        low,
        high,
    });
    let biased = Sampler::Normal { mean: 0.5, std: 1.0 };
    // all samplers that a shader makes; a matrix has no kernel
    for sampler in [Sampler::Constant { value: 0.5 }, UNIFORM, NORMAL, biased, wide, line, skewed, far, narrow] {
        for &dtype in Dtype::ALL {
            for arithmetic in [Arithmetic::Exact, Arithmetic::Native] {
                let kernel = crate::kernel::Kernel::new(&sampler, dtype, arithmetic).unwrap();
                let crate::kernel::Kernel::Elementwise(kind, _) = kernel else { panic!("{kernel:?}") };
                gpu.checks.form(kind, dtype).unwrap();
            }
        }
    }
}

/// Executors with several threads take the futures, so they are `Send`.
#[test]
fn futures_can_be_sent_to_other_threads() {
    fn sendable<T: Send>(future: T) -> T {
        future
    }
    let gpu = open();
    let fill = Fill::from_sampler(Key::new(1), NORMAL, 100);
    let buffer = pollster::block_on(sendable(gpu.tensor_async(&fill, Dtype::F32))).unwrap();
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let target = Target::new(&buffer, Dtype::F32);
    pollster::block_on(sendable(gpu.fill_async(&mut encoder, &fill.range(0..7).unwrap(), &target))).unwrap();
    gpu.queue().submit([encoder.finish()]);
    let found: Vec<f32> = pollster::block_on(sendable(gpu.read_async(&buffer, 0, 100))).unwrap();
    assert_eq!(found, crate::cpu::tensor::<f32>(&fill).unwrap());
    drop((sendable(gpu.check_all_async()), sendable(Gpu::open_async(&Select::Default))));
}
