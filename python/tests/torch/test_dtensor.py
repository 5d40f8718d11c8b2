"""Every rank's part of a DTensor is that part of the whole tensor."""

import random

import pytest
import torch
from ranks import run
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.placement_types import _StridedShard

import seedtensors as st
import seedtensors.torch as stt

DTYPES = [torch.float32, torch.float16, torch.bfloat16]
INITS = [st.normal(), st.uniform(-1, 1), st.truncated_normal()]


def placements(generator, ndim, mesh):
    def one():
        kind = generator.choice(["shard", "shard", "replicate", "strided"])
        dim = generator.randrange(ndim)
        if kind == "strided":
            return _StridedShard(dim, split_factor=generator.choice([2, 3, 4]))
        return Shard(dim) if kind == "shard" else Replicate()

    return [one() for _ in range(mesh.ndim)]


def on_meshes(meshes, cases):
    """Compares random placements with PyTorch's own distribution of the whole tensor; returns their number."""
    compared = strided = empty = 0
    for dims in meshes:
        mesh = init_device_mesh("cpu", dims)
        generator = random.Random(repr(dims))
        for case in range(cases):
            # small, so that shards are uneven, and some empty
            shape = [generator.choice([1, 2, 3, 5, 8, 12, 17]) for _ in range(generator.randrange(1, 4))]
            chosen = placements(generator, len(shape), mesh)
            dtype, init = generator.choice(DTYPES), generator.choice(INITS)
            key = st.Key(42).named(f"{dims} {case}")
            whole = stt.fill_(torch.empty(shape, dtype=dtype), key, init)
            expected = distribute_tensor(whole, mesh, chosen, src_data_rank=None)
            found = DTensor.from_local(
                torch.full_like(expected._local_tensor, 7), mesh, chosen, shape=whole.shape, stride=whole.stride()
            )
            stt.fill_(found, key, init)
            assert torch.equal(found._local_tensor, expected._local_tensor), (dims, shape, chosen)
            compared += 1
            strided += any(isinstance(placement, _StridedShard) for placement in chosen)
            empty += found._local_tensor.numel() == 0
    # rank 0 always holds something
    total = torch.tensor(empty)
    torch.distributed.all_reduce(total)
    return compared, strided, int(total)


@pytest.mark.parametrize("world_size, meshes", [(1, [(1,)]), (2, [(2,), (2, 1)]), (3, [(3,)]), (4, [(4,), (2, 2), (4, 1)])])
def test_random_placements(world_size, meshes):
    compared, strided, empty = run(on_meshes, world_size, meshes, 150)
    assert compared == 150 * len(meshes) and strided > 10
    assert empty > 0 or world_size < 2


def matrices():
    mesh = init_device_mesh("cpu", (2,))
    found = {}
    for name, init, fill in [
        ("eye", st.eye(), lambda t: stt.eye_(t)),
        ("sparse", st.sparse(0.3), lambda t: stt.sparse_(t, 0.3, key=st.Key(3))),
        ("orthogonal", st.orthogonal(), lambda t: stt.orthogonal_(t, key=st.Key(3))),
        ("kaiming", st.he_uniform(1.0), lambda t: stt.kaiming_uniform_(t, nonlinearity="linear", key=st.Key(3))),
        ("xavier", st.xavier_normal(2.0), lambda t: stt.xavier_normal_(t, 2.0, key=st.Key(3))),
    ]:
        expected = torch.from_numpy(st.tensor((10, 7), st.Key(3), init))
        for placement in (Shard(0), Shard(1), Replicate()):
            tensor = distribute_tensor(torch.zeros(10, 7), mesh, [placement])
            found[f"{name} {placement}"] = torch.equal(fill(tensor).full_tensor(), expected)
    return found


def test_matrices_and_fans_are_those_of_the_whole():
    found = run(matrices, 2)
    assert len(found) == 15 and all(found.values()), found


def partial():
    mesh = init_device_mesh("cpu", (1,))
    tensor = DTensor.from_local(torch.zeros(3), mesh, [Partial()])
    try:
        stt.normal_(tensor, key=st.Key(1))
    except ValueError as error:
        return str(error)
    return None


def test_partial_placements_are_refused():
    assert "must be sharded or replicated, not Partial(sum)" in run(partial, 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_plain_tensors_and_views(dtype):
    key, expected = st.Key(42), torch.empty(6, 10, dtype=dtype)
    stt.normal_(expected, key=key)
    assert torch.equal(stt.normal_(torch.zeros(10, 6, dtype=dtype).t(), key=key), expected)
    gaps = torch.zeros(6, 20, dtype=dtype)
    stt.normal_(gaps[:, ::2], key=key)
    assert torch.equal(gaps[:, ::2], expected) and not gaps[:, 1::2].any()
    parameter = torch.nn.Parameter(torch.zeros(6, 10, dtype=dtype))
    assert stt.normal_(parameter, key=key) is parameter and torch.equal(parameter.data, expected)


def test_bad_input_says_why():
    for call, message in [
        (lambda: stt.normal_(torch.zeros(3, dtype=torch.float64), key=st.Key(1)), "a dtype is float32, float16 or bfloat16"),
        (lambda: stt.kaiming_normal_(torch.zeros(3), key=st.Key(1)), "need at least two dimensions"),
        (lambda: stt.normal_(torch.zeros(3), std=-1, key=st.Key(1)), "normal's std must be at least 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="key"):
        stt.normal_(torch.zeros(3))
