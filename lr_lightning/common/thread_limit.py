"""How many threads compute one operation, in all libraries of this process."""

import os
from collections.abc import Callable

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables from which PyTorch reads its number of threads when it is imported."""

CROWDED = 0.5
"""Threads without a core of their own, above which there are too many: two threads beside one busy process get 1.33
cores together."""


def fitting(free: float) -> int:
    """Return the number of threads for which ``free`` cores are enough; at least 1."""
    return max(1, int(free + CROWDED))


def given_by_environment() -> bool:
    """Return whether the number of PyTorch's threads was chosen with an environment variable."""
    return any(os.environ.get(name) for name in VARIABLES)


def limit_threads(threads: int) -> None:
    """Let PyTorch, and the libraries of linear algebra and OpenMP that are loaded, use at most ``threads`` threads.

    Args:
        threads: A number from 1.
    """
    import torch
    from threadpoolctl import ThreadpoolController

    for library in ThreadpoolController().lib_controllers:
        if library.get_num_threads() != threads:
            library.set_num_threads(threads)
    torch.set_num_threads(threads)


def kept_threads() -> Callable[[], None]:
    """Return a function that restores the numbers of threads of PyTorch and of the libraries that are loaded now."""
    import torch
    from threadpoolctl import ThreadpoolController

    before = torch.get_num_threads()
    numbers = [(library, library.get_num_threads()) for library in ThreadpoolController().lib_controllers]

    def restore() -> None:
        for library, number in numbers:
            if library.get_num_threads() != number:
                library.set_num_threads(number)
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)

    return restore
