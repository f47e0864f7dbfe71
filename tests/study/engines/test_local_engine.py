"""Worker processes on this machine, and their deaths."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lr_lightning.study.engines.engine import Finished
from lr_lightning.study.engines.local_engine import LocalEngine
from lr_lightning.study.engines.machine import Share
from lr_lightning.study.job import Outcome, Run, Work
from tests.study.jobs import is_alive, make_job, noted, wait_until_dead, work

ROOT = Path(__file__).parents[3]


class Engines:
    """Makes engines, and closes them after the test."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.made: list[LocalEngine] = []

    def __call__(self, jobs: int = 1, threads: int = 1, work: Work = work, **options: int) -> LocalEngine:
        self.made.append(LocalEngine(work, Share(jobs, threads, ("",) * jobs), self.logs, **options))
        return self.made[-1]


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Engines]:
    engines = Engines(tmp_path / "logs")
    yield engines
    for engine in engines.made:
        engine.close()


def ends(engine: LocalEngine, count: int) -> list[Finished]:
    """Return the next ends of jobs, in the order of their seeds."""
    found, deadline = list[Finished](), time.monotonic() + 60
    while len(found) < count:
        assert time.monotonic() < deadline, found
        found += engine.wait(1.0)
    return sorted(found, key=lambda finished: finished.job.runs)


def test_all_jobs_are_done_by_as_many_processes_as_there_are_slots(engines: Engines, tmp_path: Path) -> None:
    Path("pickle.py").write_text("raise ImportError")  # files in the working folder must not shadow modules
    engine = engines(jobs=2)
    assert engine.slots == 2
    for seed in range(6):
        engine.submit(make_job(tmp_path, "note", seed))
    finished = ends(engine, 6)
    assert [end.outcomes for end in finished] == [(Outcome(Run("cell", seed), "done"),) for seed in range(6)]
    assert engine.wait(0.0) == []
    notes = [noted(tmp_path, f"note_{seed}") for seed in range(6)]
    assert len({entry["pid"] for entry in notes}) == 2
    assert os.getpid() not in {entry["pid"] for entry in notes}


def test_threads_and_devices_are_set_before_torch_is_imported(engines: Engines, tmp_path: Path) -> None:
    engine = LocalEngine(work, Share(2, 3, ("0", "GPU-5,GPU-7")), tmp_path)
    engines.made.append(engine)
    for seed in range(2):
        engine.submit(make_job(tmp_path, "note", seed))
    ends(engine, 2)
    notes = [noted(tmp_path, f"note_{seed}") for seed in range(2)]
    assert [entry["OMP_NUM_THREADS"] for entry in notes] == ["3", "3"]
    assert [entry["torch"] for entry in notes] == [False, False]
    assert {entry["CUDA_VISIBLE_DEVICES"] for entry in notes} == {"0", "GPU-5,GPU-7"}


