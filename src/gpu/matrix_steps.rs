//! The commands of structured matrices as steps: with pipelines and buffers.

use super::context::Context;
use super::record::Step;
use crate::dispatch::entry::{Entry, Variant};
use crate::dispatch::form::Form;
use crate::dispatch::orthogonal::Command;
use crate::dispatch::plan::Dispatch;
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
            steps.push(match command {
                Command::Target(kind, dispatch) => {
                    self.dispatch(*kind, self.dtype, dispatch, self.target, None).await?
                }
                Command::Scratch(kind, dispatch) => {
                    self.dispatch(*kind, Dtype::F32, dispatch, self.scratch()?, None).await?
                }
                // a normal's scaling and rounding
                Command::Write(dispatch) => {
                    self.dispatch(KernelKind::Normal, self.dtype, dispatch, self.target, Some(self.scratch()?)).await?
                }
                Command::Panel(step, params, grid) => {
                    let form = (self.reflect)()?;
                    // neither the kernel nor the dtype plays a part in it
                    let variant = Variant { entry: Entry::Reflect(*step), kind: KernelKind::Words, dtype: Dtype::F32 };
                    Step::Reflect(*params, *grid, self.context.pipeline(form, variant).await?, self.scratch()?)
                }
            });
        }
        Ok(())
    }

    /// The scratch buffer.
    fn scratch(&self) -> Result<&'a wgpu::Buffer> {
        self.scratch.ok_or_else(|| Error::Wgpu("the steps of a matrix have no scratch buffer".to_owned()))
    }

    async fn dispatch(
        &self,
        kind: KernelKind,
        dtype: Dtype,
        dispatch: &Dispatch,
        buffer: &'a wgpu::Buffer,
        source: Option<&'a wgpu::Buffer>,
    ) -> Result<Step<'a>> {
        let variant = Variant { entry: dispatch.entry, kind, dtype };
        let pipeline = self.context.pipeline((self.form)(kind, dtype)?, variant).await?;
        Ok(Step::Dispatch(Box::new(dispatch.clone()), pipeline, buffer, source))
    }
}
