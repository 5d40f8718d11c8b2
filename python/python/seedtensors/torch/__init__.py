"""Weights of PyTorch models: the same bits on one device and on any number of ranks.

>>> import torch, seedtensors.torch as stt
>>> model = torch.nn.Linear(784, 512)
>>> with stt.replay(model, seed=42):
...     model.reset_parameters()

`replay` runs a model's own initialisation code with a key for every parameter. `init_` fills a model by rules. `recipe` writes
down what a model's own code does. The other functions are those of `torch.nn.init` with a key. All of them work on
tensors and on DTensors, of which every rank computes its own part.

The dtypes are float32, float16 and bfloat16. A CPU and a CUDA device compute where the tensor is; on other devices
(ROCm, XPU, MPS) the CPU computes and the values are copied.
"""

from ._init import (
    constant_,
    dirac_,
    eye_,
    fill_,
    kaiming_normal_,
    kaiming_uniform_,
    normal_,
    ones_,
    orthogonal_,
    sparse_,
    trunc_normal_,
    uniform_,
    xavier_normal_,
    xavier_uniform_,
    zeros_,
)
from ._recipe import recipe
from ._replay import replay
from ._rules import init_
from ._write import write

__all__ = [
    "constant_",
    "dirac_",
    "eye_",
    "fill_",
    "init_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "recipe",
    "replay",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "write",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]
