"""Functions of PyTorch and of Python that `replay` replaces for a while, and generators that it watches."""

import contextlib
import pickle
import random
import sys
import types

import torch
from torch.overrides import TorchFunctionMode

from .. import _initialisers

_HOOK = "_seedtensors_{}"


@contextlib.contextmanager
def keyed_functions(draw, matrix):
    """Replaces functions of `torch.nn.init` that redraw, or compute a matrix, or do not work on DTensors. `draw` and
    `matrix` are called with a tensor, an initialiser and the function's name.

    Libraries keep references to them from before, so their code is replaced, not their names.
    """

    def trunc(tensor, mean, std, a, b):
        draw(tensor, _initialisers.truncated_normal(mean, std, a, b), "trunc_normal_")
        return tensor

    functions = {
        "_no_grad_trunc_normal_": (
            "(tensor, mean, std, a, b, generator=None)", "(tensor, mean, std, a, b)", trunc),
        "orthogonal_": (
            "(tensor, gain=1, generator=None)", "(tensor, gain)",
            lambda tensor, gain: matrix(tensor, _initialisers.orthogonal(gain), "orthogonal_")),
        "eye_": ("(tensor)", "(tensor)", lambda tensor: matrix(tensor, _initialisers.eye(), "eye_")),
        "dirac_": (
            "(tensor, groups=1)", "(tensor, groups)",
            lambda tensor, groups: matrix(tensor, _initialisers.dirac(groups), "dirac_")),
        "sparse_": (
            "(tensor, sparsity, std=0.01, generator=None)", "(tensor, sparsity, std)",
            lambda tensor, sparsity, std: matrix(tensor, _initialisers.sparse(sparsity, std), "sparse_")),
    }
    with contextlib.ExitStack() as stack:
        for name, (signature, call, keyed) in functions.items():
            _replace(stack, name, signature, call, keyed)
        yield


def _replace(stack, name, signature, call, keyed):
    init = torch.nn.init
    function, hook = getattr(init, name), _HOOK.format(name)
    code = compile(f"def {name}{signature}:\n    return {hook}{call}", __file__, "exec")
    inner = next(constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    # another `replay` may be around this one
    previous = getattr(init, hook, None)
    stack.callback(setattr, function, "__code__", function.__code__)
    stack.callback(delattr, init, hook) if previous is None else stack.callback(setattr, init, hook, previous)
    setattr(init, hook, keyed)
    function.__code__ = inner


class DataAssignments(TorchFunctionMode):
    """Makes `parameter.data = value` a copy into a parameter's memory. PyTorch gives a plain parameter other memory, and
    loses the values of a DTensor's."""

    def __init__(self, is_owned):
        super().__init__()
        self.is_owned = is_owned

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func == torch.Tensor.data.__set__ and self.is_owned(args[0]):
            to, value = args
            if value.shape == to.shape and value.dtype == to.dtype and value.device == to.device:
                with torch.no_grad():
                    to.copy_(value)
                return None
            # other memory would have no key
            raise NotImplementedError(
                f"data of shape {list(to.shape)}, {to.dtype} on {to.device} is set to {list(value.shape)}, {value.dtype} on "
                f"{value.device}: cast and move a model before `replay`"
            )
        return func(*args, **(kwargs or {}))


class OtherGenerators:
    """Notices draws from Python's and numpy's global generators, which have no keys."""

    def __init__(self):
        self._before = self._states()

    def _states(self):
        states = {"random": random.getstate()}
        if "numpy" in sys.modules:
            # of whatever generator was set; arrays are compared as bytes
            states["numpy.random"] = pickle.dumps(sys.modules["numpy"].random.get_state(legacy=False))
        return states

    def check(self) -> None:
        now = self._states()
        for name, state in self._before.items():
            if now[name] != state:
                raise NotImplementedError(f"the code inside `replay` drew random numbers of Python's module {name}, which have no keys")
