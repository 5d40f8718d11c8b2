//! Commands of fills, and their recording into an encoder.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use super::context::Context;
use super::guard::known;
use crate::dispatch::params::Params;
use crate::dispatch::plan::Dispatch;
use crate::dispatch::reflect::PanelParams;
use crate::{Error, Result};

/// One command of a fill.
pub(super) enum Step<'a> {
    /// A dispatch of a pipeline on a buffer. It may read a second one, its source.
    Dispatch(Box<Dispatch>, wgpu::ComputePipeline, &'a wgpu::Buffer, Option<&'a wgpu::Buffer>),
    /// A step of an orthogonal matrix on its scratch buffer, with the workgroups in x and y.
    Reflect(PanelParams, [u32; 2], wgpu::ComputePipeline, &'a wgpu::Buffer),
    /// A copy of the whole first buffer to an offset of the second.
    Copy(wgpu::Buffer, &'a wgpu::Buffer, u64),
}

/// The buffers of a dispatch: the one that is written, its window, and the source.
type Buffers<'a> = (&'a wgpu::Buffer, Range<u64>, Option<&'a wgpu::Buffer>);

impl<'a> Step<'a> {
    /// The bytes of a dispatch's parameters.
    fn params(&self) -> Option<&[u8]> {
        match self {
            Self::Dispatch(dispatch, ..) => Some(bytemuck::bytes_of(&dispatch.params)),
            Self::Reflect(params, ..) => Some(bytemuck::bytes_of(params)),
            Self::Copy(..) => None,
        }
    }

    fn buffers(&self) -> Buffers<'a> {
        match self {
            Self::Dispatch(dispatch, _, buffer, source) => (buffer, dispatch.binding.clone(), *source),
            Self::Reflect(.., buffer) => (buffer, 0..buffer.size(), None),
            // not used: without it wgpu would find a fault of the buffer only when the encoder is finished
            Self::Copy(_, buffer, _) => (buffer, 0..4, None),
        }
    }
}

impl Context {
    /// Records the steps in their order. On an error nothing was recorded.
    pub(super) async fn record(&self, encoder: &mut wgpu::CommandEncoder, steps: &[Step<'_>]) -> Result<()> {
        // everything that can fail comes before the recording
        let (groups, stride) = self.bind(steps).await?;
        self.scoped(0, || record_bound(encoder, steps, &groups, stride)).await?
    }

    /// Writes every dispatch's parameters into one buffer and makes a bind group for each buffer and window. Returns
    /// the groups and the distance of the parameters in bytes.
    async fn bind(&self, steps: &[Step<'_>]) -> Result<(Vec<wgpu::BindGroup>, u32)> {
        let alignment = self.device.limits().min_uniform_buffer_offset_alignment as usize;
        // dynamic offsets must be multiples of the device's alignment
        let stride = size_of::<Params>().next_multiple_of(alignment);
        let dispatches = || steps.iter().filter_map(Step::params);
        // at least one entry, because a buffer of no bytes cannot be bound
        let mut contents = vec![0; stride * dispatches().count().max(1)];
        for (slot, params) in contents.chunks_exact_mut(stride).zip(dispatches()) {
            slot[..params.len()].copy_from_slice(params);
        }
        // written at its creation, so that the caller's submission is the only one
        let params = self.filled_buffer(&contents, wgpu::BufferUsages::UNIFORM).await?;
        // one error scope for all of them: a model has thousands of buffers
        let groups = self.scoped(0, || self.bind_groups(&params, steps)).await??;
        let stride =
            u32::try_from(stride).map_err(|_| Error::ShapeOverflow { what: format!("a stride of {stride}") })?;
        Ok((groups, stride))
    }

    /// The bind group of each dispatch. Steps with the same window of the same buffer share one.
    fn bind_groups(&self, params: &wgpu::Buffer, steps: &[Step<'_>]) -> Result<Vec<wgpu::BindGroup>> {
        #[expect(clippy::mutable_key_type, reason = "a buffer is hashed by its identity")]
        let mut made: HashMap<Buffers<'_>, wgpu::BindGroup> = HashMap::new();
        let mut groups = Vec::with_capacity(steps.len());
        for step in steps {
            let buffers = step.buffers();
            let group = match made.entry(buffers.clone()) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(self.bind_group(params, buffers)?),
            };
            if step.params().is_some() {
                groups.push(group.clone());
            }
        }
        Ok(groups)
    }

    /// A bind group of parameters and buffers. An error of wgpu's is left to the caller's scope.
    fn bind_group(&self, params: &wgpu::Buffer, (buffer, window, source): Buffers<'_>) -> Result<wgpu::BindGroup> {
        let mut entries = vec![
            entry(0, params, 0, size_of::<Params>() as u64),
            entry(1, buffer, window.start, window.end - window.start),
        ];
        entries.extend(source.map(|source| entry(2, source, 0, source.size())));
        let descriptor = wgpu::BindGroupDescriptor {
            label: Some("seedtensors"),
            layout: self.pipelines.bindings(source.is_some()),
            entries: &entries,
        };
        known("buffer", || self.device.create_bind_group(&descriptor))
    }
}

/// Records the steps in their order. Consecutive dispatches share one pass.
///
/// An encoder of another instance is refused before anything is recorded: the first object that it gets was just made,
/// so the other instance has not given out its number yet.
fn record_bound(
    encoder: &mut wgpu::CommandEncoder,
    steps: &[Step<'_>],
    groups: &[wgpu::BindGroup],
    stride: u32,
) -> Result<()> {
    // dispatches take offsets and groups in their order; copies take none
    let mut bound = (0..).step_by(stride.max(1) as usize).zip(groups);
    // a copy cannot be recorded within a compute pass, so each change of kind ends one
    for steps in steps.chunk_by(|a, b| a.params().is_some() == b.params().is_some()) {
        if let Some(Step::Copy(..)) = steps.first() {
            known("encoder", || {
                for step in steps {
                    if let Step::Copy(from, to, offset) = step {
                        encoder.copy_buffer_to_buffer(from, 0, to, *offset, from.size());
                    }
                }
            })?;
            continue;
        }
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        // the pass must end outside of `known`: its end may panic, too
        known("encoder", || dispatch_all(&mut pass, steps, &mut bound))?;
    }
    Ok(())
}

/// Records dispatches into a pass.
fn dispatch_all<'a>(
    pass: &mut wgpu::ComputePass<'_>,
    steps: &[Step<'_>],
    bound: &mut impl Iterator<Item = (u32, &'a wgpu::BindGroup)>,
) {
    let mut set = None;
    for step in steps {
        let (pipeline, grid) = match step {
            Step::Dispatch(dispatch, pipeline, ..) => (pipeline, dispatch.grid),
            Step::Reflect(_, grid, pipeline, _) => (pipeline, *grid),
            Step::Copy(..) => continue,
        };
        if let Some((offset, group)) = bound.next() {
            // the offset differs for each dispatch, so the group is set every time; the pipeline only where it changes
            pass.set_bind_group(0, group, &[offset]);
            if set != Some(pipeline) {
                pass.set_pipeline(pipeline);
                set = Some(pipeline);
            }
            pass.dispatch_workgroups(grid[0], grid[1], 1);
        }
    }
}

/// A binding of a part of a buffer.
fn entry(binding: u32, buffer: &wgpu::Buffer, offset: u64, size: u64) -> wgpu::BindGroupEntry<'_> {
    wgpu::BindGroupEntry {
        binding,
        resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer,
            offset,
            size: wgpu::BufferSize::new(size),
        }),
    }
}
