"""`seedtensors.jax` on 8 devices of the host."""

import os

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")

import doctest
import hashlib
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

import seedtensors as st
import seedtensors.jax as sj

SHAPE = (48, 64)
KEY = st.Key(42).named("layers.0.w")
DTYPES = ["float32", "bfloat16", "float16"]
MESHES = {
    (8,): [PartitionSpec("a"), PartitionSpec(None, "a"), PartitionSpec(), PartitionSpec("a", None)],
    (2, 4): [
        PartitionSpec("a", "b"),
        PartitionSpec("b", "a"),
        PartitionSpec(("a", "b")),
        PartitionSpec(("b", "a")),
        PartitionSpec(None, ("a", "b")),
        PartitionSpec("b"),
    ],
    (4, 2): [PartitionSpec("a", "b"), PartitionSpec(None, "b"), PartitionSpec(("a", "b"), None)],
    (2, 2, 2): [PartitionSpec(("a", "c"), "b"), PartitionSpec("c", ("b", "a"))],
}


def digest(array):
    return hashlib.sha256(np.asarray(array).tobytes()).hexdigest()


def test_there_are_eight_devices():
    assert len(jax.devices()) == 8
    assert sum(map(len, MESHES.values())) >= 13


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("init", [st.normal(std=0.02), st.uniform(-1, 1), st.truncated_normal(), st.orthogonal()], ids=repr)
def test_sharded_arrays_are_the_whole(init, dtype):
    expected = digest(st.tensor(SHAPE, KEY, init, dtype))
    for dims, specs in MESHES.items():
        mesh = jax.make_mesh(dims, ("a", "b", "c")[: len(dims)])
        for spec in specs:
            array = sj.make(KEY, SHAPE, init, dtype, NamedSharding(mesh, spec))
            assert array.dtype == dtype and array.sharding.spec == spec
            assert digest(array) == expected, (dims, spec)


def test_every_device_makes_its_part_alone(monkeypatch):
    made = []
    host = sj._host
    monkeypatch.setattr(sj, "_host", lambda *arguments: made.append(host(*arguments).shape) or host(*arguments))
    sj.make(KEY, SHAPE, st.normal(), sharding=NamedSharding(jax.make_mesh((8,), ("a",)), PartitionSpec("a")))
    assert set(made) == {(6, 64)}


def same_signature(name):
    ours, theirs = getattr(sj, name), getattr(jax.nn.initializers, name)
    return [*inspect.signature(ours).parameters] == [*inspect.signature(theirs).parameters]


NAMES = [name for name in sj.__all__ if name not in ("key_of", "make")]


@pytest.mark.parametrize("name", NAMES)
def test_signatures_are_those_of_jax(name):
    assert same_signature(name)


@pytest.mark.parametrize("shape", [(256, 128), (3, 3, 64, 128)])
@pytest.mark.parametrize("name", [name for name in NAMES if "orthogonal" not in name])
def test_distributions_are_those_of_jax(name, shape):
    """Mean and standard deviation agree with JAX's within six standard errors; bounds are equal to rounding."""
    make = lambda module: getattr(module, name)  # noqa: E731
    arguments = {"constant": (0.3,), "variance_scaling": (0.7, "fan_out", "uniform")}.get(name, ())
    call = lambda module: make(module) if name in ("zeros", "ones") else make(module)(*arguments)  # noqa: E731
    ours, theirs = [np.float64(call(module)(jax.random.key(3), shape)) for module in (sj, jax.nn.initializers)]
    n, std = theirs.size, theirs.std()
    # the std of a difference of two means is std sqrt(2 / n), of two stds of normals std / sqrt(n)
    assert abs(ours.mean() - theirs.mean()) <= 6 * std * np.sqrt(2 / n)
    assert abs(ours.std() - theirs.std()) <= 6 * std / np.sqrt(n)
    assert (np.unique(ours).size == 1) == (np.unique(theirs).size == 1)
    if "normal" not in name:
        assert np.allclose([ours.min(), ours.max()], [theirs.min(), theirs.max()], rtol=2e-3, atol=2e-3 * std)


