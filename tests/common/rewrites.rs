//! Single rewrites that a compiler without barriers might make of a sampler's operations, and the number of values that
//! each changes.
#![allow(dead_code, reason = "every test file uses its own part")]
#![allow(clippy::cast_possible_truncation, reason = "rounding to f32 is what it is for")]

use std::collections::BTreeMap;

use rayon::prelude::*;
use seedtensors::gpu::{Form, Products};
use seedtensors::{Arithmetic, Dtype, Key, Sampler, testing};

use crate::graph::{Graph, Node, Op, evaluate, is_power_of_two};
use crate::trace;

/// Pairs of words that are evaluated at once.
pub(crate) const LANES: usize = 256;
pub(crate) type Lanes = [u32; LANES];

/// A rewrite of an operation, in which an operand's own operation takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rewrite {
    /// The operand's product is not rounded: a b + c in one operation.
    Fused,
    /// The operand's sum, or product, is regrouped about its first operand: a + (b + c) for (a + b) + c.
    First,
    /// About its second: b + (a + c).
    Second,
}

/// Every operation of a text with the same rewrite: one for each lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mutant {
    pub(crate) site: String,
    pub(crate) is_sum: bool,
    /// The index of the operand that takes part.
    pub(crate) side: usize,
    pub(crate) rewrite: Rewrite,
}

impl std::fmt::Display for Mutant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.is_sum { "sum" } else { "product" };
        let side = ["left", "right"][self.side];
        match self.rewrite {
            Rewrite::Fused => write!(f, "{}: {side} product fused", self.site),
            Rewrite::First => write!(f, "{}: {side} {kind} regrouped, 1", self.site),
            Rewrite::Second => write!(f, "{}: {side} {kind} regrouped, 2", self.site),
        }
    }
}

/// The operation of an operand, if it is the same in every lane: its operands, with the factors that apply to both
/// parts of a sum or to the first of a product.
#[derive(Clone, Copy)]
enum Found {
    Sum { a: Node, b: Node, factor: f32, b_factor: f32 },
    Product { a: Node, b: Node, factor: f32 },
}

/// The inputs of a batch of pairs of words.
pub(crate) struct Inputs {
    pub(crate) words: [Lanes; 2],
    /// The words of the shaders' `Coefficients`.
    pub(crate) coefficients: Vec<Lanes>,
}

/// A sampler's shader with its rewrites.
pub(crate) struct Mutants {
    graph: Graph,
    /// The values of the first two words.
    outputs: [Node; 2],
    /// The operations that the outputs depend on, in order.
    cone: Vec<Node>,
    /// The mutants with the operations that each rewrites, and whether an `exact` is between an operation and its
    /// operand's.
    pub(crate) mutants: Vec<(Mutant, Vec<Node>)>,
}

impl Mutants {
    /// The rewrites that barriers prevent in a sampler's shader, or those that `exact` says change nothing. A sampler
    /// of `None` is the words.
    pub(crate) fn new(sampler: Option<&Sampler>, through_exact: bool) -> Self {
        let source = Form::SAFEST.source();
        let module = naga::front::wgsl::parse_str(&source).expect("the shaders parse");
        let capabilities = naga::valid::Capabilities::empty();
        let info = naga::valid::Validator::new(naga::valid::ValidationFlags::all(), capabilities).validate(&module);
        let parsed = (module, info.expect("the shaders are valid"));
        let (number, _) = testing::coefficients(sampler, Dtype::F32, Arithmetic::Exact).expect("a valid sampler");
        let (graph, values) = trace::sampler(&parsed, &source, number, Products::Pinned as u32);
        let outputs = [values[0], values[1]];
        let cone = cone(&graph, &outputs);
        let mut mutants = Self { graph, outputs, cone, mutants: Vec::new() };
        mutants.mutants = mutants.all(through_exact);
        mutants
    }

