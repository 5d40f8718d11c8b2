//! Fills elements on one thread and exits: `instructions SAMPLER DTYPE ELEMENTS`. scripts/instructions counts its
//! instructions.

use std::hint::black_box;

use half::{bf16, f16};
use seedtensors::{Element, Error, Fill, Key, Sampler, cpu};

fn fill<T: Element>(sampler: Sampler, elements: usize) -> Result<(), Error> {
    let fill = Fill::from_sampler(Key::new(42), sampler, elements as u64);
    cpu::fill(&fill, black_box(&mut vec![T::zeroed(); elements]))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [sampler, dtype, elements] = arguments.as_slice() else {
        return Err("usage: instructions words|uniform|normal|truncated|truncated-line f32|f16|bf16 ELEMENTS".into());
    };
    let elements = elements.parse()?;
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global()?;
    let sampler = match sampler.as_str() {
        "words" => {
            cpu::words(Key::new(42), 0, black_box(&mut vec![0; elements]));
            return Ok(());
        }
        "uniform" => Sampler::Uniform { low: -1.0, high: 1.0 },
        "normal" => Sampler::Normal { mean: 0.0, std: 0.02 },
        "truncated" => Sampler::TruncatedNormal { mean: 0.0, std: 1.0, low: -2.0, high: 2.0 },
        "truncated-line" => Sampler::TruncatedNormal { mean: 0.0, std: 0.02, low: -2.0, high: 2.0 },
        other => return Err(format!("no sampler {other:?}").into()),
    };
    match dtype.as_str() {
        "f32" => fill::<f32>(sampler, elements)?,
        "f16" => fill::<f16>(sampler, elements)?,
        "bf16" => fill::<bf16>(sampler, elements)?,
        other => return Err(format!("no dtype {other:?}").into()),
    }
    Ok(())
}
