"""The words, uniforms and normals of PyTorch's stateless generator, `torch.func._random`."""

import numpy as np
import pytest
import torch

import seedtensors as st

random = pytest.importorskip("torch.func._random", reason="torch before 2.12 has no stateless generator")
COUNT = 2**22


@pytest.mark.parametrize("seed", [0, 42, 2**64 - 1])
def test_uniforms_are_pytorch_s(seed):
    theirs = random.uniform(random.key(seed), (COUNT,)).numpy()
    assert (st.tensor((COUNT,), st.Key(seed), st.uniform()) == theirs).all()


@pytest.mark.parametrize("seed", [0, 42])
def test_normals_are_pytorch_s_where_pytorch_s_are_exact(seed):
    ours = st.tensor((COUNT,), st.Key(seed), st.normal()).astype("float64")
    theirs = random.normal(random.key(seed), (COUNT,)).double().numpy()
    words = st.words(np.empty(COUNT, "uint32"), st.Key(seed)).reshape(-1, 2).astype("float64")
    radius = np.sqrt(-2 * np.log((words[:, 0] + 0.5) / 2**32)).repeat(2)
    turns = (words[:, 1] + 0.5) / 2**32
    exact = radius * np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], 1).reshape(-1)
    # ours are within the bound that docs/evidence.md states, for every radius
    assert (np.abs(ours - exact) <= radius * 2**-22.49).all()
    # PyTorch rounds the word's uniform to f32. Next to 1 that is an error of up to 2^-25, and the radius's error is that
    # divided by the radius; 3e-6 is the error of its other steps.
    assert (np.abs(theirs - exact) <= 3e-6 + 2**-24 / radius).all()
    # the differences from PyTorch near radius 0 are PyTorch's own
    near = radius < 0.01
    assert near.sum() > 100
    assert np.abs(ours - exact)[near].max() < 1e-8 < 1e-6 < np.abs(theirs - exact)[near].max()


def test_keys_are_pytorch_s():
    key = random.key(42)
    for ours, theirs in [
        (st.Key(42), key),
        (st.Key(42).fold_in(3), random.fold_in(key, 3)),
        *zip(st.Key(42).split(3), random.split(key, 3), strict=True),
    ]:
        assert [ours.seed, ours.offset] == [int(word) for word in theirs.tolist()]


def test_a_tensor_of_torch_is_a_buffer():
    assert torch.from_numpy(st.tensor((4,), st.Key(1), st.ones())).tolist() == [1, 1, 1, 1]
