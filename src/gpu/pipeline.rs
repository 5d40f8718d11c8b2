//! The shaders' source, put together, and their pipelines, compiled when first used.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Gpu, poll_once};
use crate::sampler::Kind;
use crate::{Dtype, Error, Result};

/// How the shaders multiply two 32-bit words into 64 bits. The values are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Multiply {
    /// One product of 64-bit integers; needs `Features::SHADER_INT64`.
    U64,
    /// Four products of 16-bit halves; works everywhere.
    U16,
}

impl Multiply {
    /// The faster form that the device has.
    pub(super) fn of(device: &wgpu::Device) -> Self {
        if device.features().contains(wgpu::Features::SHADER_INT64) { Self::U64 } else { Self::U16 }
    }

    /// The whole shader with this form of the multiply: the text that the library runs, for tests and for
    /// those who run it themselves.
    ///
    /// ```
    /// use seedtensors::gpu::Multiply;
    ///
    /// assert!(Multiply::U16.source().contains("fn fill_slots"));
    /// assert!(!Multiply::U16.source().contains("u64"));
    /// ```
    #[must_use]
    pub fn source(self) -> String {
        let multiply = match self {
            Self::U64 => include_str!("../../shaders/mul_high_u64.wgsl"),
            Self::U16 => include_str!("../../shaders/mul_high_u16.wgsl"),
        };
        [
            include_str!("../../shaders/pin.wgsl"),
            multiply,
            include_str!("../../shaders/philox.wgsl"),
            include_str!("../../shaders/box_muller.wgsl"),
            include_str!("../../shaders/inverse_normal.wgsl"),
            include_str!("../../shaders/sampler.wgsl"),
            include_str!("../../shaders/dtype.wgsl"),
            include_str!("../../shaders/fill.wgsl"),
        ]
        .join("\n")
    }
}

/// An entry point of shaders/fill.wgsl.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Entry {
    /// 16-byte slots, four to a thread; of a shard where there are digits; `even` where a thread's slots lie
    /// equally far apart in the tensor.
    Slots { digits: Option<Digits>, even: bool },
    /// Word by word; `straddle` where half-precision words straddle blocks.
    Words { straddle: bool },
    /// Element by element, from anywhere in a tensor.
    Scattered { digits: Digits },
}

/// What finding a shard's places takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Digits {
    /// How many digits are divided by.
    pub(super) count: u32,
    /// Whether they lie 2^32 or more apart.
    pub(super) wide: bool,
}

/// What a pipeline is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Variant {
    pub(super) entry: Entry,
    pub(super) kind: Kind,
    pub(super) dtype: Dtype,
}

/// What of the shaders depends on the device.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub(super) multiply: Multiply,
    /// Mesa's llvmpipe, for which shaders/pin.wgsl has a shorter way. It fuses no product into a sum because LLVM fuses
    /// what carries its flag `contract`, and llvmpipe's sums and products carry none.
    pub(super) llvmpipe: bool,
}

impl Form {
    /// The fastest for a device.
    pub(super) fn of(device: &wgpu::Device) -> Self {
        Self { multiply: Multiply::of(device), llvmpipe: device.adapter_info().driver == "llvmpipe" }
    }
}

pub(super) struct Pipelines {
    form: Form,
    module: wgpu::ShaderModule,
    layout: wgpu::PipelineLayout,
    bindings: wgpu::BindGroupLayout,
    compiled: Mutex<HashMap<Variant, wgpu::ComputePipeline>>,
}

impl Pipelines {
    pub(super) fn new(device: &wgpu::Device, form: Form, source: &str) -> Result<Self> {
        let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("seedtensors"),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let bindings = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("seedtensors"),
            entries: &[
                binding(0, wgpu::BufferBindingType::Uniform, true),
                binding(1, wgpu::BufferBindingType::Storage { read_only: false }, false),
            ],
        });
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("seedtensors"),
            bind_group_layouts: &[Some(&bindings)],
            immediate_size: 0,
        });
        match poll_once(scope.pop()) {
            Some(error) => Err(Error::Wgpu(error.to_string())),
            None => Ok(Self { form, module, layout, bindings, compiled: Mutex::default() }),
        }
    }

    pub(super) const fn form(&self) -> Form {
        self.form
    }

    pub(super) const fn bindings(&self) -> &wgpu::BindGroupLayout {
        &self.bindings
    }
}

const fn binding(binding: u32, ty: wgpu::BufferBindingType, dynamic: bool) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: dynamic, min_binding_size: None },
        count: None,
    }
}

impl Gpu {
    /// The pipeline of a variant, compiled if this is its first use.
    pub(super) fn pipeline(&self, variant: Variant) -> Result<wgpu::ComputePipeline> {
        // a panic elsewhere leaves the map whole: it only ever grows
        let compiled = || self.pipelines.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = compiled().get(&variant) {
            return Ok(pipeline.clone());
        }
        // unlocked, so that threads compile side by side
        let pipeline = self.compile(variant)?;
        compiled().insert(variant, pipeline.clone());
        Ok(pipeline)
    }

    fn compile(&self, variant: Variant) -> Result<wgpu::ComputePipeline> {
        let (entry_point, digits, even, straddle) = match variant.entry {
            Entry::Slots { digits, even } => ("fill_slots", digits, even, false),
            Entry::Words { straddle } => ("fill_words", None, false, straddle),
            Entry::Scattered { digits } => ("fill_scattered", Some(digits), false, false),
        };
        let constants = [
            ("SAMPLER", f64::from(variant.kind as u32)),
            ("DTYPE", f64::from(variant.dtype as u32)),
            ("DIGITS", digits.map_or(f64::from(u32::MAX), |digits| f64::from(digits.count))),
            ("WIDE", f64::from(u8::from(digits.is_some_and(|digits| digits.wide)))),
            ("EVEN", f64::from(u8::from(even))),
            ("STRADDLE", f64::from(u8::from(straddle))),
            ("LLVMPIPE", f64::from(u8::from(self.pipelines.form.llvmpipe))),
        ];
        self.scoped(0, || {
            self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some("seedtensors"),
                layout: Some(&self.pipelines.layout),
                module: &self.pipelines.module,
                entry_point: Some(entry_point),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &constants,
                    zero_initialize_workgroup_memory: false,
                },
                cache: None,
            })
        })
    }
}
