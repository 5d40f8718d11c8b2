"""Views of sharded parameters.

PyTorch makes a view of a sharded dimension from a gathered copy, and what is written to the copy is lost. `Views` knows
which elements of which parameter a view has, so that writes to it reach the ranks that hold them.
"""

from dataclasses import dataclass

import torch
from torch.distributed.tensor import DTensor
from torch.utils.weak import WeakTensorKeyDictionary

from ._names import box_of
from ._owner import Owner, put, storage


@dataclass
class View:
    """A view of a parameter that is a DTensor."""

    owner: Owner
    like: torch.Tensor | None
    """The same view of a contiguous tensor without memory. None where PyTorch could not make it."""

    def box(self):
        """The box of the parameter, and the parameter's dimension of each of the view's: (start, extent, dims).
        `dims` is None for all elements in another shape. None for a view that is no box."""
        if self.like is None:
            return None
        shape = list(self.owner.tensor.shape)
        box = box_of(self.like.shape, self.like.stride(), self.like.storage_offset(), shape, _strides(shape))
        if box is None and self.like.is_contiguous() and self.like.numel() == self.owner.tensor.numel():
            return [0] * len(shape), shape, None
        return box

    def is_copy(self, tensor: torch.Tensor) -> bool:
        """Whether the view has memory of its own."""
        return storage(tensor) != storage(self.owner.tensor)


class Views:
    """The views that were made, while they are alive."""

    def __init__(self):
        self._known = WeakTensorKeyDictionary()

    def get(self, tensor: torch.Tensor) -> View | None:
        return self._known.get(tensor) if isinstance(tensor, DTensor) else None

    def add(self, base: View, func, args, kwargs, out) -> None:
        """Remembers the views that an operation made of another view."""
        like = None
        if base.like is not None:
            try:
                like = func(base.like, *args[1:], **kwargs)
            except (RuntimeError, IndexError, ValueError):
                # such a view is refused when it is written to
                like = None
        outs = out if isinstance(out, (list, tuple)) else [out]
        likes = like if isinstance(like, (list, tuple)) else [like] * len(outs)
        for made, same in zip(outs, likes, strict=True):
            if isinstance(made, DTensor):
                self._known[made] = View(base.owner, same)


def whole_view(owner: Owner) -> View:
    return View(owner, torch.empty(owner.tensor.shape, device="meta"))


def write_back(owner: Owner, tensor: torch.Tensor, box) -> None:
    """Copies the values of a view into its parameter. All ranks must call it."""
    start, extent, dims = box
    value = tensor.full_tensor()
    put(owner.tensor, _in_box(value, extent, dims), start)


def refresh(tensor: torch.Tensor, values: torch.Tensor, box) -> None:
    """Copies the values of a box of a parameter into a view of it."""
    _, extent, dims = box
    value = torch.empty(tensor.shape, dtype=values.dtype, device=values.device)
    _in_box(value, extent, dims).copy_(values)
    put(tensor, value, [0] * value.ndim)


def _in_box(value: torch.Tensor, extent, dims) -> torch.Tensor:
    """A contiguous tensor of a view's shape, as a view with the extent of its box."""
    if dims is None:
        return value.view(extent)
    for dim in reversed([i for i, to in enumerate(dims) if to is None]):
        value = value.select(dim, 0)
    kept = [to for to in dims if to is not None]
    value = value.permute(sorted(range(len(kept)), key=lambda i: kept[i]))
    for dim in (d for d in range(len(extent)) if d not in kept):
        value = value.unsqueeze(dim)
    return value


def _strides(shape):
    return torch.empty(shape, device="meta").stride()


def is_dense(shape, strides) -> bool:
    """Whether no two elements share memory, and nothing is between them."""
    expected = 1
    for stride, size in sorted((stride, size) for size, stride in zip(shape, strides, strict=True) if size != 1):
        if stride != expected:
            return False
        expected *= size
    return True
