//! The shaders as one thread executes them: functions inlined, vectors split, constants folded. The result is a graph
//! of scalar operations, for tests of what a compiler may do with them.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::collections::HashMap;

use naga::{
    BinaryOperator, Block, Expression, Function, Handle, Literal, MathFunction, Module, ScalarKind, Statement,
    TypeInner, UnaryOperator, proc::TypeResolution, valid::ModuleInfo,
};

use crate::graph::{Graph, Node, Op};

/// Functions of pin.wgsl whose operations are named after the call.
const HELPERS: [&str; 6] = ["pin", "rounded", "mul_add", "sub_mul", "exact", "horner"];

/// A value of any type, split into scalars.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Scalar(Node),
    Composite(Vec<Value>),
    Pointer(Place),
}

/// A variable, and the way to a part of it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    variable: Variable,
    path: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Variable {
    Global(Handle<naga::GlobalVariable>),
    Local(Handle<naga::LocalVariable>),
}

impl Value {
    pub(crate) fn scalars(&self) -> Vec<Node> {
        match self {
            Self::Scalar(node) => vec![*node],
            Self::Composite(parts) => parts.iter().flat_map(Self::scalars).collect(),
            Self::Pointer(_) => panic!("a pointer has no scalars"),
        }
    }

    fn part(&self, index: usize) -> Self {
        match self {
            Self::Composite(parts) => parts[index].clone(),
            Self::Scalar(_) => panic!("a scalar has no part {index}"),
            Self::Pointer(place) => {
                let mut place = place.clone();
                place.path.push(index);
                Self::Pointer(place)
            }
        }
    }

    fn part_mut(&mut self, path: &[usize]) -> &mut Self {
        match (path, self) {
            ([], value) => value,
            ([first, rest @ ..], Self::Composite(parts)) => parts[*first].part_mut(rest),
            (_, other) => panic!("{other:?} has no part {path:?}"),
        }
    }
}

/// Executes functions of a module into a graph.
pub(crate) struct Tracer<'a> {
    module: &'a Module,
    info: &'a ModuleInfo,
    source: &'a str,
    overrides: HashMap<String, u32>,
    pub(crate) graph: Graph,
    globals: HashMap<Handle<naga::GlobalVariable>, Value>,
}

/// A call that is being executed.
struct Frame<'a> {
    function: &'a Function,
    info: &'a naga::valid::FunctionInfo,
    name: String,
    /// The text of the call, if the function is a helper.
    call: Option<String>,
    arguments: Vec<Value>,
    values: HashMap<Handle<Expression>, Value>,
    locals: HashMap<Handle<naga::LocalVariable>, Value>,
}

impl<'a> Tracer<'a> {
    /// `overrides` are the overridable constants as bits.
    pub(crate) fn new(module: &'a Module, info: &'a ModuleInfo, source: &'a str, overrides: &[(&str, u32)]) -> Self {
        let overrides = overrides.iter().map(|(name, bits)| ((*name).to_owned(), *bits)).collect();
        Self { module, info, source, overrides, graph: Graph::default(), globals: HashMap::new() }
    }

    pub(crate) fn leaf(&mut self, op: Op) -> Node {
        self.graph.add(op, &[], "")
    }

    /// A value of a type whose scalars `leaf` numbers, in their order in memory.
    pub(crate) fn input(&mut self, ty: &str, next: &mut dyn FnMut() -> Op) -> Value {
        let (handle, _) = self.module.types.iter().find(|(_, t)| t.name.as_deref() == Some(ty)).expect("a type's name");
        self.built(handle, next)
    }

    fn built(&mut self, ty: Handle<naga::Type>, next: &mut dyn FnMut() -> Op) -> Value {
        match &self.module.types[ty].inner {
            TypeInner::Scalar(_) => Value::Scalar(self.leaf(next())),
            TypeInner::Vector { size, .. } => {
                Value::Composite((0..*size as u8).map(|_| Value::Scalar(self.leaf(next()))).collect())
            }
            TypeInner::Struct { members, .. } => {
                let members = members.clone();
                Value::Composite(members.iter().map(|member| self.built(member.ty, next)).collect())
            }
            other => panic!("no value of {other:?} is built"),
        }
    }

    /// The result of a function by its name.
    pub(crate) fn call(&mut self, name: &str, arguments: Vec<Value>) -> Option<Value> {
        let found = self.module.functions.iter().find(|(_, f)| f.name.as_deref() == Some(name));
        let (handle, _) = found.unwrap_or_else(|| panic!("there is no function {name}"));
        self.run(handle, arguments, String::new())
    }

