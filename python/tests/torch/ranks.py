"""Runs functions on several ranks of one machine, with gloo. The ranks of a world size stay for the next function."""

import functools
import os
import tempfile
import traceback

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from multiprocessing.connection import wait


def _rank(rank, world_size, folder, pipe):
    torch.set_num_threads(1)
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=world_size)
    while (task := pipe.recv()) is not None:
        function, arguments = task
        try:
            result = function(*arguments)
            pipe.send((None, result if rank == 0 else None))
        except BaseException:
            pipe.send((traceback.format_exc(), None))
    dist.destroy_process_group()


class _Ranks:
    def __init__(self, world_size):
        self.folder = tempfile.TemporaryDirectory()
        context = mp.get_context("spawn")
        self.pipes, self.processes = [], []
        for rank in range(world_size):
            ours, theirs = context.Pipe()
            arguments = (rank, world_size, self.folder.name, theirs)
            # daemons end with the tests
            self.processes.append(context.Process(target=_rank, args=arguments, daemon=True))
            self.processes[-1].start()
            theirs.close()
            self.pipes.append(ours)

    def run(self, function, arguments):
        for pipe in self.pipes:
            pipe.send((function, arguments))
        results, left = {}, list(self.pipes)
        while left:
            for pipe in wait(left):
                try:
                    error, results[pipe] = pipe.recv()
                except EOFError:
                    error = "a rank has ended"
                if error is not None:
                    # the other ranks may wait for this one for ever
                    raise AssertionError(f"rank {self.pipes.index(pipe)}: {error}")
                left.remove(pipe)
        return results[self.pipes[0]]

    def end(self):
        for process in self.processes:
            process.kill()


@functools.cache
def _ranks(world_size):
    return _Ranks(world_size)


def run(function, world_size, *arguments):
    """The result of a function on rank 0. Fails where any rank does."""
    ranks = _ranks(world_size)
    try:
        return ranks.run(function, arguments)
    except BaseException:
        ranks.end()
        _ranks.cache_clear()
        raise
