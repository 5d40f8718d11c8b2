//! The input of every compiler: each pipeline of the cases once, as a file of SPIR-V.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rayon::prelude::*;
use seedtensors::Dtype;
use seedtensors::gpu::Form;
use seedtensors::testing::Dispatch;

use crate::cases::{Case, Place};
use crate::compiler::{Beside, Compiled, Compiler};
use crate::emit::{Change, Text};

/// Pipelines that one process compiles. A process takes a third of a second to start, and as long again for each
/// pipeline.
const BATCH: usize = 24;
/// Samplers whose values must change on a compiler that fuses once the barriers are taken out.
pub(crate) const FUSED: [&str; 8] =
    ["uniform", "normal", "centred", "truncated", "central", "skewed", "tail", "narrow"];

/// A form of the shaders, and the change to its barriers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shaders {
    pub(crate) form: Form,
    pub(crate) change: Change,
}

/// A case, the shaders that it is compiled from, and its dispatches.
pub(crate) struct Job {
    pub(crate) case: Case,
    pub(crate) shaders: Shaders,
    pub(crate) dispatches: Vec<Dispatch>,
    /// For each dispatch, the index of its pipeline in `Jobs::files`.
    pipelines: Vec<usize>,
}

/// Every pipeline once.
pub(crate) struct Jobs {
    pub(crate) jobs: Vec<Job>,
    files: Vec<(PathBuf, &'static str)>,
}

/// The identity of a pipeline: the shaders, the entry point and the overridable constants.
type Key = (Shaders, &'static str, Vec<(&'static str, u64)>);

impl Jobs {
    /// Every case in the form that the library runs on the driver. A few cases are also compiled in the two safe forms
    /// and with changed barriers: see `wanted`.
    pub(crate) fn new(form: Form, cases: Vec<Case>, directory: &Path) -> Result<Self> {
        let mut made = Self { jobs: Vec::new(), files: Vec::new() };
        let (mut texts, mut keys) = (HashMap::new(), HashMap::new());
        for case in cases {
            for shaders in wanted(&case, form) {
                made.add(case.clone(), shaders, &mut texts, &mut keys, directory)?;
            }
        }
        Ok(made)
    }

    fn add(
        &mut self,
        case: Case,
        shaders: Shaders,
        texts: &mut HashMap<Shaders, Text>,
        keys: &mut HashMap<Key, usize>,
        directory: &Path,
    ) -> Result<()> {
        let text = match texts.entry(shaders) {
            Entry::Occupied(made) => made.into_mut(),
            Entry::Vacant(place) => place.insert(Text::new(&shaders.change.apply(&shaders.form.source())?)?),
        };
        let dispatches = case.dispatches(shaders.form)?;
        let mut pipelines = Vec::new();
        for dispatch in &dispatches {
            // bits, because f64 is neither `Eq` nor `Hash`
            let constants = dispatch.constants.iter().map(|(name, value)| (*name, value.to_bits())).collect();
            // `keys` and `files` grow together: a new key has the index of the next file
            let next = keys.len();
            let index = *keys.entry((shaders, dispatch.entry_point, constants)).or_insert(next);
            if index == self.files.len() {
                let file = directory.join(format!("{index}.spv"));
                let words = text.spirv(dispatch.entry_point, &dispatch.constants)?;
                std::fs::write(&file, bytemuck::cast_slice::<u32, u8>(&words))?;
                self.files.push((file, dispatch.entry_point));
            }
            pipelines.push(index);
        }
        self.jobs.push(Job { case, shaders, dispatches, pipelines });
        Ok(())
    }

    /// Compiles every pipeline with every compiler, on all cores. Returns one list for each compiler, in the order of
    /// `files`.
    pub(crate) fn compile(&self, compilers: &[Compiler], beside: &Beside) -> Result<Vec<Vec<Compiled>>> {
        let batches = |compiler| self.files.chunks(BATCH).map(move |files| (compiler, files));
        let work: Vec<_> = compilers.iter().flat_map(batches).collect();
        let done: Result<Vec<_>> =
            work.into_par_iter().map(|(compiler, files)| compiler.compile(files, beside)).collect();
        // the parallel iterator keeps its order, so each compiler's pipelines are one chunk
        let all: Vec<Compiled> = done?.into_iter().flatten().collect();
        Ok(all.chunks(self.files.len()).map(<[Compiled]>::to_vec).collect())
    }

    pub(crate) fn pipelines(&self) -> usize {
        self.files.len()
    }
}

impl Job {
    /// The dispatches with their compiled pipelines.
    pub(crate) fn compiled<'a>(&'a self, all: &'a [Compiled]) -> impl Iterator<Item = (&'a Dispatch, &'a Compiled)> {
        self.dispatches.iter().zip(self.pipelines.iter().map(|index| &all[*index]))
    }

    /// The pipeline that most of the case's threads run.
    pub(crate) fn main<'a>(&'a self, all: &'a [Compiled]) -> Option<&'a Compiled> {
        let most = self.compiled(all).max_by_key(|(dispatch, _)| dispatch.grid[0] * dispatch.grid[1]);
        most.map(|(_, compiled)| compiled)
    }
}

/// The shaders that a case is compiled from.
fn wanted(case: &Case, form: Form) -> Vec<Shaders> {
    let mut wanted = vec![Shaders { form, change: Change::None }];
    let slots = case.place == Place::Slots && case.dtype == Dtype::F32;
    // native arithmetic promises no bits, so the safe forms run the exact cases alone
    if slots && case.is_exact() {
        for form in [Form::SAFEST_U64, Form::SAFEST] {
            wanted.push(Shaders { form, change: Change::None });
        }
    }
    // these cases must differ from the CPU: they show that the comparison can fail (src/report.rs, `faults`)
    if slots && FUSED.contains(&case.sampler) {
        wanted.push(Shaders { form, change: Change::Out });
        // two exclusive ors cancelled in an earlier truncated normal (docs/compilers.md); SAFEST_U64 is a form whose products
        // are behind barriers
        if case.sampler == "truncated" {
            wanted.push(Shaders { form: Form::SAFEST_U64, change: Change::Cancelling });
        }
    }
    wanted
}
