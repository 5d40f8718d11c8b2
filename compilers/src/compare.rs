//! Runs a case's machine code and compares every word of the buffer with the CPU's.

use anyhow::{Context, Result, ensure};

use crate::amd;
use crate::cases::{Case, Expected};
use crate::compiler::{Compiled, Machine};
use crate::jobs::Job;
use crate::machine::{Executed, Launch, Output};
use crate::nvidia;
use crate::step::{Buffer, Step};

/// The words of a scratch buffer before the first step: a step that reads what none has written spreads them.
const NAN: u32 = 0x7fc0_5eed;

/// The outcome of a case.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    /// Elements of the range, and those among them that differ from the CPU's.
    pub(crate) elements: u64,
    pub(crate) differ: u64,
    /// Words of the range that were not written, and words outside it that were written or changed.
    pub(crate) unwritten: u64,
    pub(crate) outside: u64,
    pub(crate) executed: Executed,
}

impl Outcome {
    pub(crate) const fn is_exact(&self) -> bool {
        self.differ == 0 && self.is_whole()
    }

    /// Whether every word of the range was written, and no other.
    pub(crate) const fn is_whole(&self) -> bool {
        self.unwritten == 0 && self.outside == 0
    }
}

/// Runs a case's steps one after the other, each with its machine code.
pub(crate) fn run(job: &Job, machine: Machine, compiled: &[Compiled], expected: &Expected) -> Result<Outcome> {
    let case = &job.case;
    let mut target = Output::new(case.before());
    let mut scratch = Output::new(vec![NAN; job.scratch]);
    let mut outcome = Outcome { elements: case.count, ..Outcome::default() };
    for (step, compiled) in job.compiled(compiled) {
        let source = step.has_source().then(|| scratch.words.clone());
        let launch =
            Launch { params: &step.params, source: source.as_deref(), grid: step.grid, workgroup: compiled.workgroup };
        let buffer = if step.buffer == Buffer::Target { &mut target } else { &mut scratch };
        // machine code sees the words of its binding alone, as a shader on a device does
        let mut output = Output::new(buffer.words[step.binding.clone()].to_vec());
        outcome.executed += match machine {
            Machine::Amd => {
                let lanes = compiled.statistic("subgroup size")?;
                amd::execute(&compiled.listing, lanes as u32, &launch, &mut output)
            }
            Machine::Nvidia => nvidia::execute(&compiled.listing, &launch, &mut output),
        }
        .with_context(|| format!("{case}, {}", step.entry_point))?;
        buffer.take(step, &output, case.place.is_some())?;
    }
    count(case, &target, expected, &mut outcome);
    Ok(outcome)
}

impl Output {
    /// Takes the words of a step's binding over. Later steps see them.
    fn take(&mut self, step: &Step, output: &Output, once: bool) -> Result<()> {
        let bound = step.binding.clone();
        for (written, new) in self.written[bound.clone()].iter_mut().zip(&output.written) {
            // steps of a matrix write words again; two dispatches of an elementwise fill run in any order
            ensure!(!(once && *written && *new), "{} stores a word that was stored before", step.entry_point);
            *written |= new;
        }
        self.words[bound].copy_from_slice(&output.words);
        Ok(())
    }
}

fn count(case: &Case, target: &Output, expected: &Expected, outcome: &mut Outcome) {
    let size = case.dtype.size() as usize;
    for (index, ((found, written), wanted)) in target.words.iter().zip(&target.written).zip(&expected.words).enumerate()
    {
        let inside = expected.range.contains(&index);
        if inside {
            // by elements, because two 16-bit elements share a word
            let (found, wanted) = (found.to_le_bytes(), wanted.to_le_bytes());
            let differ = found.chunks(size).zip(wanted.chunks(size)).filter(|(a, b)| a != b).count();
            outcome.differ += differ as u64;
            outcome.unwritten += u64::from(!written);
        } else {
            // `written` finds a store of the canary's own value, which the words do not show
            outcome.outside += u64::from(*written || found != wanted);
        }
    }
}
