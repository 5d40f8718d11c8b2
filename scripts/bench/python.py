#!/usr/bin/env python3
"""The Python package beside torch.nn.init and jax.random, in turn in one run. Needs the environment of `scripts/python all`:

    target/python/all/bin/python scripts/bench/python.py [--model]

Prints millions of elements a second for 1,024 and 2^25 f32 elements, medians of nine rounds, and the ratio. --model
initialises a Llama of 1.1 B parameters in bf16 by its own code, plain and in `replay`, each in a process of its own, and
prints seconds and the most memory.
"""

import argparse
import multiprocessing
import resource
import statistics
import time

ROUNDS = 9


def rate(call, count):
    """Millions of elements a second, from calls that take about a tenth of a second together."""
    repeats = max(1, int(0.1 * 300e6 / count))
    begin = time.perf_counter()
    for _ in range(repeats):
        call()
    return count * repeats / (time.perf_counter() - begin) / 1e6


def rows(count):
    import jax
    import numpy as np
    import torch

    import seedtensors as st
    import seedtensors.jax as sj
    import seedtensors.torch as t

    array, tensor = np.empty((count // 256, 256), "float32"), torch.empty(count // 256, 256)
    key, jax_key = st.Key(42), jax.random.key(42)
    normal = jax.jit(lambda key: jax.random.normal(key, tensor.shape))
    yield "normal", "numpy", lambda: st.fill(array, key, st.normal()), lambda: torch.nn.init.normal_(tensor), "nn.init.normal_"
    yield "normal", "torch", lambda: t.normal_(tensor, key=key), lambda: torch.nn.init.normal_(tensor), "nn.init.normal_"
    yield "kaiming", "torch", lambda: t.kaiming_uniform_(tensor, key=key), lambda: torch.nn.init.kaiming_uniform_(tensor), "nn.init.kaiming_uniform_"
    yield "truncated", "torch", lambda: t.trunc_normal_(tensor, key=key), lambda: torch.nn.init.trunc_normal_(tensor), "nn.init.trunc_normal_"
    yield (
        "normal",
        "jax",
        lambda: sj.make(key, tensor.shape, st.normal()).block_until_ready(),
        lambda: normal(jax_key).block_until_ready(),
        "jax.random.normal, jitted",
    )


def speeds():
    import torch

    print(f"{torch.get_num_threads()} threads; M elements/s")
    for count in (1024, 2**25):
        for name, place, ours, theirs, peer in rows(count):
            ours(), theirs()
            found = [(rate(ours, count), rate(theirs, count)) for _ in range(ROUNDS)]
            a, b = (statistics.median(values) for values in zip(*found, strict=True))
            print(f"{count:>9} {name:>9} {place:>6}: {a:8.1f}   {peer} {b:8.1f}   ratio {statistics.median(x / y for x, y in found):6.2f}")


def model(replayed, queue):
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    config = LlamaConfig(
        hidden_size=2048, intermediate_size=5632, num_hidden_layers=22, num_attention_heads=32, num_key_value_heads=4
    )
    with torch.device("meta"):
        llama = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    llama.to_empty(device="cpu")
    begin = time.perf_counter()
    if replayed:
        import seedtensors.torch

        with seedtensors.torch.replay(llama, 42):
            llama.initialize_weights()
    else:
        llama.initialize_weights()
    seconds = time.perf_counter() - begin
    parameters = sum(parameter.numel() for parameter in llama.parameters())
    queue.put((parameters, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def models():
    context = multiprocessing.get_context("spawn")
    for replayed in (False, True):
        queue = context.Queue()
        process = context.Process(target=model, args=(replayed, queue))
        process.start()
        parameters, seconds, memory = queue.get()
        process.join()
        print(f"{'replay' if replayed else 'plain':>6}: {parameters / 1e9:.2f} B parameters in {seconds:6.2f} s, {memory:.0f} MiB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="store_true")
    (models if parser.parse_args().model else speeds)()
