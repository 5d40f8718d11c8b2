"""The weights of one model under PyTorch's distributed engines, plain and ours: one table of hashes."""

import pytest
import torch
import torch.distributed as dist
from digests import one
from ranks import run
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import seedtensors as st
import seedtensors.torch as stt

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
ENGINES = ["alone", "FSDP2", "TP", "FSDP2+TP", "HSDP"]
RULES = """
[[rule]]
name = "embedding.weight"
init = { normal = { std = 0.02 } }
padding = 0
[[rule]]
name = ["*norm*.weight"]
init = "ones"
[[rule]]
name = "*.bias"
init = "zeros"
[[rule]]
name = "*.weight"
init = { truncated_normal = { std = 0.02 } }
"""


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(48)
        self.up, self.down = nn.Linear(48, 100), nn.Linear(100, 48)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(103, 48, padding_idx=0)
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.head = nn.Linear(48, 103, bias=False)

    def init_weights(self):
        nn.init.normal_(self.embedding.weight, std=0.02)
        with torch.no_grad():
            self.embedding.weight[self.embedding.padding_idx].fill_(0)
        for block in self.blocks:
            block.norm.reset_parameters()
            nn.init.kaiming_normal_(block.up.weight)
            nn.init.xavier_uniform_(block.down.weight)
            nn.init.zeros_(block.up.bias)
            nn.init.uniform_(block.down.bias, -0.1, 0.1)
        nn.init.trunc_normal_(self.head.weight, std=48**-0.5)


def parallel(model, engine):
    """Shards a model on the meta device. False where the engine needs more ranks than there are."""
    world = dist.get_world_size()
    if engine == "alone":
        return world == 1
    if engine == "FSDP2":
        fully_shard(model, mesh=init_device_mesh("cpu", (world,)))
        return True
    plan = {f"blocks.{i}.{name}": kind() for i in range(2) for name, kind in (("up", ColwiseParallel), ("down", RowwiseParallel))}
    plan["head"] = ColwiseParallel()
    if engine == "TP":
        parallelize_module(model, init_device_mesh("cpu", (world,)), plan)
        return True
    shape = (2, 2) if world == 4 else (1, world)
    mesh = init_device_mesh("cpu", shape, mesh_dim_names=("outer", "inner"))
    if engine == "FSDP2+TP":
        parallelize_module(model, mesh["inner"], plan)
        fully_shard(model, mesh=mesh["outer"])
    else:
        fully_shard(model, mesh=mesh)
    return True


def table():
    found = {}
    for engine in ENGINES:
        for name, dtype in DTYPES.items():
            with torch.device("meta"):
                model = Model().to(dtype)
            if not parallel(model, engine):
                continue
            model.to_empty(device="cpu")
            torch.manual_seed(42)
            model.init_weights()
            plain = one(model)
            with stt.replay(model, 42):
                model.init_weights()
            replayed = one(model)
            stt.init_(model, 42, RULES)
            found[engine, name] = (plain, replayed, one(model))
    return found


@pytest.mark.slow
def test_the_weights_do_not_depend_on_the_engine(capsys):
    rows = {(engine, world, name): hashes for world in (1, 2, 4) for (engine, name), hashes in run(table, world).items()}
    assert len(rows) == 2 + 4 * 3 * 2
    with capsys.disabled():
        print("\nengine     world dtype  plain PyTorch     replay            rules")
        for (engine, world, name), hashes in rows.items():
            print(f"{engine:10} {world:5} {name:5}  {'  '.join(hashes)}")
    for name in DTYPES:
        found = [hashes for (_, _, dtype), hashes in rows.items() if dtype == name]
        assert len({replay for _, replay, _ in found}) == 1
        assert len({rules for _, _, rules in found}) == 1
        # what this is for: with plain PyTorch they do
        assert len({plain for plain, _, _ in found}) > 3


def padded():
    with torch.device("meta"):
        model = nn.Embedding(10, 4, padding_idx=7)
    fully_shard(model, mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
    model.to_empty(device="cpu")
    torch.nn.init.ones_(model.weight)
    with stt.replay(model, 1):
        model.reset_parameters()
    return model.weight.full_tensor().detach()


def test_rows_of_padding_are_zeros_on_the_rank_that_has_them():
    expected = stt.normal_(torch.empty(10, 4), key=st.Key(1).named("weight"))
    expected[7] = 0
    for world in (1, 2):
        assert torch.equal(run(padded, world), expected)
