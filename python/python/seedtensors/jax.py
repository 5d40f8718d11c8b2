"""Initialisers with the signatures of `jax.nn.initializers`, and sharded arrays that every device makes its part of.

>>> import jax
>>> import seedtensors.jax as sj
>>> weight = sj.he_normal()(jax.random.key(42), (64, 32), "bfloat16")
>>> weight.shape, weight.dtype
((64, 32), dtype(bfloat16))

`make` takes a key of this package, with the tensor's name, and an initialiser of this package. Its array has the bits
that numpy, torch, the command and wgpu give for the same key, shape, initialiser and dtype.

A JAX key becomes a key of this package: its first two words are the seed, the next two, where there are any, the offset.
`jax.random.key(42)` is `Key(42)`. Under `jax.jit` the values are computed on the host, by `jax.pure_callback`, and
copied to the device.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import _fill, _initialisers
from ._core import Init, Key

__all__ = [
    "constant",
    "delta_orthogonal",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "key_of",
    "lecun_normal",
    "lecun_uniform",
    "make",
    "normal",
    "ones",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

Initializer = Callable[..., jax.Array]
"""(key, shape, dtype=float32, out_sharding=None) to an array. The key is JAX's, or a `Key`."""


def key_of(key: Any) -> Key:
    """The key of this package for a JAX key, new-style or raw; a `Key` stays as it is.

    >>> import jax
    >>> from seedtensors.jax import key_of
    >>> key_of(jax.random.key(42))
    Key(42)
    """
    if isinstance(key, Key):
        return key
    data = np.asarray(_key_data(key))
    if data.dtype != np.uint32 or data.shape not in ((2,), (4,)):
        raise ValueError(f"a JAX key is one key, 2 or 4 words of uint32, not {data.dtype} of shape {list(data.shape)}")
    words = [int(word) for word in data]
    return Key(words[0] << 32 | words[1], words[2] << 32 | words[3] if len(words) == 4 else 0)


def _key_data(key):
    return jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key


def make(
    key: Key,
    shape: Sequence[int],
    init: Init,
    dtype: Any = jnp.float32,
    sharding: jax.sharding.Sharding | None = None,
    **options: Any,
) -> jax.Array:
    """A JAX array. With a sharding, every device's part is computed alone, on the host that the device belongs to; parts
    that several devices hold are computed once for each.

    `options` are `layout`, `groups`, `transposed` and `fans`, as `seedtensors.fill` has them. The default layout is
    "out_in"; the kernels of JAX are "in_out".

    >>> import jax, numpy as np
    >>> import seedtensors as st
    >>> import seedtensors.jax as sj
    >>> key = st.Key(42).named("w")
    >>> mesh = jax.make_mesh((1,), ("x",))
    >>> sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x"))
    >>> array = sj.make(key, (8, 4), st.normal(), sharding=sharding)
    >>> bool((np.asarray(array) == st.tensor((8, 4), key, st.normal())).all())
    True
    """
    shape = tuple(dim.__index__() for dim in shape)
    dtype = jax.dtypes.canonicalize_dtype(dtype)
    _fill.dtype_name(dtype)
    if sharding is None:
        return jnp.asarray(_host(key, init, shape, dtype, None, options))
    return jax.make_array_from_callback(shape, sharding, lambda index: _host(key, init, shape, dtype, index, options))


def _host(key, init, shape, dtype, index, options):
    """The part of an array that a tuple of slices names."""
    if index is None:
        return _fill.fill(np.empty(shape, dtype), key, init, **options)
    bounds = [part.indices(dim) for part, dim in zip(index, shape, strict=True)]
    out = np.empty([max(stop - start, 0) for start, stop, _ in bounds], dtype)
    return _fill.fill(out, key, init, shape=shape, start=[start for start, _, _ in bounds], **options)


def _initializer(init_of: Callable[[tuple[int, ...]], tuple[Init, dict]], default: Any = jnp.float32) -> Initializer:
    """An initializer from the function that gives the initialiser and its options for a shape."""

    def initializer(key, shape, dtype=default, out_sharding=None):
        shape = tuple(dim.__index__() for dim in shape)
        dtype = jax.dtypes.canonicalize_dtype(dtype)
        _fill.dtype_name(dtype)
        init, options = init_of(shape)
        if isinstance(key, jax.core.Tracer):
            result = jax.ShapeDtypeStruct(shape, dtype)
            call = lambda data: _host(key_of(np.asarray(data)), init, shape, dtype, None, options)  # noqa: E731
            array = jax.pure_callback(call, result, _key_data(key), vmap_method="sequential")
            return array if out_sharding is None else jax.lax.with_sharding_constraint(array, out_sharding)
        return make(key_of(key), shape, init, dtype, out_sharding, **options)

    return initializer


def _fixed(init: Init, default: Any = jnp.float32) -> Initializer:
    return _initializer(lambda shape: (init, {}), default)


def zeros(key: Any, shape: Sequence[int], dtype: Any = jnp.float32, out_sharding: Any = None) -> jax.Array:
    """0 everywhere. Unlike the others this is an initializer itself, as in JAX."""
    return make(Key(0), shape, _initialisers.zeros(), dtype, out_sharding)


