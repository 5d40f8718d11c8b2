//! `seedtensors words`.

use std::io::Write as _;

use seedtensors::{Key, cpu};

use crate::args::Words;

/// The number of words that are computed at a time.
const PIECE: usize = 1 << 20;

pub(crate) fn run(arguments: &Words) -> anyhow::Result<()> {
    let key = Key::new(arguments.seed);
    let key = arguments.name.as_deref().map_or(key, |name| key.named(name));
    // the library's words begin anew after the last one, which is no use to a reader of a file
    if let Some(count) = arguments.count
        && arguments.start.checked_add(count.saturating_sub(1)).is_none()
    {
        anyhow::bail!(seedtensors::Error::ShapeOverflow { what: format!("start {} + {count} words", arguments.start) });
    }
    let mut start = arguments.start;
    let mut left = arguments.count;
    let mut words = vec![0_u32; PIECE];
    // not `print::out`, which makes text safe: these are bytes
    let mut out = std::io::stdout().lock();
    while left != Some(0) {
        let count = left.map_or(PIECE, |left| usize::try_from(left).unwrap_or(PIECE).min(PIECE));
        cpu::words(key, start, &mut words[..count]);
        words[..count].iter_mut().for_each(|word| *word = word.to_le());
        out.write_all(bytemuck::cast_slice(&words[..count]))?;
        // the index of a word has 64 bits: behind the last word comes the first
        start = start.wrapping_add(count as u64);
        left = left.map(|left| left - count as u64);
    }
    out.flush()?;
    Ok(())
}
