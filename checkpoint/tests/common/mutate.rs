//! Texts of the formats that are read, mutilated at random. The fuzzers share it.

use rand::rngs::SmallRng;
use rand::{Rng, RngExt};

/// What is put into inputs, one a word: numbers at their limits, and the words of the formats.
const WORDS: &str = r#"0 1 -1 64 65535 4294967296 9223372036854775807 9223372036854775808 18446744073709551615
    18446744073709551616 1e308 1e-320 nan inf -inf 0x7f null true "" [] {} [[ ]] [ ] { } , : = " \ \u0000 .. /
    ../a.safetensors a.safetensors __metadata__ dtype shape data_offsets weight_map "F32" "F4" "BF16" "F64" [[tensor]]
    [[layer]] [defaults] name init layout groups transposed fans fan_in fan_out padding shard start extent "he_normal"
    orthogonal delta_orthogonal dirac eye sparse sparsity truncated_normal variance_scaling low high std mean gain mode
    distribution bounds lstm gru linear conv kernel layers inputs outputs hidden embedding multihead_attention in_out
    [[rule]] skip * {a,b} [a- {{ }} {% %} for endfor if endif set macro endmacro include import range( ~ ** // % |
    loop default( join sqrt( style hidden_size é seedtensors.recipe seedtensors.seed"#;

/// A text, changed in a few places.
pub(crate) fn text(seed: &[u8], random: &mut SmallRng) -> Vec<u8> {
    let words: Vec<&str> = WORDS.split_whitespace().chain([" ", "\n", "\0", "\u{1b}", "\u{202e}"]).collect();
    let mut input = seed.to_vec();
    for _ in 0..1 + random.random_range(0..3) * random.random_range(0..3) {
        let at = random.random_range(0..=input.len());
        let end = (at + random.random_range(0..24)).min(input.len());
        let word = words[random.random_range(0..words.len())];
        match random.random_range(0..7) {
            0 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
            1 => drop(input.drain(at..end)),
            2 => {
                let part = input[at..end].to_vec();
                let place = random.random_range(0..=input.len());
                input.splice(place..place, part);
            }
            3 => {
                // a number, or a word, gives way to another
                let begin = input[at..].iter().position(u8::is_ascii_alphanumeric).map_or(at, |skip| at + skip);
                let length = input[begin..].iter().position(|byte| !byte.is_ascii_alphanumeric());
                let end = length.map_or(input.len(), |length| begin + length);
                input.splice(begin..end, word.bytes());
            }
            4 => {
                let mut bytes = [0; 4];
                random.fill_bytes(&mut bytes);
                input.splice(at..at, bytes);
            }
            5 if random.random_range(0..4) == 0 => input.truncate(at),
            _ => drop(input.splice(at..at, word.repeat(random.random_range(1..=3)).bytes())),
        }
    }
    input
}
