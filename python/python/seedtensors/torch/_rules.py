"""Fills a model by rules, as `seedtensors init --rules` does."""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import torch

from .. import _fill, _initialisers
from .._core import Key, Recipe
from ._names import own_classes, stored
from ._owner import Owner, fill_owner, owned_tensors


def init_(
    model: torch.nn.Module,
    seed: int,
    rules: str | os.PathLike[str],
    *,
    config: Mapping[str, Any] | None = None,
    key: Key | None = None,
) -> Recipe:
    """Fills the parameters and the floating-point buffers of a model by rules, and returns the recipe of what was done.

    `rules` is the text of a rules file, or its path; the first rule whose glob matches a name counts. Names, shapes and
    dtypes are those of the checkpoint that the model is stored as. `config` is the model's configuration, for rules
    with `when` and expressions; for a transformers model it is the model's own by default. Rules with skip = true leave
    a tensor as it is. Raises ValueError for tensors that no rule is for; the message has rules to complete. A rule's dtype
    must be the model's, and its `function` raises NotImplementedError.

    >>> import torch, seedtensors.torch as stt
    >>> model = torch.nn.Linear(4, 3)
    >>> rules = '''
    ... [[rule]]
    ... name = "*.bias"
    ... init = "zeros"
    ... [[rule]]
    ... name = "*"
    ... init = "he_normal"
    ... '''
    >>> len(stt.init_(torch.nn.Sequential(model), 42, rules))
    2
    >>> model.bias.tolist()
    [0.0, 0.0, 0.0]
    """
    text = pathlib.Path(rules).read_text() if isinstance(rules, os.PathLike) or "\n" not in rules else rules
    own = getattr(getattr(model, "config", None), "to_dict", None)
    settings = config if config is not None else own() if callable(own) else None
    key = key if key is not None else Key(seed)
    tensors = {name: t for name, t in owned_tensors(model).items() if t.is_floating_point()}
    with own_classes(model):
        pieces = stored(model, tensors)
    entries, places = [], {}
    for name, tensor in tensors.items():
        for piece in pieces[name]:
            if piece.name not in places:
                entries.append((piece.name, list(piece.shape), _fill.dtype_name(tensor.dtype)))
            places.setdefault(piece.name, []).append((name, piece))
    recipe, _ = Recipe.by_rules(entries, text, None if settings is None else json.dumps(settings, default=str))
    # before the first is filled
    for spec in recipe.tensors:
        if spec.function is not None:
            raise NotImplementedError(f"{spec.name}: a function, here {spec.function}, is for checkpoints; the model has none")
        of = _fill.dtype_name(tensors[places[spec.name][0][0]].dtype)
        if spec.dtype != of:
            raise ValueError(f"{spec.name}: a rule gives the dtype {spec.dtype}, and the model has {of}")
    for spec in recipe.tensors:
        for name, piece in places[spec.name]:
            _fill_by_spec(tensors[name], piece, key, spec)
    return recipe


def _fill_by_spec(tensor, piece, key, spec):
    options = {"layout": spec.layout, "groups": spec.groups, "transposed": spec.transposed, "fans": spec.fans}
    owner = Owner(spec.name, tensor, [piece])
    with torch.utils._python_dispatch._disable_current_modes(), torch.no_grad():
        fill_owner(owner, key, spec.init, piece.start, piece.extent, **options)
        if spec.padding is not None:
            row = list(piece.start)
            row[piece.dims[0]] += spec.padding - piece.origin[0]
            extent = [1 if dim == piece.dims[0] else size for dim, size in enumerate(piece.extent)]
            fill_owner(owner, key, _initialisers.zeros(), row, extent)
