"""Fills of plain torch tensors: where their memory is, and which code computes it."""

import ctypes
import functools
import math

import torch

from .. import _core, _cuda, _fill
from .._core import Init, Key

# the functions below get tensors that are no DTensors, and have no gradients


def fill_contiguous(out: torch.Tensor, key: Key, init: Init, whole: tuple) -> None:
    """Fills a contiguous tensor on the CPU with a whole tensor."""
    _core.fill(_bytes(out), _fill.dtype_name(out.dtype), key, init, whole)


def fill_box(out: torch.Tensor, key: Key, init: Init, whole: tuple, start: list[int]) -> None:
    """Fills a tensor with the box of a whole tensor that begins at `start`. `whole` is from `shape_arguments`.

    A contiguous tensor on a CPU or a CUDA device is filled where it is. Any other is filled from a copy that the CPU
    computes: the memory of other devices is not the CPU's, and a view may have gaps.
    """
    name = _fill.dtype_name(out.dtype)
    rectangle = (list(start), list(out.shape))
    # PyTorch for ROCm calls its devices "cuda", too
    if out.is_contiguous() and out.device.type == "cuda" and torch.version.hip is None:
        numbers = _core.cuda_params(name, key, init, whole, rectangle)
        # a matrix has no kernel
        if numbers is not None:
            index = out.device.index if out.device.index is not None else torch.cuda.current_device()
            stream = torch.cuda.current_stream(index).cuda_stream
            _driver().fill(numbers, name, out.data_ptr(), index, stream)
            return
    direct = out.is_contiguous() and out.device.type == "cpu"
    made = out if direct else torch.empty(out.shape, dtype=out.dtype, device="cpu")
    _core.fill(_bytes(made), name, key, init, whole, rectangle)
    if not direct:
        out.copy_(made)


def _bytes(tensor: torch.Tensor) -> memoryview:
    """The bytes of a contiguous tensor on the CPU. The tensor must stay alive while they are used."""
    if tensor.device.type != "cpu":
        raise RuntimeError(f"memory on {tensor.device} is not the CPU's")
    size = math.prod(tensor.shape) * tensor.element_size()
    if size == 0:
        return memoryview(bytearray())
    return memoryview((ctypes.c_char * size).from_address(tensor.data_ptr())).cast("B")


@functools.cache
def _driver() -> "_cuda.Driver":
    return _cuda.Driver()