    fn all(&self, through_exact: bool) -> Vec<(Mutant, Vec<Node>)> {
        let mut found: BTreeMap<Mutant, Vec<Node>> = BTreeMap::new();
        for &node in &self.cone {
            let is_sum = match self.graph.op(node) {
                Op::Add | Op::Sub => true,
                Op::Mul if !self.graph.operands(node).iter().any(|&x| is_power_of_two(&self.graph, x)) => false,
                _ => continue,
            };
            let operands = self.graph.operands(node);
            let sides = if operands[0] == operands[1] { 1 } else { 2 };
            for side in 0..sides {
                let same = |found, other: Node| match found {
                    // (a b) b is b (a b)
                    Some(Found::Sum { a, b, .. } | Found::Product { a, b, .. }) => {
                        [(Rewrite::First, a), (Rewrite::Second, b)].into_iter().filter(|(_, x)| *x == other).collect()
                    }
                    None => Vec::new(),
                };
                let same: Vec<(Rewrite, Node)> = same(self.found(operands[side]), operands[1 - side]);
                let rewrites = self.rewrites(operands[side], is_sum, through_exact, false);
                for rewrite in rewrites.into_iter().filter(|rewrite| same.iter().all(|(other, _)| other != rewrite)) {
                    let mutant = Mutant { site: self.graph.sites[node].clone(), is_sum, side, rewrite };
                    found.entry(mutant).or_default().push(node);
                }
            }
        }
        found.into_iter().collect()
    }

    /// The rewrites that an operand's possible origins allow; those behind an `exact`, or those without.
    fn rewrites(&self, operand: Node, is_sum: bool, through_exact: bool, passed: bool) -> Vec<Rewrite> {
        let operands = self.graph.operands(operand);
        let next = |node: Node| self.rewrites(node, is_sum, through_exact, passed);
        let regrouped =
            || if operands[0] == operands[1] { vec![Rewrite::First] } else { vec![Rewrite::First, Rewrite::Second] };
        let found = match self.graph.op(operand) {
            Op::Add | Op::Sub if is_sum => regrouped(),
            Op::Mul if is_power_of_two(&self.graph, operands[0]) => return next(operands[1]),
            Op::Mul if is_power_of_two(&self.graph, operands[1]) => return next(operands[0]),
            Op::Mul if is_sum => vec![Rewrite::Fused],
            Op::Mul => regrouped(),
            Op::Neg => return next(operands[0]),
            Op::Exact => return self.rewrites(operands[0], is_sum, through_exact, true),
            // what is behind the barrier is not inside the `exact`
            Op::Or if self.graph.is_hidden(operands[1]) => {
                return self.rewrites(operands[0], is_sum, through_exact, false);
            }
            Op::Select => {
                let mut all = next(operands[1]);
                all.extend(next(operands[2]));
                all.sort_unstable();
                all.dedup();
                return all;
            }
            _ => Vec::new(),
        };
        if passed == through_exact { found } else { Vec::new() }
    }

    /// The operation of an operand, if no select is on the way to it.
    fn found(&self, node: Node) -> Option<Found> {
        let operands = self.graph.operands(node);
        let constant = |i: usize| f32::from_bits(self.graph.constant(operands[i]).unwrap_or_default());
        let scaled = |found, by: f32| match found {
            Found::Sum { a, b, factor, b_factor } => Found::Sum { a, b, factor: factor * by, b_factor: b_factor * by },
            Found::Product { a, b, factor } => Found::Product { a, b, factor: factor * by },
        };
        match self.graph.op(node) {
            Op::Add => Some(Found::Sum { a: operands[0], b: operands[1], factor: 1.0, b_factor: 1.0 }),
            Op::Sub => Some(Found::Sum { a: operands[0], b: operands[1], factor: 1.0, b_factor: -1.0 }),
            Op::Mul if is_power_of_two(&self.graph, operands[0]) => Some(scaled(self.found(operands[1])?, constant(0))),
            Op::Mul if is_power_of_two(&self.graph, operands[1]) => Some(scaled(self.found(operands[0])?, constant(1))),
            Op::Mul => Some(Found::Product { a: operands[0], b: operands[1], factor: 1.0 }),
            Op::Neg => Some(scaled(self.found(operands[0])?, -1.0)),
            Op::Exact => self.found(operands[0]),
            Op::Or if self.graph.is_hidden(operands[1]) => self.found(operands[0]),
            _ => None,
        }
    }

