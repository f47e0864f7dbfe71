"""The state of the global random generators, which data must not change."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def kept_random_state(device: torch.device | None = None) -> Iterator[Callable[[], bool]]:
    """Restore the global generators of PyTorch, Python and NumPy at the end.

    Args:
        device: A CUDA device whose generator is included; that of the CPU always is.

    Yields:
        A function that returns whether one of them has advanced since the beginning.
    """
    cuda = device if device is not None and device.type == "cuda" else None

    def torch_states() -> list[torch.Tensor]:
        return [torch.get_rng_state(), *([] if cuda is None else [torch.cuda.get_rng_state(cuda)])]

    before, python, numpy = torch_states(), random.getstate(), np.random.get_state()  # noqa: NPY002

    def has_advanced() -> bool:
        numpy_now: Any = np.random.get_state()  # noqa: NPY002
        return (
            not all(map(torch.equal, before, torch_states()))
            or python != random.getstate()
            or not all(np.array_equal(then, now) for then, now in zip(numpy, numpy_now, strict=True))
        )

    try:
        yield has_advanced
    finally:
        torch.set_rng_state(before[0])
        if cuda is not None:
            torch.cuda.set_rng_state(before[1], cuda)
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
