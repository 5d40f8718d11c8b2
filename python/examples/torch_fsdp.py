"""A model under FSDP2 on 1 and on 2 ranks of a CPU: the same hash of its weights, and PyTorch's own for comparison.

    pip install seedtensors[torch]
    python torch_fsdp.py
"""

import hashlib
import os

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

import seedtensors.torch as st


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(1000, 128, padding_idx=0)
        self.layer = nn.TransformerEncoderLayer(128, 4, 512)
        self.head = nn.Linear(128, 1000)

    def init_weights(self):
        nn.init.normal_(self.embedding.weight, std=0.02)
        with torch.no_grad():
            self.embedding.weight[self.embedding.padding_idx].zero_()
        for module in self.layer.modules():
            if isinstance(module, (nn.Linear, nn.LayerNorm)):
                module.reset_parameters()
        self.layer.self_attn._reset_parameters()
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)


def digest(model):
    """The hash of every whole parameter."""
    found = hashlib.sha256()
    for name, parameter in model.named_parameters():
        whole = parameter.full_tensor() if isinstance(parameter, DTensor) else parameter
        found.update(name.encode() + whole.detach().numpy().tobytes())
    return found.hexdigest()[:16]


def rank(number, world_size, port):
    os.environ.update(MASTER_ADDR="localhost", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=number, world_size=world_size)
    with torch.device("meta"):
        model = Model()
    fully_shard(model, mesh=init_device_mesh("cpu", (world_size,)))
    model.to_empty(device="cpu")
    torch.manual_seed(42)
    model.init_weights()
    plain = digest(model)
    with st.replay(model, seed=42):
        model.init_weights()
    replayed = digest(model)
    if number == 0:
        print(f"world size {world_size}: PyTorch {plain}, replay {replayed}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    for world_size in (1, 2):
        mp.spawn(rank, (world_size, 29500 + world_size), nprocs=world_size)
