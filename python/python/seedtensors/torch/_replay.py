"""Runs a model's own initialisation code with a key for every parameter."""

import contextlib
import sys
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch.distributed.tensor import DTensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from .. import _initialisers
from .._core import Init, Key
from .._fill import shape_arguments
from ._memory import fill_box
from ._names import Stored, box_of, own_classes, stored
from ._parts import local, narrow, parts

aten = torch.ops.aten


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


class replay(TorchDispatchMode):
    """A context in which a model's own initialisation code runs, and every random number has a key.

    A parameter of the name `n` gets the values of `Key(seed).named(n)`: those that `fill_` gives for its whole shape and
    the distribution that the code asks for. `n` is the name in a checkpoint, which transformers may map from another. A
    parameter that a checkpoint stores as several tensors has the values of each. On a DTensor, every rank computes its own
    part. On the meta device nothing is computed; see `recipe`.

    - `normal_`, `uniform_`, `trunc_normal_`, `orthogonal_`, `sparse_` and what is built from them are keyed. `generator` has no
      effect. `orthogonal_` gives the library's matrix, not that of PyTorch's QR.
    - A part of a parameter (`weight[:k].normal_()`) has the values that the whole parameter has there. A second draw
      of the same distribution gives the same values.
    - Temporaries (`torch.randn(...)`) have the key of their module's path and their number there: "layers.0.mlp#0".
    - Any other random operation raises NotImplementedError, and so does a view that is no box of its parameter.
    - Tied parameters have one key, that of the name that a checkpoint keeps. Draws of transformers' modules that are tied
      to another (`lm_head`) are left out.
    - transformers' marks of what is initialised already (`_is_hf_initialized`) are taken off on entry: call
      `model.initialize_weights()` within, and `model.tie_weights()` after it.

    >>> import torch, seedtensors as st, seedtensors.torch as stt
    >>> model = torch.nn.Linear(784, 512)
    >>> with stt.replay(model, seed=42):
    ...     model.reset_parameters()
    >>> bound = 784 ** -0.5
    >>> weight = st.tensor((512, 784), st.Key(42).named("weight"), st.uniform(-bound, bound))
    >>> bool((model.weight.detach().numpy() == weight).all())
    True
    """

    def __init__(self, model: torch.nn.Module, seed: int = 0, *, key: Key | None = None):
        super().__init__()
        self.model = model
        self.key = key if key is not None else Key(seed)
        self.owners: dict[str, Owner] = {}

    def __enter__(self):
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(own_classes(self.model))
        tensors = _tensors(self.model)
        pieces = stored(self.model, tensors)
        tied: dict[str, set[str]] = {}
        for name, source in (getattr(self.model, "all_tied_weights_keys", None) or {}).items():
            tied.setdefault(source, set()).add(name.rpartition(".")[0])
        self.owners = {
            name: Owner(name, tensor, pieces[name], frozenset(tied.get(name, ()))) for name, tensor in tensors.items()
        }
        self._by_storage: dict[int, list[Owner]] = {}
        for owner in self.owners.values():
            self._by_storage.setdefault(_storage(owner.tensor), []).append(owner)
        self._modules = {id(module): path for path, module in self.model.named_modules()}
        self._temporaries: dict[str, int] = {}
        self._selected: dict[int, tuple] = {}
        for module in self.model.modules():
            for thing in (module, *module._parameters.values(), *module._buffers.values()):
                if getattr(thing, "_is_hf_initialized", False):
                    thing._is_hf_initialized = False
        self._stack.enter_context(_keyed_functions(self))
        return super().__enter__()

    def __exit__(self, *error):
        self._stack.close()
        result = super().__exit__(*error)
        if error[0] is None and not any(owner.writes for owner in self.owners.values()):
            warnings.warn("the code inside `replay` initialised no parameter of the model", stacklevel=2)
        return result

    @property
    def untouched(self) -> list[str]:
        """The names of the parameters that nothing was written to."""
        parameters = {name for name, _ in self.model.named_parameters()}
        return [name for name, owner in self.owners.items() if name in parameters and not owner.writes]

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        drawn = _draw_of(func, args, kwargs)
        if drawn is not None:
            tensor, init = drawn
            self.draw(tensor, init, str(func))
            return tensor
        made = _made_by(func, args, kwargs)
        if made is not None:
            shape, options, init = made
            tensor = torch.empty(shape, **options)
            self.draw(tensor, init, str(func))
            return tensor
        if torch.Tag.nondeterministic_seeded in func.tags and not _has_no_effect(func, args):
            owner = self._owner(args[0]) if args and isinstance(args[0], torch.Tensor) else None
            target = f" for {owner.name}" if owner else f" in {self._path() or 'the model'}"
            raise NotImplementedError(f"{func}{target} draws random numbers that no key gives")
        special = self._special(func, args, kwargs)
        if special is not NotImplemented:
            return special
        out = func(*args, **kwargs)
        if func is aten.select.int and isinstance(args[0], DTensor) and self._owner(args[0]):
            # PyTorch may gather a copy of the row, so that writes to it would be lost
            self._selected[id(out)] = (out, args)
        self._note(func, args)
        return out

    def draw(self, tensor: torch.Tensor, init: Init, operation: str) -> None:
        """Fills a tensor by the key of what it is a part of."""
        owner = self._owner(tensor)
        if owner is None:
            if tensor.is_meta:
                return
            path = self._path()
            number = self._temporaries.get(path, 0)
            self._temporaries[path] = number + 1
            key, whole = self.key.named(f"{path}#{number}"), shape_arguments(tensor.shape)
            with _disable_current_modes(), torch.no_grad():
                for part in parts(tensor):
                    fill_box(narrow(local(tensor), part.at, part.extent), key, init, whole, part.start)
            return
        if owner.tied and self._path() in owner.tied:
            # transformers ties the module's weight after the draw, which is lost then
            return
        start, extent = self._box(owner, tensor, operation)
        owner.writes.append(Write(start, extent, init, operation))
        if not owner.tensor.is_meta:
            with _disable_current_modes(), torch.no_grad():
                _fill_owner(owner, self.key, init, start, extent)

    def matrix(self, tensor: torch.Tensor, init: Init, operation: str) -> torch.Tensor:
        """As `draw`, for initialisers of whole matrices."""
        owner = self._owner(tensor)
        if owner is not None:
            box = self._box(owner, tensor, operation)
            if not owner.is_whole(box) or len(owner.stored) != 1 or owner.stored[0].shape != tuple(owner.tensor.shape):
                raise NotImplementedError(f"{operation} of a part of {owner.name}: a matrix is made whole")
        self.draw(tensor, init, operation)
        return tensor

    def _owner(self, tensor: torch.Tensor) -> Owner | None:
        candidates = self._by_storage.get(_storage(tensor), ())
        offset = local(tensor).storage_offset()
        for owner in candidates:
            memory = local(owner.tensor)
            span = sum((size - 1) * stride for size, stride in zip(memory.shape, memory.stride(), strict=True) if size > 0)
            if memory.storage_offset() <= offset <= memory.storage_offset() + span:
                return owner
        return None

    def _box(self, owner: Owner, tensor: torch.Tensor, operation: str):
        whole = owner.tensor
        refuse = NotImplementedError(f"{operation} of this view of {owner.name}: it is no box of the parameter")
        if isinstance(whole, DTensor):
            if not isinstance(tensor, DTensor):
                raise NotImplementedError(f"{operation} of the local part of {owner.name}: use the DTensor")
            if tensor.shape != whole.shape or tensor._local_tensor.stride() != whole._local_tensor.stride():
                raise refuse
            return [0] * whole.ndim, list(whole.shape)
        if tensor.numel() == whole.numel() and tensor.storage_offset() == whole.storage_offset():
            # all elements, in whatever shape
            return [0] * whole.ndim, list(whole.shape)
        offset = tensor.storage_offset() - whole.storage_offset()
        box = box_of(tensor.shape, tensor.stride(), offset, whole.shape, whole.stride())
        if box is None:
            raise refuse
        return box[0], box[1]

    def _special(self, func, args, kwargs):
        """Writes to DTensors that PyTorch does not do, or does to a copy."""
        if func is aten.copy_.default and isinstance(args[0], DTensor) and not isinstance(args[1], DTensor):
            # every rank computed the whole value; each keeps its part
            to, value = args[0], args[1].expand(args[0].shape)
            with _disable_current_modes(), torch.no_grad():
                for part in parts(to):
                    narrow(to._local_tensor, part.at, part.extent).copy_(narrow(value, part.start, part.extent))
            self._note(func, args)
            return to
        if func in (aten.fill_.Scalar, aten.zero_.default) and id(args[0]) in self._selected:
            _, (whole, dim, index) = self._selected[id(args[0])]
            value = args[1] if len(args) > 1 else 0.0
            dim, index = dim % whole.ndim, index % whole.shape[dim]
            with _disable_current_modes(), torch.no_grad():
                for part in parts(whole):
                    row = index - part.start[dim]
                    if 0 <= row < part.extent[dim]:
                        narrow(whole._local_tensor, part.at, part.extent).select(dim, row).fill_(value)
            owner = self._owner(whole)
            start, extent = [0] * whole.ndim, list(whole.shape)
            start[dim], extent[dim] = index, 1
            owner.writes.append(Write(start, extent, _initialisers.constant(value), str(func)))
            return args[0]
        return NotImplemented

    def _note(self, func, args) -> None:
        """Remembers that an operation wrote to a parameter."""
        for argument, value in zip(func._schema.arguments, args, strict=False):
            if not (argument.alias_info and argument.alias_info.is_write and isinstance(value, torch.Tensor)):
                continue
            owner = self._owner(value)
            if owner is None:
                continue
            try:
                start, extent = self._box(owner, value, str(func))
            except NotImplementedError:
                # a write, not a draw: its values need no key
                start, extent = [0] * owner.tensor.ndim, list(owner.tensor.shape)
            owner.writes.append(Write(start, extent, _written_init(func, args, owner, start, extent), str(func)))

    def _path(self) -> str:
        """The path of the module whose initialisation runs, from the functions that are being called."""
        frame = sys._getframe(1)
        while frame is not None:
            for name in ("module", "self"):
                path = self._modules.get(id(frame.f_locals.get(name)))
                if path:
                    return path
            frame = frame.f_back
        return ""


