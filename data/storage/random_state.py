"""The state of the global random generators, which reading data must not change."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def kept_random_state() -> Iterator[Callable[[], bool]]:
    """Restore the global generators of PyTorch (on the CPU), Python and NumPy at the end.

    Yields:
        A function that returns whether one of them has advanced since the beginning.
    """
    state, python, numpy = torch.get_rng_state(), random.getstate(), np.random.get_state()  # noqa: NPY002

    def has_advanced() -> bool:
        numpy_now: Any = np.random.get_state()  # noqa: NPY002
        return (
            not torch.equal(state, torch.get_rng_state())
            or python != random.getstate()
            or not all(np.array_equal(before, now) for before, now in zip(numpy, numpy_now, strict=True))
        )

    try:
        yield has_advanced
    finally:
        if has_advanced():
            torch.set_rng_state(state)
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