def ones(key: Any, shape: Sequence[int], dtype: Any = jnp.float32, out_sharding: Any = None) -> jax.Array:
    """1 everywhere. Unlike the others this is an initializer itself, as in JAX."""
    return make(Key(0), shape, _initialisers.ones(), dtype, out_sharding)


def constant(value: float, dtype: Any = jnp.float32) -> Initializer:
    """One value everywhere. As in JAX, the key may be anything that is not traced."""
    init = _initialisers.constant(value)
    keyed = _fixed(init, dtype)

    def initializer(key, shape, dtype=dtype, out_sharding=None):
        if isinstance(key, jax.core.Tracer):
            return keyed(key, shape, dtype, out_sharding)
        return make(Key(0), shape, init, dtype, out_sharding)

    return initializer


def uniform(scale: float = 1e-2, dtype: Any = jnp.float32) -> Initializer:
    """Uniform in [0, scale)."""
    return _fixed(_initialisers.uniform(0.0, scale), dtype)


def normal(stddev: float = 1e-2, dtype: Any = jnp.float32) -> Initializer:
    """A normal of mean 0."""
    return _fixed(_initialisers.normal(0.0, stddev), dtype)


def truncated_normal(
    stddev: float = 1e-2, dtype: Any = jnp.float32, lower: float = -2.0, upper: float = 2.0
) -> Initializer:
    """A normal of mean 0 within `lower` and `upper` standard deviations."""
    return _fixed(_initialisers.truncated_normal(0.0, stddev, lower, upper, bounds="std"), dtype)


def variance_scaling(
    scale: float,
    mode: str,
    distribution: str,
    in_axis: int | Sequence[int] = -2,
    out_axis: int | Sequence[int] = -1,
    batch_axis: int | Sequence[int] = (),
    dtype: Any = jnp.float32,
) -> Initializer:
    """Mean 0 and variance scale / n, with n by `mode`: "fan_in", "fan_out", "fan_avg" or "fan_geo_avg". `distribution` is
    "truncated_normal", "normal" or "uniform"."""
    init = _initialisers.variance_scaling(scale, mode, distribution)
    return _initializer(lambda shape: (init, {"fans": _fans(shape, in_axis, out_axis, batch_axis)}), dtype)


def _fans(shape, in_axis, out_axis, batch_axis):
    """The fans as JAX computes them: the product of the axes, times the axes that are none of the three."""
    if len(shape) <= 1:
        raise ValueError(f"fans need at least 2 dimensions, not shape {list(shape)}")

    def product(axes):
        return math.prod(shape[axis] for axis in ([axes] if isinstance(axes, int) else axes))

    inputs, outputs, batch = product(in_axis), product(out_axis), product(batch_axis)
    if 0 in shape:
        return (0, 0)
    receptive_field = math.prod(shape) // inputs // outputs // batch
    return (inputs * receptive_field, outputs * receptive_field)


def _scaled(scale: float, mode: str, distribution: str):
    def of(
        in_axis: int | Sequence[int] = -2,
        out_axis: int | Sequence[int] = -1,
        batch_axis: int | Sequence[int] = (),
        dtype: Any = jnp.float32,
    ) -> Initializer:
        return variance_scaling(scale, mode, distribution, in_axis, out_axis, batch_axis, dtype)

    of.__doc__ = f"`variance_scaling` of scale {scale}, {mode} and {distribution}, as in JAX."
    return of


glorot_uniform = xavier_uniform = _scaled(1.0, "fan_avg", "uniform")
glorot_normal = xavier_normal = _scaled(1.0, "fan_avg", "truncated_normal")
he_uniform = kaiming_uniform = _scaled(2.0, "fan_in", "uniform")
he_normal = kaiming_normal = _scaled(2.0, "fan_in", "truncated_normal")
lecun_uniform = _scaled(1.0, "fan_in", "uniform")
lecun_normal = _scaled(1.0, "fan_in", "truncated_normal")


def orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = jnp.float32) -> Initializer:
    """A matrix of orthonormal rows or columns times `scale`. The first dimension is one side of the matrix, the product of
    the others the other. JAX takes the last dimension instead, which is the same for two dimensions; for more, only
    `column_axis=0` is there."""

    def init_of(shape):
        if len(shape) > 2 and column_axis % len(shape) != 0:
            raise ValueError(f"orthogonal of {len(shape)} dimensions needs column_axis=0, not {column_axis}")
        return _initialisers.orthogonal(scale), {}

    return _initializer(init_of, dtype)


def delta_orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = jnp.float32) -> Initializer:
    """An orthogonal matrix at the centre of a kernel (*kernel, in, out), and 0 elsewhere; 3 to 5 dimensions."""
    if column_axis != -1:
        raise ValueError(f"delta_orthogonal has its columns in the last dimension, not in {column_axis}")
    return _initializer(lambda shape: (_initialisers.delta_orthogonal(scale), {"layout": "in_out"}), dtype)
