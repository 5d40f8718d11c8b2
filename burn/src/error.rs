//! The package's error: each variant names the rule and the value that broke it.

/// A `Result` with this package's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every error of the package.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter without a rule, in a module that has no default.
    #[error(
        "no rule is for parameter {name:?} of shape {shape:?} in {module}, which has no default: give one with Rules::with"
    )]
    NoRule {
        /// The parameter's name.
        name: String,
        /// Its shape in burn.
        shape: Vec<u64>,
        /// The module that it belongs to.
        module: String,
    },
    /// A parameter without a rule, where the rules do without the modules' defaults.
    #[error("no rule is for parameter {name:?} of shape {shape:?}, and the rules do without defaults")]
    NoDefaults {
        /// The parameter's name.
        name: String,
        /// Its shape in burn.
        shape: Vec<u64>,
    },
    /// A clone of a parameter, with its id, that has another shape, such as a transposed one.
    #[error(
        "parameters of one id must have one shape, {name:?} has {shape:?} and {first:?} has {first_shape:?}: give one of them an id of its own"
    )]
    CloneShape {
        /// The clone's name.
        name: String,
        /// Its shape in burn.
        shape: Vec<u64>,
        /// The name of the first.
        first: String,
        /// The shape of the first.
        first_shape: Vec<u64>,
    },
    /// A parameter whose initialiser refuses its shape or its dtype.
    #[error("parameter {name:?}: {source}")]
    Parameter {
        /// The parameter's name.
        name: String,
        /// The rule that is broken.
        source: seedtensors::Error,
    },
    /// A dtype that no fill has.
    #[error("a tensor's dtype must be f32, f16 or bf16, not {dtype} ({name})")]
    Dtype {
        /// burn's name of the dtype.
        dtype: String,
        /// The tensor's name.
        name: String,
    },
    /// Two parameters of one name, which would have the same values.
    #[error("parameters must have names of their own, two are named {name:?}")]
    SameName {
        /// The name of both.
        name: String,
    },
    /// Invalid rules.
    #[error("rules: {0}")]
    Rules(String),
    /// An invalid glob.
    #[error("a rule's name must be a glob, not {glob:?}: {reason}")]
    Glob {
        /// The text.
        glob: String,
        /// The glob parser's message.
        reason: String,
    },
    /// A fill of another number of elements than the tensor has.
    #[error("a fill of {elements} elements needs a tensor of as many, not of shape {shape:?}")]
    WrongShape {
        /// The fill's elements.
        elements: u64,
        /// The tensor's shape.
        shape: Vec<usize>,
    },
    /// A tensor whose elements are not in row-major order in memory, such as a transposed one.
    #[error("a tensor that is filled in place must be contiguous, not of shape {shape:?} with strides {strides:?}")]
    NotContiguous {
        /// The tensor's shape.
        shape: Vec<usize>,
        /// Its strides, in elements.
        strides: Vec<usize>,
    },
    /// A tensor of another device than the one that fills.
    #[error("a tensor that is filled in place must be on the shared device, not on {found}")]
    OtherDevice {
        /// The tensor's device.
        found: String,
    },
    /// burn opened no device.
    #[error(
        "burn opened no device: {reason}; a device that burn already uses cannot be shared: open it before the first tensor, or leave it out, and the CPU computes the same values"
    )]
    Open {
        /// burn's message.
        reason: String,
    },
    /// A recipe that TOML cannot hold.
    #[error("a recipe: {0}")]
    Recipe(String),
    /// burn refused an operation.
    #[error("burn: {0}")]
    Burn(String),
    /// An error of the library.
    #[error(transparent)]
    Fill(#[from] seedtensors::Error),
}
