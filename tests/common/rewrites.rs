//! Single rewrites that a compiler without barriers might make of a sampler's operations, and how many values each changes.
#![allow(dead_code, reason = "every test file uses its own part")]
#![allow(clippy::cast_possible_truncation, reason = "rounding to f32 is what it is for")]

use std::collections::BTreeMap;

use rayon::prelude::*;
use seedtensors::gpu::{Form, Products};
use seedtensors::{Arithmetic, Dtype, Key, Sampler, twins};

use super::trace::{self, Graph, Node, Op, evaluate};

/// Pairs of words that are worked out side by side.
const LANES: usize = 256;
type Lanes = [u32; LANES];

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
    /// Which operand takes part.
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

/// The operation that a value comes from, behind barriers, signs, selects and powers of two.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Origin {
    Sum(f32, f32),
    Product(f32, f32),
    Other,
}

fn is_power_of_two(graph: &Graph, node: Node) -> bool {
    graph.constant(node).is_some_and(|bits| bits & 0x007f_ffff == 0 && f32::from_bits(bits).is_normal())
}

/// A graph with its rewrites.
pub(crate) struct Mutants {
    graph: Graph,
    /// The values of the first two words.
    outputs: [Node; 2],
    /// The operations that the outputs depend on, in order.
    cone: Vec<Node>,
    coefficients: Vec<u32>,
    dtype: Dtype,
    /// The mutants with the operations that each rewrites.
    pub(crate) mutants: Vec<(Mutant, Vec<Node>)>,
}

impl Mutants {
    pub(crate) fn new(sampler: &Sampler, dtype: Dtype) -> Self {
        let source = Form::SAFEST.source();
        let module = naga::front::wgsl::parse_str(&source).expect("the shaders parse");
        let capabilities = naga::valid::Capabilities::empty();
        let info = naga::valid::Validator::new(naga::valid::ValidationFlags::all(), capabilities).validate(&module);
        let parsed = (module, info.expect("the shaders are valid"));
        let (number, bytes) = twins::coefficients(sampler, dtype, Arithmetic::Exact).expect("a valid sampler");
        let (graph, values) = trace::sampler(&parsed, &source, number, Products::Pinned as u32);
        let coefficients = bytemuck::pod_collect_to_vec::<u8, u32>(&bytes);
        let outputs = [values[0], values[1]];
        let cone = cone(&graph, &outputs);
        let mut mutants = Self { graph, outputs, cone, coefficients, dtype, mutants: Vec::new() };
        mutants.mutants = mutants.all();
        mutants
    }

