//! The check of the shaders of orthogonal matrices: a small matrix is compared with the CPU's.

use super::context::Context;
use super::matrix_steps::Resources;
use crate::cpu::Filler;
use crate::dispatch::form::Form;
use crate::dispatch::orthogonal::Commands;
use crate::dispatch::plan::Bounds;
use crate::dispatch::probes::KEY;
use crate::fill::Selection;
use crate::kernel::Kernel;
use crate::matrix::Matrix;
use crate::{Dtype, Error, Result, Shape};

/// The sides of the matrix: three panels, the last one not full; two blocks of rows; three tiles, the last one not full.
const SIDES: [u64; 2] = [150, 200];

/// Runs the matrix in a form and returns the first difference from the CPU.
pub(super) async fn difference(context: &Context, form: Form) -> Result<Option<Error>> {
    let matrix = Matrix::orthogonal(1.0, &Shape::new(&SIDES)?)?;
    let selection = Selection::run(KEY, 0, matrix.elements());
    let bounds = Bounds::from(&context.device.limits());
    // a device without a binding of a megabyte computes no matrix
    let Some(commands) = Commands::new(&matrix, &selection, Dtype::F32, 0, bounds)? else { return Ok(None) };
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
    let scratch = context.buffer(commands.scratch, usage).await?;
    let target = context.buffer(4 * matrix.elements(), usage).await?;
    let (kernels, reflect) = (|_, _| Ok(form), || Ok(form));
    let (dtype, scratch) = (Dtype::F32, Some(&scratch));
    let resources = Resources { context, form: &kernels, reflect: &reflect, target: &target, dtype, scratch };
    let mut steps = Vec::new();
    resources.steps(&commands.steps, &mut steps).await?;
    let mut encoder = context.encoder().await?;
    context.record(&mut encoder, &steps).await?;
    context.submit(encoder).await?;
    let found: Vec<u32> = context.read(&target, 0, matrix.elements()).await?;
    let mut expected = vec![0_u32; found.len()];
    Filler::from_kernel(Kernel::Matrix(matrix), selection, Dtype::F32)
        .fill_bytes(0, bytemuck::cast_slice_mut(&mut expected))?;
    let different = (0..).zip(expected.into_iter().zip(found)).find(|(_, (expected, found))| expected != found);
    Ok(different.map(|(element, (expected, found))| Error::InexactDevice {
        device: context.info.name.clone(),
        sampler: "orthogonal".to_owned(),
        dtype: Dtype::F32,
        element,
        expected,
        found,
    }))
}
