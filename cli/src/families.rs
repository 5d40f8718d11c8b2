//! `seedtensors families`.

use std::io::Write as _;

use seedtensors_checkpoint::families;

use crate::print;

pub(crate) fn run() -> anyhow::Result<()> {
    let mut out = print::out();
    for family in families() {
        let styles = family.styles.map_or_else(|| "every style".to_owned(), |styles| styles.join(", "));
        writeln!(out, "{}: {}", family.model_type, family.about)?;
        writeln!(out, "    architectures: {}", family.architectures.join(", "))?;
        writeln!(out, "    styles: {styles}")?;
        writeln!(out, "    source: {}\n", family.source)?;
    }
    Ok(())
}
