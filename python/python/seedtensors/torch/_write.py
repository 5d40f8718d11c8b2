"""Checkpoints that the ranks of a torchrun job write together."""

import os
from typing import Any

import torch.distributed as dist

from .. import _core
from .._core import Recipe


def write(recipe: Recipe, seed: int, out: str | os.PathLike[str], **options: Any) -> list[str]:
    """Writes a checkpoint from a recipe. Every rank of the default process group writes its share of the files, and
    returns when all of them are written. `options` are those of `seedtensors.write`. Without a process group it is
    `seedtensors.write`."""
    if not (dist.is_available() and dist.is_initialized()):
        return _core.write(recipe, seed, out, **options)
    try:
        return _core.write(recipe, seed, out, rank=dist.get_rank(), world_size=dist.get_world_size(), **options)
    finally:
        # also after an error: the other ranks wait here
        dist.barrier()
