"""The checkpoint tensors that a parameter is stored as.

Most parameters are one tensor of the same name. transformers stores some otherwise: it renames them, splits fused ones,
and transposes. A parameter's values come from the keys of its checkpoint tensors, so that `replay`, `save_pretrained` and
`seedtensors init --config` agree.
"""

import contextlib
import sys
from dataclasses import dataclass
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode


@dataclass(frozen=True)
class Stored:
    """A checkpoint tensor, and the box of a parameter that it holds."""

    name: str
    shape: tuple[int, ...]
    """The shape of the checkpoint tensor."""
    start: tuple[int, ...]
    """The first element of the box in the parameter."""
    extent: tuple[int, ...]
    """The extent of the box in the parameter."""
    dims: tuple[int, ...]
    """For each dimension of the checkpoint tensor the parameter's; the others have extent 1 in the box."""
    origin: tuple[int, ...]
    """The first element of the box in the checkpoint tensor."""


class UnknownLayout(NotImplementedError):
    """A checkpoint tensor whose elements are no box of a parameter."""


def box_of(view_shape, view_strides, offset, shape, strides):
    """A view of a tensor as a box: (start, extent, dims), or None. `dims` has the tensor's dimension for each of the
    view's, or None for one of extent 1."""
    start = [0] * len(shape)
    for dim in sorted(range(len(shape)), key=lambda dim: -strides[dim]):
        if shape[dim] > 1:
            start[dim], offset = divmod(offset, strides[dim])
    if offset or any(first >= size for first, size in zip(start, shape, strict=True)):
        return None
    extent, dims = [1] * len(shape), []
    for size, stride in zip(view_shape, view_strides, strict=True):
        if size == 1:
            dims.append(None)
            continue
        fits = [d for d in range(len(shape)) if strides[d] == stride and d not in dims and start[d] + size <= shape[d] > 1]
        if not fits:
            return None
        dims.append(fits[0])
        extent[fits[0]] = size
    return start, extent, dims


@contextlib.contextmanager
def own_classes(model: torch.nn.Module):
    """Gives transformers' models under FSDP2 their own classes back for a while. `fully_shard` makes a class of its own,
    which transformers takes for a user's code: it then does not know the names in a checkpoint, and does not initialise
    modules without parameters, such as GPT-2's attention."""
    fsdp = getattr(sys.modules.get("torch.distributed.fsdp"), "FSDPModule", None)
    changed = []
    for module in model.modules() if fsdp is not None else ():
        if isinstance(module, fsdp) and hasattr(module, "is_custom_code"):
            changed.append((module, type(module)))
            module.__class__ = next(kind for kind in type(module).__mro__ if not issubclass(kind, fsdp))
    try:
        yield
    finally:
        for module, kind in changed:
            module.__class__ = kind


def stored(model: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> dict[str, list[Stored]]:
    """The checkpoint tensors of each parameter and buffer, by the model's names."""
    revert = _revert(model)
    if revert is None:
        return {
            name: [Stored(name, tuple(t.shape), (0,) * t.ndim, tuple(t.shape), tuple(range(t.ndim)), (0,) * t.ndim)]
            for name, t in tensors.items()
        }
    # the same shapes without memory: what transformers makes of them are views, by which the elements are known
    metas = {name: torch.empty(t.shape, device="meta", dtype=t.dtype) for name, t in tensors.items()}
    with _no_copies(), _Concatenations() as joined:
        saved = revert(model, dict(metas))
    owners = {meta.untyped_storage()._cdata: name for name, meta in metas.items()}
    found: dict[str, list[Stored]] = {name: [] for name in tensors}
    for saved_name, tensor in saved.items():
        storage = tensor.untyped_storage()._cdata
        if storage in owners:
            _add_view(found, saved_name, tensor, owners[storage], metas)
        elif storage in joined.made:
            _, inputs, dim = joined.made[storage]
            _add_joined(found, saved_name, tensor, inputs, dim, owners, metas)
        else:
            raise UnknownLayout(f"{saved_name}: transformers computes it from parameters in a way that has no boxes")
    for name, pieces in found.items():
        shape = tensors[name].shape
        if sum(torch.Size(piece.extent).numel() for piece in pieces) != shape.numel():
            raise UnknownLayout(f"{name}: the checkpoint's tensors do not cover it")
    return found


def _add_view(found, saved_name, tensor, owner, metas):
    meta = metas[owner]
    box = box_of(tensor.shape, tensor.stride(), tensor.storage_offset(), meta.shape, meta.stride())
    if box is None:
        raise UnknownLayout(f"{saved_name}: its elements are no box of {owner}")
    start, extent, dims = box
    free = [d for d in range(meta.ndim) if d not in dims]
    # a dimension of extent 1 may be any free one, or a new one
    dims = [d if d is not None else _pop_unit(free, extent) for d in dims]
    found[owner].append(
        Stored(saved_name, tuple(tensor.shape), tuple(start), tuple(extent), tuple(dims), (0,) * tensor.ndim)
    )


def _pop_unit(free, extent):
    for i, dim in enumerate(free):
        if extent[dim] == 1:
            return free.pop(i)
    raise UnknownLayout("a checkpoint tensor has a dimension that its parameter lacks")


def _add_joined(found, saved_name, tensor, inputs, dim, owners, metas):
    """A checkpoint tensor that is several whole parameters, one behind the other."""
    at = 0
    for part in inputs:
        owner = owners.get(part.untyped_storage()._cdata)
        if owner is None or part.shape != metas[owner].shape or part.stride() != metas[owner].stride():
            raise UnknownLayout(f"{saved_name}: it is no concatenation of whole parameters")
        origin = [0] * part.ndim
        origin[dim] = at
        at += part.shape[dim]
        shape = tuple(part.shape)
        found[owner].append(
            Stored(saved_name, tuple(tensor.shape), (0,) * part.ndim, shape, tuple(range(part.ndim)), tuple(origin))
        )


def _revert(model):
    """transformers' function that makes a checkpoint's tensors of a model's, or None for other models."""
    try:
        from transformers import PreTrainedModel
        from transformers.core_model_loading import revert_weight_conversion
    except ImportError:
        return None
    return revert_weight_conversion if isinstance(model, PreTrainedModel) else None


@contextlib.contextmanager
def _no_copies():
    """Lets `contiguous` return views as they are, so that their storage still says where the elements are."""
    with mock.patch.object(torch.Tensor, "contiguous", lambda self, *_, **__: self):
        yield


class _Concatenations(TorchDispatchMode):
    """Remembers what concatenated tensors were made of."""

    def __init__(self):
        super().__init__()
        self.made = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func is torch.ops.aten.cat.default:
            dim = (args[1] if len(args) > 1 else (kwargs or {}).get("dim", 0)) % out.ndim
            # with the output, so that no other storage gets its address
            self.made[out.untyped_storage()._cdata] = (out, list(args[0]), dim)
        return out
