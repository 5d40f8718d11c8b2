"""Runs a function on several ranks of one machine, with gloo."""

import os
import pathlib
import pickle
import tempfile
import traceback

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def _rank(rank, world_size, folder, function, arguments):
    torch.set_num_threads(1)
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=world_size)
    try:
        result = function(*arguments)
        if rank == 0:
            pathlib.Path(folder, "result").write_bytes(pickle.dumps(result))
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        dist.destroy_process_group()


def run(function, world_size, *arguments):
    """The result of a function on rank 0. Fails where any rank does."""
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(_rank, (world_size, folder, function, arguments), nprocs=world_size)
        return pickle.loads(pathlib.Path(folder, "result").read_bytes())
