"""The functions of `torch.nn.init`, with a key, on tensors and DTensors."""

from typing import Any

import torch

from .. import _initialisers
from .._core import Init, Key
from .._fill import shape_arguments
from ._memory import fill_box, fill_contiguous
from ._parts import local, narrow, parts


def fill_(tensor: torch.Tensor, key: Key, init: Init) -> torch.Tensor:
    """Fills a tensor in place by an initialiser and returns it. Of a DTensor every rank fills its own part.

    The dtype is float32, float16 or bfloat16. Raises ValueError for another one, for bad parameters, and for a DTensor
    with a partial placement.

    >>> import torch, seedtensors as st, seedtensors.torch as stt
    >>> weight = stt.fill_(torch.empty(512, 784), st.Key(42).named("fc1.weight"), st.he_normal())
    >>> bool((weight.numpy() == st.tensor((512, 784), st.Key(42).named("fc1.weight"), st.he_normal())).all())
    True
    """
    if type(tensor) in (torch.Tensor, torch.nn.Parameter) and tensor.is_cpu and tensor.is_contiguous():
        # most calls, and small tensors above all: nothing of PyTorch runs
        fill_contiguous(tensor, key, init, shape_arguments(tensor.shape))
        return tensor
    # views of a part must not be seen by modes of the caller's, such as `replay`
    with torch.utils._python_dispatch._disable_current_modes(), torch.no_grad():
        memory, whole = local(tensor.detach()), shape_arguments(tensor.shape)
        for part in parts(tensor):
            fill_box(narrow(memory, part.at, part.extent), key, init, whole, part.start)
    return tensor


def uniform_(tensor: torch.Tensor, a: float = 0.0, b: float = 1.0, *, key: Key) -> torch.Tensor:
    """Uniform in [a, b)."""
    return fill_(tensor, key, _initialisers.uniform(a, b))


def normal_(tensor: torch.Tensor, mean: float = 0.0, std: float = 1.0, *, key: Key) -> torch.Tensor:
    """A normal of this mean and standard deviation."""
    return fill_(tensor, key, _initialisers.normal(mean, std))


def trunc_normal_(
    tensor: torch.Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, *, key: Key
) -> torch.Tensor:
    """A normal inside [a, b]. The bounds are values, as PyTorch's."""
    return fill_(tensor, key, _initialisers.truncated_normal(mean, std, a, b))


def constant_(tensor: torch.Tensor, val: float, *, key: Key | None = None) -> torch.Tensor:
    """One value everywhere. The key changes nothing."""
    return fill_(tensor, key or Key(0), _initialisers.constant(val))


def ones_(tensor: torch.Tensor, *, key: Key | None = None) -> torch.Tensor:
    """1 everywhere. The key changes nothing."""
    return fill_(tensor, key or Key(0), _initialisers.ones())


def zeros_(tensor: torch.Tensor, *, key: Key | None = None) -> torch.Tensor:
    """0 everywhere. The key changes nothing."""
    return fill_(tensor, key or Key(0), _initialisers.zeros())


def eye_(tensor: torch.Tensor, *, key: Key | None = None) -> torch.Tensor:
    """1 on the diagonal of a matrix, and 0 elsewhere. The key changes nothing."""
    return fill_(tensor, key or Key(0), _initialisers.eye())


def dirac_(tensor: torch.Tensor, groups: int = 1, *, key: Key | None = None) -> torch.Tensor:
    """A convolution that copies its inputs to its outputs. The key changes nothing."""
    return fill_(tensor, key or Key(0), _initialisers.dirac(groups))


def xavier_uniform_(tensor: torch.Tensor, gain: float = 1.0, *, key: Key) -> torch.Tensor:
    """Uniform within gain * sqrt(6 / (fan_in + fan_out))."""
    return fill_(tensor, key, _initialisers.xavier_uniform(gain))


def xavier_normal_(tensor: torch.Tensor, gain: float = 1.0, *, key: Key) -> torch.Tensor:
    """A normal of std gain * sqrt(2 / (fan_in + fan_out))."""
    return fill_(tensor, key, _initialisers.xavier_normal(gain))


def kaiming_uniform_(
    tensor: torch.Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *, key: Key
) -> torch.Tensor:
    """Uniform within gain * sqrt(3 / fan), with `torch.nn.init.calculate_gain(nonlinearity, a)`."""
    return fill_(tensor, key, _initialisers.he_uniform(_gain(nonlinearity, a), mode=mode))


def kaiming_normal_(
    tensor: torch.Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *, key: Key
) -> torch.Tensor:
    """A normal of std gain / sqrt(fan), with `torch.nn.init.calculate_gain(nonlinearity, a)`."""
    return fill_(tensor, key, _initialisers.he_normal(_gain(nonlinearity, a), mode=mode))


def _gain(nonlinearity: Any, a: float) -> float:
    return float(torch.nn.init.calculate_gain(nonlinearity, a))


def orthogonal_(tensor: torch.Tensor, gain: float = 1, *, key: Key) -> torch.Tensor:
    """Orthonormal rows or columns times `gain`. The values are the library's, not those of PyTorch's QR."""
    return fill_(tensor, key, _initialisers.orthogonal(gain))


def sparse_(tensor: torch.Tensor, sparsity: float, std: float = 0.01, *, key: Key) -> torch.Tensor:
    """A normal of mean 0. In each column, ceil(sparsity * rows) elements are 0."""
    return fill_(tensor, key, _initialisers.sparse(sparsity, std))
