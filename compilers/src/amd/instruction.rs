//! AMD's decoded instructions: src/amd/decode.rs makes them from a listing, and the wave runs them.

use super::operand::{Operand, Part, Place};

#[derive(Clone, Debug)]
pub(super) enum Instruction {
    Vector(Vector),
    Compare(Compare),
    /// Takes the second operand where the mask is set, else the first.
    Select {
        to: u8,
        from: [Operand; 2],
        mask: u8,
    },
    /// A sum with a carry out, and with a carry in where `carry` names its mask.
    Carry {
        to: u8,
        out: u8,
        from: [Operand; 2],
        carry: Option<u8>,
    },
    /// A shift of 64 bits by the first operand.
    Shift64 {
        to: u8,
        right: bool,
        by: Operand,
        from: Place,
    },
    /// A product of words plus 64 bits.
    Mad64 {
        to: u8,
        from: [Operand; 2],
        add: Place,
    },
    Swap(u8, u8),
    /// Two instructions that read their operands before either writes its result.
    Dual(Box<[Self; 2]>),
    /// Moves the first active lane's word to a scalar register.
    FirstLane {
        to: u8,
        from: u8,
    },
    Scalar(Scalar),
    /// `s_load` and `s_buffer_load`.
    Load(Load),
    Memory(Access),
    Shared(SharedAccess),
    /// All waves of the workgroup come here before any goes on.
    Barrier,
    /// The target of the branch, taken where the condition holds.
    Branch(Condition, usize),
    End,
    /// Waits and hints, which do nothing to values.
    Nothing,
}

impl Instruction {
    /// The vector register that it writes, of those that can be one of two.
    pub(super) const fn vector(&self) -> Option<u8> {
        match self {
            Self::Vector(Vector { to, .. }) | Self::Select { to, .. } => Some(*to),
            _ => None,
        }
    }
}

/// An instruction of up to three operands that works in each lane alone.
#[derive(Clone, Debug)]
pub(super) struct Vector {
    pub(super) operation: Operation,
    pub(super) to: u8,
    /// The part of the register that is written, and whether the rest stays or becomes 0.
    pub(super) part: Part,
    pub(super) preserve: bool,
    pub(super) from: [Operand; 3],
    /// The factor of a float result; 1 without a modifier.
    pub(super) factor: f32,
}

/// Named as AMD names them, without the types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Mov,
    Not,
    FloatI32,
    FloatU32,
    IntegerU32,
    /// 1 / x to one unit in the last place.
    Reciprocal,
    Add,
    Sub,
    SubRev,
    And,
    Or,
    Xor,
    LshlRev,
    LshrRev,
    AshrRev,
    MulLo,
    MulHi,
    MulU24,
    MinU,
    MaxU,
    Add3,
    LshlAdd,
    AddLshl,
    LshlOr,
    AndOr,
    Or3,
    Xor3,
    Xad,
    BfeU,
    Bfi,
    AlignBit,
    MadU24,
    /// Its first two operands are 16-bit halves of registers.
    MadU16,
    /// The low 16 bits; those above them become 0.
    LowHalf,
    AddF,
    SubF,
    SubRevF,
    MulF,
    /// One rounding: the instruction that the barriers are about.
    Fma,
    /// Two roundings: of the product, then of the sum.
    Mad,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Less,
    LessEqual,
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    // these four are not the opposites of the above where an operand is NaN: there they hold
    NotLess,
    NotLessEqual,
    NotGreater,
    NotGreaterEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    F32,
    U32,
    I32,
}

#[derive(Clone, Debug)]
pub(super) struct Compare {
    pub(super) relation: Relation,
    pub(super) kind: Kind,
    pub(super) from: [Operand; 2],
    /// The register of the mask, and whether `exec` is written as well, as `v_cmpx` does.
    pub(super) to: Option<u8>,
    pub(super) exec: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub(super) operation: ScalarOperation,
    pub(super) wide: bool,
    pub(super) to: u8,
    pub(super) from: [Place; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScalarOperation {
    Mov,
    Not,
    Brev,
    AddI,
    AddU,
    AddCarry,
    SubI,
    SubU,
    Mul,
    MulHi,
    And,
    AndNot,
    Nand,
    Or,
    Xor,
    Lshl,
    Lshr,
    /// A shift to the left by this, and a sum.
    LshlAdd(u32),
    MinU,
    MaxU,
    Bfm,
    BfeU,
    PackLow,
    PackHigh,
    Select,
    AndSaveExec,
    /// Sets `scc` and no register.
    Compare(Relation, Kind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Always,
    ExecZero,
    ExecNotZero,
    SccZero,
    SccOne,
    VccZero,
    VccNotZero,
}

/// A load of scalar registers.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) to: u8,
    /// The number of words.
    pub(super) words: u8,
    /// The first register of the pointer, or of the descriptor of a buffer.
    pub(super) base: u8,
    pub(super) buffer: bool,
    /// The offset in bytes, and the constant one that is added.
    pub(super) offset: Place,
    pub(super) plus: u32,
}

/// An access of a storage buffer.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub(super) store: bool,
    pub(super) data: u8,
    pub(super) words: u8,
    /// The vector register with an offset in bytes, the descriptor, and the scalar and constant offsets.
    pub(super) address: Option<u8>,
    pub(super) descriptor: u8,
    pub(super) scalar: Place,
    pub(super) offset: u32,
}

/// An access of shared memory, in one part or in two.
#[derive(Clone, Debug)]
pub(super) struct SharedAccess {
    pub(super) store: bool,
    /// The vector register with an offset in bytes.
    pub(super) address: u8,
    /// The words of each part.
    pub(super) words: u8,
    pub(super) parts: [Option<SharedPart>; 2],
}

/// The first vector register of a part of a shared access, and its constant offset in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct SharedPart {
    pub(super) data: u8,
    pub(super) offset: u32,
}
