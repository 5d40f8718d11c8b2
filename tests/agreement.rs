//! GPU against CPU, bit by bit: every sampler, dtype and form of the shaders.
#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are known to fit")]

mod common;

use common::{assert_agrees, assert_words_agree, elements, gpus};
use half::{bf16, f16};
use seedtensors::gpu::{Form, Gpu};
use seedtensors::reference::{box_muller, radius};
use seedtensors::{Arithmetic, Dtype, Element, Fill, Key, Sampler, cpu};

const SAMPLERS: [Sampler; 11] = [
    Sampler::Constant { value: -0.1 },
    Sampler::Uniform { low: 0.0, high: 1.0 },
    Sampler::Uniform { low: -0.033, high: 0.1 },
    Sampler::Normal { mean: 0.0, std: 1.0 },
    Sampler::Normal { mean: 0.01, std: 0.02 },
    Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: -2.0, high: 2.0 },
    Sampler::TruncatedNormal { mean: 0.01, std: 0.02, low: 0.05, high: f32::INFINITY },
    Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: 0.3, high: 0.33 },
    Sampler::TruncatedNormal { mean: 0.0, std: 0.02, low: -2.0, high: 2.0 },
    Sampler::TruncatedNormal { mean: 0.01, std: 0.02, low: f32::NEG_INFINITY, high: 0.05 },
    Sampler::TruncatedNormal { mean: 0.01, std: 0.02, low: f32::NEG_INFINITY, high: -0.1 },
];

const fn truncated(mean: f32, std: f32, low: f32, high: f32) -> Sampler {
    Sampler::TruncatedNormal { mean, std, low, high }
}

fn key() -> Key {
    Key::new(0xdead_beef_0bad_cafe).named("agreement")
}

/// One range of each sampler, and of the words in f32.
fn each_sampler<T: Element + PartialEq + std::fmt::Debug>(gpu: &Gpu, start: u64, offset: u64, count: u64) {
    for sampler in SAMPLERS {
        assert_agrees::<T>(gpu, &elements(key(), sampler, start, count), offset);
    }
    if T::DTYPE == Dtype::F32 {
        assert_words_agree(gpu, key(), start, count);
    }
}

fn each_dtype(gpu: &Gpu, start: u64, offset: u64, count: u64) {
    each_sampler::<f32>(gpu, start, offset, count);
    each_sampler::<f16>(gpu, start, offset, count);
    each_sampler::<bf16>(gpu, start, offset, count);
}

#[test]
fn small_counts_at_every_start_and_offset() {
    for gpu in gpus() {
        for count in 0..=17 {
            let (start, offset) = (count * 7 % 5, count * 12 % 32);
            each_dtype(gpu, start, offset, count);
        }
        for start in 0..8 {
            for offset in (0..32).step_by(4) {
                assert_agrees::<f32>(gpu, &elements(key(), SAMPLERS[4], start, 70), offset);
                assert_agrees::<bf16>(gpu, &elements(key(), SAMPLERS[4], start, 139), offset);
            }
        }
    }
}

#[test]
fn counts_about_powers_of_two() {
    for gpu in gpus() {
        for (i, count) in [255, 256, 257, 65_535, 65_536, 65_537, (1 << 20) + 3].into_iter().enumerate() {
            each_dtype(gpu, i as u64, 4 * i as u64, count);
            each_dtype(gpu, 0, 0, count);
        }
    }
}

#[test]
fn starts_past_two_to_the_32_and_counters_that_wrap() {
    for gpu in gpus() {
        for start in [(1 << 32) - 5, 1 << 32, (1 << 34) - 1000, (1 << 34) + 3, (1 << 63) + 1] {
            each_dtype(gpu, start, 8, 10_001);
        }
        // an offset whose counters pass 2^64 within the fill
        let key = Key { seed: 7, offset: u64::MAX - 100 };
        for sampler in SAMPLERS {
            assert_agrees::<f32>(gpu, &Fill::from_sampler(key, sampler, 4096), 0);
        }
        assert_words_agree(gpu, key, 0, 4096);
    }
}

