"""A pair of processes that run functions together, started once and kept for all tests of a session."""

import atexit
import functools
import multiprocessing
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch

T = TypeVar("T")
_TIMEOUT = timedelta(seconds=120)


def in_two_processes(function: Callable[..., T], first: Any, *others: Any) -> list[T]:
    """Return what ``function(first, rank, *others)`` returns in each of two processes joined by gloo.

    Args:
        function: Function of a module that both processes can import. Both must call the same collectives.
        first: First argument; all arguments are pickled.
        others: Arguments after the rank.
    """
    pool = _pool()
    # each process waits for the other in its task, so that neither can take both
    tasks = [pool.submit(_run, function, first, others) for _ in range(2)]
    return [task.result(timeout=_TIMEOUT.total_seconds()) for task in tasks]


@functools.cache
def _pool() -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")  # a fork would inherit threads and open files
    folder = tempfile.mkdtemp(prefix="two_processes_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    counter = context.Value("i", 0)
    return ProcessPoolExecutor(2, context, initializer=_join, initargs=(counter, folder))


def _join(counter: Any, folder: str) -> None:
    """Make this process one of the pair."""
    with counter.get_lock():
        rank, counter.value = counter.value, counter.value + 1
    torch.set_num_threads(1)
    rendezvous = Path(folder) / "rendezvous"
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2, timeout=_TIMEOUT
    )


def _run(function: Callable[..., T], first: Any, others: tuple[Any, ...]) -> T:
    torch.distributed.barrier()
    return function(first, torch.distributed.get_rank(), *others)
