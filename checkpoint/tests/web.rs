//! What web/ is checked against is what the library gives.

#[path = "../../tools/src/bin/web_vectors.rs"]
mod web_vectors;

#[test]
fn the_vectors_of_the_browser_are_the_librarys() {
    for (path, text) in web_vectors::files() {
        let stored = std::fs::read_to_string(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let differs = stored.lines().zip(text.lines()).position(|(stored, text)| stored != text);
        let again = "cargo run --release -p seedtensors-tools --bin web_vectors";
        assert!(stored == text, "{path} differs from line {differs:?} on; `{again}` writes it anew");
        assert!(text.lines().count() > 5, "{path} is empty");
    }
}
