//! Small invented crates, with cycles and without.

use std::fs;

use crate::{Report, check};

/// Writes the files of a crate and checks it.
fn report(files: &[(&str, &str)]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    check(&folder.path().join("lib.rs")).unwrap()
}

fn assert_cycles(files: &[(&str, &str)], expected: &[&str]) {
    let report = report(files);
    assert_eq!(report.cycles, expected.len(), "{}", report.text);
    for cycle in expected {
        assert!(report.text.contains(cycle), "`{cycle}` is not in\n{}", report.text);
    }
}

#[test]
fn a_crate_without_cycles_is_fine() {
    let files = [
        ("lib.rs", "mod shape; mod fill; pub mod cpu; pub use fill::Fill; pub use shape::Shape;"),
        ("shape.rs", "pub struct Shape; #[cfg(test)] mod tests { use crate::Fill; }"),
        ("fill.rs", "use crate::Shape; pub struct Fill(Shape);"),
        ("cpu.rs", "mod simd; pub use simd::fill; mod fill { pub(super) fn inner() {} }"),
        ("cpu/simd.rs", "use crate::{Fill, Shape}; pub fn fill(fill: &Fill) { fill; let x = Shape; }"),
    ];
    assert_cycles(&files, &[]);
    let text = report(&files).text;
    assert!(text.contains("5 modules, 3 dependencies, no cycle"), "{text}");
}

#[test]
fn a_reexport_counts_for_the_module_that_defines() {
    // `key` names `Sampler` through the root, `sampler` names `key` by its path
    assert_cycles(
        &[
            ("lib.rs", "mod key; mod sampler; pub use sampler::Sampler; pub use key::Key;"),
            ("key.rs", "pub struct Key; impl Key { fn f(_: crate::Sampler) {} }"),
            ("sampler.rs", "pub struct Sampler; fn g() { let _ = crate::key::Key; }"),
        ],
        &["cycle of 2 files: key, sampler\n    key -> sampler  ("],
    );
}

#[test]
fn folders_can_have_a_cycle_where_files_have_none() {
    assert_cycles(
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "pub mod low; mod high;"),
            ("a/low.rs", "pub const LOW: u32 = 1;"),
            ("a/high.rs", "pub const HIGH: u32 = crate::b::MIDDLE;"),
            ("b.rs", "pub const MIDDLE: u32 = super::a::low::LOW;"),
        ],
        &["cycle of 2 root modules: a, b"],
    );
}

#[test]
fn a_child_that_names_its_parent_is_a_cycle_when_the_parent_uses_it() {
    let parent = "mod child; pub use child::Child; pub struct Parent;";
    let child = "pub struct Child(super::Parent); impl Child { pub fn new() {} }";
    assert_cycles(&[("lib.rs", "mod parent;"), ("parent.rs", parent), ("parent/child.rs", child)], &[]);
    let uses = [parent, "fn make() { Child::new() }"].concat();
    let expected = ["cycle of 2 files: parent, parent::child"];
    assert_cycles(&[("lib.rs", "mod parent;"), ("parent.rs", &uses), ("parent/child.rs", child)], &expected);
}

#[test]
fn macros_globs_and_paths_in_macros_count() {
    assert_cycles(
        &[
            ("lib.rs", "macro_rules! make { ($t:ty) => {}; }\nmod a; mod b; mod c; fn f() { c::run() }"),
            ("a.rs", "use super::b::*; pub fn one() { assert!(Two::new() == 2); }"),
            ("b.rs", "pub struct Two; fn f() { println!(\"{}\", crate::a::one()); }"),
            ("c.rs", "make!(u32); pub fn run() {}"),
        ],
        &["cycle of 2 files: a, b", "cycle of 2 files: c, lib"],
    );
}

#[test]
fn a_variable_hides_a_function_of_the_same_name() {
    let parent = "mod fill; pub use fill::fill; pub struct P; fn f(fill: u32) -> u32 { fill + 1 }";
    let child = "pub fn fill(_: super::P) {}";
    assert_cycles(&[("lib.rs", "mod cpu;"), ("cpu.rs", parent), ("cpu/fill.rs", child)], &[]);
}

#[test]
fn a_module_and_a_function_may_share_a_name() {
    let root = "mod curve; mod value; pub use value::curve; pub use curve::SLOPE;";
    let value = "pub fn curve() -> f32 { crate::curve::SLOPE }";
    assert_cycles(&[("lib.rs", root), ("curve.rs", "pub const SLOPE: f32 = 1.0;"), ("value.rs", value)], &[]);
    let curve = "pub const SLOPE: f32 = 1.0; fn f() { crate::curve(); }";
    let files = [("lib.rs", root), ("curve.rs", curve), ("value.rs", value)];
    assert_cycles(&files, &["cycle of 2 files: curve, value"]);
}
