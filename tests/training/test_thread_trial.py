"""Tests of :mod:`lr_lightning.training.thread_trial`."""

import pytest
import torch
from torch import Tensor

from lr_lightning.training.thread_trial import candidates, try_threads


@pytest.mark.parametrize(
    ("limit", "numbers"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (8, [1, 2, 4, 8]), (12, [1, 2, 4, 8, 12])]
)
def test_powers_of_two_and_the_limit_are_tried(limit: int, numbers: list[int]) -> None:
    assert candidates(limit) == numbers


def test_numbers_with_equal_results_are_interchangeable() -> None:
    def work() -> list[Tensor]:
        # as if the sum were rounded differently from three threads on
        return [torch.ones(3), torch.tensor(1.0 + (torch.get_num_threads() > 2) * 2**-23)]

    before = torch.get_num_threads()
    trial = try_threads(work, [1, 2, 3, 4])
    assert trial.interchangeable(1) == trial.interchangeable(2) == [1, 2]
    assert trial.interchangeable(4) == [3, 4]
    assert torch.get_num_threads() == before


def test_the_shortest_time_counts_without_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    left = {1: [9.0, 3.0, 2.0], 2: [9.0, 1.0, 6.0]}

    def work() -> list[Tensor]:
        nonlocal now
        now += left[torch.get_num_threads()].pop(0)
        return [torch.zeros(2, dtype=torch.bfloat16)]

    monkeypatch.setattr("time.perf_counter", lambda: now)
    assert try_threads(work, [1, 2]).seconds == {1: 2.0, 2: 1.0}


def test_threads_are_restored_after_an_error() -> None:
    before = torch.get_num_threads()

    def work() -> list[Tensor]:
        raise ValueError("no data")

    with pytest.raises(ValueError, match="no data"):
        try_threads(work, [before + 1])
    assert torch.get_num_threads() == before
