"""The global random generators are left as they were."""

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch

from lr_lightning.data.storage.random_state import kept_random_state

DRAWS: list[Callable[[], object]] = [
    lambda: torch.rand(1).item(),
    random.random,
    lambda: np.random.random(),  # noqa: NPY002
]


@pytest.mark.parametrize("draw", DRAWS, ids=["torch", "python", "numpy"])
def test_is_restored_after_draws_and_errors(draw: Callable[[], object]) -> None:
    with kept_random_state() as has_advanced:
        assert not has_advanced()
        first = draw()
        assert has_advanced()

    def fail() -> None:
        with kept_random_state():
            assert draw() == first
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with kept_random_state():
        assert draw() == first