@pytest.mark.parametrize("axes", [{}, {"in_axis": 0, "out_axis": 1}, {"in_axis": (0, 1), "out_axis": 2}, {"batch_axis": 0}])
def test_axes_are_those_of_jax(axes):
    shape = (8, 16, 32, 4)
    ours, theirs = [
        np.float64(module.variance_scaling(1.0, "fan_avg", "uniform", **axes)(jax.random.key(0), shape))
        for module in (sj, jax.nn.initializers)
    ]
    # uniforms of 16384 elements come this close to their bounds
    assert np.isclose(ours.max(), theirs.max(), rtol=2e-3)


def test_orthogonal():
    for shape in [(64, 32), (32, 64)]:
        q = np.float64(sj.orthogonal(2.0)(jax.random.key(1), shape))
        product = q.T @ q if shape[0] >= shape[1] else q @ q.T
        assert np.allclose(product, 4 * np.eye(32), atol=1e-5)
    with pytest.raises(ValueError, match="needs column_axis=0, not -1"):
        sj.orthogonal()(jax.random.key(1), (3, 3, 8, 8))
    kernel = np.float64(sj.delta_orthogonal()(jax.random.key(1), (3, 3, 8, 16)))
    assert np.allclose(kernel[1, 1] @ kernel[1, 1].T, np.eye(8), atol=1e-5) and np.count_nonzero(kernel) == 8 * 16


def test_keys():
    assert sj.key_of(jax.random.key(42)) == sj.key_of(jax.random.PRNGKey(42)) == st.Key(42)
    assert sj.key_of(jax.random.key(7, impl="rbg")) == st.Key(7, 7)
    a, b = jax.random.split(jax.random.key(42))
    assert sj.key_of(a) != sj.key_of(b)
    for keys in (jax.random.split(jax.random.key(0)), jax.random.PRNGKey(0).reshape(1, 2), np.array([0.5, 1.5])):
        with pytest.raises(ValueError, match="a JAX key is one key, 2 or 4 words of uint32, not"):
            sj.normal()(keys, (4, 4))
    assert (sj.constant(0.5)(None, (3,)) == 0.5).all()
    # nothing is made while it is traced
    shape = (2**20, 2**20)
    assert jax.eval_shape(lambda key: sj.constant(0.5)(key, shape), jax.random.key(0)).shape == shape


@pytest.mark.parametrize("dtype", DTYPES)
def test_under_jit_the_values_are_the_same(dtype):
    init = sj.he_normal()
    eager = init(jax.random.key(5), SHAPE, dtype)
    traced = jax.jit(lambda key: init(key, SHAPE, dtype))(jax.random.key(5))
    assert traced.dtype == dtype and digest(traced) == digest(eager)
    mapped = jax.vmap(lambda key: init(key, SHAPE, dtype))(jax.random.split(jax.random.key(5), 3))
    assert mapped.shape == (3, *SHAPE) and len({digest(part) for part in mapped}) == 3


def test_flax_nnx_eager_and_jit():
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs):
            self.fc1 = nnx.Linear(64, 128, kernel_init=sj.he_normal(), bias_init=sj.zeros, rngs=rngs)
            self.fc2 = nnx.Linear(128, 8, kernel_init=sj.lecun_normal(), param_dtype=jnp.bfloat16, rngs=rngs)
            self.conv = nnx.Conv(8, 8, (3, 3), kernel_init=sj.delta_orthogonal(), rngs=rngs)

    def digests(model):
        return [digest(leaf) for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))]

    eager = digests(Model(nnx.Rngs(0)))
    assert digests(nnx.jit(lambda: Model(nnx.Rngs(0)))()) == eager
    assert digests(Model(nnx.Rngs(1))) != eager


def test_bad_input_says_why():
    for call, message in [
        (lambda: sj.he_normal()(jax.random.key(0), (4,)), "fans need at least 2 dimensions"),
        (lambda: sj.normal(-1.0)(jax.random.key(0), (4,)), "normal's std must be at least 0"),
        (lambda: sj.normal()(jax.random.key(0), (4,), "int32"), "a dtype is float32, float16 or bfloat16, not int32"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_the_examples_in_the_docstrings():
    result = doctest.testmod(sj)
    assert result.attempted >= 10 and result.failed == 0
