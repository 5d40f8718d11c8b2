#!/usr/bin/env python3
"""Times the command beside transformers: a Llama of 1.1 B parameters in bf16, seconds and peak memory:

    pip install torch transformers==5.23.0 && cargo build --release && scripts/bench/transformers_peer.py
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
COMMAND = ROOT / "target/release/seedtensors"
VECTORS = ROOT / "tests/vectors/hf"


FROM_CONFIG = """
import sys, time, torch, transformers
config = transformers.AutoConfig.from_pretrained(sys.argv[1])
begin = time.perf_counter()
model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
made = time.perf_counter()
model.save_pretrained(sys.argv[2])
print(f"from_config {made - begin:.2f} s, save_pretrained {time.perf_counter() - made:.2f} s")
"""


def timed(arguments):
    """Seconds, and the peak memory in MB of the program alone (in a process of its own that waits for it)."""
    waiter = (
        "import resource, subprocess, sys, time\n"
        "begin = time.perf_counter()\n"
        "subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL)\n"
        "print(time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000)\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", waiter, *map(str, arguments)], check=True, capture_output=True, text=True
    ).stdout
    *said, last = output.strip().splitlines()
    seconds, memory = last.split()
    return float(seconds), float(memory), " ".join(said)


def compare(runs):
    config = json.loads((VECTORS / "llama.json").read_text())["published"]["TinyLlama/TinyLlama-1.1B-Chat-v1.0"]["config"]
    config |= {"architectures": ["LlamaForCausalLM"], "dtype": "bfloat16"}
    results = {}
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
        source = pathlib.Path(folder, "config.json")
        source.write_text(json.dumps(config))
        ours, theirs, raw = (pathlib.Path(folder, name) for name in ("ours", "theirs", "raw"))
        bytes_ = None
        for run in range(runs):
            for name, arguments in (
                ("seedtensors init", [COMMAND, "init", "--config", source, "--seed", run, "--out", ours, "--device", "cpu"]),
                ("transformers", [sys.executable, "-c", FROM_CONFIG, folder, theirs]),
                ("seedtensors verify", [COMMAND, "verify", ours, "--device", "cpu"]),
                ("sha256sum", ["sha256sum", ours / "model.safetensors"]),
                ("dd, with fsync", None),
            ):
                if arguments is None:
                    blocks = (ours / "model.safetensors").stat().st_size // 2**20
                    arguments = ["dd", "if=/dev/zero", f"of={raw}", "bs=1M", f"count={blocks}", "conv=fsync"]
                results.setdefault(name, []).append(timed(arguments))
            bytes_ = (ours / "model.safetensors").stat().st_size
            for path in (ours, theirs, raw):
                subprocess.run(["rm", "-rf", path], check=True)
    print(f"{bytes_} bytes, {runs} runs in turn; medians, and the range of the seconds")
    for name, values in results.items():
        seconds = [value[0] for value in values]
        memory = statistics.median(value[1] for value in values)
        print(
            f"{name:<20} {statistics.median(seconds):6.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
            f"  {memory:7.0f} MB  {values[-1][2] if name == 'transformers' else ''}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    compare(parser.parse_args().runs)


if __name__ == "__main__":
    main()
