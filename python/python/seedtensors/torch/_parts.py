"""The parts of a whole tensor that a rank of a DTensor holds."""

import itertools
from typing import NamedTuple

import torch
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.placement_types import Replicate, Shard

try:
    from torch.distributed.tensor.placement_types import _StridedShard
except ImportError:  # torch versions without it never give one
    _StridedShard = ()


class Part(NamedTuple):
    """A box of the local tensor, and the same elements as a box of the whole tensor."""

    at: list[int]
    """The first element in the local tensor."""
    start: list[int]
    """The first element in the whole tensor."""
    extent: list[int]


def parts(tensor: torch.Tensor) -> list[Part]:
    """The boxes that this rank holds; of a plain tensor the whole. Boxes without elements are left out."""
    if not isinstance(tensor, DTensor):
        zero = [0] * tensor.ndim
        return [Part(zero, zero, list(tensor.shape))] if tensor.numel() else []
    mesh, coordinate = tensor.device_mesh, tensor.device_mesh.get_coordinate()
    if coordinate is None:
        # a rank outside the mesh holds nothing
        return []
    # for each dimension the indices in the whole tensor, in the local order
    indices = [torch.arange(size, device="cpu") for size in tensor.shape]
    for mesh_dim, placement in enumerate(tensor.placements):
        if isinstance(placement, Replicate):
            continue
        size, here = mesh.size(mesh_dim), coordinate[mesh_dim]
        if _StridedShard and isinstance(placement, _StridedShard):
            dim = placement.dim % tensor.ndim
            one = _StridedShard(0, split_factor=placement.split_factor)
            pieces, _ = one._split_tensor(indices[dim], size, with_padding=False, contiguous=True)
            indices[dim] = pieces[here]
        elif isinstance(placement, Shard):
            dim = placement.dim % tensor.ndim
            # as torch.chunk: pieces of ceil(n / size), the last ones smaller or empty
            chunks = indices[dim].chunk(size)
            indices[dim] = chunks[here] if here < len(chunks) else indices[dim][:0]
        else:
            raise ValueError(f"a parameter must be sharded or replicated, not {placement!r}")
    runs = [_runs(values) for values in indices]
    return [Part(*map(list, zip(*box, strict=True))) if box else Part([], [], []) for box in itertools.product(*runs)]


def _runs(indices: torch.Tensor) -> list[tuple[int, int, int]]:
    """Runs of consecutive indices: (position, first index, length)."""
    if indices.numel() == 0:
        return []
    begins = [0, *((indices.diff() != 1).nonzero().flatten() + 1).tolist()]
    ends = [*begins[1:], indices.numel()]
    return [(at, int(indices[at]), end - at) for at, end in zip(begins, ends, strict=True)]


def narrow(tensor: torch.Tensor, start: list[int], extent: list[int]) -> torch.Tensor:
    """A box of a tensor, as a view."""
    for dim, (first, size) in enumerate(zip(start, extent, strict=True)):
        tensor = tensor.narrow(dim, first, size)
    return tensor


def local(tensor: torch.Tensor) -> torch.Tensor:
    """The memory that this rank has, as a plain tensor."""
    return tensor._local_tensor if isinstance(tensor, DTensor) else tensor
