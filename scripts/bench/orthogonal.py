#!/usr/bin/env python3
"""Times orthogonal matrices, and the QR of numpy and of PyTorch, in turn: each the median of three.

    pip install numpy torch && cargo build --release --example orthogonal && scripts/bench/orthogonal.py
"""

import pathlib
import statistics
import subprocess
import time

import numpy
import torch

root = pathlib.Path(__file__).resolve().parent.parent.parent
subprocess.run([root / "target/release/examples/orthogonal"], check=True)


def report(name, n, run):
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        q = run()
        times.append(time.perf_counter() - begin)
    q = numpy.asarray(q, dtype=numpy.float64)
    defect = numpy.abs(q.T @ q - numpy.eye(n)).max()
    print(f"{name} {n} x {n}: {statistics.median(times):.2f} s, max |QtQ - I| {defect:.2e}", flush=True)


for n in (2048, 4096):
    generator = numpy.random.default_rng(42)
    report("numpy f32 normals and QR", n, lambda: numpy.linalg.qr(generator.standard_normal((n, n), dtype=numpy.float32))[0])
    report("numpy f64 normals and QR", n, lambda: numpy.linalg.qr(generator.standard_normal((n, n)))[0])
    report("torch orthogonal_ f32", n, lambda: torch.nn.init.orthogonal_(torch.empty(n, n)).numpy())
    report("torch orthogonal_ f64", n, lambda: torch.nn.init.orthogonal_(torch.empty(n, n, dtype=torch.float64)).numpy())
