"""Draws and writes to views of sharded parameters reach the ranks that hold the elements."""

import random

import pytest
import torch
from ranks import run
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Replicate, Shard, distribute_tensor
from torch.distributed.tensor.placement_types import _StridedShard

import seedtensors as st
import seedtensors.torch as stt


class Model(nn.Module):
    def __init__(self, value, write):
        super().__init__()
        self.weight, self.write = nn.Parameter(value), write

    def reset_parameters(self):
        with torch.no_grad():
            self.write(self.weight)


def replayed(value, write):
    """The values of a parameter after a function wrote to it."""
    model = Model(value.clone(), write)
    with stt.replay(model, 1):
        model.reset_parameters()
    weight = model.weight.detach()
    return weight.full_tensor() if hasattr(weight, "full_tensor") else weight


def placements(generator, shape, mesh):
    """Placements that PyTorch gathers. It aborts for uneven strided shards, such as eight rows under a split factor of 3
    and a shard on a 2x2 mesh, with or without this package."""
    if mesh.ndim == 2 and shape[0] % mesh.size() == 0 and generator.random() < 0.5:
        # a dimension that FSDP2 and tensor parallelism share
        return [_StridedShard(0, split_factor=mesh.size(1)), Shard(0)]
    return [generator.choice([Shard(generator.randrange(len(shape))), Replicate()]) for _ in range(mesh.ndim)]


def view(generator, shape):
    """Steps that make a view of a tensor of a shape."""
    steps, shape = [], list(shape)
    for _ in range(generator.randrange(1, 4)):
        kind = generator.choice(["narrow", "narrow", "select", "transpose", "detach", "unsqueeze"])
        dim = generator.randrange(len(shape)) if shape else 0
        if kind == "narrow" and shape:
            start = generator.randrange(shape[dim])
            size = generator.randrange(1, shape[dim] - start + 1)
            steps.append(lambda t, dim=dim, start=start, size=size: t.narrow(dim, start, size))
            shape[dim] = size
        elif kind == "select" and len(shape) > 1:
            index = generator.randrange(shape[dim])
            steps.append(lambda t, dim=dim, index=index: t.select(dim, index))
            del shape[dim]
        elif kind == "transpose" and len(shape) > 1:
            steps.append(lambda t: t.transpose(0, 1))
            shape[0], shape[1] = shape[1], shape[0]
        elif kind == "unsqueeze":
            steps.append(lambda t, dim=dim: t.unsqueeze(dim))
            shape.insert(dim, 1)
        else:
            steps.append(lambda t: t.detach())
    return steps


WRITES = [
    lambda t: t.normal_(0.5, 2.0),
    lambda t: t.uniform_(-3, 3),
    lambda t: nn.init.trunc_normal_(t),
    lambda t: t.zero_(),
    lambda t: t.fill_(4.0),
    lambda t: t.mul_(3.0),
    lambda t: t.normal_().mul_(0.5).add_(1.0),
    lambda t: t.copy_(torch.ones(t.shape, dtype=t.dtype) * 2),
]


def writes_to_views(meshes, cases):
    """Compares writes to random views of random placements with the same writes to plain tensors."""
    equal, strided, refused = 0, 0, []
    for dims in meshes:
        mesh, generator = init_device_mesh("cpu", dims), random.Random(f"views {dims}")
        for _ in range(cases):
            shape = [generator.choice([2, 3, 5, 8, 12]) for _ in range(generator.randrange(1, 4))]
            chosen, steps = placements(generator, shape, mesh), view(generator, shape)
            write = generator.choice(WRITES)

            def apply(weight, steps=steps, write=write):
                for step in steps:
                    weight = step(weight)
                write(weight)

            value = torch.full(shape, 7.0, dtype=generator.choice([torch.float32, torch.bfloat16]))
            expected = replayed(value, apply)
            assert not torch.equal(expected, value)
            try:
                found = replayed(distribute_tensor(value, mesh, chosen, src_data_rank=None), apply)
            except (NotImplementedError, RuntimeError) as error:
                # an error is no loss; PyTorch itself refuses some views and some writes
                refused.append(str(error).partition("\n")[0])
                continue
            assert torch.equal(found, expected), (dims, shape, chosen, str(found), str(expected))
            equal += 1
            strided += any(isinstance(placement, _StridedShard) for placement in chosen)
    return equal, strided, refused


