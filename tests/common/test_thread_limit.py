"""Tests of :mod:`lr_lightning.common.thread_limit`."""

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from lr_lightning.common.thread_limit import fitting, given_by_environment, kept_threads, limit_threads


def test_all_libraries_are_limited_and_restored() -> None:
    np.ones((2, 2)) @ np.ones((2, 2))  # loads the library
    before = torch.get_num_threads(), threadpool_info()
    restore = kept_threads()
    limit_threads(2)
    assert torch.get_num_threads() == 2
    assert {library["num_threads"] for library in threadpool_info()} == {2}
    limit_threads(1)
    assert {library["num_threads"] for library in threadpool_info()} == {1}
    restore()
    assert (torch.get_num_threads(), threadpool_info()) == before


def test_threads_fit_with_half_a_core_missing() -> None:
    assert [fitting(free) for free in (0.0, 0.7, 1.33, 1.49, 1.5, 2.0, 7.6)] == [1, 1, 1, 1, 2, 2, 8]


def test_own_variables_are_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    assert not given_by_environment()
    monkeypatch.setenv("MKL_NUM_THREADS", "2")
    assert given_by_environment()
