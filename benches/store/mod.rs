//! The lower bound of a fill's time: a shader that stores a constant. benches/fill.rs and benches/peers measure it.

use seedtensors::gpu::Gpu;

/// 16 bytes a thread, to the end of a buffer.
pub(crate) struct Store {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    grid: [u32; 2],
}

impl Store {
    pub(crate) fn new(gpu: &Gpu, target: &wgpu::Buffer) -> Self {
        let source = "@group(0) @binding(0) var<storage, read_write> slots: array<vec4<u32>>;
            @compute @workgroup_size(256) fn store(@builtin(global_invocation_id) id: vec3<u32>) {
                let slot = id.y * 65535u * 256u + id.x;
                if slot < arrayLength(&slots) { slots[slot] = vec4(0x3f800000u); }
            }";
        let module = gpu.device().create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let pipeline = gpu.device().create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: Some("store"),
            compilation_options: Default::default(),
            cache: None,
        });
        let group = gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: target.as_entire_binding() }],
        });
        let groups = u32::try_from(target.size() / 16 / 256).unwrap();
        let grid = [groups.min(65535), groups.div_ceil(65535)];
        Self { pipeline, group, grid }
    }

    pub(crate) fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.dispatch_workgroups(self.grid[0], self.grid[1], 1);
    }
}
