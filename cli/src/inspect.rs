//! `seedtensors inspect`.

use std::io::{self, IsTerminal as _, Write};
use std::path::Path;

use anyhow::{Context as _, bail};
use seedtensors_checkpoint::{
    Checkpoint, Histogram, Panel, Statistics, StoredTensor, is_match, plot, printable, printable_json, stored_tensors,
};
use serde_json::{Value, json};

use crate::args::Inspect;
use crate::print;

/// The most panels of a plot: six rows of four.
const MOST_PANELS: usize = 24;
/// The most letters of a name in the table. Longer names are shortened there; JSON has them in full.
const MOST_LETTERS: usize = 80;

pub(crate) fn run(arguments: &Inspect) -> anyhow::Result<()> {
    // refused before the values are read, which can take long
    if let Some(path) = &arguments.plot {
        check_plot(path, arguments.force)?;
    }
    let checkpoint = Checkpoint::open(&arguments.path)?;
    let (mut tensors, problems) = stored_tensors(&checkpoint);
    for problem in problems {
        print::note(format_args!("warning: {problem}"));
    }
    if let Some(glob) = &arguments.tensor {
        let matches = is_match(glob)?;
        tensors.retain(|tensor| matches(&tensor.entry.name));
        if tensors.is_empty() {
            bail!("no tensor's name matches {glob:?}");
        }
    }
    // the width of the longest name that is printed, which `MOST_LETTERS` bounds
    let names = tensors.iter().map(|tensor| shortened(&tensor.entry.name).chars().count());
    let width = names.max().unwrap_or_default();
    // a histogram reads the values again: in a file or a pipe nobody would look at it
    let bars = !arguments.json && std::io::stdout().is_terminal();
    let mut out = print::out();
    if !arguments.json {
        writeln!(out, "{}", heading(width))?;
    }
    let (mut is_first, mut panels, mut left_out) = (true, Vec::new(), 0);
    // One tensor after another, each printed when it is read: nothing but the panels is kept.
    for tensor in &tensors {
        let cannot = || format!("cannot read {}", tensor.file.path.display());
        let statistics = tensor.statistics().with_context(cannot)?;
        let histogram = |bins| statistics.as_ref().map_or(Ok(None), |values| tensor.histogram(values, bins));
        if arguments.json {
            write_json(&mut out, is_first, &as_json(tensor, statistics.as_ref()))?;
            is_first = false;
        } else {
            let small = if bars { histogram(16).with_context(cannot)? } else { None };
            writeln!(out, "{}", line(tensor, statistics.as_ref(), small.as_ref(), width))?;
        }
        if arguments.plot.is_none() {
            continue;
        }
        if panels.len() == MOST_PANELS {
            left_out += 1;
        } else if let (Some(statistics), Some(histogram)) = (statistics, histogram(64).with_context(cannot)?) {
            panels.push(Panel { name: tensor.entry.name.clone(), statistics, histogram, expected: tensor.expected });
        }
    }
    if arguments.json {
        writeln!(out, "{}", if is_first { "[]" } else { "\n]" })?;
    }
    if let Some(path) = &arguments.plot {
        if panels.is_empty() {
            bail!("there is nothing to plot: no tensor has two different values");
        }
        let cannot = || format!("cannot draw {}", path.display());
        plot(path, &panels).with_context(cannot)?;
        let rest = if left_out > 0 {
            format!("; {left_out} more tensors are not in it, --tensor chooses")
        } else {
            String::new()
        };
        print::note(format_args!("drew {} tensors into {}{rest}", panels.len(), path.display()));
    }
    Ok(())
}

/// Refuses a plot that could not be written, or that would replace a file.
fn check_plot(path: &Path, force: bool) -> anyhow::Result<()> {
    if !path.extension().is_some_and(|extension| extension == "svg" || extension == "png") {
        bail!("a plot is an .svg or .png file, not {}", path.display());
    }
    if !force && path.symlink_metadata().is_ok() {
        bail!("{} exists and is kept; --force replaces it", path.display());
    }
    Ok(())
}

