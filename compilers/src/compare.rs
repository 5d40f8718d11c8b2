//! Runs a case's machine code and compares every word of the buffer with the CPU's.

use anyhow::{Context, Result, ensure};
use seedtensors::testing::{Dispatch, WORKGROUP_SIZE};

use crate::amd;
use crate::cases::{Case, Expected};
use crate::compiler::{Compiled, Machine};
use crate::machine::{Executed, Launch, Output};
use crate::nvidia;

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

/// Runs the dispatches one after the other, each with its machine code.
pub(crate) fn run<'a>(
    case: &Case,
    machine: Machine,
    dispatches: impl Iterator<Item = (&'a Dispatch, &'a Compiled)>,
    expected: &Expected,
) -> Result<Outcome> {
    let mut words = case.before();
    let mut written = vec![false; words.len()];
    let mut outcome = Outcome { elements: case.count, ..Outcome::default() };
    for (dispatch, compiled) in dispatches {
        // machine code sees the words of its binding alone, as a shader on a device does
        let bound = (dispatch.binding.start / 4) as usize..(dispatch.binding.end / 4) as usize;
        let mut output = Output::new(words[bound.clone()].to_vec());
        let params: Vec<u32> = bytemuck::pod_collect_to_vec(&dispatch.params);
        let launch = Launch { params: &params, source: None, grid: dispatch.grid, workgroup: WORKGROUP_SIZE };
        outcome.executed += match machine {
            Machine::Amd => {
                let lanes = compiled.statistic("subgroup size")?;
                amd::execute(&compiled.listing, lanes as u32, &launch, &mut output)
            }
            Machine::Nvidia => nvidia::execute(&compiled.listing, &launch, &mut output),
        }
        .with_context(|| format!("{case}, {}", dispatch.entry_point))?;
        // a later dispatch sees the words of the earlier ones, where their bindings overlap
        words[bound.clone()].copy_from_slice(&output.words);
        for (written, new) in written[bound].iter_mut().zip(output.written) {
            // two dispatches of a fill run in any order
            ensure!(!(*written && new), "{case}, {} stores a word that was stored before", dispatch.entry_point);
            *written |= new;
        }
    }
    count(case, &words, &written, expected, &mut outcome);
    Ok(outcome)
}

fn count(case: &Case, words: &[u32], written: &[bool], expected: &Expected, outcome: &mut Outcome) {
    let size = case.dtype.size() as usize;
    for (index, ((found, written), wanted)) in words.iter().zip(written).zip(&expected.words).enumerate() {
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
