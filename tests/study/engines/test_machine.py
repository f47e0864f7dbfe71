"""How jobs share the cores and GPUs of a machine."""

import pytest

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.engines.machine import Share, share_machine
from lr_lightning.study.manifest import Resources

TWO = ("0", "1")


@pytest.mark.parametrize(
    ("cpus", "jobs", "expected"),
    [
        (None, None, (8, 1)),
        (None, 1, (1, 8)),
        (None, 3, (3, 2)),
        (None, 20, (20, 1)),
        (2, None, (4, 2)),
        (2, 1, (1, 2)),
        (2.9, None, (4, 2)),
        (0.5, None, (8, 1)),
        (16, None, (1, 16)),
    ],
)
def test_jobs_times_threads_fill_the_cores(cpus: float | None, jobs: int | None, expected: tuple[int, int]) -> None:
    share = share_machine(Resources(cpus), jobs, cores=8, gpus=())
    assert (share.jobs, share.threads) == expected
    assert share.gpus == ("",) * expected[0]


@pytest.mark.parametrize(
    ("gpus", "expected"),
    [
        (1, ("0", "1")),
        (0.5, ("0", "1", "0", "1")),
        (0.3, ("0", "1", "0", "1", "0", "1")),
        (0.1, ("0", "1") * 4),  # as many as there are cores
        (2, ("0,1",)),
    ],
)
def test_devices_go_around(gpus: float, expected: tuple[str, ...]) -> None:
    assert share_machine(Resources(gpus=gpus), None, 8, TWO).gpus == expected


@pytest.mark.parametrize(("gpus", "per_device"), [(1 / 3, 3), (0.2, 5), (0.1, 10), (0.7, 1)])
def test_shares_of_a_device_add_up_to_at_most_one(gpus: float, per_device: int) -> None:
    assert share_machine(Resources(gpus=gpus), None, 100, ("0",)).jobs == per_device


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match=r"resources\.gpus is 0\.25.* 0 GPUs"):
        share_machine(Resources(gpus=0.25), None, 8, ())
    with pytest.raises(UsageError, match=r"resources\.gpus is 3.* 2 GPUs"):
        share_machine(Resources(gpus=3), None, 8, TWO)
    with pytest.raises(UsageError, match=r"--jobs 5 .*4"):
        share_machine(Resources(gpus=0.5), 5, 8, TWO)
    with pytest.raises(UsageError, match=r"--jobs .*0"):
        share_machine(Resources(), 0, 8, ())
    assert share_machine(Resources(gpus=0.5), 4, 8, TWO) == Share(4, 2, ("0", "1", "0", "1"))
