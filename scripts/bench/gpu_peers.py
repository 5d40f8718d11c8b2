#!/usr/bin/env python3
"""Times random fills by PyTorch and by cuRAND (through cupy) on an NVIDIA GPU with CUDA events: medians of eleven,
M elements/s and GB/s, from 2^20 to 2^32 elements or what the memory holds. `scripts/gpu` runs it.

    pip install torch cupy-cuda13x
"""

import statistics
import sys

import torch

if not torch.cuda.is_available():
    sys.exit("gpu_peers.py: PyTorch finds no CUDA device")
try:
    import cupy
except ImportError:
    cupy = None
try:
    from torch.func import _random as stateless
except ImportError:
    stateless = None


def median(work):
    times = []
    for call in range(12):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        if call:
            times.append(begin.elapsed_time(end) * 1e-3)
    return statistics.median(times)


def works(tensor):
    yield "fill_ (the store)", lambda: tensor.fill_(1.0)
    yield "normal_", lambda: tensor.normal_()
    yield "uniform_", lambda: tensor.uniform_()
    yield "kaiming_normal_", lambda: torch.nn.init.kaiming_normal_(tensor, nonlinearity="relu")
    if stateless is not None and hasattr(stateless, "normal_"):
        key = stateless.key(42, device="cuda")
        yield "torch.func._random.normal_", lambda: stateless.normal_(key, tensor)
    if cupy is not None and tensor.dtype == torch.float32:
        generator = cupy.random.Generator(cupy.random.Philox4x3210(42))
        yield "cuRAND Philox by cupy", lambda: generator.standard_normal(tensor.numel(), dtype=cupy.float32)


print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, cupy {cupy and cupy.__version__}\n")
print("| | dtype | elements | M elements/s | GB/s |\n| --- | --- | --- | ---: | ---: |")
for power in [20, 25, 28, 30, 32]:
    for dtype in [torch.float32, torch.bfloat16]:
        size = torch.empty((), dtype=dtype).element_size()
        # twice, because cupy makes a tensor of its own
        if 2 * size << power > torch.cuda.mem_get_info()[0]:
            print(f"| | {dtype} | 2^{power} | does not fit | |")
            continue
        tensor = torch.empty(2 ** (power - 12), 4096, dtype=dtype, device="cuda")
        for name, work in works(tensor):
            try:
                seconds = median(work)
            except Exception as error:  # one peer's failure is not the others'
                print(f"| {name} | {dtype} | 2^{power} | {type(error).__name__}: {error} | |")
                continue
            rate = 2**power / seconds
            print(f"| {name} | {dtype} | 2^{power} | {rate / 1e6:.0f} | {rate * size / 1e9:.1f} |", flush=True)
        del tensor