def test_output_goes_to_logs(engines: Engines, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    engine = engines()
    engine.submit(make_job(tmp_path, seed=3))
    engine.submit(make_job(tmp_path, "raise a reason"))
    failed, _ = ends(engine, 2)
    assert failed.outcomes is not None
    assert [(outcome.state, outcome.sentence) for outcome in failed.outcomes] == [("failed", "a reason")]
    [log] = engines.logs.iterdir()
    assert "working on seed 3" in log.read_text()
    assert "Traceback" in log.read_text()
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_a_killed_worker_loses_only_its_job(engines: Engines, tmp_path: Path) -> None:
    engine = engines(jobs=2)
    engine.submit(make_job(tmp_path, "hang", 0))
    engine.submit(make_job(tmp_path, "note", 1))
    engine.submit(make_job(tmp_path, "note", 2))
    ends(engine, 2)
    killed = noted(tmp_path, "hang_0")
    os.kill(killed["pid"], signal.SIGKILL)  # its child lives, and holds its socket open
    [lost] = ends(engine, 1)
    assert lost.job.runs == (Run("cell", 0),)
    assert lost.outcomes is None
    assert "SIGKILL" in lost.lost
    assert str(killed["pid"]) in lost.lost
    wait_until_dead(killed["child"])
    for seed in (3, 4):
        engine.submit(make_job(tmp_path, "note", seed))
    assert all(end.outcomes is not None for end in ends(engine, 2))


@pytest.mark.parametrize(
    ("label", "named"),
    [("die", "SIGKILL"), ("exit 3", "exit code 3"), ("memory", "allocate"), ("break of its GPU", "of its GPU")],
)
def test_a_job_that_ends_its_worker_is_lost(engines: Engines, tmp_path: Path, label: str, named: str) -> None:
    engine = engines()
    engine.submit(make_job(tmp_path, label, 0))
    engine.submit(make_job(tmp_path, "note", 1))
    lost, done = ends(engine, 2)
    assert lost.outcomes is None
    assert named in lost.lost
    assert str(noted(tmp_path, "note_1")["pid"]) not in lost.lost  # another process did the next job
    assert done.outcomes == (Outcome(Run("cell", 1), "done"),)


def test_a_worker_that_cannot_start_is_an_error(
    engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(work, "__module__", "no_module")
        patch.setitem(sys.modules, "no_module", sys.modules[make_job.__module__])
        engine = engines(work=work)
    engine.submit(make_job(tmp_path))
    with pytest.raises(RuntimeError, match="exit code 1"):
        ends(engine, 1)
    [log] = engines.logs.iterdir()
    assert "no_module" in log.read_text()


def test_workers_are_replaced_after_a_number_of_jobs(engines: Engines, tmp_path: Path) -> None:
    engine = engines(jobs_per_worker=2)
    for seed in range(4):
        engine.submit(make_job(tmp_path, "note", seed))
    ends(engine, 4)
    pids = [noted(tmp_path, f"note_{seed}")["pid"] for seed in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_closing_ends_workers_and_their_children_at_once(engines: Engines, tmp_path: Path) -> None:
    engine = engines(jobs=2)
    engine.submit(make_job(tmp_path, "hang", 0))
    engine.submit(make_job(tmp_path, "note", 1))
    ends(engine, 1)
    pids = *noted(tmp_path, "hang_0").values(), noted(tmp_path, "note_1")["pid"]
    assert all(map(is_alive, pids))
    engine.close()
    wait_until_dead(*pids)


DRIVER = """
from pathlib import Path
from lr_lightning.study.engines.local_engine import LocalEngine
from lr_lightning.study.engines.machine import Share
from tests.study.jobs import make_job, work

root = Path()
engine = LocalEngine(work, Share(2, 1, ("", "")), root)
engine.submit(make_job(root, "hang", 0))
engine.submit(make_job(root, "note", 1))
while True:
    engine.wait(60.0)
"""


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_its_driver(tmp_path: Path, ended_by: signal.Signals) -> None:
    driver = subprocess.Popen([sys.executable, "-c", DRIVER], env=os.environ | {"PYTHONPATH": str(ROOT)})
    pids = *noted(tmp_path, "hang_0").values(), noted(tmp_path, "note_1")["pid"]
    assert all(map(is_alive, pids))
    driver.send_signal(ended_by)
    assert driver.wait(timeout=20) == -ended_by
    wait_until_dead(*pids)


def test_ctrl_c_in_the_terminal_does_not_reach_workers(tmp_path: Path) -> None:
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER], env=os.environ | {"PYTHONPATH": str(ROOT)}, start_new_session=True
    )
    pids = *noted(tmp_path, "hang_0").values(), noted(tmp_path, "note_1")["pid"]
    try:
        assert {os.getpgid(pid) for pid in pids}.isdisjoint({os.getpgid(driver.pid)})  # a terminal signals a group
    finally:
        driver.kill()
        driver.wait()
    wait_until_dead(*pids)
