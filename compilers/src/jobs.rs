//! The input of every compiler: each pipeline of the cases once, as a file of SPIR-V.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rayon::prelude::*;
use seedtensors::Dtype;
use seedtensors::gpu::Form;

use crate::cases::Case;
use crate::compiler::{Beside, Compiled, Compiler};
use crate::emit::{Change, Text};
use crate::place::Place;
use crate::step::Step;

/// Pipelines that one process compiles. A process takes a third of a second to start, and as long again for each
/// pipeline.
const BATCH: usize = 24;
/// Samplers whose values must change on a compiler that fuses once the barriers are taken out.
pub(crate) const FUSED: [&str; 9] =
    ["uniform", "normal", "centred", "truncated", "central", "skewed", "tail", "narrow", "orthogonal"];

/// A form of the shaders, and the change to its barriers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shaders {
    pub(crate) form: Form,
    pub(crate) change: Change,
}

/// A case, the shaders that it is compiled from, and its steps.
pub(crate) struct Job {
    pub(crate) case: Case,
    pub(crate) shaders: Shaders,
    /// Words of the scratch buffer.
    pub(crate) scratch: usize,
    steps: Vec<Step>,
    /// For each step, the index of its pipeline in `Jobs::files`.
    pipelines: Vec<usize>,
}

/// Every pipeline once.
pub(crate) struct Jobs {
    pub(crate) jobs: Vec<Job>,
    files: Vec<(PathBuf, &'static str)>,
    /// For each file, the threads of a workgroup.
    workgroups: Vec<u32>,
}

/// The identity of a pipeline: the shaders, the entry point and the overridable constants.
type Key = (Shaders, &'static str, Vec<(&'static str, u64)>);

/// Shaders that are parsed, and the indices of pipelines: by their identity, and by their entry point and SPIR-V.
#[derive(Default)]
struct Known {
    texts: HashMap<Shaders, Text>,
    pipelines: HashMap<Key, usize>,
    code: HashMap<(&'static str, Vec<u32>), usize>,
}

impl Jobs {
    /// Every case in the form that the library runs on the driver. A few cases are also compiled in the two safe forms
    /// and with changed shaders: see `wanted`.
    pub(crate) fn new(form: Form, cases: Vec<Case>, directory: &Path) -> Result<Self> {
        let mut made = Self { jobs: Vec::new(), files: Vec::new(), workgroups: Vec::new() };
        let mut known = Known::default();
        for case in cases {
            for shaders in wanted(&case, form) {
                made.add(case.clone(), shaders, &mut known, directory)?;
            }
        }
        Ok(made)
    }

    fn add(&mut self, case: Case, shaders: Shaders, known: &mut Known, directory: &Path) -> Result<()> {
        let (scratch, steps) = case.steps(shaders.form)?;
        let mut pipelines = Vec::new();
        for step in &steps {
            let shaders = shaders.of(step, case.place.is_none());
            // bits, because f64 is neither `Eq` nor `Hash`
            let constants = step.constants.iter().map(|(name, value)| (*name, value.to_bits())).collect();
            let key = (shaders, step.entry_point, constants);
            let index = match known.pipelines.get(&key) {
                Some(index) => *index,
                None => {
                    let index = self.pipeline(shaders, step, known, directory)?;
                    known.pipelines.insert(key, index);
                    index
                }
            };
            pipelines.push(index);
        }
        self.jobs.push(Job { case, shaders, scratch, steps, pipelines });
        Ok(())
    }