    fn run(&mut self, handle: Handle<Function>, arguments: Vec<Value>, site: String) -> Option<Value> {
        let function = &self.module.functions[handle];
        let name = function.name.clone().unwrap_or_default();
        if name == "exact" {
            let parts = arguments[0].scalars();
            return Some(Value::Composite(
                parts.into_iter().map(|x| Value::Scalar(self.graph.add(Op::Exact, &[x], &site))).collect(),
            ));
        }
        let info = &self.info[handle];
        let call = HELPERS.contains(&name.as_str()).then_some(site);
        let mut frame = Frame { function, info, name, call, arguments, values: HashMap::new(), locals: HashMap::new() };
        self.block(&mut frame, &function.body)?
    }

    /// The value that a block returns, where it returns.
    fn block(&mut self, frame: &mut Frame<'a>, block: &'a Block) -> Option<Option<Value>> {
        for statement in block {
            match statement {
                Statement::Emit(range) => {
                    for handle in range.clone() {
                        let value = self.expression(frame, handle);
                        frame.values.insert(handle, value);
                    }
                }
                Statement::Block(block) => {
                    if let Some(returned) = self.block(frame, block) {
                        return Some(returned);
                    }
                }
                Statement::If { condition, accept, reject } => {
                    let Value::Scalar(node) = self.value(frame, *condition) else { panic!("a condition is a scalar") };
                    let taken = self.graph.constant(node).expect("every branch is known when it is compiled");
                    if let Some(returned) = self.block(frame, if taken == 0 { reject } else { accept }) {
                        return Some(returned);
                    }
                }
                Statement::Store { pointer, value } => {
                    let value = self.value(frame, *value);
                    let Value::Pointer(place) = self.value(frame, *pointer) else { panic!("a store takes a pointer") };
                    *self.variable(frame, place.variable).part_mut(&place.path) = value;
                }
                Statement::Call { function, arguments, result } => {
                    let arguments = arguments.iter().map(|&argument| self.value(frame, argument)).collect();
                    let site = result.map_or_else(String::new, |result| self.site(frame, result));
                    let returned = self.run(*function, arguments, site);
                    if let (Some(handle), Some(returned)) = (result, returned) {
                        frame.values.insert(*handle, returned);
                    }
                }
                Statement::Return { value } => return Some(value.map(|value| self.value(frame, value))),
                other => panic!("{}: {other:?} is not executed", frame.name),
            }
        }
        None
    }

