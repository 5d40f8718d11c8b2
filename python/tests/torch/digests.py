"""Hashes of whole tensors."""

import hashlib

import torch
from torch.distributed.tensor import DTensor


def whole(tensor):
    tensor = tensor.detach()
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def digest(tensor):
    data = whole(tensor).contiguous().cpu()
    return hashlib.sha256(data.reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()[:16] if data.numel() else ""


def digests(model):
    """The hash of every parameter, by name."""
    return {name: digest(parameter) for name, parameter in model.named_parameters()}


def one(model):
    """One hash of all parameters."""
    return hashlib.sha256(repr(sorted(digests(model).items())).encode()).hexdigest()[:16]