    /// The arm of each select on the way to an operand's operation, in a lane.
    fn taken(&self, values: &[Lanes], lane: usize, node: Node) -> Node {
        let operands = self.graph.operands(node);
        match self.graph.op(node) {
            Op::Select => {
                let arm = if values[operands[0]][lane] == 0 { operands[2] } else { operands[1] };
                self.taken(values, lane, arm)
            }
            Op::Or if self.graph.is_hidden(operands[1]) => self.taken(values, lane, operands[0]),
            _ => node,
        }
    }

    /// An operation's values with a rewrite.
    fn rewritten(&self, values: &[Lanes], node: Node, mutant: &Mutant) -> Lanes {
        let operands = self.graph.operands(node);
        let is_difference = self.graph.op(node) == Op::Sub;
        let sign = |side: usize| if is_difference && side == 1 { -1.0 } else { 1.0 };
        let (own, others) = (sign(mutant.side), sign(1 - mutant.side));
        let f = |node: Node, lane: usize| f32::from_bits(values[node][lane]);
        let value = |found, lane: usize| {
            let other = others * f(operands[1 - mutant.side], lane);
            Some(match (found, mutant.is_sum, mutant.rewrite) {
                (Found::Product { a, b, factor }, true, Rewrite::Fused) => {
                    (own * factor * f(a, lane)).mul_add(f(b, lane), other).to_bits()
                }
                (Found::Sum { a, b, factor, b_factor }, true, Rewrite::First) => {
                    (own * factor * f(a, lane) + (own * b_factor * f(b, lane) + other)).to_bits()
                }
                (Found::Sum { a, b, factor, b_factor }, true, Rewrite::Second) => {
                    (own * b_factor * f(b, lane) + (own * factor * f(a, lane) + other)).to_bits()
                }
                (Found::Product { a, b, factor }, false, Rewrite::First) => {
                    (factor * f(a, lane) * (f(b, lane) * other)).to_bits()
                }
                (Found::Product { a, b, factor }, false, Rewrite::Second) => {
                    (f(b, lane) * (factor * f(a, lane) * other)).to_bits()
                }
                _ => return None,
            })
        };
        match self.found(operands[mutant.side]) {
            Some(found) => std::array::from_fn(|lane| value(found, lane).unwrap_or(values[node][lane])),
            None => std::array::from_fn(|lane| {
                let found = self.found(self.taken(values, lane, operands[mutant.side]));
                found.and_then(|found| value(found, lane)).unwrap_or(values[node][lane])
            }),
        }
    }

    /// The number of the blocks' elements that each mutant changes.
    pub(crate) fn counts(&self, sampler: Option<&Sampler>, dtype: Dtype, key: Key, blocks: &[u64]) -> Vec<u64> {
        let coefficients = coefficients(sampler, dtype);
        let add = |mut counts: Vec<u64>, more: Vec<u64>| {
            counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
            counts
        };
        let all = vec![true; self.mutants.len()];
        let chunk = |blocks: &[u64]| {
            let mut counts = vec![0; self.mutants.len()];
            let inputs = Inputs { words: words(key, blocks), coefficients: splat(&coefficients) };
            self.changed(&inputs, dtype, 2 * blocks.len(), &all, |mutant, _, _| counts[mutant] += 1);
            counts
        };
        blocks.par_chunks(LANES / 2).map(chunk).reduce(|| vec![0; self.mutants.len()], add)
    }

    /// Calls `report` for each value that an active mutant changes, with the mutant, the lane, and the value's index in
    /// its pair.
    pub(crate) fn changed(
        &self,
        inputs: &Inputs,
        dtype: Dtype,
        lanes: usize,
        active: &[bool],
        mut report: impl FnMut(usize, usize, usize),
    ) {
        let mut values = vec![[0; LANES]; self.graph.operations.len()];
        self.run(&mut values, inputs, &self.cone);
        let mut changed = vec![false; values.len()];
        let mut saved: Vec<(Node, Lanes)> = Vec::new();
        for (i, (mutant, nodes)) in self.mutants.iter().enumerate().filter(|(i, _)| active[*i]) {
            let first = self.cone.partition_point(|&node| node < nodes[0]);
            for &node in &self.cone[first..] {
                let rewrites = nodes.contains(&node);
                if !rewrites && !self.graph.operands(node).iter().any(|&x| changed[x]) {
                    continue;
                }
                let before = values[node];
                if rewrites {
                    values[node] = self.rewritten(&values, node, mutant);
                } else {
                    self.run(&mut values, inputs, &[node]);
                }
                if values[node] != before {
                    changed[node] = true;
                    saved.push((node, before));
                }
            }
            for (node, before) in saved.drain(..) {
                if let Some(value) = self.outputs.iter().position(|&output| output == node) {
                    for lane in 0..lanes {
                        if stored(values[node][lane], dtype) != stored(before[lane], dtype) {
                            report(i, lane, value);
                        }
                    }
                }
                values[node] = before;
                changed[node] = false;
            }
        }
    }

