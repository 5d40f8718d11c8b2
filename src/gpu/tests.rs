//! What only the inside can provoke: a device that computes wrongly.

use super::*;
use crate::{Arithmetic, Dtype, Error, Fill, Key, Result, Sampler};

fn open() -> Gpu {
    Gpu::open(&Select::Default).unwrap_or_else(|error| {
        panic!("this test needs a GPU or a software driver; scripts/test installs one where there is none: {error}")
    })
}

/// The default device with one piece of its shader text replaced.
fn spoilt(from: &str, to: &str) -> Gpu {
    let gpu = open();
    let source = gpu.form().source();
    assert!(source.contains(from), "{from}");
    let source = source.replacen(from, to, 1);
    let form = gpu.pipelines.form();
    pollster::block_on(Gpu::new(gpu.device.clone(), gpu.queue.clone(), Arc::default(), form, &source)).unwrap()
}

const NORMAL: Sampler = Sampler::Normal { mean: 0.0, std: 1.0 };

fn tensor(gpu: &Gpu, sampler: Sampler, arithmetic: Arithmetic) -> Result<wgpu::Buffer> {
    gpu.tensor(&Fill { arithmetic, ..Fill::new(Key::new(1), sampler) }, Dtype::F32, 100)
}

#[test]
fn a_device_that_regroups_is_refused_for_exact_normals_alone() {
    // llvmpipe regroups what is not pinned
    let gpu = spoilt("bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) | vec4(zero))", "x");
    assert!(!gpu.is_exact());
    let error = tensor(&gpu, NORMAL, Arithmetic::Exact).unwrap_err();
    let Error::InexactDevice { device, sampler, dtype, expected, found, .. } = &error else { panic!("{error:?}") };
    assert_eq!((device, sampler.as_str(), dtype), (&gpu.info().name, "normal", &Dtype::F32));
    assert_ne!(expected, found);
    assert!(error.to_string().contains("use native arithmetic, or the CPU"), "{error}");
    tensor(&gpu, NORMAL, Arithmetic::Native).unwrap();
    tensor(&gpu, Sampler::Uniform { low: 0.0, high: 1.0 }, Arithmetic::Exact).unwrap();
}

#[test]
fn a_device_whose_words_are_wrong_is_refused_for_everything() {
    let gpu = spoilt("0x9E3779B9u", "0x9E3779B8u");
    for (sampler, arithmetic) in [
        (Sampler::Words, Arithmetic::Exact),
        (Sampler::Uniform { low: 0.0, high: 1.0 }, Arithmetic::Native),
        (NORMAL, Arithmetic::Native),
    ] {
        let error = tensor(&gpu, sampler, arithmetic).unwrap_err();
        assert!(matches!(error, Error::InexactDevice { .. }), "{error:?}");
    }
}

#[test]
fn a_device_that_rounds_halves_wrongly_is_refused() {
    let gpu = spoilt("(bits + vec4(0x7fffu) + ", "(bits + vec4(0x7f00u) + ");
    for (sampler, arithmetic) in [
        (NORMAL, Arithmetic::Exact),
        (NORMAL, Arithmetic::Native),
        (Sampler::Uniform { low: 0.0, high: 1.0 }, Arithmetic::Exact),
    ] {
        let fill = Fill { arithmetic, ..Fill::new(Key::new(1), sampler) };
        let error = gpu.tensor(&fill, Dtype::BF16, 100).unwrap_err();
        assert!(matches!(error, Error::InexactDevice { dtype: Dtype::BF16, .. }), "{error:?}");
        gpu.tensor(&fill, Dtype::F32, 100).unwrap();
        gpu.tensor(&fill, Dtype::F16, 100).unwrap();
    }
}

/// The fills of the check lie in one binding, which is as large as a device must allow.
#[test]
fn the_check_fits_into_the_least_binding() {
    let bytes: u64 = probes::long().chain(probes::short()).map(|probe| probe.count * probe.dtype.size()).sum();
    assert!(bytes <= requirements::LEAST_BINDING, "{bytes}");
    assert!(bytes > requirements::LEAST_BINDING / 4, "{bytes}");
}