@pytest.mark.slow
@pytest.mark.parametrize("world_size, meshes", [(1, [(1,)]), (2, [(2,)]), (4, [(4,), (2, 2)])])
def test_random_views(world_size, meshes):
    equal, strided, refused = run(writes_to_views, world_size, meshes, 100)
    assert equal + len(refused) == 100 * len(meshes)
    assert equal >= 80 * len(meshes), (equal, refused)
    assert strided > 5 or world_size < 4


CASES = {
    "rows": lambda w: w[:5].normal_(),
    "columns": lambda w: w[:, :3].normal_(),
    "fused parts": lambda w: [part.normal_(0, i + 1) for i, part in enumerate(w.chunk(3))],
    "rows of data": lambda w: w.data[2:9].uniform_(-1, 1),
    "rows of a draw": lambda w: (w.normal_(), w[4:].zero_()),
    "one row": lambda w: (w.normal_(), w[3].normal_(0, 5)),
    "assigned rows": lambda w: (w.normal_(), w.__setitem__(slice(2, 7), 1.0)),
    "scaled rows": lambda w: (w.normal_(), w[:4].mul_(2)),
    "copied rows": lambda w: (w.normal_(), w[1:8].copy_(torch.arange(56.0).view(7, 8))),
    "a drawn row, scaled": lambda w: w.zero_()[3].normal_().mul_(0.3),
    "the transpose": lambda w: w.t().normal_(),
    "flat": lambda w: w.view(-1).normal_(),
    "like": lambda w: w.copy_(torch.randn_like(w)),
    "noise": lambda w: (w.normal_(), w.add_(torch.rand_like(w))),
    "data": lambda w: setattr(w, "data", torch.randn(12, 8)),
    "eye": lambda w: nn.init.eye_(w),
    "sparse": lambda w: nn.init.sparse_(w, 0.4),
    "orthogonal": lambda w: nn.init.orthogonal_(w),
}


def cases():
    mesh = init_device_mesh("cpu", (torch.distributed.get_world_size(),))
    value, found = torch.full((12, 8), 7.0), {}
    for name, write in CASES.items():
        expected = replayed(value, write)
        for placement in (Shard(0), Shard(1), Replicate()):
            sharded = replayed(distribute_tensor(value, mesh, [placement], src_data_rank=None), write)
            found[name, str(placement)] = torch.equal(sharded, expected) and not torch.equal(expected, value)
    return found


def test_views_are_written_where_they_are():
    found = run(cases, 2)
    assert len(found) == 3 * len(CASES) and all(found.values()), [case for case, same in found.items() if not same]


def gradients():
    """Views that are made where gradients are recorded."""
    mesh = init_device_mesh("cpu", (2,))
    found = []
    for value in (torch.zeros(12, 8), distribute_tensor(torch.zeros(12, 8), mesh, [Shard(0)])):
        layer = Model(value, None)
        with stt.replay(layer, 1):
            nn.init.normal_(layer.weight[3:9])
        weight = layer.weight.detach()
        found.append(weight.full_tensor() if hasattr(weight, "full_tensor") else weight)
    return found


def test_views_with_gradients():
    plain, sharded = run(gradients, 2)
    assert torch.equal(plain, sharded)
    whole = torch.from_numpy(st.tensor((12, 8), st.Key(1).named("weight"), st.normal()))
    assert torch.equal(plain[3:9], whole[3:9]) and not plain[:3].any() and not plain[9:].any()


def refusals():
    mesh = init_device_mesh("cpu", (2,))
    found = {}
    for name, write in {
        "no box": lambda w: w.view(-1)[:40].normal_(),
        "local": lambda w: w.to_local().normal_(),
        "other shape": lambda w: setattr(w, "data", torch.zeros(3)),
    }.items():
        try:
            replayed(distribute_tensor(torch.zeros(12, 8), mesh, [Shard(0)]), write)
            found[name] = None
        except NotImplementedError as error:
            found[name] = str(error)
    return found


def test_what_cannot_be_written_is_refused():
    found = run(refusals, 2)
    assert found["no box"] == "aten.normal_.default of this view of weight: it is no box of the parameter"
    assert found["local"] == "aten.normal_.default of the local part of weight: use the DTensor"
    assert found["other shape"].startswith("data of shape [12, 8], torch.float32 on cpu is set to [3]")