    /// The values as f32 bits without any rewrite.
    pub(crate) fn values(&self, inputs: &Inputs) -> [Lanes; 2] {
        let mut values = vec![[0; LANES]; self.graph.operations.len()];
        self.run(&mut values, inputs, &self.cone);
        self.outputs.map(|output| values[output])
    }

    fn run(&self, values: &mut [Lanes], inputs: &Inputs, nodes: &[Node]) {
        for &node in nodes {
            values[node] = match self.graph.op(node) {
                Op::Const(bits) => [bits; LANES],
                Op::Hidden => [0; LANES],
                Op::Input(word @ (0 | 1)) => inputs.words[word as usize],
                Op::Input(coefficient) => inputs.coefficients[coefficient as usize - 100],
                op => lanes(op, self.graph.operands(node), values),
            };
        }
    }
}

/// The bits that are stored of an f32's bits.
pub(crate) fn stored(bits: u32, dtype: Dtype) -> u32 {
    let value = f32::from_bits(bits);
    match dtype {
        Dtype::F32 => bits,
        Dtype::F16 => half::f16::from_f32(value).to_bits().into(),
        Dtype::BF16 => half::bf16::from_f32(value).to_bits().into(),
        other => panic!("{other} is not stored"),
    }
}

/// The words of a sampler's `Coefficients`.
pub(crate) fn coefficients(sampler: Option<&Sampler>, dtype: Dtype) -> Vec<u32> {
    let (_, bytes) = testing::coefficients(sampler, dtype, Arithmetic::Exact).expect("a valid sampler");
    bytemuck::pod_collect_to_vec(&bytes)
}

pub(crate) fn splat(words: &[u32]) -> Vec<Lanes> {
    words.iter().map(|&word| [word; LANES]).collect()
}

/// The pairs of words of at most `LANES / 2` blocks.
pub(crate) fn words(key: Key, blocks: &[u64]) -> [Lanes; 2] {
    let mut words = [[0; LANES]; 2];
    for (i, &block) in blocks.iter().enumerate() {
        let [a, b, c, d] = key.block(block);
        (words[0][2 * i], words[1][2 * i]) = (a, b);
        (words[0][2 * i + 1], words[1][2 * i + 1]) = (c, d);
    }
    words
}

/// An operation on every lane.
fn lanes(op: Op, operands: &[Node], values: &[Lanes]) -> Lanes {
    // the operation is a constant inside of the loop, so that the loop is one of vectors
    macro_rules! each {
        ($($op:ident $n:literal),*) => {
            match op {
                $(Op::$op => {
                    let x: [&Lanes; $n] = std::array::from_fn(|i| &values[operands[i]]);
                    std::array::from_fn(|lane| evaluate(Op::$op, &x.map(|x| x[lane])))
                })*
                other => panic!("{other:?} has no lanes"),
            }
        };
    }
    each!(
        Add 2, Sub 2, Mul 2, Fma 3, Neg 1, Exact 1, IntAdd 2, IntSub 2, IntMul 2, Min 2, And 2, Or 2, Xor 2, Not 1,
        ShiftLeft 2, ShiftRight 2, ShiftRightSigned 2, FloatLess 2, UintLess 2, IntLess 2, Equal 2, Select 3,
        FloatOfInt 1, FloatOfUint 1
    )
}

fn cone(graph: &Graph, outputs: &[Node]) -> Vec<Node> {
    let mut needed = vec![false; graph.operations.len()];
    for &output in outputs {
        needed[output] = true;
    }
    for node in (0..needed.len()).rev() {
        if needed[node] {
            for &operand in graph.operands(node) {
                needed[operand] = true;
            }
        }
    }
    (0..needed.len()).filter(|&node| needed[node]).collect()
}
