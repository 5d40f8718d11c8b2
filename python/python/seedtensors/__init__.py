"""Weight initialisation: same seed, same bits, on every device and any number of ranks.

A tensor's values are a pure function of its key, its whole shape, its initialiser and its dtype. They do not depend on
the device, on the number of ranks, or on the other tensors of a model.

>>> import numpy as np
>>> import seedtensors as st
>>> key = st.Key(42).named("fc1.weight")
>>> whole = st.fill(np.empty((512, 784), "float32"), key, st.he_normal())

A rectangle has the values that the whole tensor has there:

>>> rows = st.fill(np.empty((64, 784), "float32"), key, st.he_normal(), shape=(512, 784), start=(128, 0))
>>> bool((rows == whole[128:192]).all())
True

`seedtensors.torch` fills torch tensors and runs a model's own initialisation code, `seedtensors.jax` makes JAX arrays.
"""

from ._core import VALUES_VERSION, Init, Key, Recipe, TensorSpec, write
from ._fill import DTYPES, Verified, fill, tensor, verify, words
from ._initialisers import (
    constant,
    delta_orthogonal,
    dirac,
    eye,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    normal,
    ones,
    orthogonal,
    sparse,
    truncated_normal,
    uniform,
    variance_scaling,
    xavier_normal,
    xavier_uniform,
    zeros,
)

__all__ = [
    "DTYPES",
    "Init",
    "Key",
    "Recipe",
    "TensorSpec",
    "VALUES_VERSION",
    "Verified",
    "constant",
    "delta_orthogonal",
    "dirac",
    "eye",
    "fill",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "sparse",
    "tensor",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "verify",
    "words",
    "write",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
