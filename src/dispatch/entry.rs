//! The shaders' entry points and overridable constants.

use super::form::Form;
use super::structure::Structure;
use crate::Dtype;
use crate::kernel::KernelKind;

/// An entry point of shaders/fill.wgsl.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Entry {
    /// 16-byte slots, four per thread. `coordinates` is there for a shard. `even` says that a thread's slots are
    /// equally far apart in the tensor.
    Slots { coordinates: Option<Coordinates>, even: bool },
    /// Word by word. `straddle` says that half-precision words straddle blocks.
    Words { straddle: bool },
    /// The runs of a shard, from four blocks a thread, wherever they begin.
    Runs { coordinates: Coordinates },
    /// The words of halves that two runs of a shard share.
    Boundaries { coordinates: Coordinates },
    /// Element by element, from any indices of a tensor: those of a shard of short runs, and of a structured matrix.
    Scattered { coordinates: Option<Coordinates>, structure: Structure },
    /// Elements of an orthogonal matrix whose vectors were computed.
    Orthogonal { coordinates: Option<Coordinates>, structure: Structure },
    /// A step of the computation of vectors, in shaders/reflectors.wgsl.
    Reflect(Reflect),
}

/// A step of the computation of orthonormal vectors, for one panel of reflectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reflect {
    Squares,
    Heads,
    Vectors,
    Gram,
    Sides,
    Solve,
    Update,
}

/// The arithmetic that turns an element of a shard into an index of the tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Coordinates {
    /// The number of coordinates that the shader divides by.
    pub(crate) count: u32,
    /// Whether indices are 2^32 or more apart.
    pub(crate) wide: bool,
}

impl Entry {
    /// The entry point's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Slots { .. } => "fill_slots",
            Self::Words { .. } => "fill_words",
            Self::Runs { .. } => "fill_runs",
            Self::Boundaries { .. } => "fill_boundaries",
            Self::Scattered { .. } => "fill_scattered",
            Self::Orthogonal { .. } => "fill_orthogonal",
            Self::Reflect(Reflect::Squares) => "reflect_squares",
            Self::Reflect(Reflect::Heads) => "reflect_heads",
            Self::Reflect(Reflect::Vectors) => "reflect_vectors",
            Self::Reflect(Reflect::Gram) => "reflect_gram",
            Self::Reflect(Reflect::Sides) => "reflect_sides",
            Self::Reflect(Reflect::Solve) => "reflect_solve",
            Self::Reflect(Reflect::Update) => "reflect_update",
        }
    }
}

/// The entry point, kernel and dtype that a pipeline is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Variant {
    pub(crate) entry: Entry,
    pub(crate) kind: KernelKind,
    pub(crate) dtype: Dtype,
}

impl Variant {
    /// The shaders' overridable constants.
    pub(crate) fn constants(self, form: Form) -> [(&'static str, f64); 9] {
        let (mut even, mut straddle, mut structure) = (false, false, Structure::default());
        let coordinates = match self.entry {
            Entry::Slots { coordinates, even: is_even } => {
                even = is_even;
                coordinates
            }
            Entry::Words { straddle: is_straddling } => {
                straddle = is_straddling;
                None
            }
            Entry::Runs { coordinates } | Entry::Boundaries { coordinates } => Some(coordinates),
            Entry::Scattered { coordinates, structure: kind } | Entry::Orthogonal { coordinates, structure: kind } => {
                structure = kind;
                coordinates
            }
            Entry::Reflect(_) => None,
        };
        // WebGPU takes every overridable constant as f64, a bool as 0 or 1
        let flag = |flag| f64::from(u8::from(flag));
        [
            ("SAMPLER", f64::from(self.kind as u32)),
            ("DTYPE", f64::from(self.dtype as u32)),
            // more than 7 tells the shader that there is no shard
            ("COORDINATES", coordinates.map_or(f64::from(u32::MAX), |coordinates| f64::from(coordinates.count))),
            ("WIDE", flag(coordinates.is_some_and(|coordinates| coordinates.wide))),
            ("EVEN", flag(even)),
            ("STRADDLE", flag(straddle)),
            ("STRUCTURE", f64::from(structure.kind as u32)),
            ("FAR", flag(structure.far)),
            ("PRODUCTS", f64::from(form.products as u32)),
        ]
    }
}