    fn all(&self) -> Vec<(Mutant, Vec<Node>)> {
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
                for rewrite in self.rewrites(operands[side], is_sum) {
                    let mutant = Mutant { site: self.graph.sites[node].clone(), is_sum, side, rewrite };
                    found.entry(mutant).or_default().push(node);
                }
            }
        }
        found.into_iter().collect()
    }

    /// The rewrites that an operand's possible origins allow.
    fn rewrites(&self, operand: Node, is_sum: bool) -> Vec<Rewrite> {
        let operands = self.graph.operands(operand);
        let regrouped = |a: Node, b: Node| {
            if a == b { vec![Rewrite::First] } else { vec![Rewrite::First, Rewrite::Second] }
        };
        match self.graph.op(operand) {
            Op::Add | Op::Sub if is_sum => regrouped(operands[0], operands[1]),
            Op::Mul if operands.iter().any(|&x| is_power_of_two(&self.graph, x)) => {
                let scaled = if is_power_of_two(&self.graph, operands[0]) { operands[1] } else { operands[0] };
                self.rewrites(scaled, is_sum)
            }
            Op::Mul if is_sum => vec![Rewrite::Fused],
            Op::Mul => regrouped(operands[0], operands[1]),
            Op::Neg | Op::Exact => self.rewrites(operands[0], is_sum),
            Op::Or if self.graph.is_hidden(operands[1]) => self.rewrites(operands[0], is_sum),
            Op::Select => {
                let mut all = self.rewrites(operands[1], is_sum);
                all.extend(self.rewrites(operands[2], is_sum));
                all.sort_unstable();
                all.dedup();
                all
            }
            _ => Vec::new(),
        }
    }

    /// The operation that a value comes from in a lane.
    fn origin(&self, values: &[Lanes], lane: usize, node: Node) -> Origin {
        let operands = self.graph.operands(node);
        let value = |node: Node| f32::from_bits(values[node][lane]);
        let scaled = |origin, factor: f32| match origin {
            Origin::Sum(a, b) => Origin::Sum(a * factor, b * factor),
            Origin::Product(a, b) => Origin::Product(a * factor, b),
            Origin::Other => Origin::Other,
        };
        match self.graph.op(node) {
            Op::Add => Origin::Sum(value(operands[0]), value(operands[1])),
            Op::Sub => Origin::Sum(value(operands[0]), -value(operands[1])),
            Op::Mul if is_power_of_two(&self.graph, operands[0]) => {
                scaled(self.origin(values, lane, operands[1]), value(operands[0]))
            }
            Op::Mul if is_power_of_two(&self.graph, operands[1]) => {
                scaled(self.origin(values, lane, operands[0]), value(operands[1]))
            }
            Op::Mul => Origin::Product(value(operands[0]), value(operands[1])),
            Op::Neg => scaled(self.origin(values, lane, operands[0]), -1.0),
            Op::Exact => self.origin(values, lane, operands[0]),
            Op::Or if self.graph.is_hidden(operands[1]) => self.origin(values, lane, operands[0]),
            Op::Select => {
                let taken = if values[operands[0]][lane] == 0 { operands[2] } else { operands[1] };
                self.origin(values, lane, taken)
            }
            _ => Origin::Other,
        }
    }

    /// An operation's value in a lane with a rewrite.
    fn rewritten(&self, values: &[Lanes], lane: usize, node: Node, mutant: &Mutant) -> u32 {
        let operands = self.graph.operands(node);
        let is_difference = self.graph.op(node) == Op::Sub;
        let signed = |side: usize, x: f32| if is_difference && side == 1 { -x } else { x };
        let other = f32::from_bits(values[operands[1 - mutant.side]][lane]);
        let other = signed(1 - mutant.side, other);
        let sign = signed(mutant.side, 1.0);
        let result = match (self.origin(values, lane, operands[mutant.side]), mutant.is_sum, mutant.rewrite) {
            (Origin::Product(a, b), true, Rewrite::Fused) => (sign * a).mul_add(b, other),
            (Origin::Sum(a, b), true, Rewrite::First) => sign * a + (sign * b + other),
            (Origin::Sum(a, b), true, Rewrite::Second) => sign * b + (sign * a + other),
            (Origin::Product(a, b), false, Rewrite::First) => a * (b * other),
            (Origin::Product(a, b), false, Rewrite::Second) => b * (a * other),
            _ => return values[node][lane],
        };
        result.to_bits()
    }

    /// How many of the blocks' elements each mutant changes, and which blocks those are in where they are asked for.
    pub(crate) fn counts(&self, key: Key, blocks: &[u64]) -> Vec<u64> {
        let chunk = |blocks: &[u64]| {
            let mut counts = vec![0; self.mutants.len()];
            self.changed(key, blocks, |mutant, _| counts[mutant] += 1);
            counts
        };
        let add = |mut a: Vec<u64>, b: Vec<u64>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        };
        blocks.par_chunks(LANES / 2).map(chunk).reduce(|| vec![0; self.mutants.len()], add)
    }

    /// Tells `report` of each element that a mutant changes: the mutant, and the index into `blocks`. At most `LANES / 2`
    /// blocks.
    pub(crate) fn changed(&self, key: Key, blocks: &[u64], mut report: impl FnMut(usize, usize)) {
        let mut values = vec![[0; LANES]; self.graph.operations.len()];
        let mut words = [[0; LANES]; 2];
        for (pair, block) in words_of(key, blocks).enumerate() {
            [words[0][pair], words[1][pair]] = block;
        }
        let lanes = 2 * blocks.len();
        self.run(&mut values, &words, &self.cone);
        let expected = self.outputs.map(|output| values[output]);
        for (i, (mutant, nodes)) in self.mutants.iter().enumerate() {
            let mut changed = vec![false; values.len()];
            let mut saved = Vec::new();
            for &node in &self.cone {
                let rewrites = nodes.contains(&node);
                if !rewrites && !self.graph.operands(node).iter().any(|&x| changed[x]) {
                    continue;
                }
                let before = values[node];
                if rewrites {
                    let after = std::array::from_fn(|lane| self.rewritten(&values, lane, node, mutant));
                    values[node] = after;
                } else {
                    self.run(&mut values, &words, &[node]);
                }
                changed[node] = values[node] != before;
                if changed[node] {
                    saved.push((node, before));
                }
            }
            for (output, expected) in self.outputs.iter().zip(&expected) {
                for lane in 0..lanes {
                    if self.stored(values[*output][lane]) != self.stored(expected[lane]) {
                        report(i, lane / 2);
                    }
                }
            }
            for (node, before) in saved {
                values[node] = before;
            }
        }
    }

    /// The bits that are stored of an f32's bits.
    fn stored(&self, bits: u32) -> u32 {
        let value = f32::from_bits(bits);
        match self.dtype {
            Dtype::F32 => bits,
            Dtype::F16 => half::f16::from_f32(value).to_bits().into(),
            Dtype::BF16 => half::bf16::from_f32(value).to_bits().into(),
        }
    }

    /// The values without any rewrite, for a test of the graph itself.
    pub(crate) fn values(&self, key: Key, blocks: &[u64]) -> Vec<u32> {
        let mut values = vec![[0; LANES]; self.graph.operations.len()];
        let mut words = [[0; LANES]; 2];
        for (pair, block) in words_of(key, blocks).enumerate() {
            [words[0][pair], words[1][pair]] = block;
        }
        self.run(&mut values, &words, &self.cone);
        let of = |lane: usize| self.outputs.map(|output| self.stored(values[output][lane]));
        (0..2 * blocks.len()).flat_map(of).collect()
    }

    fn run(&self, values: &mut [Lanes], words: &[Lanes; 2], nodes: &[Node]) {
        for &node in nodes {
            let operands = self.graph.operands(node);
            values[node] = match self.graph.op(node) {
                Op::Const(bits) => [bits; LANES],
                Op::Hidden => [0; LANES],
                Op::Input(word @ (0 | 1)) => words[word as usize],
                Op::Input(coefficient) => [self.coefficients[coefficient as usize - 100]; LANES],
                op => lanes(op, operands, values),
            };
        }
    }
}

