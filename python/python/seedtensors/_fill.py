"""Fills of numpy arrays and of other writable buffers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from . import _core
from ._core import Init, Key

if TYPE_CHECKING:
    import os

    import numpy as np

DTYPES = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}
"""The names of dtypes in numpy, torch and JAX, and the names in recipes."""

Out = TypeVar("Out")

_NOT_WRITABLE = "a buffer must be writable and C-contiguous"


def dtype_name(dtype: Any) -> str:
    """"f32", "f16" or "bf16", from that name, or from a dtype of numpy, torch, JAX or ml_dtypes."""
    name = str(getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or dtype).removeprefix("torch.")
    name = DTYPES.get(name, name)
    if name not in DTYPES.values():
        raise ValueError(f"a dtype is float32, float16 or bfloat16, not {name}")
    return name


def shape_arguments(shape, layout="out_in", groups=1, transposed=False, fans=None):
    """A shape as `_core` takes it. A dimension is a whole number at or above 0."""
    dims = [dim.__index__() for dim in shape]
    if any(dim < 0 for dim in dims):
        raise ValueError(f"a dimension must be at least 0, not shape {dims}")
    return (dims, layout, groups, transposed, fans)


def fill(
    out: Out,
    key: Key,
    init: Init,
    *,
    shape: Sequence[int] | None = None,
    start: Sequence[int] | None = None,
    dtype: Any = None,
    layout: str = "out_in",
    groups: int = 1,
    transposed: bool = False,
    fans: tuple[int, int] | None = None,
) -> Out:
    """Fills an array in place and returns it. Python's lock is released meanwhile.

    `out` is a numpy array of float32, float16 or ml_dtypes' bfloat16, or any writable, C-contiguous buffer with a
    `shape` and a `dtype` given here. Without `shape`, `out` is the whole tensor. With it, `out` is the rectangle of a
    tensor of that shape which begins at `start`.

    `layout` ("out_in" as in PyTorch, "in_out" as in JAX), `groups`, `transposed` and `fans` (fan_in, fan_out) affect the
    fans of the initialiser, as in a recipe.

    Raises ValueError for bad input, MemoryError, and BufferError for a buffer that is read-only or not contiguous.

    >>> import seedtensors as st
    >>> buffer = bytearray(4 * 6)
    >>> st.fill(buffer, st.Key(1), st.constant(0.5), shape=(2, 3), dtype="f32") is buffer
    True
    >>> memoryview(buffer).cast("f").tolist()
    [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    """
    extent = getattr(out, "shape", None)
    is_array = hasattr(out, "__array_interface__")
    if is_array and dtype is not None and dtype_name(dtype) != dtype_name(out.dtype):
        raise ValueError(f"the array has dtype {out.dtype}, not {dtype}")
    if not is_array:
        if shape is None or dtype is None:
            raise ValueError("a buffer that is no array needs a shape and a dtype")
        if start is not None:
            raise ValueError("a rectangle needs an array, whose shape is the rectangle's extent")
        extent = shape
    if is_array and not out.dtype.isnative:
        raise ValueError(f"an array must be of the machine's byte order, not {out.dtype.str}")
    if is_array and not out.flags.writeable:
        raise BufferError(_NOT_WRITABLE)
    name = dtype_name(out.dtype if is_array else dtype)
    whole = shape_arguments(extent if shape is None else shape, layout, groups, transposed, fans)
    if start is not None and shape is None:
        raise ValueError("a start needs the shape of the whole tensor")
    rectangle = None
    if is_array and shape is not None:
        begin = [0] * len(whole[0]) if start is None else [index.__index__() for index in start]
        if any(index < 0 for index in begin):
            raise ValueError(f"a start must be at least 0 in every dimension, not {begin}")
        rectangle = (begin, list(extent))
    if not is_array:
        _core.fill(out, name, key, init, whole)
    elif out.flags.c_contiguous:
        _core.fill(_bytes(out), name, key, init, whole, rectangle)
    else:
        # a view with gaps: its elements are made elsewhere and copied
        import numpy as np

        copy = np.empty(out.shape, out.dtype)
        _core.fill(_bytes(copy), name, key, init, whole, rectangle)
        out[...] = copy
    return out


def _bytes(array):
    """The bytes of a contiguous array. numpy has no buffer format for bfloat16."""
    return array.reshape(-1).view("u1")


def tensor(shape: Sequence[int], key: Key, init: Init, dtype: Any = "float32", **options: Any) -> "np.ndarray":
    """A new numpy array of a shape. `options` are those of `fill`.

    >>> import seedtensors as st
    >>> st.tensor((2, 2), st.Key(7).named("w"), st.eye()).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    import numpy as np

    name, dims = dtype_name(dtype), shape_arguments(shape)[0]
    if name == "bf16":
        import ml_dtypes

        kind = np.dtype(ml_dtypes.bfloat16)
    else:
        kind = np.dtype({"f32": "float32", "f16": "float16"}[name])
    return fill(np.empty(dims, kind), key, init, **options)


def words(out: Out, key: Key, start: int = 0) -> Out:
    """Fills a writable, C-contiguous buffer of 32-bit integers with a key's random words from word `start` on.

    >>> import numpy as np
    >>> import seedtensors as st
    >>> st.words(np.empty(4, "uint32"), st.Key(0)).tolist()
    [1713891541, 3781805453, 3159862348, 2600524760]
    """
    if hasattr(out, "__array_interface__"):
        if out.dtype.kind not in "iu" or out.dtype.itemsize != 4 or not out.dtype.isnative:
            raise ValueError(f"words are integers of 32 bits in the machine's byte order, not {out.dtype.str}")
        if not out.flags.writeable:
            raise BufferError(_NOT_WRITABLE)
    _core.words(out, key, start)
    return out


@dataclass(frozen=True)
class Verified:
    """The result of `verify`."""

    tensors: int
    """The number of tensors that were compared."""
    bytes: int
    """The number of bytes of their values."""
    seed: int
    """The seed that the files record."""
    findings: list[str]
    """Every difference, as a sentence. The checkpoint is right where there is none."""

    def __bool__(self) -> bool:
        return not self.findings


def verify(path: "str | os.PathLike[str]") -> Verified:
    """Fills every tensor of a checkpoint again, by the recipe and seed that its files record, and compares each bit.

    Raises ValueError for files that cannot be read or have no record. A difference is a finding, not an error.
    """
    return Verified(*_core.verify(path))
