//! The structures of matrices that pipelines are compiled for.

/// The structure that a pipeline is compiled for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Structure {
    pub(crate) kind: StructureKind,
    /// Whether coordinates need 64 bits.
    pub(crate) far: bool,
}

// tests/shaders.rs compares the numbers with those of the shaders
/// The kind of a structure. The numbers are those of `STRUCTURE` in the shaders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u32)]
pub(crate) enum StructureKind {
    #[default]
    None,
    Eye,
    DiracOutIn,
    DiracInOut,
    Sparse,
    Tall,
    Wide,
    DeltaOutIn,
    DeltaInOut,
}
