//! `seedtensors styles`.

use std::io::Write as _;

use seedtensors_checkpoint::styles;

use crate::print;

pub(crate) fn run() -> anyhow::Result<()> {
    let mut out = print::out();
    for style in styles() {
        writeln!(out, "{}", style.name)?;
        // the description is the comment at the top of the style's file, indented here
        for line in style.about.lines() {
            writeln!(out, "    {}", line.trim_end())?;
        }
        writeln!(out)?;
    }
    Ok(())
}
