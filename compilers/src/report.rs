//! Results as tables: agreement, power and costs.

use std::collections::BTreeMap;

use crate::bounds::Cost;
use crate::compare::Outcome;
use crate::emit::Change;

/// The outcome of a case with a compiler.
pub(crate) struct Row {
    pub(crate) compiler: &'static str,
    /// The case's name.
    pub(crate) case: String,
    pub(crate) form: String,
    pub(crate) change: Change,
    pub(crate) outcome: Outcome,
}

/// Lines of cells as Markdown, or in columns.
pub(crate) fn table(markdown: bool, rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        if markdown {
            text += &format!("| {} |\n", row.join(" | "));
            if index == 0 {
                // names to the left, numbers to the right
                text += &format!("| --- |{}\n", " ---: |".repeat(columns.saturating_sub(1)));
            }
            continue;
        }
        for (column, cell) in row.iter().enumerate() {
            let width = width(column);
            text += &if column == 0 { format!("{cell:width$}") } else { format!("  {cell:>width$}") };
        }
        text += "\n";
    }
    text
}

/// For each compiler and form: cases, elements, and the counts of what went wrong.
pub(crate) fn agreement(rows: &[Row]) -> Vec<Vec<String>> {
    // rows with changed shaders are meant to differ; `power` has them
    let mut sums: BTreeMap<(&str, &str), [u64; 7]> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.change == Change::None) {
        let sum = sums.entry((row.compiler, &row.form)).or_default();
        let Outcome { elements, differ, unwritten, outside, executed } = row.outcome;
        let more = [1, elements, differ, unwritten, outside, executed.fused, executed.fused_matter];
        for (sum, more) in sum.iter_mut().zip(more) {
            *sum += more;
        }
    }
    let head = ["compiler, form", "cases", "elements", "differ", "unwritten", "outside", "fused", "of them matter"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for ((compiler, form), sum) in sums {
        table.push(std::iter::once(format!("{compiler}, {form}")).chain(sum.map(|sum| sum.to_string())).collect());
    }
    table
}

/// Elements that differ where the shaders are changed: they show that the comparison can fail.
pub(crate) fn power(rows: &[Row]) -> Vec<Vec<String>> {
    let head = ["compiler, change, case", "elements", "differ"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for row in rows.iter().filter(|row| row.change != Change::None) {
        let name = format!("{}, {}, {}", row.compiler, row.change, row.case);
        table.push(vec![name, row.outcome.elements.to_string(), row.outcome.differ.to_string()]);
    }
    table
}

/// Costs of kernels, and per element.
pub(crate) fn costs(rows: &[(String, String, Cost, u32)]) -> Vec<Vec<String>> {
    let head =
        ["compiler, kernel", "instructions", "an element", "registers", "waves", "latency", "cycles", "an element"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for (compiler, kernel, cost, elements) in rows {
        let each = |count: u64| format!("{:.1}", count as f64 / f64::from(*elements));
        let known = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        table.push(vec![
            format!("{compiler}, {kernel}"),
            cost.instructions.to_string(),
            each(cost.instructions),
            cost.registers.to_string(),
            known(cost.waves),
            known(cost.latency),
            cost.cycles.to_string(),
            each(cost.cycles),
        ]);
    }
    table
}

/// Faults of the rows: code that is not exact, and changes that the comparison does not notice.
pub(crate) fn faults(rows: &[Row], fuses: impl Fn(&str) -> bool) -> Vec<String> {
    let fault = |row: &Row| {
        let Outcome { differ, unwritten, outside, .. } = row.outcome;
        let name = format!("{}, {}, {}", row.compiler, row.form, row.case);
        match row.change {
            Change::None if !row.outcome.is_exact() => {
                Some(format!("{name}: {differ} differ, {unwritten} unwritten, {outside} written outside"))
            }
            Change::None => None,
            // a compiler that does not fuse, vega10's, may agree without barriers
            change if differ == 0 && (fuses(row.compiler) || !change.is_of_barriers()) => {
                Some(format!("{name}: with {change} nothing differs, so that the comparison proves nothing"))
            }
            // the changes decide values, never which words are stored
            change if !row.outcome.is_whole() => {
                Some(format!("{name}, {change}: {unwritten} unwritten, {outside} written outside"))
            }
            _ => None,
        }
    };
    rows.iter().filter_map(fault).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_must_be_noticed() {
        let row = |change, differ| {
            let outcome = Outcome { differ, ..Outcome::default() };
            [Row { compiler: "A", case: String::new(), form: String::new(), change, outcome }]
        };
        let faults = |change, differ, fuses| faults(&row(change, differ), |_| fuses).len();
        assert_eq!([faults(Change::None, 0, true), faults(Change::None, 1, true)], [0, 1]);
        assert_eq!([faults(Change::Out, 0, true), faults(Change::Out, 1, true)], [1, 0]);
        // without fused products barriers may decide nothing; the order of a sum always does
        assert_eq!([faults(Change::Out, 0, false), faults(Change::Reversed, 0, false)], [0, 1]);
    }
}
