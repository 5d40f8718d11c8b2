"""The initialisers, under the names, parameters and defaults of the Rust library and of recipes."""

from collections.abc import Mapping

from ._core import Init

Gain = str | float | Mapping[str, float]
"""An activation by its name as in `torch.nn.init.calculate_gain`, {"leaky_relu": slope}, or a factor."""


def zeros() -> Init:
    """0 everywhere."""
    return Init("zeros")


def ones() -> Init:
    """1 everywhere."""
    return Init("ones")


def constant(value: float) -> Init:
    """One finite value everywhere."""
    return Init("constant", value=value)


def uniform(low: float = 0.0, high: float = 1.0) -> Init:
    """Uniform in [low, high). No value is `high`."""
    return Init("uniform", low=low, high=high)


def normal(mean: float = 0.0, std: float = 1.0) -> Init:
    """A normal of this mean and standard deviation."""
    return Init("normal", mean=mean, std=std)


def truncated_normal(
    mean: float = 0.0, std: float = 1.0, low: float = -2.0, high: float = 2.0, *, bounds: str = "absolute"
) -> Init:
    """A normal inside [low, high]. The bounds are values ("absolute", as PyTorch's) or standard deviations from the mean
    ("std", as JAX's). A bound may be infinite."""
    return Init("truncated_normal", mean=mean, std=std, low=low, high=high, bounds=bounds)


def variance_scaling(scale: float = 1.0, mode: str = "fan_in", distribution: str = "normal") -> Init:
    """Mean 0 and variance scale / n. n is the fan of `mode`: "fan_in", "fan_out", "fan_avg" or "fan_geo_avg".
    `distribution` is "normal", "truncated_normal" or "uniform"."""
    return Init("variance_scaling", scale=scale, mode=mode, distribution=distribution)


def xavier_uniform(gain: Gain = 1.0) -> Init:
    """Uniform within gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    return Init("xavier_uniform", gain=gain)


def xavier_normal(gain: Gain = 1.0, *, distribution: str = "normal") -> Init:
    """A normal of std gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010). JAX and Keras truncate it:
    distribution="truncated_normal"."""
    return Init("xavier_normal", gain=gain, distribution=distribution)


def he_uniform(gain: Gain = "relu", *, mode: str = "fan_in") -> Init:
    """Uniform within gain * sqrt(3 / fan) (He and others, 2015)."""
    return Init("he_uniform", gain=gain, mode=mode)


def he_normal(gain: Gain = "relu", *, mode: str = "fan_in", distribution: str = "normal") -> Init:
    """A normal of std gain / sqrt(fan) (He and others, 2015). JAX and Keras truncate it:
    distribution="truncated_normal"."""
    return Init("he_normal", gain=gain, mode=mode, distribution=distribution)


def lecun_uniform() -> Init:
    """Uniform within sqrt(3 / fan_in)."""
    return Init("lecun_uniform")


def lecun_normal(*, distribution: str = "normal") -> Init:
    """A normal of std 1 / sqrt(fan_in). JAX and Keras truncate it: distribution="truncated_normal"."""
    return Init("lecun_normal", distribution=distribution)


def eye(gain: float = 1.0) -> Init:
    """`gain` on the diagonal of a matrix, and 0 elsewhere."""
    return Init("eye", gain=gain)


def dirac(groups: int = 1) -> Init:
    """A convolution that copies its inputs to its outputs."""
    return Init("dirac", groups=groups)


def orthogonal(gain: float = 1.0) -> Init:
    """Orthonormal rows or columns times `gain` (Saxe and others, 2013)."""
    return Init("orthogonal", gain=gain)


def delta_orthogonal(gain: float = 1.0) -> Init:
    """A convolution with an orthogonal matrix at its kernel's centre and 0 elsewhere (Xiao and others, 2018)."""
    return Init("delta_orthogonal", gain=gain)


def sparse(sparsity: float, std: float = 0.01) -> Init:
    """A normal of mean 0. In each column, ceil(sparsity * rows) elements are 0 (Martens, 2010)."""
    return Init("sparse", sparsity=sparsity, std=std)
