"""What PyTorch's operations do to a tensor: draws, new random tensors, views, and writes that are not random."""

import math
from collections.abc import Iterator

import torch
from torch.distributed.tensor import DTensor

from .. import _initialisers
from .._core import Init

aten = torch.ops.aten


def draw_of(func, args, kwargs):
    """The tensor and the initialiser of an in-place draw."""
    if func is aten.normal_.default:
        mean, std = _arguments(args[1:], kwargs, ("mean", 0.0), ("std", 1.0))
        return args[0], _initialisers.normal(mean, std)
    if func is aten.uniform_.default:
        low, high = _arguments(args[1:], kwargs, ("from", 0.0), ("to", 1.0))
        return args[0], _initialisers.uniform(low, high)
    return None


def made_by(func, args, kwargs):
    """An empty tensor and its initialiser, of a function that makes a random tensor."""
    packet = func.overloadpacket
    if kwargs.get("out") is not None:
        # `out=` is refused as other draws without a key are
        return None
    options = {name: value for name, value in kwargs.items() if name in ("dtype", "layout", "device") and value is not None}
    standard = _initialisers.normal() if packet in (aten.randn, aten.randn_like) else _initialisers.uniform()
    if packet in (aten.randn_like, aten.rand_like):
        return torch.empty_like(args[0], **options), standard
    if packet in (aten.randn, aten.rand):
        return torch.empty(args[0], **options), standard
    if func is aten.normal.float_float:
        mean, std, shape = args[:3]
        return torch.empty(shape, **options), _initialisers.normal(mean, std)
    return None


def _arguments(args, kwargs, *names):
    values = [*args[: len(names)]]
    return [*values, *(kwargs.get(name, default) for name, default in names[len(values) :])]


def is_random(func, args) -> bool:
    """Whether an operation draws random numbers. Dropout with p = 0 may, and does not."""
    without_effect = func is aten.native_dropout.default and len(args) > 1 and args[1] == 0
    return torch.Tag.nondeterministic_seeded in func.tags and not without_effect


def is_view(func) -> bool:
    """Whether an operation returns views of its first argument."""
    return any(out.alias_info is not None and not out.alias_info.is_write for out in func._schema.returns)


def written(func, args, kwargs) -> Iterator[torch.Tensor]:
    """The tensors that an operation writes to."""
    for i, argument in enumerate(func._schema.arguments):
        if argument.alias_info is None or not argument.alias_info.is_write:
            continue
        value = args[i] if i < len(args) else kwargs.get(argument.name)
        yield from (t for t in (value if isinstance(value, (list, tuple)) else [value]) if isinstance(t, torch.Tensor))


def is_copy_of_whole(func, args) -> bool:
    """Whether a plain tensor is copied into a DTensor. Every rank computed the whole value; each keeps its part."""
    return func is aten.copy_.default and isinstance(args[0], DTensor) and not isinstance(args[1], DTensor)


def written_init(func, args, last: Init | None, dtype: torch.dtype) -> Init | None:
    """The initialiser that a tensor has after an operation that is not random, if there is one. `last` is the one that
    it had before."""
    if func in (aten.fill_.Scalar, aten.zero_.default):
        value = args[1] if len(args) > 1 else 0.0
        # a recipe has floats only
        is_float = dtype.is_floating_point and isinstance(value, (int, float))
        return _initialisers.constant(float(value)) if is_float else None
    scalar = args[1] if len(args) > 1 and isinstance(args[1], (int, float)) else None
    if last is None or not scalar:
        return None
    if func in (aten.mul_.Tensor, aten.mul_.Scalar):
        return _scaled(last, scalar, dtype)
    if func in (aten.div_.Tensor, aten.div_.Scalar) and _is_exact(1 / scalar, dtype):
        return _scaled(last, 1 / scalar, dtype)
    return None


def _scaled(init: Init, factor: float, dtype: torch.dtype) -> Init | None:
    """The initialiser whose values are those of another times a factor, to the bit; None where there is none."""
    names = {"uniform", "normal", "truncated_normal"}
    if factor <= 0 or init.name not in names:
        return None
    # a normal of mean 0 and std 1 is multiplied by its std in f32, as PyTorch multiplies
    is_standard = init == _initialisers.normal() and dtype == torch.float32
    if not is_standard and not _is_exact(factor, dtype):
        return None
    values = {name: value * factor if name != "bounds" else value for name, value in init.parameters.items()}
    return Init(init.name, **values)


def _is_exact(factor: float, dtype: torch.dtype) -> bool:
    """Whether a product with this factor is never rounded: a moderate power of two. f16 has too few exponents for it."""
    mantissa, exponent = math.frexp(factor)
    return mantissa == 0.5 and abs(exponent) <= 32 and dtype != torch.float16
