"""A pair of connected processes, started once and reused by all tests of a session."""

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
    """Call ``function(first, rank, *others)`` in each of two processes connected by gloo, and return both results.

    Args:
        function: A function that both processes can import; it must make the same collective calls on both.
        first: First argument; all arguments are pickled.
        others: Arguments after the rank.
    """
    pool = _pool()
    # each task waits for the other, so that one process cannot take both
    tasks = [pool.submit(_run, function, first, others) for _ in range(2)]
    return [task.result(timeout=_TIMEOUT.total_seconds()) for task in tasks]


@functools.cache
def _pool() -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")  # forked processes would inherit threads and open files
    folder = tempfile.mkdtemp(prefix="two_processes_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    counter = context.Value("i", 0)
    return ProcessPoolExecutor(2, context, initializer=_join, initargs=(counter, folder))


def _join(counter: Any, folder: str) -> None:
    """Initialize this process as one of the pair."""
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
