//! The commands of structured matrices as steps: with pipelines and buffers.

use super::context::Context;
use super::record::Step;
use crate::dispatch::entry::Entry;
use crate::dispatch::form::Form;
use crate::dispatch::orthogonal::Command;
use crate::kernel::KernelKind;
use crate::{Dtype, Error, Result};

/// The buffers of a matrix, and the forms of its kernels.
pub(super) struct Resources<'a, 'f> {
    pub(super) context: &'f Context,
    /// The form of an elementwise kernel.
    pub(super) form: &'f (dyn Fn(KernelKind, Dtype) -> Result<Form> + Sync),
    /// The form of the steps of panels.
    pub(super) reflect: &'f (dyn Fn() -> Result<Form> + Sync),
    pub(super) target: &'a wgpu::Buffer,
    pub(super) dtype: Dtype,
    /// There is one where a command needs it.
    pub(super) scratch: Option<&'a wgpu::Buffer>,
}

impl<'a> Resources<'a, '_> {
    /// Adds the steps with their pipelines and buffers.
    pub(super) async fn steps(&self, commands: &[Command], steps: &mut Vec<Step<'a>>) -> Result<()> {
        for command in commands {
            let variant = command.variant(self.dtype);
            let form = match variant.entry {
                Entry::Reflect(_) => (self.reflect)()?,
                _ => (self.form)(variant.kind, variant.dtype)?,
            };
            let pipeline = self.context.pipeline(form, variant).await?;
            let buffer = if command.writes_scratch() { self.scratch()? } else { self.target };
            steps.push(match command {
                Command::Target(_, dispatch) | Command::Scratch(_, dispatch) => {
                    Step::Dispatch(Box::new(dispatch.clone()), pipeline, buffer, None)
                }
                Command::Write(dispatch) => {
                    Step::Dispatch(Box::new(dispatch.clone()), pipeline, buffer, Some(self.scratch()?))
                }
                Command::Panel(_, params, grid) => Step::Reflect(*params, *grid, pipeline, buffer),
            });
        }
        Ok(())
    }

    /// The scratch buffer.
    fn scratch(&self) -> Result<&'a wgpu::Buffer> {
        self.scratch.ok_or_else(|| Error::Wgpu("the steps of a matrix have no scratch buffer".to_owned()))
    }
}