/// 2^25 + 1 elements of f32 are 4 bytes more than llvmpipe binds at once.
#[test]
fn two_to_the_25_and_one() {
    for gpu in gpus() {
        each_sampler::<f32>(gpu, 0, 0, (1 << 25) + 1);
        each_sampler::<f16>(gpu, 0, 0, (1 << 25) + 1);
        each_sampler::<bf16>(gpu, 0, 0, (1 << 25) + 1);
    }
}

/// A tensor larger than a binding whose words straddle blocks, so that each thread writes 8 bytes and a
/// window of 128 MiB takes 65,536 workgroups.
#[test]
fn more_than_a_binding_and_more_than_65535_workgroups() {
    for gpu in gpus() {
        let window = gpu.device().limits().max_storage_buffer_binding_size.min(1 << 27);
        let count = window / 2 + 1001;
        assert!(count / 4 / 256 > 65_535, "windows of {window} bytes need fewer workgroups");
        assert_agrees::<bf16>(gpu, &elements(key(), SAMPLERS[4], 1, count), 4);
        assert_agrees::<f32>(gpu, &elements(key(), SAMPLERS[4], 3, window / 4 + 1001), 4);
    }
}

/// A small range far into a buffer that is larger than a binding, and one across the edge of a window.
#[test]
fn ranges_beyond_the_first_window() {
    for gpu in gpus() {
        let window = gpu.device().limits().max_storage_buffer_binding_size.min(1 << 27);
        for offset in [window + 12, window - 20] {
            each_dtype(gpu, 2, offset, 1001);
        }
    }
}

#[test]
fn threads_share_a_gpu() {
    for gpu in gpus() {
        std::thread::scope(|scope| {
            for start in 0..4 {
                let gpu = &gpu;
                scope.spawn(move || each_dtype(gpu, start, 4 * start, 100_001));
            }
        });
    }
}

/// Opening a device checks nothing. Each kernel is checked at its first use, and all of them on demand.
#[test]
fn a_fill_before_any_check_is_exact() {
    let gpu = common::gpu();
    assert!(gpu.is_exact());
    each_dtype(&gpu, 3, 4, 1001);
    assert!(gpu.is_exact());
    gpu.check_all().unwrap();
    assert!(gpu.is_exact());
    each_dtype(&gpu, 3, 4, 1001);
}

#[test]
fn parameters_at_the_ends_of_their_range() {
    let samplers = [
        Sampler::Normal { mean: 0.0, std: 0.0 },
        Sampler::Normal { mean: -3.0, std: 0.0 },
        Sampler::Normal { mean: 0.0, std: f32::MIN_POSITIVE },
        Sampler::Normal { mean: 0.0, std: 3e-38 },
        Sampler::Normal { mean: 1e-37, std: 1e-37 },
        Sampler::Normal { mean: 1.0, std: 1e-37 },
        Sampler::Normal { mean: 0.0, std: 1e-25 },
        Sampler::Normal { mean: 1e-38, std: 1e-20 },
        Sampler::Normal { mean: 0.0, std: 5e37 },
        Sampler::Normal { mean: 1e-40, std: 1e-40 },
        Sampler::Uniform { low: 0.0, high: f32::MIN_POSITIVE },
        Sampler::Uniform { low: -1e-37, high: 1e-37 },
        Sampler::Uniform { low: 1.5e-38, high: 2e-38 },
        Sampler::Uniform { low: 1.0, high: 1.000_000_1 },
        Sampler::Uniform { low: 2.0, high: 2.0 },
        Sampler::Uniform { low: -1.7e38, high: 1.7e38 },
        Sampler::Uniform { low: -1.0, high: 0.0 },
        truncated(0.0, 1e-30, -1e-30, 3e-30),
        truncated(1e-38, 2e-38, 0.0, 3e-38),
        truncated(0.0, 1.0, 1.2e-37, 2.4e-37),
        truncated(0.0, 1.0, -5e-7, 5e-7),
        truncated(-1.0, 1.0, 0.0, 1e-6),
        truncated(-12.0, 1.0, 0.0, 0.5),
        truncated(0.0, 1.0, 8.0, f32::INFINITY),
        truncated(0.0, 1.0, f32::NEG_INFINITY, f32::INFINITY),
        truncated(0.0, 3e37, -1e38, 1e38),
        truncated(0.0, 1.0, -1e26, 2.0),
        truncated(1e-3, 1e-25, -1.0, 1.0),
        truncated(0.0, 1e-20, -1.0, 1e-20),
        Sampler::Constant { value: -0.0 },
        Sampler::Constant { value: 1e-40 },
    ];
    for gpu in gpus() {
        for sampler in samplers {
            let fill = Fill::from_sampler(key(), sampler, 100_003);
            assert_agrees::<f32>(gpu, &fill, 0);
            assert_agrees::<bf16>(gpu, &fill, 0);
            if sampler.check(Dtype::F16).is_ok() {
                assert_agrees::<f16>(gpu, &fill, 0);
            }
        }
    }
}

