//! Reads a listing. It has blocks with labels, and in each block one instruction a line: its guard, its targets, its
//! name and its sources.
//!
//!     block 4 L1 [3] -> {
//!     @!p0 r10..12 = imad64 r3 0xd2511f53 rZ   // delay=1 wt=000001
//!     } -> [5]

use anyhow::{Context, Result, ensure};

use super::decode;
use super::instruction::{Condition, Instruction, Operation, Source};
use super::operand;
use super::parts::{Labels, Parts};

/// The instructions of a listing.
pub(super) fn program(listing: &str) -> Result<Vec<Instruction>> {
    let (lines, labels) = blocks(listing)?;
    ensure!(!lines.is_empty(), "a listing must have instructions");
    lines.into_iter().map(|line| instruction(line, &labels).with_context(|| format!("instruction `{line}`"))).collect()
}

/// The lines of the blocks, and for each label the index of the line that follows it.
fn blocks(listing: &str) -> Result<(Vec<&str>, Labels<'_>)> {
    let (mut lines, mut labels, mut open) = (Vec::new(), Labels::new(), false);
    for line in listing.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("block") {
            let mut words = line.split_whitespace();
            // the label is the third word, behind the block's number
            let (head, label) = (words.next().unwrap_or_default(), words.nth(1).context("a block must have a label")?);
            ensure!(!open && matches!(head, "block" | "block.u") && line.ends_with("-> {"), "unknown block `{line}`");
            ensure!(labels.insert(label, lines.len()).is_none(), "label {label} must stand once");
            open = true;
        } else if line.starts_with("} ->") {
            ensure!(open, "a block must begin before it ends");
            open = false;
        } else {
            ensure!(open, "`{line}` must stand in a block");
            // a `nop` with a label marks where diverged lanes meet; `bssy` names that label
            if let ["nop", label, ..] = line.split_whitespace().collect::<Vec<_>>()[..]
                && !label.starts_with("//")
            {
                ensure!(labels.insert(label, lines.len()).is_none(), "label {label} must stand once");
            }
            lines.push(line);
        }
    }
    ensure!(!open, "the last block must end");
    Ok((lines, labels))
}

fn instruction(line: &str, labels: &Labels<'_>) -> Result<Instruction> {
    // NAK prints the schedule as a comment; values do not depend on it, the costs do
    let (code, schedule) = line.split_once("//").unwrap_or((line, ""));
    let delay = schedule.split_whitespace().find_map(|word| word.strip_prefix("delay="));
    // the tests' listings leave the schedule out in part
    let delay = delay.map_or(Ok(0), str::parse)?;
    let mut words: Vec<&str> = code.split_whitespace().collect();
    let guard = match words.first().and_then(|word| word.strip_prefix('@')) {
        Some(guard) => {
            words.remove(0);
            operand::condition(guard)?
        }
        None => Condition::Always,
    };
    let written = words.iter().position(|word| *word == "=");
    let targets = words.drain(..written.map_or(0, |at| at + 1)).take(written.unwrap_or(0)).collect();
    ensure!(!words.is_empty(), "an instruction must have a name");
    let mut modifiers = words.remove(0).split('.');
    let name = modifiers.next().unwrap_or_default();
    let mut parts = Parts::new(name, modifiers.collect(), targets, words);
    let mut instruction = Instruction {
        text: line.split_whitespace().collect::<Vec<_>>().join(" "),
        guard,
        operation: Operation::Nothing,
        target: None,
        flags: [None; 2],
        sources: [Source::ZERO; 3],
        // a condition that is not given must not add a carry
        conditions: [Condition::Never; 3],
        delay,
    };
    decode::decode(&mut parts, &mut instruction, labels)?;
    // a part that nothing has taken would otherwise be ignored
    parts.finish()?;
    Ok(instruction)
}
