"""Tests of :mod:`lr_lightning.common.cores`, with simulated times."""

from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from lr_lightning.common import cores
from lr_lightning.common.cores import CoreMeter, num_cores

Times = namedtuple("Times", ["user", "idle", "iowait"])


class Clock:
    """Simulated times: of this process, of its cores, and of day."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, own_cores: list[int], num_cores: int) -> None:
        self.used = self.now = 0.0
        self.idle = [0.0] * num_cores
        monkeypatch.setattr(cores, "_own_cores", lambda: own_cores)
        monkeypatch.setattr(cores, "_quota", lambda: float("inf"))
        monkeypatch.setattr("time.process_time", lambda: self.used)
        monkeypatch.setattr("time.perf_counter", lambda: self.now)
        monkeypatch.setattr(psutil, "cpu_times", lambda **_: [Times(1.0, idle, 0.5) for idle in self.idle])

    def advance(self, seconds: float, used: float, idle: list[float]) -> None:
        self.now += seconds
        self.used += used
        self.idle = [before + more for before, more in zip(self.idle, idle, strict=True)]


def test_free_is_what_is_used_and_what_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, [0, 1], 2)
    meter = CoreMeter()
    clock.advance(2.0, 2.0, [2.0, 0.0])  # one thread on an idle machine
    assert meter.seconds == 2
    assert meter.read() == 2
    clock.advance(3.0, 4.0, [0.0, 0.0])  # two threads beside a busy process
    assert meter.read() == pytest.approx(4 / 3)
    assert meter.seconds == 0


def test_only_own_cores_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, [1], 4)
    meter = CoreMeter()
    clock.advance(1.0, 0.25, [1.0, 0.5, 1.0, 1.0])
    assert meter.read() == 0.75


def test_the_share_of_a_container_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, [0, 1, 2, 3], 4)
    monkeypatch.setattr(cores, "_quota", lambda: 1.5)
    meter = CoreMeter()
    clock.advance(1.0, 1.0, [1.0, 1.0, 1.0, 0.0])
    assert meter.read() == 1.5


@pytest.mark.parametrize(
    ("text", "share"), [("150000 100000\n", 1.5), ("max 100000\n", float("inf")), ("", float("inf"))]
)
def test_the_share_is_read_from_the_control_group(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, share: float
) -> None:
    group = tmp_path / "sys/fs/cgroup/jobs/mine"
    group.mkdir(parents=True)
    (group / "cpu.max").write_text(text)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/jobs/mine\n")
    monkeypatch.setattr(cores, "Path", lambda first, *rest: tmp_path.joinpath(first.lstrip("/"), *rest))
    assert cores._quota() == share


def test_this_machine_is_measured() -> None:
    meter = CoreMeter()
    sum(range(3_000_000))
    assert 0 <= meter.read() <= num_cores()
