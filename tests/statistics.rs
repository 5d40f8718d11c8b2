//! tools/src/bin/statistics.rs on 2^22 words of each stream and on values of each distribution and dtype; tails on
//! 2^26.

#[path = "../tools/src/bin/statistics.rs"]
mod statistics;

use std::collections::BTreeSet;

use statistics::{Outcome, bad_streams, bad_values, streams, test_all_values, test_words};

const BITS: u32 = 22;
const TAIL_BITS: u32 = 26;

fn failures(outcomes: &[Outcome]) -> Vec<&Outcome> {
    outcomes.iter().filter(|outcome| outcome.fails()).collect()
}

/// 25 tests, each with a false-positive rate of 1e-6.
#[test]
fn words_pass_in_every_stream() {
    for (name, stream) in streams(BITS) {
        let outcomes = test_words(name, &stream());
        assert_eq!(outcomes.len(), 5);
        assert!(failures(&outcomes).is_empty(), "{:?}", failures(&outcomes));
    }
}

/// 32 tests, each with a false-positive rate of 1e-6.
#[test]
fn values_pass_in_every_dtype() {
    let outcomes = test_all_values(BITS, TAIL_BITS).unwrap();
    assert_eq!(outcomes.len(), 32);
    assert!(failures(&outcomes).is_empty(), "{:?}", failures(&outcomes));
}

/// Every bad generator fails a test, and every test rejects one.
#[test]
fn bad_generators_fail() {
    let mut outcomes = bad_values(BITS, TAIL_BITS).unwrap();
    for (name, words) in bad_streams(BITS) {
        outcomes.extend(test_words(name, &words));
    }
    let failed = |of: fn(&Outcome) -> &str| failures(&outcomes).into_iter().map(of).collect::<BTreeSet<_>>();
    let all = |of: fn(&Outcome) -> &str| outcomes.iter().map(of).collect::<BTreeSet<_>>();
    assert_eq!(failed(|outcome| &outcome.of), all(|outcome| &outcome.of));
    assert_eq!(failed(|outcome| outcome.test), all(|outcome| outcome.test));
    assert_eq!(all(|outcome| outcome.test).len(), 15);
}
