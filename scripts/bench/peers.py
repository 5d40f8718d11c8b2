#!/usr/bin/env python3
"""Does the work of PyTorch and numpy for scripts/bench/peers. First it prints a line with the versions and the number of
threads. Then it reads `name elements` lines, does each work once, and answers with the seconds that it took.

    pip install torch numpy
"""

import sys
import time

import numpy
import torch

tensors = {}


def tensor(elements):
    """One that has been written before, so that no page of it is new."""
    if elements not in tensors:
        tensors[elements] = torch.zeros(elements // 4096, 4096)
    return tensors[elements]


generator = numpy.random.default_rng(42)
WORK = {
    "torch kaiming_normal_": lambda n: torch.nn.init.kaiming_normal_(tensor(n), nonlinearity="relu"),
    "torch xavier_uniform_": lambda n: torch.nn.init.xavier_uniform_(tensor(n)),
    "torch trunc_normal_": lambda n: torch.nn.init.trunc_normal_(tensor(n)),
    "numpy standard_normal": lambda n: generator.standard_normal(out=tensor(n).numpy(), dtype=numpy.float32),
}

print(f"torch {torch.__version__} ({torch.get_num_threads()} threads), numpy {numpy.__version__}", flush=True)
for line in sys.stdin:
    name, elements = line.rsplit(" ", 1)
    begin = time.perf_counter()
    WORK[name](int(elements))
    print(time.perf_counter() - begin, flush=True)