/// An element of a list, laid out as `serde_json::to_string_pretty` lays out the whole.
fn write_json(out: &mut impl Write, is_first: bool, value: &Value) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value)?.replace('\n', "\n  ");
    write!(out, "{}\n  {}", if is_first { "[" } else { "," }, printable_json(&text))
}

/// A name as the table has it: safe to print, and the middle left out of a long one.
fn shortened(name: &str) -> String {
    let name = printable(name);
    let count = name.chars().count();
    if count <= MOST_LETTERS {
        return name.into_owned();
    }
    // both ends are kept: the begin names the layer, the end the parameter
    let (begin, end) = (MOST_LETTERS / 2, MOST_LETTERS - MOST_LETTERS / 2 - 1);
    name.chars().take(begin).chain(['…']).chain(name.chars().skip(count - end)).collect()
}

/// The names of the columns, with the widths that `line` uses.
fn heading(width: usize) -> String {
    format!(
        "{:width$}  {:>18} {:>5} {:>11} {:>10} {:>10} {:>7} {:>11} {:>11} {:>9} {:>4} {:>4}",
        "tensor", "shape", "dtype", "mean", "std", "promised", "errors", "min", "max", "zeros", "nan", "inf"
    )
}

/// The line of a tensor in the table.
fn line(tensor: &StoredTensor<'_>, values: Option<&Statistics>, small: Option<&Histogram>, width: usize) -> String {
    let entry = tensor.entry;
    let (shape, dtype) = (format!("{:?}", entry.shape), format!("{:?}", entry.dtype));
    let head = format!("{:width$}  {shape:>18} {dtype:>5}", shortened(&entry.name));
    let Some(values) = values else { return format!("{head} values of this dtype are not read") };
    let or_dash = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), number);
    let errors = tensor.std_errors(values).map_or_else(|| "-".to_owned(), |errors| format!("{errors:+.2}"));
    format!(
        "{head} {:>11} {:>10} {:>10} {errors:>7} {:>11} {:>11} {:>9} {:>4} {:>4} {}",
        or_dash(values.mean()),
        or_dash(values.std()),
        or_dash(tensor.expected.map(|expected| expected.std)),
        or_dash(values.min()),
        or_dash(values.max()),
        values.zeros,
        values.nans,
        values.infinities,
        small.map_or_else(String::new, bars),
    )
}

/// A number with at most six decimals, or with an exponent where it is small or large.
fn number(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if (1e-3..1e5).contains(&value.abs()) {
        format!("{value:.6}").trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{value:.3e}")
    }
}

/// A histogram in one line of text.
fn bars(histogram: &Histogram) -> String {
    // heights in eighths of a line
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = histogram.counts.iter().max().copied().unwrap_or_default().max(1);
    // rounded up, so that one value alone is seen; 128 bits, because a count times 8 may not fit in 64
    let bar = |&count: &u64| BARS[(u128::from(count) * 8).div_ceil(u128::from(most)) as usize];
    histogram.counts.iter().map(bar).collect()
}

/// The values of a tensor as JSON. Numbers that a tensor does not have are null.
fn as_json(tensor: &StoredTensor<'_>, values: Option<&Statistics>) -> Value {
    let mut object = json!({
        "name": tensor.entry.name,
        "file": tensor.file.path.display().to_string(),
        "shape": tensor.entry.shape,
        "dtype": format!("{:?}", tensor.entry.dtype),
    });
    if let Some(values) = values {
        object["finite"] = json!(values.count);
        object["mean"] = json!(values.mean());
        object["std"] = json!(values.std());
        object["min"] = json!(values.min());
        object["max"] = json!(values.max());
        object["zeros"] = json!(values.zeros);
        object["nans"] = json!(values.nans);
        object["infinities"] = json!(values.infinities);
        object["std_errors"] = json!(tensor.std_errors(values));
    }
    object["promised_mean"] = json!(tensor.expected.map(|expected| expected.mean));
    object["promised_std"] = json!(tensor.expected.map(|expected| expected.std));
    object
}
