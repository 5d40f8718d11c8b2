"""The recipe of a model: what its own initialisation code does, written down."""

from collections.abc import Callable
from typing import Any

import torch

from .. import _fill, _initialisers
from .._core import Init, Recipe, TensorSpec
from ._owner import Owner, overlap
from ._replay import replay


def recipe(
    model: torch.nn.Module,
    initialize: Callable[[], Any] | None = None,
    *,
    dtype: Any = None,
    others: str = "refuse",
) -> Recipe:
    """The recipe of a model on the meta device. The command, `seedtensors.write`, wgpu and the browser make the same
    weights of it as `replay` does.

    `initialize` runs the model's own initialisation. Default: `model.initialize_weights()` of transformers, else
    `model.init_weights()`, else `reset_parameters()` of every module that has one. `dtype` replaces the dtype of every
    tensor.

    A tensor whose values are not those of one initialiser (a row of zeros aside, as of `padding_idx`) raises ValueError,
    which names all of them; others="skip" leaves them out. Integer buffers are always left out: a recipe has floats.

    >>> import torch, seedtensors.torch as stt
    >>> with torch.device("meta"):
    ...     model = torch.nn.LayerNorm(8)
    >>> print(stt.recipe(model), end="")
    [[tensor]]
    name = "weight"
    shape = [8]
    dtype = "f32"
    init = "ones"
    <BLANKLINE>
    [[tensor]]
    name = "bias"
    shape = [8]
    dtype = "f32"
    init = "zeros"
    """
    if others not in ("refuse", "skip"):
        raise ValueError(f'others is "refuse" or "skip", not {others!r}')
    placed = next((name for name, p in model.named_parameters() if not p.is_meta), None)
    if placed is not None:
        raise ValueError(f'a recipe needs a model on the meta device, made under torch.device("meta"); {placed} is not')
    with replay(model) as recorded:
        (initialize or _own(model))()
    found: dict[str, tuple] = {}
    refused: dict[str, str] = {}
    for owner in recorded.owners.values():
        if not owner.tensor.is_floating_point():
            continue
        for piece in owner.stored:
            try:
                init, padding = _init_of(owner, piece)
            except ValueError as error:
                refused[piece.name] = str(error)
                continue
            name = _fill.dtype_name(dtype if dtype is not None else owner.tensor.dtype)
            spec = (name, init, piece.shape, padding)
            if found.setdefault(piece.name, spec) != spec:
                refused[piece.name] = "it holds several parameters of different initialisers"
    if refused and others == "refuse":
        lines = "".join(f"\n  {name}: {why}" for name, why in refused.items())
        raise ValueError(f'these tensors are not of one initialiser; others="skip" leaves them out:{lines}')
    return Recipe(
        [
            TensorSpec(name, dtype_name, init, _fill.shape_arguments(shape), padding)
            for name, (dtype_name, init, shape, padding) in found.items()
            if name not in refused
        ]
    )


def _own(model: torch.nn.Module) -> Callable[[], Any]:
    """The model's own initialisation."""
    for name in ("initialize_weights", "init_weights"):
        function = getattr(model, name, None)
        if callable(function):
            return function

    def reset():
        for module in model.modules():
            for name in ("reset_parameters", "_reset_parameters"):
                function = getattr(module, name, None)
                if callable(function):
                    function()
                    break

    return reset


def _init_of(owner: Owner, piece) -> tuple[Init, int | None]:
    """The initialiser of a checkpoint tensor, and its row of zeros."""
    init, padding = None, None
    why = "no code of the model writes to it"
    for write in owner.writes:
        low, size = overlap((write.start, write.extent), (piece.start, piece.extent))
        if any(n <= 0 for n in size):
            continue
        if size == list(piece.extent):
            init, padding = write.init, None
            why = f"{write.operation} computes its values"
        elif init is not None and _is_row_of_zeros(write, piece, size) and padding in (None, row := _row(piece, low)):
            padding = row
        else:
            init, why = None, f"{write.operation} writes to a part of it"
    if init is None:
        raise ValueError(why)
    return init, padding


def _row(piece, low) -> int:
    """The index of a row in its checkpoint tensor."""
    return low[piece.dims[0]] - piece.start[piece.dims[0]]


def _is_row_of_zeros(write, piece, size) -> bool:
    # by its text: -0.0 equals 0.0, and has other bits
    if repr(write.init) != _ZEROS or not piece.dims:
        return False
    first = piece.dims[0]
    return size[first] == 1 and all(n == piece.extent[d] for d, n in enumerate(size) if d != first)


_ZEROS = repr(_initialisers.zeros())
