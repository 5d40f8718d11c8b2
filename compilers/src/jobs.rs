//! The input of every compiler: the pipelines of the cases, each once, as files of SPIR-V.

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

/// Pipelines that one process compiles: it takes a third of a second to begin, and as long for each of them.
const BATCH: usize = 24;
/// Samplers whose sums a compiler that fuses must show to be fused once the barriers are out.
pub(crate) const FUSED: [&str; 5] = ["uniform", "normal", "centred", "truncated", "narrow"];

/// A form of the shaders, its barriers changed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shaders {
    pub(crate) form: Form,
    pub(crate) change: Change,
}

/// A case that a compiler's code is run for.
pub(crate) struct Job {
    pub(crate) case: Case,
    pub(crate) shaders: Shaders,
    pub(crate) dispatches: Vec<Dispatch>,
    /// Each dispatch's place in `Pipelines`.
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
    /// The cases in the form that the library runs on the driver; in the two safe forms and without barriers those that
    /// say most.
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
            let constants = dispatch.constants.iter().map(|(name, value)| (*name, value.to_bits())).collect();
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

    /// Every pipeline by every compiler, on every core.
    pub(crate) fn compile(&self, compilers: &[Compiler], beside: &Beside) -> Result<Vec<Vec<Compiled>>> {
        let batches = |compiler| self.files.chunks(BATCH).map(move |files| (compiler, files));
        let work: Vec<_> = compilers.iter().flat_map(batches).collect();
        let done: Result<Vec<_>> =
            work.into_par_iter().map(|(compiler, files)| compiler.compile(files, beside)).collect();
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
    if slots && case.is_exact() {
        for form in [Form::SAFEST_U64, Form::SAFEST] {
            wanted.push(Shaders { form, change: Change::None });
        }
    }
    if slots && FUSED.contains(&case.sampler) {
        wanted.push(Shaders { form, change: Change::Out });
        if case.sampler == "truncated" {
            wanted.push(Shaders { form: Form::SAFEST_U64, change: Change::Cancelling });
        }
    }
    wanted
}
