//! `seedtensors words`.

use std::io::Write as _;

use seedtensors::{Fill, Key, Sampler, cpu};

use crate::args::Words;

/// Words that are made at a time.
const PIECE: usize = 1 << 20;

pub(crate) fn run(arguments: &Words) -> anyhow::Result<()> {
    let key = Key::new(arguments.seed);
    let key = arguments.name.as_deref().map_or(key, |name| key.named(name));
    let mut fill = Fill { start: arguments.start, ..Fill::new(key, Sampler::Words) };
    let mut left = arguments.count;
    let mut words = vec![0.0_f32; PIECE];
    let mut out = std::io::stdout().lock();
    while left != Some(0) {
        let count = left.map_or(PIECE, |left| usize::try_from(left).unwrap_or(PIECE).min(PIECE));
        // the patterns of words, whatever numbers they would be
        cpu::fill(&fill, &mut words[..count])?;
        let patterns: &mut [u32] = bytemuck::cast_slice_mut(&mut words[..count]);
        patterns.iter_mut().for_each(|word| *word = word.to_le());
        out.write_all(bytemuck::cast_slice(patterns))?;
        fill.start += count as u64;
        left = left.map(|left| left - count as u64);
    }
    out.flush()?;
    Ok(())
}
