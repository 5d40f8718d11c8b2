//! The initialisers that a recipe can name, as people read them.

/// An initialiser as a recipe names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Initialiser {
    /// Its names. The first is the one that a written recipe has.
    pub names: &'static [&'static str],
    /// Its parameters, with their defaults.
    pub parameters: &'static str,
    /// The formula of its values.
    pub formula: &'static str,
    /// Its name in PyTorch.
    pub pytorch: &'static str,
    /// Its name in JAX.
    pub jax: &'static str,
}

/// An entry in one line: the fields, in their order.
const fn of(
    names: &'static [&'static str],
    parameters: &'static str,
    formula: &'static str,
    pytorch: &'static str,
    jax: &'static str,
) -> Initialiser {
    Initialiser { names, parameters, formula, pytorch, jax }
}

/// Every initialiser that a recipe can name.
pub const INITIALISERS: &[Initialiser] = &[
    // an empty text says that there are no parameters, or that the library has no such function
    of(&["zeros"], "", "0", "zeros_", "zeros"),
    of(&["ones"], "", "1", "ones_", "ones"),
    of(&["constant"], "value", "value", "constant_", "constant"),
    of(&["uniform"], "low = 0, high = 1", "U[low, high)", "uniform_", "uniform is [0, scale)"),
    of(&["normal"], "mean = 0, std = 1", "N(mean, std^2)", "normal_", "normal"),
    of(
        &["truncated_normal"],
        "mean = 0, std = 1, low = -2, high = 2, bounds = absolute",
        "N(mean, std^2) within [low, high]; bounds = std counts them in std from the mean",
        "trunc_normal_",
        "truncated_normal has bounds = std",
    ),
    of(
        &["variance_scaling"],
        "scale = 1, mode = fan_in, distribution = normal",
        "variance scale / n, n the fan of the mode",
        "",
        "variance_scaling",
    ),
    of(
        &["xavier_uniform", "glorot_uniform"],
        "gain = 1",
        "U(+-gain sqrt(6 / (fan_in + fan_out)))",
        "xavier_uniform_",
        "glorot_uniform",
    ),
    of(
        &["xavier_normal", "glorot_normal"],
        "gain = 1, distribution = normal",
        "std gain sqrt(2 / (fan_in + fan_out))",
        "xavier_normal_",
        "glorot_normal has distribution = truncated_normal",
    ),
    of(
        &["he_uniform", "kaiming_uniform"],
        "mode = fan_in, gain = relu",
        "U(+-gain sqrt(3 / n))",
        "kaiming_uniform_",
        "he_uniform",
    ),
    of(
        &["he_normal", "kaiming_normal"],
        "mode = fan_in, gain = relu, distribution = normal",
        "std gain / sqrt(n)",
        "kaiming_normal_",
        "he_normal has distribution = truncated_normal",
    ),
    of(&["lecun_uniform"], "", "U(+-sqrt(3 / fan_in))", "", "lecun_uniform"),
    of(
        &["lecun_normal"],
        "distribution = normal",
        "std 1 / sqrt(fan_in)",
        "",
        "lecun_normal has distribution = truncated_normal",
    ),
    of(&["eye"], "gain = 1", "gain on the diagonal, else 0", "eye_", ""),
    of(&["dirac"], "groups = 1", "a convolution that passes its inputs on", "dirac_", ""),
    of(
        &["orthogonal"],
        "gain = 1",
        "gain Q, Q uniform among the matrices with orthonormal columns, or rows",
        "orthogonal_",
        "orthogonal",
    ),
    of(&["delta_orthogonal"], "gain = 1", "orthogonal at the kernel's centre, else 0", "", "delta_orthogonal"),
    of(&["sparse"], "sparsity, std = 0.01", "N(0, std^2), but ceil(sparsity rows) zeros in each column", "sparse_", ""),
];