def _tensors(model: torch.nn.Module) -> dict[str, torch.Tensor]:
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


def _storage(tensor: torch.Tensor) -> int:
    return local(tensor).untyped_storage()._cdata


def _fill_owner(owner: Owner, key: Key, init: Init, start, extent, **options) -> None:
    """Fills a box of a parameter: the parts of it that this rank has, from each checkpoint tensor that it is stored as.
    `options` are those of `shape_arguments`."""
    memory = local(owner.tensor.detach())
    for part in parts(owner.tensor):
        for piece in owner.stored:
            low = [max(values) for values in zip(part.start, start, piece.start, strict=True)]
            ends = [
                [first + size for first, size in zip(*box, strict=True)]
                for box in ((part.start, part.extent), (start, extent), (piece.start, piece.extent))
            ]
            size = [min(values) - first for values, first in zip(zip(*ends, strict=True), low, strict=True)]
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


def _draw_of(func, args, kwargs):
    """The tensor and the initialiser of an in-place draw."""
    if func is aten.normal_.default:
        mean, std = _arguments(args[1:], kwargs, ("mean", 0.0), ("std", 1.0))
        return args[0], _initialisers.normal(mean, std)
    if func is aten.uniform_.default:
        low, high = _arguments(args[1:], kwargs, ("from", 0.0), ("to", 1.0))
        return args[0], _initialisers.uniform(low, high)
    return None


