#!/usr/bin/env python3
"""Makes tests/vectors/initialisers.json: fans, gains, stds and bounds as PyTorch and JAX compute them.

    pip install torch jax numpy && scripts/generate/vectors.py
"""

import json
import math
import pathlib

import jax
import torch
from jax._src import random
from jax._src.nn.initializers import _compute_fans
from torch.nn.init import _calculate_fan_in_and_fan_out, calculate_gain

SHAPES = [
    [1, 1], [1, 7], [7, 1], [3, 5], [10, 784], [512, 784], [128, 512], [1000, 1000], [4096, 4096], [11008, 4096],
    [50257, 768], [128256, 4096], [64, 3, 3], [8, 4, 5], [256, 1, 7], [64, 3, 7, 7], [8, 4, 3, 3], [8, 1, 3, 3],
    [512, 512, 1, 1], [1024, 256, 3, 3], [2, 3, 5, 7], [32, 16, 11, 1], [768, 3, 16, 16], [4, 8, 3, 3],
    [16, 1, 3, 3, 3], [64, 32, 3, 5, 7], [8, 4, 1, 1, 1], [3, 4, 2, 2, 2], [12, 6, 9, 2, 4], [2, 2, 2, 2, 2, 2],
    [5, 3, 2, 1, 4, 1, 2], [6, 5, 1, 2, 3, 2, 1, 2],
]
ACTIVATIONS = [("linear", None), ("conv2d", None), ("sigmoid", None), ("tanh", None), ("relu", None),
               ("leaky_relu", None), ("leaky_relu", 0.2), ("leaky_relu", math.sqrt(5)), ("selu", None)]


def torch_row(shape):
    """Through the functions' own formulas: a tensor without memory, and what it would be filled with."""
    recorded = {}

    def record(name):
        def fill(tensor, *arguments, generator=None):
            recorded["values"] = [float(a) for a in arguments if a is not None]
            return tensor
        return fill

    originals = torch.nn.init._no_grad_uniform_, torch.nn.init._no_grad_normal_
    tensor = torch.empty(shape, device="meta")
    row = {}
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    row["fan_in"], row["fan_out"] = fan_in, fan_out
    uniform_, normal_ = torch.Tensor.uniform_, torch.Tensor.normal_
    torch.nn.init._no_grad_uniform_ = record("uniform")
    torch.nn.init._no_grad_normal_ = record("normal")
    torch.Tensor.uniform_ = lambda self, *a, **k: record("uniform")(self, *a)
    torch.Tensor.normal_ = lambda self, *a, **k: record("normal")(self, *a)
    try:
        for name, call in {
            "xavier_uniform_bound": lambda: torch.nn.init.xavier_uniform_(tensor),
            "xavier_normal_std": lambda: torch.nn.init.xavier_normal_(tensor, gain=5 / 3),
            "kaiming_uniform_bound": lambda: torch.nn.init.kaiming_uniform_(tensor, mode="fan_in", nonlinearity="relu"),
            "kaiming_normal_std": lambda: torch.nn.init.kaiming_normal_(tensor, mode="fan_out", nonlinearity="relu"),
            "default_bound": lambda: torch.nn.init.kaiming_uniform_(tensor, a=math.sqrt(5)),
        }.items():
            call()
            row[name] = recorded.pop("values")[1]
    finally:
        torch.nn.init._no_grad_uniform_, torch.nn.init._no_grad_normal_ = originals
        torch.Tensor.uniform_, torch.Tensor.normal_ = uniform_, normal_
    return row


def jax_row(shape):
    """The shape in JAX's layout: the kernel first, then in and out. The std and bound by which jax.nn.initializers
    multiplies its standard draws, taken from those draws' replacement by ones."""
    shape = shape[2:] + [shape[1], shape[0]]
    fan_in, fan_out = _compute_fans(shape)
    row = {"shape": shape, "fan_in": float(fan_in), "fan_out": float(fan_out)}
    small = [1] * len(shape)
    ones = lambda *_, **__: jax.numpy.ones(small, jax.numpy.float64)
    originals = random.normal, random.uniform, random.truncated_normal
    random.normal, random.uniform, random.truncated_normal = ones, ones, ones
    try:
        for name, init in {
            "glorot_uniform_bound": jax.nn.initializers.glorot_uniform(),
            "he_normal_std": jax.nn.initializers.he_normal(),
            "lecun_normal_std": jax.nn.initializers.lecun_normal(),
            "he_uniform_bound": jax.nn.initializers.he_uniform(),
            "fan_geo_avg_normal_std": jax.nn.initializers.variance_scaling(0.5, "fan_geo_avg", "normal"),
        }.items():
            row[name] = float(init(jax.random.key(0), shape, jax.numpy.float64).ravel()[0])
    finally:
        random.normal, random.uniform, random.truncated_normal = originals
    return row


LAYERS = [
    "Linear(64, 10)", "Conv2d(4, 8, (3, 5), groups=2)", "Conv1d(6, 4, 7, bias=False)",
    "ConvTranspose2d(6, 4, (3, 2), groups=2)", "Embedding(100, 16)", "LayerNorm((5, 7))", "RMSNorm(9)", "BatchNorm2d(11)",
    "RNN(10, 20, 2)", "LSTM(10, 20, 2, bidirectional=True)", "GRU(10, 20, bias=False)", "MultiheadAttention(24, 2)",
]


def layer_row(text):
    """Each parameter's name, shape, and range or std over layers made 200 times with other seeds."""
    layers = [eval(f"torch.nn.{text}") for _ in range(200)]
    rows = []
    for name, parameter in layers[0].named_parameters():
        values = torch.cat([dict(layer.named_parameters())[name].detach().flatten() for layer in layers])
        std = values.double().std().item()
        largest = values.abs().max().item()
        rows.append({"name": name, "shape": list(parameter.shape), "mean": values.double().mean().item(), "std": std, "largest": largest})
    return {"layer": text, "parameters": rows}


def main():
    torch.manual_seed(1)
    jax.config.update("jax_enable_x64", True)
    gains = [{"activation": a, "param": p, "gain": calculate_gain(a, p)} for a, p in ACTIVATIONS]
    file = {
        "source": f"scripts/generate/vectors.py with torch {torch.__version__} and jax {jax.__version__}: what torch.nn.init and "
        "jax.nn.initializers pass to their generators. jax's he_normal and lecun_normal give the std before they cut.",
        "gains": gains,
        "layers": [layer_row(text) for text in LAYERS],
        "shapes": [{"shape": shape, "torch": torch_row(shape), "jax": jax_row(shape)} for shape in SHAPES],
    }
    path = pathlib.Path(__file__).resolve().parent.parent.parent / "tests" / "vectors" / "initialisers.json"
    path.write_text(json.dumps(file, indent=1) + "\n")


main()
