//! The shaders' pipelines, compiled when first used.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::dispatch::entry::{Entry, Variant};
use crate::dispatch::form::Form;

/// A layout of bind groups, and of the pipelines that take them. Pipelines share two of them, so that one bind group
/// fits many.
///
/// Binding 0: the parameters, at a dynamic offset. Binding 1: the window of the buffer that is written. Binding 2: the
/// source, a buffer that is read.
struct Bindings {
    group: wgpu::BindGroupLayout,
    pipeline: wgpu::PipelineLayout,
}

impl Bindings {
    fn new(device: &wgpu::Device, entries: &[wgpu::BindGroupLayoutEntry]) -> Self {
        let descriptor = wgpu::BindGroupLayoutDescriptor { label: Some("seedtensors"), entries };
        let group = device.create_bind_group_layout(&descriptor);
        let pipeline = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("seedtensors"),
            bind_group_layouts: &[Some(&group)],
            immediate_size: 0,
        });
        Self { group, pipeline }
    }
}

/// The text of the shader of a form.
pub(super) type Source = fn(Form) -> String;

/// The shader modules and pipelines of a device. Both are made when they are first used.
pub(super) struct Pipelines {
    /// Gives the text of a form; tests give a changed one.
    source: Source,
    /// The bindings of the pipelines, without and with a source.
    bindings: [Bindings; 2],
    /// The parsed shader of each form.
    modules: Mutex<HashMap<Form, wgpu::ShaderModule>>,
    /// A pipeline for each entry point, kernel and dtype of a form.
    compiled: Mutex<HashMap<(Form, Variant), wgpu::ComputePipeline>>,
}

impl Pipelines {
    /// Makes the layouts. The caller captures wgpu's errors.
    pub(super) fn new(device: &wgpu::Device, source: Source) -> Self {
        let entries = [
            binding(0, wgpu::BufferBindingType::Uniform, true),
            binding(1, wgpu::BufferBindingType::Storage { read_only: false }, false),
            binding(2, wgpu::BufferBindingType::Storage { read_only: true }, false),
        ];
        let bindings = [Bindings::new(device, &entries[..2]), Bindings::new(device, &entries)];
        Self { source, bindings, modules: Mutex::default(), compiled: Mutex::default() }
    }

    /// The layout of bind groups, with or without a source.
    pub(super) const fn bindings(&self, has_source: bool) -> &wgpu::BindGroupLayout {
        &self.bindings[has_source as usize].group
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
            layout: Some(&self.bindings[usize::from(matches!(variant.entry, Entry::Orthogonal { .. }))].pipeline),
            module: &self.module(device, form),
            entry_point: Some(variant.entry.name()),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &variant.constants(form),
                // the shaders write workgroup memory before they read it
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
