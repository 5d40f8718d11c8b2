//! The shaders' pipelines, compiled when first used.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Gpu;
use super::form::Form;
use super::guard::captured;
use crate::sampler::Kind;
use crate::{Dtype, Error, Result};

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

impl Entry {
    /// The entry point's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Slots { .. } => "fill_slots",
            Self::Words { .. } => "fill_words",
            Self::Scattered { .. } => "fill_scattered",
        }
    }
}

/// What a pipeline is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Variant {
    pub(super) entry: Entry,
    pub(super) kind: Kind,
    pub(super) dtype: Dtype,
}

impl Variant {
    /// The shaders' overridable constants.
    pub(super) fn constants(self, form: Form) -> [(&'static str, f64); 7] {
        let (digits, even, straddle) = match self.entry {
            Entry::Slots { digits, even } => (digits, even, false),
            Entry::Words { straddle } => (None, false, straddle),
            Entry::Scattered { digits } => (Some(digits), false, false),
        };
        let flag = |flag| f64::from(u8::from(flag));
        [
            ("SAMPLER", f64::from(self.kind as u32)),
            ("DTYPE", f64::from(self.dtype as u32)),
            ("DIGITS", digits.map_or(f64::from(u32::MAX), |digits| f64::from(digits.count))),
            ("WIDE", flag(digits.is_some_and(|digits| digits.wide))),
            ("EVEN", flag(even)),
            ("STRADDLE", flag(straddle)),
            ("PRODUCTS", f64::from(form.products as u32)),
        ]
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
        let (made, error) = captured(device, || {
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
            Self { form, module, layout, bindings, compiled: Mutex::default() }
        });
        match error {
            Some(error) => Err(Error::Wgpu(error.to_string())),
            None => Ok(made),
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
        let constants = variant.constants(self.pipelines.form);
        self.scoped(0, || {
            self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some("seedtensors"),
                layout: Some(&self.pipelines.layout),
                module: &self.pipelines.module,
                entry_point: Some(variant.entry.name()),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &constants,
                    zero_initialize_workgroup_memory: false,
                },
                cache: None,
            })
        })
    }
}
