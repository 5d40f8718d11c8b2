//! The shaders' pipelines, compiled when first used.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::form::Form;
use super::structure::Structure;
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
    /// The runs of a shard, from four blocks a thread, wherever they begin.
    Runs { coordinates: Coordinates },
    /// The words of halves that two runs of a shard share.
    Boundaries { coordinates: Coordinates },
    /// Element by element, from any indices of a tensor: those of a shard of short runs, and of a structured matrix.
    Scattered { coordinates: Option<Coordinates>, structure: Structure },
    /// Elements of an orthogonal matrix whose vectors were computed.
    Orthogonal { coordinates: Option<Coordinates>, structure: Structure },
    /// A step of the computation of vectors, in shaders/reflectors.wgsl.
    Reflect(Reflect),
}

/// A step of the computation of orthonormal vectors, for one panel of reflectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reflect {
    Squares,
    Heads,
    Vectors,
    Gram,
    Sides,
    Solve,
    Update,
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
            Self::Runs { .. } => "fill_runs",
            Self::Boundaries { .. } => "fill_boundaries",
            Self::Scattered { .. } => "fill_scattered",
            Self::Orthogonal { .. } => "fill_orthogonal",
            Self::Reflect(Reflect::Squares) => "reflect_squares",
            Self::Reflect(Reflect::Heads) => "reflect_heads",
            Self::Reflect(Reflect::Vectors) => "reflect_vectors",
            Self::Reflect(Reflect::Gram) => "reflect_gram",
            Self::Reflect(Reflect::Sides) => "reflect_sides",
            Self::Reflect(Reflect::Solve) => "reflect_solve",
            Self::Reflect(Reflect::Update) => "reflect_update",
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
    pub(crate) fn constants(self, form: Form) -> [(&'static str, f64); 9] {
        let (mut even, mut straddle, mut structure) = (false, false, Structure::default());
        let coordinates = match self.entry {
            Entry::Slots { coordinates, even: is_even } => {
                even = is_even;
                coordinates
            }
            Entry::Words { straddle: is_straddling } => {
                straddle = is_straddling;
                None
            }
            Entry::Runs { coordinates } | Entry::Boundaries { coordinates } => Some(coordinates),
            Entry::Scattered { coordinates, structure: kind } | Entry::Orthogonal { coordinates, structure: kind } => {
                structure = kind;
                coordinates
            }
            Entry::Reflect(_) => None,
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
            ("STRUCTURE", f64::from(structure.kind as u32)),
            ("FAR", flag(structure.far)),
            ("PRODUCTS", f64::from(form.products as u32)),
        ]
    }
}

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