    /// The index of a step's pipeline in `files`.
    fn pipeline(&mut self, shaders: Shaders, step: &Step, known: &mut Known, directory: &Path) -> Result<usize> {
        let text = match known.texts.entry(shaders) {
            Entry::Occupied(made) => made.into_mut(),
            Entry::Vacant(place) => place.insert(Text::new(&shaders.change.apply(&shaders.form.source())?)?),
        };
        let words = text.spirv(step.entry_point, &step.constants)?;
        // many pipelines do not use what a form or a change makes different, and are the same code
        Ok(match known.code.entry((step.entry_point, words)) {
            Entry::Occupied(index) => *index.get(),
            Entry::Vacant(place) => {
                let index = self.files.len();
                let file = directory.join(format!("{index}.spv"));
                std::fs::write(&file, bytemuck::cast_slice::<u32, u8>(&place.key().1))?;
                self.files.push((file, step.entry_point));
                self.workgroups.push(text.workgroup(step.entry_point)?);
                *place.insert(index)
            }
        })
    }

    /// Compiles every pipeline with every compiler, on all cores. Returns one list for each compiler, in the order of
    /// `files`.
    pub(crate) fn compile(&self, compilers: &[Compiler], beside: &Beside) -> Result<Vec<Vec<Compiled>>> {
        let batches = |compiler| self.files.chunks(BATCH).map(move |files| (compiler, files));
        let work: Vec<_> = compilers.iter().flat_map(batches).collect();
        let done: Result<Vec<_>> =
            work.into_par_iter().map(|(compiler, files)| compiler.compile(files, beside)).collect();
        // the parallel iterator keeps its order, so each compiler's pipelines are one chunk
        let mut all: Vec<Compiled> = done?.into_iter().flatten().collect();
        for (compiled, workgroup) in all.iter_mut().zip(self.workgroups.iter().cycle()) {
            compiled.workgroup = *workgroup;
        }
        Ok(all.chunks(self.files.len()).map(<[Compiled]>::to_vec).collect())
    }

    pub(crate) fn pipelines(&self) -> usize {
        self.files.len()
    }
}

impl Job {
    /// The steps with their compiled pipelines.
    pub(crate) fn compiled<'a>(&'a self, all: &'a [Compiled]) -> impl Iterator<Item = (&'a Step, &'a Compiled)> {
        self.steps.iter().zip(self.pipelines.iter().map(|index| &all[*index]))
    }

    /// The pipeline that most of the case's threads run.
    pub(crate) fn main<'a>(&'a self, all: &'a [Compiled]) -> Option<&'a Compiled> {
        let most = self.compiled(all).max_by_key(|(step, _)| step.grid[0] * step.grid[1]);
        most.map(|(_, compiled)| compiled)
    }
}

impl Shaders {
    /// The shaders of a step. Of a matrix the reflections alone are changed, so that what differs comes from them.
    fn of(self, step: &Step, is_matrix: bool) -> Self {
        if is_matrix && !step.is_reflection() { Self { change: Change::None, ..self } } else { self }
    }
}

/// The shaders that a case is compiled from.
fn wanted(case: &Case, form: Form) -> Vec<Shaders> {
    let mut wanted = vec![Shaders { form, change: Change::None }];
    let fused = FUSED.contains(&case.sampler);
    // of matrices, the orthogonal ones of f32
    let whole = case.dtype == Dtype::F32 && (case.place == Some(Place::Slots) || (case.place.is_none() && fused));
    // native arithmetic promises no bits, so the safe forms run the exact cases alone
    if whole && case.is_exact() {
        for form in [Form::SAFEST_U64, Form::SAFEST] {
            wanted.push(Shaders { form, change: Change::None });
        }
    }
    // these cases must differ from the CPU: they show that the comparison can fail (src/report.rs, `faults`)
    if whole && fused {
        wanted.push(Shaders { form, change: Change::Out });
        // two exclusive ors cancelled in an earlier truncated normal (docs/compilers.md); SAFEST_U64 is a form whose products
        // are behind barriers
        if case.sampler == "truncated" {
            wanted.push(Shaders { form: Form::SAFEST_U64, change: Change::Cancelling });
        }
        if case.sampler == "orthogonal" {
            wanted.push(Shaders { form, change: Change::Reversed });
        }
    }
    wanted
}
