//! Text files that are read whole.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use seedtensors_checkpoint::file_kind;

/// The most bytes of a recipe, a template, rules or a config.
const LARGEST: u64 = 64 << 20;

/// The text of a file. A named pipe is refused, because nothing may ever be written into it; `/dev/stdin` and a
/// shell's `<(command)` are taken.
pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    let cannot = || format!("cannot read {}", path.display());
    // of what a link leads to: `/dev/stdin` is a link
    let kind = fs::metadata(path).with_context(cannot)?.file_type();
    if !(kind.is_file() || path.starts_with("/dev") || path.starts_with("/proc/self/fd")) {
        bail!("{} is no regular file", path.display());
    }
    let mut bytes = Vec::new();
    // one byte more than allowed tells a longer file apart, without reading all of it
    File::open(path).with_context(cannot)?.take(LARGEST + 1).read_to_end(&mut bytes).with_context(cannot)?;
    if bytes.len() as u64 > LARGEST {
        bail!("{} is longer than {LARGEST} bytes", path.display());
    }
    let other = file_kind(&bytes).map_or_else(String::new, |kind| format!(": it is {kind}"));
    String::from_utf8(bytes).with_context(|| format!("cannot read {} as text{other}", path.display()))
}
