"""Rates of runs with known speeds."""

import pytest

from lr_lightning.study.rate import runs_per_hour

HOUR = 3600.0


@pytest.mark.parametrize("count", [1, 2, 10, 200])
def test_one_after_the_other(count: int) -> None:
    assert runs_per_hour([1e9 + 100 * i for i in range(count)], 100) == pytest.approx(36)


@pytest.mark.parametrize("groups", [1, 2, 7])
def test_side_by_side_in_step(groups: int) -> None:
    assert runs_per_hour([HOUR * group for group in range(groups)] * 50, HOUR) == pytest.approx(50)


def test_a_pause_does_not_count() -> None:
    before = [100.0 * i for i in range(30)]
    after = [1e6 + 50 * i for i in range(8)]  # two at a time
    assert runs_per_hour([*after, *before], 100) == pytest.approx(8 / 450 * HOUR)
    assert runs_per_hour([*after, 1e6 - 199], 100) != pytest.approx(8 / 450 * HOUR)


def test_only_the_last_hour_counts() -> None:
    slow, fast = [100.0 * i for i in range(100)], [9900 + 10.0 * i for i in range(1, 361)]
    assert runs_per_hour([*slow, *fast], 100) == pytest.approx(360)


def test_without_runs_or_times() -> None:
    assert runs_per_hour([], 0) is None
    assert runs_per_hour([1.0, 1.0], 0) is None
