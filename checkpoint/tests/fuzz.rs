//! A short run of tools/src/bin/fuzz.rs; the long one is made by hand.

#[path = "../../tools/src/bin/fuzz.rs"]
mod fuzz;

#[test]
fn nothing_panics_on_mutilated_input() {
    let fuzz::Outcome { failures, tried } = fuzz::run(60_000, 7).unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // inputs that are all refused, or all taken, would show nothing
    for (target, (tried, taken)) in tried {
        assert!(tried > 1000 && taken * 100 > tried && taken * 10 < tried * 9, "{target}: {taken} of {tried}");
    }
}
