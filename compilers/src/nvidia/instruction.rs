//! NVIDIA's decoded instructions.

use super::memory::Width;

/// The number of general registers. The uniform ones follow them in the same array.
pub(super) const GENERAL: u16 = 256;
/// The number of uniform registers, which a warp's lanes share.
const UNIFORM: u16 = 64;
/// All registers.
pub(super) const REGISTERS: usize = (GENERAL + UNIFORM) as usize;
/// The number of general predicates. The uniform ones follow them.
pub(super) const GENERAL_PREDICATES: u8 = 7;
/// All predicates.
pub(super) const PREDICATES: usize = 2 * GENERAL_PREDICATES as usize;

/// One instruction of a listing.
#[derive(Clone, Debug)]
pub(super) struct Instruction {
    /// The text of the listing, for errors.
    pub(super) text: String,
    /// The lanes that run it.
    pub(super) guard: Condition,
    pub(super) operation: Operation,
    /// The first register that is written.
    pub(super) target: Option<u16>,
    /// The predicates that are written.
    pub(super) flags: [Option<u8>; 2],
    pub(super) sources: [Source; 3],
    pub(super) conditions: [Condition; 3],
    /// Cycles until the next instruction is issued.
    pub(super) delay: u32,
}

impl Instruction {
    /// Whether it multiplies and adds with one rounding.
    pub(super) fn is_fused(&self) -> bool {
        matches!(self.operation, Operation::FusedMultiplyAdd { .. })
    }
}

/// A source that an instruction reads, and the change to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) place: Place,
    pub(super) change: Change,
}

impl Source {
    pub(super) const ZERO: Self = Self { place: Place::Word(0), change: Change::None };

    pub(super) const fn register(register: u16) -> Self {
        Self { place: Place::Register(register), change: Change::None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Register(u16),
    Word(u32),
    /// A word of a constant buffer, by its byte.
    Constant {
        buffer: u32,
        offset: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// Two's complement.
    // only until src/nvidia/decode_arithmetic.rs has turned it into `Not` and a 1 to add
    Negate,
    /// Every bit.
    Not,
    /// The signs of floats.
    Float {
        absolute: bool,
        negate: bool,
    },
}

/// A predicate that an instruction reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Always,
    Never,
    Predicate { number: u8, inverted: bool },
}

/// A comparison; unordered where it also holds for NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Compare {
    /// Whether it holds of two integers, or of two floats that are no NaN.
    #[inline(always)]
    pub(super) fn holds<T: PartialOrd>(self, a: T, b: T) -> bool {
        match self {
            Self::Equal => a == b,
            Self::NotEqual => a != b,
            Self::Less => a < b,
            Self::LessEqual => a <= b,
            Self::Greater => a > b,
            Self::GreaterEqual => a >= b,
        }
    }
}

/// The operation that joins a comparison with a predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Combine {
    And,
    Or,
    Xor,
}

/// A function that the hardware approximates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Cosine,
    Sine,
    Exponential2,
    Logarithm2,
    Reciprocal,
    ReciprocalRoot,
    Root,
}

/// The operation. With `flush`, denormal operands and results become zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Barriers of divergent lanes, and `nop`. They need no code: lanes meet again wherever they come to the same
    /// instruction.
    Nothing,
    Exit,
    /// All threads of the workgroup come here before any goes on.
    Barrier,
    Branch {
        target: usize,
    },
    /// The system register of this number.
    System(u32),
    Move,
    /// A move to a register that the warp shares.
    MoveUniform,
    /// Whether the condition holds in a lane of the warp.
    Any,
    Select,
    /// The sum of three sources and of the carries that are its conditions, and whether it carries. Negated sources
    /// have their bits inverted, and `negated` is the number of them: one is added for each.
    Add3 {
        negated: u32,
    },
    /// The low word of a b + c.
    MultiplyAdd,
    /// Both words of a b + c; c has two registers.
    MultiplyAdd64,
    /// The truth table of three sources.
    Logic(u8),
    LogicPredicates([u8; 2]),
    /// The bytes of two words that a selector's nibbles name.
    Permute,
    Shift {
        right: bool,
        wrap: bool,
        signed: bool,
        bits: u32,
        high: bool,
    },
    CompareIntegers {
        compare: Compare,
        signed: bool,
        combine: Combine,
    },
    /// The smaller if the condition holds, else the larger.
    MinMaxIntegers {
        signed: bool,
    },
    CompareFloats {
        compare: Compare,
        unordered: bool,
        combine: Combine,
        flush: bool,
    },
    MinMaxFloats {
        flush: bool,
    },
    Float {
        signed: bool,
    },
    /// The unsigned integer below a float.
    Integer {
        flush: bool,
    },
    Add {
        flush: bool,
    },
    Multiply {
        flush: bool,
    },
    FusedMultiplyAdd {
        flush: bool,
    },
    Approximate(Function),
    /// Reads from the address in two registers plus an offset.
    Load {
        width: Width,
        offset: u32,
    },
    Store {
        width: Width,
        offset: u32,
    },
    /// The same of shared memory, whose addresses have one register.
    LoadShared {
        offset: u32,
    },
    StoreShared {
        offset: u32,
    },
}