def _made_by(func, args, kwargs):
    """The shape, the options and the initialiser of a function that makes a random tensor."""
    packet = func.overloadpacket
    if packet not in (aten.randn, aten.rand, aten.randn_like, aten.rand_like, aten.normal, aten.normal_functional):
        return None
    options = {name: value for name, value in kwargs.items() if name in ("dtype", "layout", "device") and value is not None}
    standard = _initialisers.normal() if packet in (aten.randn, aten.randn_like) else _initialisers.uniform()
    if packet in (aten.randn_like, aten.rand_like):
        if isinstance(args[0], DTensor):
            return None
        return args[0].shape, {"dtype": args[0].dtype, "device": args[0].device, **options}, standard
    if packet in (aten.randn, aten.rand):
        return args[0], options, standard
    if func is aten.normal.float_float:
        mean, std, shape = args[:3]
        return shape, options, _initialisers.normal(mean, std)
    return None


def _arguments(args, kwargs, *names):
    values = [*args[: len(names)]]
    return [*values, *(kwargs.get(name, default) for name, default in names[len(values) :])]


def _has_no_effect(func, args) -> bool:
    """Whether an operation that may be random draws nothing, as dropout with p = 0."""
    return func in (aten.native_dropout.default,) and len(args) > 1 and args[1] == 0


