//! tmp
#[path = "../tests/common/trace.rs"]
mod trace;
#[path = "../tests/common/rewrites.rs"]
mod rewrites;
use seedtensors::*;
fn main() {
    let bits: u32 = std::env::args().nth(1).map_or(16, |a| a.parse().unwrap());
    let inf = f32::INFINITY;
    let t = |mean, std, low, high| Sampler::TruncatedNormal { mean, std, low, high };
    for (name, sampler) in [
        ("uniform", Sampler::Uniform { low: -0.1, high: 0.3 }),
        ("normal", Sampler::Normal { mean: 0.001, std: 0.02 }),
        ("centred", Sampler::Normal { mean: 0.0, std: 0.02 }),
        ("trunc", t(0.001, 0.02, -0.04, 0.1)),
        ("tail", t(0.0, 1.0, 4.0, 6.0)),
        ("all", t(0.0, 1.0, -inf, inf)),
        ("half", t(0.0, 1.0, 0.5, inf)),
        ("narrow", t(0.001, 0.02, 0.01, 0.0101)),
        ("narrow wide", t(0.0, 1.0, 0.3, 0.36)),
        ("narrow far", t(0.0, 1.0, 12.0, 12.005)),
    ] {
        let m = rewrites::Mutants::new(&sampler, Dtype::F32);
        let blocks: Vec<u64> = (0..1 << (bits - 2)).collect();
        let t = std::time::Instant::now();
        let counts = m.counts(Key::new(42), &blocks);
        println!("{name}: {} mutants, {:?}", counts.len(), t.elapsed());
        for ((m, nodes), c) in m.mutants.iter().zip(&counts) { println!("{c:>9}  {} {m}", nodes.len()); }
        let mut cpu = vec![0.0_f32; 256];
        cpu::fill(&Fill::new(Key::new(42), sampler), &mut cpu).unwrap();
        assert_eq!(m.values(Key::new(42), &blocks[..64]), cpu.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
    }
}