/// Words at which generators have failed, in every lane, native arithmetic included.
#[test]
fn words_at_their_ends_in_every_lane() {
    const ENDS: [u32; 5] = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
    let mut words = Vec::new();
    for i in 0..5_usize.pow(4) {
        words.push([i % 5, i / 5 % 5, i / 25 % 5, i / 125].map(|end| ENDS[end]));
    }
    let each = |function: &str| {
        let n = words.len();
        // if `zero` were known, the compiler would regroup what `pin` keeps apart: llvmpipe does
        let body = format!(
            "zero = io[{n}].x;
            for (var i = 0; i < {n}; i++) {{
                let other = io[{n} - 1 - i];
                io[{n} + 1 + i] = bitcast<vec4<u32>>({function}(io[i], other).a);
                io[2 * {n} + 1 + i] = bitcast<vec4<u32>>({function}(other, io[i]).b);
            }}"
        );
        let mut io = words.clone();
        io.resize(3 * n + 1, [0; 4]);
        let io = common::run_shader(&common::gpu(), Form::SAFEST, &body, &io);
        io[n + 1..].to_vec()
    };
    let (exact, native) = (each("box_muller"), each("box_muller_native"));
    // as the first block of two, then as the second
    assert_eq!([exact.len(), native.len()], [2 * words.len(); 2]);
    for ((w, exact), native) in words.iter().chain(&words).zip(exact).zip(native) {
        let (a, b) = box_muller(w[0], w[1]);
        let (c, d) = box_muller(w[2], w[3]);
        assert_eq!(exact, [a, b, c, d].map(f32::to_bits), "{w:x?}");
        for lane in 0..4 {
            let (value, exact) = (f32::from_bits(native[lane]), f32::from_bits(exact[lane]));
            let tolerance = native_tolerance(w[lane & 2]);
            assert!((value - exact).abs() <= tolerance, "{w:x?} lane {lane}: native {value}, exact {exact}");
        }
    }
}

/// The tolerance that the documentation of `Arithmetic::Native` promises, for a pair's even word.
fn native_tolerance(even: u32) -> f32 {
    radius(even) * 2f32.powi(-11) + 2f32.powf(-9.5)
}

/// The second std is so small that exact arithmetic scales it up first.
#[test]
fn native_normals_are_near_exact_ones() {
    for std in [1.0, 1e-30] {
        let count = 1 << 22;
        let fill = Fill::from_sampler(key(), Sampler::Normal { mean: 0.0, std }, count as u64);
        let exact: Vec<f32> = cpu::tensor(&fill).unwrap();
        let native = fill.with_arithmetic(Arithmetic::Native);
        let on_cpu: Vec<f32> = cpu::tensor(&native).unwrap();
        for gpu in gpus() {
            let buffer = gpu.tensor(&native, Dtype::F32).unwrap();
            let on_gpu: Vec<f32> = gpu.read(&buffer, 0, count as u64).unwrap();
            for i in 0..count {
                let tolerance = std * native_tolerance(key().block(i as u64 / 4)[i & 2]);
                for native in [on_cpu[i], on_gpu[i]] {
                    assert!((native - exact[i]).abs() <= tolerance, "element {i}: native {native}, exact {}", exact[i]);
                }
            }
        }
    }
}
