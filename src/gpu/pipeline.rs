//! The shaders' pipelines, compiled when first used.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::form::Form;
use crate::Dtype;
use crate::kernel::KernelKind;

/// An entry point of shaders/fill.wgsl.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Entry {
    /// 16-byte slots, four per thread. `coordinates` is there for a shard. `even` says that a thread's slots are
    /// equally far apart in the tensor.
    Slots { coordinates: Option<Coordinates>, even: bool },
    /// Word by word. `straddle` says that half-precision words straddle blocks.
    Words { straddle: bool },
    /// Element by element, from any indices of a tensor.
    Scattered { coordinates: Coordinates },
}

/// The arithmetic that turns an element of a shard into an index of the tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Coordinates {
    /// The number of coordinates that the shader divides by.
    pub(super) count: u32,
    /// Whether indices are 2^32 or more apart.
    pub(super) wide: bool,
}

impl Entry {
    /// The entry point's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Slots { .. } => "fill_slots",
            Self::Words { .. } => "fill_words",
            Self::Scattered { .. } => "fill_scattered",
        }
    }
}

/// The entry point, kernel and dtype that a pipeline is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Variant {
    pub(crate) entry: Entry,
    pub(crate) kind: KernelKind,
    pub(crate) dtype: Dtype,
}

impl Variant {
    /// The shaders' overridable constants.
    pub(crate) fn constants(self, form: Form) -> [(&'static str, f64); 7] {
        let (coordinates, even, straddle) = match self.entry {
            Entry::Slots { coordinates, even } => (coordinates, even, false),
            Entry::Words { straddle } => (None, false, straddle),
            Entry::Scattered { coordinates } => (Some(coordinates), false, false),
        };
        // WebGPU takes every overridable constant as f64, a bool as 0 or 1
        let flag = |flag| f64::from(u8::from(flag));
        [
            ("SAMPLER", f64::from(self.kind as u32)),
            ("DTYPE", f64::from(self.dtype as u32)),
            // more than 7 tells the shader that there is no shard
            ("COORDINATES", coordinates.map_or(f64::from(u32::MAX), |coordinates| f64::from(coordinates.count))),
            ("WIDE", flag(coordinates.is_some_and(|coordinates| coordinates.wide))),
            ("EVEN", flag(even)),
            ("STRADDLE", flag(straddle)),
            ("PRODUCTS", f64::from(form.products as u32)),
        ]
    }
}

/// The text of the shader of a form.
pub(super) type Source = fn(Form) -> String;

/// The shader modules and pipelines of a device. Both are made when they are first used.
pub(super) struct Pipelines {
    /// Gives the text of a form; tests give a changed one.
    source: Source,
    /// The layout that all pipelines share, so that one bind group fits each of them.
    layout: wgpu::PipelineLayout,
    /// Binding 0: the parameters, at a dynamic offset. Binding 1: the buffer's window.
    bindings: wgpu::BindGroupLayout,
    /// The parsed shader of each form.
    modules: Mutex<HashMap<Form, wgpu::ShaderModule>>,
    /// A pipeline for each entry point, kernel and dtype of a form.
    compiled: Mutex<HashMap<(Form, Variant), wgpu::ComputePipeline>>,
}

impl Pipelines {
    /// Makes the layouts. The caller captures wgpu's errors.
    pub(super) fn new(device: &wgpu::Device, source: Source) -> Self {
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
        Self { source, layout, bindings, modules: Mutex::default(), compiled: Mutex::default() }
    }

    pub(super) const fn bindings(&self) -> &wgpu::BindGroupLayout {
        &self.bindings
    }

    /// A pipeline that was compiled before.
    pub(super) fn get(&self, form: Form, variant: Variant) -> Option<wgpu::ComputePipeline> {
        lock(&self.compiled).get(&(form, variant)).cloned()
    }

    pub(super) fn insert(&self, form: Form, variant: Variant, pipeline: wgpu::ComputePipeline) {
        // two threads may have compiled the same one; either will do
        lock(&self.compiled).insert((form, variant), pipeline);
    }

    /// Compiles a pipeline. The caller captures wgpu's errors.
    pub(super) fn compile(&self, device: &wgpu::Device, form: Form, variant: Variant) -> wgpu::ComputePipeline {
        device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("seedtensors"),
            layout: Some(&self.layout),
            module: &self.module(device, form),
            entry_point: Some(variant.entry.name()),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &variant.constants(form),
                // the shaders have no workgroup memory
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        })
    }

    /// The shader module of a form. Threads that need the same module wait for the first to make it.
    fn module(&self, device: &wgpu::Device, form: Form) -> wgpu::ShaderModule {
        let make = || {
            device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some("seedtensors"),
                source: wgpu::ShaderSource::Wgsl((self.source)(form).into()),
            })
        };
        // the lock is held while the text is parsed: a second thread would only parse it again
        lock(&self.modules).entry(form).or_insert_with(make).clone()
    }
}

/// Locks a map. It only ever grows, so a panic of another thread leaves it whole.
fn lock<T>(map: &Mutex<T>) -> MutexGuard<'_, T> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A buffer binding of the compute stage.
const fn binding(binding: u32, ty: wgpu::BufferBindingType, dynamic: bool) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: dynamic, min_binding_size: None },
        count: None,
    }
}
