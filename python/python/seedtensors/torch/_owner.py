"""The parameters and buffers of a model, what was written to them, and fills of their boxes."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from .._core import Init, Key
from .._fill import shape_arguments
from ._memory import fill_box
from ._names import Stored
from ._parts import Part, local, narrow, parts


@dataclass
class Write:
    """One write to a parameter: an initialiser, or the name of another operation."""

    start: list[int]
    extent: list[int]
    init: Init | None
    operation: str


@dataclass
class Owner:
    """A parameter or buffer of the model, and what was written to it."""

    name: str
    tensor: torch.Tensor
    stored: list[Stored]
    tied: frozenset[str] = frozenset()
    """Paths of modules that are tied to it."""
    writes: list[Write] = field(default_factory=list)

    def is_whole(self, box) -> bool:
        return list(box[1]) == list(self.tensor.shape)


def owned_tensors(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The parameters and the persistent buffers, each once, under the name that a checkpoint keeps."""
    names: dict[int, str] = {}
    tied = getattr(model, "all_tied_weights_keys", None) or {}
    entries = [*model.named_parameters(remove_duplicate=False), *_persistent_buffers(model)]
    found = {}
    for name, tensor in entries:
        previous = names.get(id(tensor))
        if previous is None:
            names[id(tensor)] = name
            found[name] = tensor
        elif previous in tied and name not in tied:
            # a checkpoint keeps the name that the others are tied to
            del found[previous]
            names[id(tensor)] = name
            found[name] = tensor
    return found


def _persistent_buffers(model: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    for path, module in model.named_modules(remove_duplicate=False):
        for name, buffer in module._buffers.items():
            if buffer is not None and name not in module._non_persistent_buffers_set:
                yield (f"{path}.{name}" if path else name), buffer


def storage(tensor: torch.Tensor) -> int:
    """Identifies the memory that this rank has of a tensor."""
    return local(tensor).untyped_storage()._cdata


def fill_owner(owner: Owner, key: Key, init: Init, start, extent, **options) -> None:
    """Fills a box of a parameter: the parts of it that this rank has. `options` are those of `shape_arguments`."""
    fill_parts(local(owner.tensor.detach()), parts(owner.tensor), owner, key, init, start, extent, **options)


def box_values(owner: Owner, key: Key, init: Init, start, extent) -> torch.Tensor:
    """All values of a box of a parameter, as a plain tensor."""
    made = torch.empty(extent, dtype=owner.tensor.dtype, device=owner.tensor.device)
    whole = [Part([0] * len(start), list(start), list(extent))] if made.numel() else []
    fill_parts(made, whole, owner, key, init, start, extent)
    return made


def fill_parts(memory, held: list[Part], owner: Owner, key: Key, init: Init, start, extent, **options) -> None:
    """Fills the box of a parameter in memory that holds parts of the parameter, from each checkpoint tensor that the
    parameter is stored as."""
    for part in held:
        for piece in owner.stored:
            low, size = overlap((part.start, part.extent), (start, extent), (piece.start, piece.extent))
            if any(n <= 0 for n in size):
                continue
            at = [place + first - begin for place, first, begin in zip(part.at, low, part.start, strict=True)]
            box = narrow(memory, at, size)
            # the dimensions in the checkpoint tensor's order, without those that it lacks
            for dim in sorted((d for d in range(memory.ndim) if d not in piece.dims), reverse=True):
                box = box.select(dim, 0)
            kept = sorted(piece.dims)
            box = box.permute([kept.index(dim) for dim in piece.dims])
            first = [origin + low[d] - piece.start[d] for origin, d in zip(piece.origin, piece.dims, strict=True)]
            fill_box(box, key.named(piece.name), init, shape_arguments(piece.shape, **options), first)


def put(tensor: torch.Tensor, value: torch.Tensor, start: list[int]) -> None:
    """Copies the values of a box that begins at `start` into a tensor: every rank the part of them that it holds."""
    memory = local(tensor.detach())
    for part in parts(tensor):
        low, size = overlap((part.start, part.extent), (start, list(value.shape)))
        if all(n > 0 for n in size):
            at = [place + first - begin for place, first, begin in zip(part.at, low, part.start, strict=True)]
            origin = [first - begin for first, begin in zip(low, start, strict=True)]
            narrow(memory, at, size).copy_(narrow(value, origin, size))


def overlap(*boxes) -> tuple[list[int], list[int]]:
    """The first element and the extent that boxes (start, extent) have in common. Without one, an extent is below 1."""
    low = [max(values) for values in zip(*(start for start, _ in boxes), strict=True)]
    ends = [[first + size for first, size in zip(*box, strict=True)] for box in boxes]
    return low, [min(values) - first for values, first in zip(zip(*ends, strict=True), low, strict=True)]
