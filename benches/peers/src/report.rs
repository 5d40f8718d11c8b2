//! Contests, their rounds, and their tables.

use std::fmt::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Rounds that count; one before them does not.
const ROUNDS: usize = 11;
/// The time that an entry works before it is timed, because the system takes so long to spread threads over idle cores.
const AWAKE: Duration = Duration::from_millis(50);

type Work<'a> = Box<dyn FnMut() -> f64 + 'a>;

/// Entries that do the same work.
pub(crate) struct Contest<'a> {
    title: &'static str,
    elements: u64,
    entries: Vec<(&'static str, Work<'a>, Vec<f64>)>,
}

impl<'a> Contest<'a> {
    pub(crate) const fn new(title: &'static str, elements: u64) -> Self {
        Self { title, elements, entries: Vec::new() }
    }

    /// An entry, whose work returns the seconds that it took.
    pub(crate) fn entry(&mut self, name: &'static str, work: impl FnMut() -> f64 + 'a) {
        self.entries.push((name, Box::new(work), Vec::new()));
    }

    /// Runs every entry in turn, in every round: first to wake the machine up, then once for the time. Prints the table
    /// and returns it.
    pub(crate) fn run(mut self) -> String {
        for round in 0..=ROUNDS {
            for (_, work, times) in &mut self.entries {
                let begin = Instant::now();
                while begin.elapsed() < AWAKE {
                    work();
                }
                let taken = work();
                if round > 0 {
                    times.push(taken);
                }
            }
        }
        for (_, _, times) in &mut self.entries {
            times.sort_by(f64::total_cmp);
        }
        let table = self.table();
        println!("{table}");
        table
    }

    fn table(&self) -> String {
        let mut table = format!("### {}\n\n", self.title);
        table += "| | ms | quartiles | M elements/s | times the first's |\n| --- | ---: | ---: | ---: | ---: |\n";
        let quantile = |times: &[f64], share: usize| times[(times.len() - 1) * share / 4];
        let first = quantile(&self.entries[0].2, 2);
        for (name, _, times) in &self.entries {
            let [low, median, high] = [1, 2, 3].map(|share| quantile(times, share));
            let rate = self.elements as f64 / median / 1e6;
            let [low, high, ms] = [low, high, median].map(|time| digits(time * 1e3));
            writeln!(table, "| {name} | {ms} | {low} to {high} | {} | {:.2} |", digits(rate), median / first).unwrap();
        }
        table
    }
}

/// A number with three significant digits or more.
fn digits(value: f64) -> String {
    let places = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else if value >= 1.0 {
        2
    } else {
        3
    };
    format!("{value:.places$}")
}

/// Writes the tables into docs/benchmarks.md, between its marks.
pub(crate) fn write(machine: &str, tables: &[String]) -> Result<()> {
    const MARKS: [&str; 2] = [" writes from here -->\n", "<!-- to here -->"];
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.md");
    let text = std::fs::read_to_string(path)?;
    let (before, rest) = text.split_once(MARKS[0]).with_context(|| format!("{path} has lost its mark"))?;
    let (_, after) = rest.split_once(MARKS[1]).with_context(|| format!("{path} has lost its second mark"))?;
    let tables = tables.join("\n");
    std::fs::write(path, [before, MARKS[0], "\n", machine, "\n\n", &tables, "\n", MARKS[1], after].concat())?;
    println!("written to docs/benchmarks.md");
    Ok(())
}
