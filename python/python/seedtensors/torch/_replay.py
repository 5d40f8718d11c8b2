"""Runs a model's own initialisation code with a key for every parameter."""

import contextlib
import sys
import warnings

import torch
from torch.distributed.tensor import DTensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from .._core import Init, Key
from ._functions import DataAssignments, OtherGenerators, keyed_functions
from ._init import fill_
from ._names import box_of, own_classes, stored
from ._operations import draw_of, is_copy_of_whole, is_random, is_view, made_by, written, written_init
from ._owner import Owner, Write, box_values, fill_owner, owned_tensors, put, storage
from ._parts import local
from ._views import View, Views, is_dense, refresh, whole_view, write_back


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
    - A parameter that is cast, or made anew and drawn, raises NotImplementedError: make the model before.
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
        with contextlib.ExitStack() as stack:
            stack.enter_context(own_classes(self.model))
            self._find_owners()
            for module in self.model.modules():
                for thing in (module, *module._parameters.values(), *module._buffers.values()):
                    if getattr(thing, "_is_hf_initialized", False):
                        thing._is_hf_initialized = False
            stack.enter_context(keyed_functions(self.draw, self.matrix))
            stack.enter_context(DataAssignments(lambda tensor: self._view_or_owner(tensor) is not None))
            self._generators = OtherGenerators()
            # an error above undoes what was done until then
            self._stack = stack.pop_all()
        return super().__enter__()

    def _find_owners(self) -> None:
        tensors = owned_tensors(self.model)
        pieces = stored(self.model, tensors)
        tied: dict[str, set[str]] = {}
        for name, source in (getattr(self.model, "all_tied_weights_keys", None) or {}).items():
            tied.setdefault(source, set()).add(name.rpartition(".")[0])
        self.owners = {
            name: Owner(name, tensor, pieces[name], frozenset(tied.get(name, ()))) for name, tensor in tensors.items()
        }
        self._by_storage: dict[int, list[Owner]] = {}
        for owner in self.owners.values():
            self._by_storage.setdefault(storage(owner.tensor), []).append(owner)
        # kept, so that no other memory gets their addresses
        self._kept = [local(owner.tensor).untyped_storage() for owner in self.owners.values()]
        self._others: list[torch.nn.Parameter] = []
        self._modules = {id(module): path for path, module in self.model.named_modules()}
        self._temporaries: dict[str, int] = {}
        self._views = Views()

    def __exit__(self, *error):
        result = super().__exit__(*error)
        self._stack.close()
        self._kept = []
        if error[0] is None:
            self._generators.check()
            others = {id(parameter) for parameter in self._others}
            for name, parameter in self.model.named_parameters():
                if id(parameter) in others:
                    raise NotImplementedError(
                        f"the code inside `replay` made the parameter {name} and drew its values, which have no key: make, cast "
                        "and move a model before `replay`"
                    )
            if not any(owner.writes for owner in self.owners.values()):
                warnings.warn("the code inside `replay` initialised no parameter of the model", stacklevel=2)
        return result

    @property
    def untouched(self) -> list[str]:
        """The names of the parameters that nothing was written to."""
        parameters = {name for name, _ in self.model.named_parameters()}
        return [name for name, owner in self.owners.items() if name in parameters and not owner.writes]

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        drawn = draw_of(func, args, kwargs)
        if drawn is not None:
            tensor, init = drawn
            self.draw(tensor, init, str(func))
            return tensor
        made = made_by(func, args, kwargs)
        if made is not None:
            tensor, init = made
            self.draw(tensor, init, str(func))
            return tensor
        if is_random(func, args):
            owner = self._owner(args[0]) if args and isinstance(args[0], torch.Tensor) else None
            target = f" for {owner.name}" if owner else f" in {self._path() or 'the model'}"
            raise NotImplementedError(f"{func}{target} draws random numbers that no key gives")
        if is_copy_of_whole(func, args):
            out = args[0]
            with _disable_current_modes(), torch.no_grad():
                put(out, args[1].expand(out.shape), [0] * out.ndim)
        else:
            out = func(*args, **kwargs)
        if is_view(func) and args and isinstance(args[0], DTensor):
            base = self._view(args[0])
            if base is not None:
                self._views.add(base, func, args, kwargs, out)
        for tensor in written(func, args, kwargs):
            self._note(func, args, tensor)
        return out

    def draw(self, tensor: torch.Tensor, init: Init, operation: str) -> None:
        """Fills a tensor by the key of what it is a part of."""
        owner = self._owner(tensor)
        if owner is None:
            self._draw_temporary(tensor, init)
            return
        if owner.tied and self._path() in owner.tied:
            # transformers ties the module's weight after the draw, which is lost then
            return
        start, extent = self._box(owner, tensor, operation)
        owner.writes.append(Write(start, extent, init, operation))
        if owner.tensor.is_meta:
            return
        with _disable_current_modes(), torch.no_grad():
            fill_owner(owner, self.key, init, start, extent)
            view = self._views.get(tensor)
            if view is not None and view.is_copy(tensor):
                refresh(tensor, box_values(owner, self.key, init, start, extent), view.box())

    def _draw_temporary(self, tensor: torch.Tensor, init: Init) -> None:
        if isinstance(tensor, torch.nn.Parameter):
            self._others.append(tensor)
        if tensor.is_meta:
            return
        path = self._path()
        number = self._temporaries.get(path, 0)
        self._temporaries[path] = number + 1
        fill_(tensor, self.key.named(f"{path}#{number}"), init)

    def matrix(self, tensor: torch.Tensor, init: Init, operation: str) -> torch.Tensor:
        """As `draw`, for initialisers of whole matrices."""
        owner = self._owner(tensor)
        if owner is not None:
            box = self._box(owner, tensor, operation)
            is_same = owner.is_whole(box) and tensor.shape == owner.tensor.shape
            if not is_same or len(owner.stored) != 1 or owner.stored[0].shape != tuple(owner.tensor.shape):
                raise NotImplementedError(f"{operation} of a part of {owner.name}: a matrix is made whole")
        self.draw(tensor, init, operation)
        return tensor

    def _view_or_owner(self, tensor: torch.Tensor):
        return self._views.get(tensor) or self._owner(tensor)

    def _view(self, tensor: torch.Tensor) -> View | None:
        """What a DTensor has of a parameter."""
        known = self._views.get(tensor)
        owner = self._owner(tensor) if known is None else None
        if owner is None:
            return known
        return whole_view(owner) if _is_same(tensor, owner.tensor) else View(owner, None)

    def _owner(self, tensor: torch.Tensor) -> Owner | None:
        view = self._views.get(tensor)
        if view is not None:
            return view.owner
        offset = local(tensor).storage_offset()
        for owner in self._by_storage.get(storage(tensor), ()):
            memory = local(owner.tensor)
            span = sum((size - 1) * stride for size, stride in zip(memory.shape, memory.stride(), strict=True) if size > 0)
            if memory.storage_offset() <= offset <= memory.storage_offset() + span:
                return owner
        return None

    def _box(self, owner: Owner, tensor: torch.Tensor, operation: str):
        """The box of a parameter that a tensor is: (start, extent)."""
        whole = owner.tensor
        if isinstance(whole, DTensor) and not isinstance(tensor, DTensor):
            raise NotImplementedError(f"{operation} of the local part of {owner.name}: use the DTensor")
        if isinstance(whole, DTensor):
            box = self._view(tensor).box()
        elif tensor.numel() == whole.numel() and is_dense(tensor.shape, tensor.stride()):
            # all elements, in whatever shape
            return [0] * whole.ndim, list(whole.shape)
        else:
            offset = tensor.storage_offset() - whole.storage_offset()
            box = box_of(tensor.shape, tensor.stride(), offset, whole.shape, whole.stride())
        if box is None:
            raise NotImplementedError(f"{operation} of this view of {owner.name}: it is no box of the parameter")
        return box[0], box[1]

    def _note(self, func, args, tensor: torch.Tensor) -> None:
        """Remembers that an operation wrote to a parameter, and brings values of a view's copy to the parameter."""
        owner = self._owner(tensor)
        if owner is None:
            return
        view = self._views.get(tensor)
        is_copy = view is not None and view.is_copy(tensor)
        try:
            start, extent = self._box(owner, tensor, str(func))
        except NotImplementedError:
            if is_copy:
                raise
            # a write, not a draw: its values need no key
            start, extent = [0] * owner.tensor.ndim, list(owner.tensor.shape)
        if is_copy and not owner.tensor.is_meta:
            with _disable_current_modes(), torch.no_grad():
                write_back(owner, tensor, view.box())
        last = owner.writes[-1] if owner.writes else None
        before = last.init if last is not None and [last.start, last.extent] == [start, extent] else None
        owner.writes.append(Write(start, extent, written_init(func, args, before, owner.tensor.dtype), str(func)))

    def _path(self) -> str:
        """The path of the module whose initialisation runs, from the functions that are being called."""
        frame = sys._getframe(1)
        while frame is not None:
            for name in ("module", "self", "m", "mod", "layer"):
                path = self._modules.get(id(frame.f_locals.get(name)))
                if path:
                    return path
            frame = frame.f_back
        return ""


def _is_same(tensor: torch.Tensor, whole: torch.Tensor) -> bool:
    return tensor.shape == whole.shape and local(tensor).stride() == local(whole).stride()
