//! The rule of shaders/pin.wgsl, on the shaders as a compiler has them: inlined, split into scalars and folded. No
//! product or sum reaches a sum, and no product a product, except behind a barrier that no other barrier cancels.

#[path = "common/graph.rs"]
mod graph;
#[path = "common/trace.rs"]
mod trace;

use std::collections::BTreeSet;

use graph::{Graph, Node, Op, is_power_of_two};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use seedtensors::gpu::{Form, Products};
use seedtensors::testing;

/// The parts of a value that a compiler could combine with the operation that it reaches.
#[derive(Clone, Copy, Default, PartialEq)]
struct Bare {
    sum: bool,
    product: bool,
}

impl Bare {
    const SUM: Self = Self { sum: true, product: false };
    const PRODUCT: Self = Self { sum: false, product: true };
    const NOTHING: Self = Self { sum: false, product: false };

    const fn or(self, other: Self) -> Self {
        Self { sum: self.sum || other.sum, product: self.product || other.product }
    }
}

/// The bare operations that reach a value.
fn bare(graph: &Graph, known: &[Bare], node: Node) -> Bare {
    let operands = graph.operands(node);
    let of = |i: usize| known[operands[i]];
    let hidden = |i: usize| graph.is_hidden(operands[i]);
    let constant = |i: usize| graph.constant(operands[i]);
    match graph.op(node) {
        Op::Add | Op::Sub | Op::Fma => Bare::SUM,
        Op::Mul if is_power_of_two(graph, operands[0]) => of(1),
        Op::Mul if is_power_of_two(graph, operands[1]) => of(0),
        Op::Mul => Bare::PRODUCT,
        Op::Neg => of(0),
        Op::Select => of(1).or(of(2)),
        // the barrier
        Op::Or if hidden(1) || hidden(0) => Bare::NOTHING,
        // hidden, but another may undo it
        Op::Xor | Op::And | Op::IntAdd | Op::IntSub if hidden(1) => of(0),
        // the sign changes, the value does not
        Op::Xor if constant(1) == Some(0x8000_0000) => of(0),
        Op::And if constant(1) == Some(0x7fff_ffff) => of(0),
        // `exact`, and integers, which hide a value's bits
        _ => Bare::NOTHING,
    }
}

/// The operations that break the rule.
fn violations(graph: &Graph) -> BTreeSet<String> {
    let mut known = vec![Bare::default(); graph.operations.len()];
    let mut found = BTreeSet::new();
    for node in 0..graph.operations.len() {
        let operands = graph.operands(node);
        let any = |operands: &[Node]| operands.iter().fold(Bare::NOTHING, |all, &operand| all.or(known[operand]));
        let wrong = match graph.op(node) {
            Op::Add | Op::Sub => any(operands) != Bare::NOTHING,
            Op::Mul => any(operands).product && bare(graph, &known, node) == Bare::PRODUCT,
            // a product times a hidden 1 is exact
            Op::Fma => !graph.is_hidden(operands[1]) || known[operands[2]] != Bare::NOTHING || known[operands[0]].sum,
            _ => false,
        };
        if wrong {
            found.insert(graph.sites[node].clone());
        }
        known[node] = bare(graph, &known, node);
    }
    found
}

/// Every exact sampler's number, by its name.
fn samplers() -> Vec<(&'static str, u32)> {
    let samplers: Vec<_> = testing::constants()
        .into_iter()
        .filter(|(name, _)| name.starts_with("SAMPLER_") && *name != "SAMPLER_NORMAL_NATIVE")
        .collect();
    assert_eq!(samplers.len(), 10);
    samplers
}

fn of_source(source: &str, products: Products) -> BTreeSet<String> {
    let module = naga::front::wgsl::parse_str(source).unwrap_or_else(|e| panic!("{}", e.emit_to_string(source)));
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module).unwrap();
    let parsed = (module, info);
    let each = |(name, number)| {
        let (graph, values) = trace::sampler(&parsed, source, number, products as u32);
        assert_eq!(values.len(), 8, "{name}");
        violations(&graph)
    };
    samplers().into_iter().flat_map(each).collect()
}

#[test]
fn every_bare_operation_meets_a_barrier() {
    for products in [Products::Pinned, Products::Fma] {
        let found = of_source(&Form::SAFEST.source(), products);
        assert!(found.is_empty(), "{products:?}: {found:#?}");
    }
}

/// The functions of reflectors.wgsl that compute.
const REFLECTIONS: [&str; 5] = ["add_exactly", "square_root", "two_over", "add_product", "subtract_product"];

#[test]
fn reflections_have_their_barriers() {
    let source = Form::SAFEST.source();
    let of = |source: &str, products| {
        let module = naga::front::wgsl::parse_str(source).unwrap();
        let info = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module).unwrap();
        let parsed = (module, info);
        let each = |name| {
            let (graph, values) = trace::function(&parsed, source, name, products as u32);
            assert!(values.len() >= 4, "{name}");
            violations(&graph)
        };
        REFLECTIONS.map(each).map(|found| found.len())
    };
    for products in [Products::Pinned, Products::Fma] {
        assert_eq!(of(&source, products), [0; 5], "{products:?}");
    }
    // without barriers every function breaks the rule; the last two have one product and one sum
    let bare = of(&source.replace(PIN, "return x;"), Products::Pinned);
    assert!(bare.iter().all(|&found| found > 0) && bare[..3].iter().all(|&found| found > 3), "{bare:?}");
}

const PIN: &str = "return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) | vec4(zero));";

/// Barriers that are exclusive ors with one word could cancel: another may undo one.
#[test]
fn exclusive_ors_are_found_out() {
    let source = Form::SAFEST.source();
    assert!(source.contains(PIN));
    let found = of_source(&source.replace(PIN, &PIN.replace('|', "^")), Products::Pinned);
    assert!(found.iter().any(|site| site.starts_with("root")), "{found:#?}");
}

#[test]
fn missing_barriers_are_found_out() {
    let source = Form::SAFEST.source();
    let bare = of_source(&source.replace(PIN, "return x;"), Products::Pinned);
    assert!(bare.len() > 40, "{bare:#?}");
    // one product that feeds a sum, and one sum that feeds a sum
    for (barrier, without) in [
        ("return c - rounded(a * b);", "return c - a * b;"),
        ("let square = pin(e_ln2 - f) - q;", "let square = (e_ln2 - f) - q;"),
    ] {
        assert!(source.contains(barrier), "{barrier}");
        let found = of_source(&source.replace(barrier, without), Products::Pinned);
        assert!(!found.is_empty(), "{without}");
    }
}
