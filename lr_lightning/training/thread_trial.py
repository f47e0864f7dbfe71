"""Tries a piece of work with different numbers of threads: how long it takes, and whether its result is the same."""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.common.thread_limit import kept_threads, limit_threads

_REPEATS = 3


@dataclass(frozen=True)
class ThreadTrial:
    """What a trial has found.

    Attributes:
        seconds: Time of the work by number of threads.
        digests: A hash of its result by number of threads: equal if the results are equal to the bit.
    """

    seconds: Mapping[int, float]
    digests: Mapping[int, bytes]

    @classmethod
    def of_one(cls, threads: int) -> "ThreadTrial":
        """Return the trial of a number without an alternative, which needs no trial."""
        return cls({threads: 0.0}, {threads: b""})

    def interchangeable(self, threads: int) -> list[int]:
        """Return the numbers that give the same result as ``threads``, which is among them, in order."""
        return sorted(number for number, digest in self.digests.items() if digest == self.digests[threads])


def candidates(limit: int) -> list[int]:
    """Return the numbers of threads worth a trial: powers of two up to ``limit``, and ``limit``."""
    return sorted({1 << power for power in range(limit.bit_length())} | {limit})


def try_threads(work: Callable[[], Iterable[Tensor]], numbers: Sequence[int]) -> ThreadTrial:
    """Do the same work with each number of threads in turn, several times.

    Reductions over a batch are split between threads, and round differently for each number of them, depending on the
    operation, its precision and its size. Nothing but a trial tells.

    Args:
        work: Returns its result; must leave no trace, and give the same result each time.
        numbers: Numbers of threads, each at least 1.

    Returns:
        The shortest time of each number, which disturbances affect least, and the digests.
    """
    seconds = dict.fromkeys(numbers, float("inf"))
    digests: dict[int, bytes] = {}
    restore = kept_threads()
    try:
        for repeat in range(_REPEATS):
            for number in numbers:
                limit_threads(number)
                start = time.perf_counter()
                result = work()
                if repeat == 0:  # the first time, libraries select their algorithms
                    digests[number] = _digest(result)
                else:
                    seconds[number] = min(seconds[number], time.perf_counter() - start)
    finally:
        restore()
    return ThreadTrial(seconds, digests)


def _digest(tensors: Iterable[Tensor]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        digest.update(tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.digest()