    fn variable<'v>(&'v mut self, frame: &'v mut Frame<'a>, variable: Variable) -> &'v mut Value {
        match variable {
            Variable::Local(handle) => {
                let ty = frame.function.local_variables[handle].ty;
                if !frame.locals.contains_key(&handle) {
                    let init = frame.function.local_variables[handle].init;
                    let value = match init {
                        Some(init) => self.value(frame, init),
                        None => self.built(ty, &mut || Op::Const(0)),
                    };
                    frame.locals.insert(handle, value);
                }
                frame.locals.get_mut(&handle).expect("it was inserted")
            }
            Variable::Global(handle) => {
                if !self.globals.contains_key(&handle) {
                    let value = self.built(self.module.global_variables[handle].ty, &mut || Op::Const(0));
                    self.globals.insert(handle, value);
                }
                self.globals.get_mut(&handle).expect("it was inserted")
            }
        }
    }

    fn value(&mut self, frame: &mut Frame<'a>, handle: Handle<Expression>) -> Value {
        match frame.values.get(&handle) {
            Some(value) => value.clone(),
            // expressions that are never emitted: constants, arguments, variables
            None => self.expression(frame, handle),
        }
    }

    fn constant_expression(&mut self, handle: Handle<Expression>) -> Value {
        match self.module.global_expressions[handle] {
            Expression::Literal(literal) => Value::Scalar(self.leaf(Op::Const(literal_bits(literal)))),
            ref other => panic!("the constant {other:?} is not executed"),
        }
    }

    /// The text of an expression.
    fn site(&self, frame: &Frame<'a>, handle: Handle<Expression>) -> String {
        if let Some(call) = &frame.call {
            return call.clone();
        }
        let span = frame.function.expressions.get_span(handle).to_range().unwrap_or(0..0);
        format!("{}: {}", frame.name, self.source[span].split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn expression(&mut self, frame: &mut Frame<'a>, handle: Handle<Expression>) -> Value {
        let site = self.site(frame, handle);
        match frame.function.expressions[handle] {
            Expression::Literal(literal) => Value::Scalar(self.leaf(Op::Const(literal_bits(literal)))),
            Expression::Constant(handle) => self.constant_expression(self.module.constants[handle].init),
            Expression::Override(handle) => {
                let name = self.module.overrides[handle].name.as_deref().unwrap_or_default();
                let bits = *self.overrides.get(name).unwrap_or_else(|| panic!("no value for {name}"));
                Value::Scalar(self.leaf(Op::Const(bits)))
            }
            Expression::ZeroValue(ty) => self.built(ty, &mut || Op::Const(0)),
            Expression::Compose { ref components, ty } => {
                let parts: Vec<Value> = components.iter().map(|&part| self.value(frame, part)).collect();
                match self.module.types[ty].inner {
                    // vectors may be composed of vectors
                    TypeInner::Vector { .. } => {
                        Value::Composite(parts.iter().flat_map(Value::scalars).map(Value::Scalar).collect())
                    }
                    _ => Value::Composite(parts),
                }
            }
            Expression::AccessIndex { base, index } => self.value(frame, base).part(index as usize),
            Expression::Splat { size, value } => {
                let value = self.value(frame, value);
                Value::Composite(vec![value; size as usize])
            }
            Expression::Swizzle { size, vector, pattern } => {
                let vector = self.value(frame, vector);
                let parts = &pattern[..size as usize];
                Value::Composite(parts.iter().map(|&component| vector.part(component as usize)).collect())
            }
            Expression::FunctionArgument(index) => frame.arguments[index as usize].clone(),
            Expression::GlobalVariable(handle) => {
                Value::Pointer(Place { variable: Variable::Global(handle), path: Vec::new() })
            }
            Expression::LocalVariable(handle) => {
                Value::Pointer(Place { variable: Variable::Local(handle), path: Vec::new() })
            }
            Expression::Load { pointer } => {
                let Value::Pointer(place) = self.value(frame, pointer) else { panic!("a load takes a pointer") };
                self.variable(frame, place.variable).part_mut(&place.path).clone()
            }
            Expression::Unary { op, expr } => {
                let float = self.kind(frame, expr) == ScalarKind::Float;
                let value = self.value(frame, expr);
                self.each(&[value], &site, |graph, x, site| match (op, float) {
                    (UnaryOperator::Negate, true) => graph.add(Op::Neg, x, site),
                    (UnaryOperator::BitwiseNot, false) => graph.add(Op::Not, x, site),
                    _ => panic!("{site}: {op:?} is not executed"),
                })
            }
            Expression::Binary { op, left, right } => {
                let kind = self.kind(frame, left);
                let operands = [self.value(frame, left), self.value(frame, right)];
                self.each(&operands, &site, |graph, x, site| binary(graph, op, kind, x, site))
            }
            Expression::Select { condition, accept, reject } => {
                let operands = [condition, accept, reject].map(|operand| self.value(frame, operand));
                self.each(&operands, &site, |graph, x, site| graph.add(Op::Select, x, site))
            }
            Expression::Math { fun, arg, arg1, arg2, .. } => {
                let arguments: Vec<Value> =
                    [Some(arg), arg1, arg2].into_iter().flatten().map(|argument| self.value(frame, argument)).collect();
                let op = match fun {
                    MathFunction::Fma => Op::Fma,
                    MathFunction::Min => Op::Min,
                    other => panic!("{site}: {other:?} is not executed"),
                };
                self.each(&arguments, &site, |graph, x, site| graph.add(op, x, site))
            }
            Expression::As { expr, kind, convert } => {
                let from = self.kind(frame, expr);
                let value = self.value(frame, expr);
                let op = match (convert, from, kind) {
                    (None, ..) | (_, ScalarKind::Sint | ScalarKind::Uint, ScalarKind::Sint | ScalarKind::Uint) => {
                        return value;
                    }
                    (Some(4), ScalarKind::Sint, ScalarKind::Float) => Op::FloatOfInt,
                    (Some(4), ScalarKind::Uint, ScalarKind::Float) => Op::FloatOfUint,
                    _ => panic!("{site}: {from:?} to {kind:?} is not executed"),
                };
                self.each(&[value], &site, |graph, x, site| graph.add(op, x, site))
            }
            ref other => panic!("{site}: {other:?} is not executed"),
        }
    }

    /// An operation on each lane; a scalar operand belongs to every lane.
    fn each(
        &mut self,
        operands: &[Value],
        site: &str,
        mut operation: impl FnMut(&mut Graph, &[Node], &str) -> Node,
    ) -> Value {
        let operands: Vec<Vec<Node>> = operands.iter().map(Value::scalars).collect();
        let lanes = operands.iter().map(Vec::len).max().unwrap_or(1);
        let lane = |i: usize| operands.iter().map(|x| x[i.min(x.len() - 1)]).collect::<Vec<Node>>();
        let mut results = (0..lanes).map(|i| Value::Scalar(operation(&mut self.graph, &lane(i), site)));
        if lanes == 1 { results.next().expect("a lane") } else { Value::Composite(results.collect()) }
    }

    fn kind(&self, frame: &Frame<'a>, handle: Handle<Expression>) -> ScalarKind {
        let inner = match &frame.info[handle].ty {
            TypeResolution::Handle(ty) => &self.module.types[*ty].inner,
            TypeResolution::Value(inner) => inner,
        };
        inner.scalar_kind().expect("an operand is a scalar or a vector")
    }
}

fn binary(graph: &mut Graph, op: BinaryOperator, kind: ScalarKind, x: &[Node], site: &str) -> Node {
    use BinaryOperator as B;
    let swapped = [x[1], x[0]];
    let less = match kind {
        ScalarKind::Float => Op::FloatLess,
        ScalarKind::Sint => Op::IntLess,
        _ => Op::UintLess,
    };
    let float = kind == ScalarKind::Float;
    let not = |graph: &mut Graph, node| {
        let one = graph.add(Op::Const(1), &[], site);
        graph.add(Op::Xor, &[node, one], site)
    };
    match op {
        B::Add => graph.add(if float { Op::Add } else { Op::IntAdd }, x, site),
        B::Subtract => graph.add(if float { Op::Sub } else { Op::IntSub }, x, site),
        B::Multiply => graph.add(if float { Op::Mul } else { Op::IntMul }, x, site),
        B::And => graph.add(Op::And, x, site),
        B::InclusiveOr => graph.add(Op::Or, x, site),
        B::ExclusiveOr => graph.add(Op::Xor, x, site),
        B::ShiftLeft => graph.add(Op::ShiftLeft, x, site),
        B::ShiftRight if kind == ScalarKind::Sint => graph.add(Op::ShiftRightSigned, x, site),
        B::ShiftRight => graph.add(Op::ShiftRight, x, site),
        B::Less => graph.add(less, x, site),
        B::Greater => graph.add(less, &swapped, site),
        // no operand is NaN
        B::GreaterEqual => {
            let below = graph.add(less, x, site);
            not(graph, below)
        }
        B::LessEqual => {
            let above = graph.add(less, &swapped, site);
            not(graph, above)
        }
        B::Equal if !float => graph.add(Op::Equal, x, site),
        B::NotEqual if !float => {
            let equal = graph.add(Op::Equal, x, site);
            not(graph, equal)
        }
        other => panic!("{site}: {other:?} is not executed"),
    }
}

fn literal_bits(literal: Literal) -> u32 {
    match literal {
        Literal::F32(v) => v.to_bits(),
        Literal::U32(v) => v,
        Literal::I32(v) => v.cast_unsigned(),
        Literal::Bool(v) => v.into(),
        other => panic!("the literal {other:?} is not executed"),
    }
}

/// The graph of a sampler by its number. Inputs 0 to 7 are the words of two blocks; inputs from 100 on are the 32-bit
/// words of the shaders' `Coefficients`. Returns the graph and the eight values' bits.
pub(crate) fn sampler(parsed: &(Module, ModuleInfo), source: &str, sampler: u32, products: u32) -> (Graph, Vec<Node>) {
    let overrides = [("SAMPLER", sampler), ("DTYPE", 0), ("PRODUCTS", products)];
    let mut tracer = Tracer::new(&parsed.0, &parsed.1, source, &overrides);
    let hidden = tracer.leaf(Op::Hidden);
    tracer.call("hide", vec![Value::Scalar(hidden)]);
    let mut words = 0..;
    let pair = tracer.input("Pair", &mut || Op::Input(words.next().unwrap_or_default()));
    let mut coefficients = 100..;
    let coefficients = tracer.input("Coefficients", &mut || Op::Input(coefficients.next().unwrap_or_default()));
    let values = tracer.call("sample", vec![pair, coefficients]).expect("sample returns a pair").scalars();
    (tracer.graph, values)
}

/// The graph of a function of f32 vectors, scalars and structs, with an input for each scalar.
pub(crate) fn function(parsed: &(Module, ModuleInfo), source: &str, name: &str, products: u32) -> (Graph, Vec<Node>) {
    let mut tracer = Tracer::new(&parsed.0, &parsed.1, source, &[("PRODUCTS", products)]);
    let hidden = tracer.leaf(Op::Hidden);
    tracer.call("hide", vec![Value::Scalar(hidden)]);
    let (_, function) = parsed.0.functions.iter().find(|(_, f)| f.name.as_deref() == Some(name)).expect("a function");
    let mut inputs = 0..;
    let mut next = || Op::Input(inputs.next().unwrap_or_default());
    let arguments = function.arguments.iter().map(|argument| tracer.built(argument.ty, &mut next)).collect();
    let values = tracer.call(name, arguments).expect("a result").scalars();
    (tracer.graph, values)
}
