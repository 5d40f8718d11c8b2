//! A graph of scalar operations, simplified as a compiler would simplify it while it is built.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::collections::HashMap;

/// A scalar operation on 32-bit values. Floats are f32, truth values 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Const(u32),
    /// A word that the caller numbers, such as a random word or a sampler's coefficient.
    Input(u32),
    /// The uniform that is 0 at run time and that no compiler knows.
    Hidden,
    /// A call of the shaders' `exact`.
    Exact,
    Add,
    Sub,
    Mul,
    Neg,
    Fma,
    IntAdd,
    IntSub,
    IntMul,
    Min,
    And,
    Or,
    Xor,
    Not,
    ShiftLeft,
    ShiftRight,
    ShiftRightSigned,
    FloatLess,
    UintLess,
    IntLess,
    Equal,
    /// Condition, accepted, rejected.
    Select,
    FloatOfInt,
    FloatOfUint,
}

/// An index into a graph.
pub(crate) type Node = usize;

/// One operation of a graph, behind its operands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Operation {
    pub(crate) op: Op,
    pub(crate) operands: Vec<Node>,
}

/// Operations in an order in which each follows its operands.
#[derive(Default)]
pub(crate) struct Graph {
    pub(crate) operations: Vec<Operation>,
    /// The text of the expression that each operation was first made for, with its function's name. Of a helper such as
    /// `mul_add` that is the call.
    pub(crate) sites: Vec<String>,
    hidden: Vec<bool>,
    known: HashMap<Operation, Node>,
}

const ONE: u32 = 0x3f80_0000;
const SIGN: u32 = 0x8000_0000;

impl Graph {
    pub(crate) fn constant(&self, node: Node) -> Option<u32> {
        match self.operations[node].op {
            Op::Const(bits) => Some(bits),
            _ => None,
        }
    }

    pub(crate) fn operands(&self, node: Node) -> &[Node] {
        &self.operations[node].operands
    }

    pub(crate) fn op(&self, node: Node) -> Op {
        self.operations[node].op
    }

    /// Whether a value depends on the hidden word and on nothing else that is unknown.
    pub(crate) fn is_hidden(&self, node: Node) -> bool {
        self.hidden[node]
    }

    /// The operation as a compiler would simplify it.
    pub(crate) fn add(&mut self, op: Op, operands: &[Node], site: &str) -> Node {
        if let Some(node) = self.simplified(op, operands) {
            return node;
        }
        let known: Option<Vec<u32>> = operands.iter().map(|&operand| self.constant(operand)).collect();
        let is_leaf = matches!(op, Op::Const(_) | Op::Input(_) | Op::Hidden);
        let op = match known {
            Some(bits) if !is_leaf => Op::Const(evaluate(op, &bits)),
            _ => op,
        };
        let operands = if matches!(op, Op::Const(_)) { Vec::new() } else { operands.to_vec() };
        let operation = Operation { op, operands };
        if let Some(&node) = self.known.get(&operation) {
            return node;
        }
        let hidden = operation.operands.iter().any(|&x| self.hidden[x])
            && operation.operands.iter().all(|&x| self.hidden[x] || self.constant(x).is_some());
        self.hidden.push(hidden || op == Op::Hidden);
        self.operations.push(operation.clone());
        self.sites.push(site.to_owned());
        self.known.insert(operation, self.operations.len() - 1);
        self.operations.len() - 1
    }

    /// The operand that an operation leaves as it is: x + 0, x 1, equal arms, (x ^ h) ^ h, (x | h) | h.
    fn simplified(&self, op: Op, operands: &[Node]) -> Option<Node> {
        let is = |node: Node, bits: u32| self.constant(node) == Some(bits);
        let inner = |node: Node| self.operands(node);
        match (op, operands) {
            (Op::Add | Op::IntAdd | Op::Or | Op::Xor, &[a, b]) if is(b, 0) => Some(a),
            (Op::Add | Op::IntAdd | Op::Or | Op::Xor, &[a, b]) if is(a, 0) => Some(b),
            (Op::Sub | Op::IntSub | Op::ShiftLeft | Op::ShiftRight, &[a, b]) if is(b, 0) => Some(a),
            (Op::Mul, &[a, b]) if is(b, ONE) => Some(a),
            (Op::Mul, &[a, b]) if is(a, ONE) => Some(b),
            (Op::Select, &[_, a, b]) if a == b => Some(a),
            (Op::Select, &[condition, a, b]) => self.constant(condition).map(|c| if c == 0 { b } else { a }),
            (Op::Neg, &[a]) if self.op(a) == Op::Neg => Some(inner(a)[0]),
            (Op::Xor, &[a, b]) if self.op(a) == Op::Xor && inner(a)[1] == b => Some(inner(a)[0]),
            (Op::Or, &[a, b]) if self.op(a) == Op::Or && inner(a)[1] == b => Some(a),
            _ => None,
        }
    }
}

/// The bits of an operation's result.
#[inline(always)]
pub(crate) fn evaluate(op: Op, x: &[u32]) -> u32 {
    let f = |i: usize| f32::from_bits(x[i]);
    match op {
        Op::Const(bits) => bits,
        Op::Input(_) | Op::Hidden => panic!("{op:?} has no value of its own"),
        Op::Exact => x[0],
        Op::Add => (f(0) + f(1)).to_bits(),
        Op::Sub => (f(0) - f(1)).to_bits(),
        Op::Mul => (f(0) * f(1)).to_bits(),
        Op::Neg => x[0] ^ SIGN,
        Op::Fma => f(0).mul_add(f(1), f(2)).to_bits(),
        Op::IntAdd => x[0].wrapping_add(x[1]),
        Op::IntSub => x[0].wrapping_sub(x[1]),
        Op::IntMul => x[0].wrapping_mul(x[1]),
        Op::Min => x[0].min(x[1]),
        Op::And => x[0] & x[1],
        Op::Or => x[0] | x[1],
        Op::Xor => x[0] ^ x[1],
        Op::Not => !x[0],
        Op::ShiftLeft => x[0] << (x[1] & 31),
        Op::ShiftRight => x[0] >> (x[1] & 31),
        Op::ShiftRightSigned => (x[0].cast_signed() >> (x[1] & 31)).cast_unsigned(),
        Op::FloatLess => u32::from(f(0) < f(1)),
        Op::UintLess => u32::from(x[0] < x[1]),
        Op::IntLess => u32::from(x[0].cast_signed() < x[1].cast_signed()),
        Op::Equal => u32::from(x[0] == x[1]),
        Op::Select => {
            if x[0] == 0 {
                x[2]
            } else {
                x[1]
            }
        }
        Op::FloatOfInt => (x[0].cast_signed() as f32).to_bits(),
        Op::FloatOfUint => (x[0] as f32).to_bits(),
    }
}

/// Whether a constant is a power of two in magnitude, by which multiplying rounds nothing.
pub(crate) fn is_power_of_two(graph: &Graph, node: Node) -> bool {
    graph.constant(node).is_some_and(|bits| bits & 0x007f_ffff == 0 && f32::from_bits(bits).is_normal())
}