/// An operation on every lane.
fn lanes(op: Op, operands: &[Node], values: &[Lanes]) -> Lanes {
    let x = |i: usize| &values[operands[i]];
    // the operation is matched outside of the loop, so that the loop is one of vectors
    macro_rules! each {
        ($($op:pat => $n:literal),* $(,)?) => {
            match op {
                $($op => {
                    let x: [&Lanes; $n] = std::array::from_fn(x);
                    std::array::from_fn(|lane| evaluate(op, &x.map(|x| x[lane])))
                })*
                other => panic!("{other:?} has no lanes"),
            }
        };
    }
    each! {
        Op::Add => 2, Op::Sub => 2, Op::Mul => 2, Op::Fma => 3, Op::Neg => 1, Op::Exact => 1,
        Op::IntAdd => 2, Op::IntSub => 2, Op::IntMul => 2, Op::Min => 2,
        Op::And => 2, Op::Or => 2, Op::Xor => 2, Op::Not => 1,
        Op::ShiftLeft => 2, Op::ShiftRight => 2, Op::ShiftRightSigned => 2,
        Op::FloatLess => 2, Op::UintLess => 2, Op::IntLess => 2, Op::Equal => 2,
        Op::Select => 3, Op::FloatOfInt => 1, Op::FloatOfUint => 1,
    }
}

/// The pairs of words of blocks.
fn words_of(key: Key, blocks: &[u64]) -> impl Iterator<Item = [u32; 2]> {
    blocks.iter().flat_map(move |&block| {
        let [a, b, c, d] = key.block(block);
        [[a, b], [c, d]]
    })
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