def _written_init(func, args, owner: Owner, start, extent) -> Init | None:
    """The initialiser that a parameter has after an operation that is not random, if there is one."""
    if func in (aten.fill_.Scalar, aten.zero_.default):
        return _initialisers.constant(args[1] if len(args) > 1 else 0.0)
    last = owner.writes[-1] if owner.writes else None
    if last is None or last.init is None or [last.start, last.extent] != [start, extent]:
        return None
    scalar = args[1] if len(args) > 1 and isinstance(args[1], (int, float)) else None
    if func in (aten.mul_.Tensor, aten.mul_.Scalar, aten.div_.Tensor, aten.div_.Scalar) and scalar:
        factor = scalar if func.overloadpacket is aten.mul_ else 1 / scalar
        return None if factor <= 0 else _scaled(last.init, factor)
    return None


def _scaled(init: Init, factor: float) -> Init | None:
    values = {name: value * factor if name != "bounds" else value for name, value in init.parameters.items()}
    scaled = {"constant", "uniform", "normal", "truncated_normal"}
    # rounding may differ in the last bit from the product: a recipe states its own numbers
    return Init(init.name, **values) if init.name in scaled else None


@contextlib.contextmanager
def _keyed_functions(mode: replay):
    """Replaces functions of `torch.nn.init` that redraw, or compute a matrix, or do not work on DTensors.

    Libraries keep references to them from before, so their code is replaced, not their names.
    """
    init = torch.nn.init

    def trunc(tensor, mean, std, a, b):
        mode.draw(tensor, _initialisers.truncated_normal(mean, std, a, b), "trunc_normal_")
        return tensor

    functions = {
        "_no_grad_trunc_normal_": (
            "(tensor, mean, std, a, b, generator=None)", "(tensor, mean, std, a, b)", trunc),
        "orthogonal_": (
            "(tensor, gain=1, generator=None)", "(tensor, gain)",
            lambda tensor, gain: mode.matrix(tensor, _initialisers.orthogonal(gain), "orthogonal_")),
        "eye_": ("(tensor)", "(tensor)", lambda tensor: mode.matrix(tensor, _initialisers.eye(), "eye_")),
        "dirac_": (
            "(tensor, groups=1)", "(tensor, groups)",
            lambda tensor, groups: mode.matrix(tensor, _initialisers.dirac(groups), "dirac_")),
        "sparse_": (
            "(tensor, sparsity, std=0.01, generator=None)", "(tensor, sparsity, std)",
            lambda tensor, sparsity, std: mode.matrix(tensor, _initialisers.sparse(sparsity, std), "sparse_")),
    }
    previous = {}
    for name, (signature, call, keyed) in functions.items():
        function = getattr(init, name)
        hook = f"_seedtensors_{name}"
        code = compile(f"def {name}{signature}:\n    return {hook}{call}", __file__, "exec")
        inner = next(constant for constant in code.co_consts if isinstance(constant, types.CodeType))
        previous[name] = function.__code__
        setattr(init, hook, keyed)
        function.__code__ = inner
    try:
        yield
    finally:
        for name, code in previous.items():
            getattr(init, name).__code__ = code
            delattr(init, f"_seedtensors_{name}")
