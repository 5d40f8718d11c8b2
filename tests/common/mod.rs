//! Shared by the tests: a GPU, and fills compared bit by bit.
#![allow(dead_code, reason = "every test file uses its own part")]
#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are known to fit")]

use std::fmt::Debug;
use std::sync::OnceLock;

use naga::Module;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use seedtensors::gpu::{Form, Gpu, Multiply, Select, Target};
use seedtensors::{Element, Fill, Key, Sampler, cpu};

/// The default GPU; without one the test fails and says how to get one.
pub(crate) fn gpu() -> Gpu {
    Gpu::open(&Select::Default).unwrap_or_else(|error| {
        panic!("this test needs a GPU or a software driver; scripts/test installs one where there is none: {error}")
    })
}

/// The default GPU with each form of the shaders: as it is opened, and as other devices run them. Opened once, because
/// the checks of four devices take a while.
pub(crate) fn gpus() -> &'static [Gpu; 4] {
    static GPUS: OnceLock<[Gpu; 4]> = OnceLock::new();
    let form = |form| {
        gpu().with_form(form).unwrap_or_else(|error| {
            panic!("every form is tested on one device, which needs 64-bit integers (llvmpipe has them): {error}")
        })
    };
    GPUS.get_or_init(|| [gpu(), form(Form::SAFEST), form(Form::RADV), form(Form::NVK)])
}

/// `count` elements of a sampler, from element `start` of a tensor without end on.
pub(crate) fn elements(key: Key, sampler: Sampler, start: u64, count: u64) -> Fill {
    Fill::from_sampler(key, sampler, u64::MAX).range(start..start + count).unwrap()
}

/// A buffer of this many bytes, each `0xa5`.
pub(crate) fn canary(gpu: &Gpu, bytes: u64) -> wgpu::Buffer {
    let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: bytes,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: true,
    });
    buffer.get_mapped_range_mut(..).unwrap().copy_from_slice(&vec![0xa5; bytes as usize]);
    buffer.unmap();
    buffer
}

/// Fills a buffer that holds canaries from byte `offset` on and compares every byte: the range with the CPU's fill, the
/// rest with the canary.
pub(crate) fn assert_agrees<T: Element + PartialEq + Debug>(gpu: &Gpu, fill: &Fill, offset: u64) {
    let (size, count) = (T::DTYPE.size(), fill.elements());
    let before = (offset / size) as usize;
    // room for a slot and a half behind the range, in whole words
    let bytes = (offset + count * size + 24).next_multiple_of(4);
    let buffer = canary(gpu, bytes);
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    gpu.fill(&mut encoder, fill, &Target::new(&buffer, T::DTYPE).at(offset)).unwrap();
    gpu.queue().submit([encoder.finish()]);
    let found: Vec<T> = gpu.read(&buffer, 0, bytes / size).unwrap();

    let mut expected = vec![T::zeroed(); found.len()];
    bytemuck::cast_slice_mut::<T, u8>(&mut expected).fill(0xa5);
    cpu::fill(fill, &mut expected[before..][..count as usize]).unwrap();
    let (found, expected): (&[u8], &[u8]) = (bytemuck::cast_slice(&found), bytemuck::cast_slice(&expected));
    if found != expected {
        let at = found.iter().zip(expected).position(|(a, b)| a != b).unwrap() / size as usize;
        let differing = found.chunks(size as usize).zip(expected.chunks(size as usize)).filter(|(a, b)| a != b).count();
        panic!(
            "{fill:?} {} {}, offset {offset}, count {count}: {differing} elements differ, first {at} of the buffer",
            T::DTYPE,
            gpu.form(),
        );
    }
}

/// Compares words on the GPU with the CPU's.
pub(crate) fn assert_words_agree(gpu: &Gpu, key: Key, start: u64, count: u64) {
    let found: Vec<u32> = gpu.read(&gpu.words(key, start, count).unwrap(), 0, count).unwrap();
    let mut expected = vec![0; count as usize];
    cpu::words(key, start, &mut expected);
    let different = found.iter().zip(&expected).position(|(a, b)| a != b);
    assert_eq!(different, None, "{key:?}, {count} words from {start} on, {}", gpu.form());
}

/// Runs one thread of the library's shader text and `entry`, which reads and writes `io`, an array of
/// `vec4<u32>` at binding 3.
pub(crate) fn run_shader(gpu: &Gpu, form: Form, body: &str, io: &[[u32; 4]]) -> Vec<[u32; 4]> {
    let entry = format!(
        "@group(0) @binding(3) var<storage, read_write> io: array<vec4<u32>, {}>;
        @compute @workgroup_size(1) fn test_entry() {{ {body} }}",
        io.len()
    );
    let device = gpu.device();
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl((form.source() + &entry).into()),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("test_entry"),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &[
                ("SAMPLER", 0.0),
                ("DTYPE", 0.0),
                ("COORDINATES", 0.0),
                ("WIDE", 0.0),
                ("EVEN", 0.0),
                ("STRADDLE", 0.0),
                ("PRODUCTS", 0.0),
            ],
            ..Default::default()
        },
        cache: None,
    });
    let buffer = canary(gpu, size_of_val(io) as u64);
    gpu.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(io));
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[wgpu::BindGroupEntry { binding: 3, resource: buffer.as_entire_binding() }],
    });
    let mut encoder = device.create_command_encoder(&Default::default());
    {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(1, 1, 1);
    }
    gpu.queue().submit([encoder.finish()]);
    let words: Vec<u32> = gpu.read(&buffer, 0, 4 * io.len() as u64).unwrap();
    words.as_chunks().0.to_vec()
}

/// The library's shader text, as naga reads and validates it.
pub(crate) fn parse(form: Form) -> (Module, ModuleInfo) {
    let source = form.source();
    let module = naga::front::wgsl::parse_str(&source).unwrap_or_else(|e| panic!("{}", e.emit_to_string(&source)));
    let capabilities = match form.multiply {
        Multiply::U16 => Capabilities::empty(),
        _ => Capabilities::SHADER_INT64,
    };
    let info = Validator::new(ValidationFlags::all(), capabilities).validate(&module);
    (module, info.unwrap_or_else(|e| panic!("{}", e.emit_to_string(&source))))
}
