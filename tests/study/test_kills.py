"""Promises of a study that is killed: real drivers, real workers, real training."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lr_lightning.study.job import Job
from lr_lightning.study.layout import CELL_CONFIG, cell_folder, run_folder
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.run_job import run_job
from lr_lightning.study.run_states import run_states
from tests.study.interruptions import PauseOnce
from tests.study.jobs import noted, wait_until_dead
from tests.study.small_study import WITH_CODES, comparable, job_of, make_study

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:score undefined"),  # models of a few steps
    pytest.mark.filterwarnings("ignore:independence is undefined"),
]
SEEDS = (0, 1)
STEPS = [10, 30]
"""Before the first checkpoint, and between the first and the second one."""

DRIVER = """
import sys
from pathlib import Path
from lr_lightning.study.driver import Driver
from lr_lightning.study.engines.local_engine import LocalEngine
from lr_lightning.study.engines.machine import Share
from lr_lightning.study.layout import StudyFolder
from lr_lightning.study.manifest import read_manifest
from lr_lightning.study.run_job import run_job

class NoDisplay:
    def show(self, progress):
        pass

jobs = int(sys.argv[1])
folder = StudyFolder(Path("studies"), "small")
driver = Driver(folder.root, read_manifest(folder.manifest))
engine = LocalEngine(run_job, Share(jobs, 1, ("",) * jobs), folder.logs)
driver.drive(engine, 1, 1, NoDisplay())
engine.close()
assert "torch" not in sys.modules
print(len(driver.progress.done), len(driver.progress.failures))
"""
_PATHS = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}


class Drivers:
    """Starts drivers, and kills those that are left after the test."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[str]] = []

    def start(self, jobs: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", DRIVER, str(jobs)]
        self.started.append(subprocess.Popen(command, env=_PATHS, stdout=subprocess.PIPE, text=True))
        return self.started[-1]


@pytest.fixture
def drivers() -> Iterator[Drivers]:
    drivers = Drivers()
    yield drivers
    for driver in drivers.started:
        driver.kill()
        driver.communicate()


def paused_study(folder: Path) -> Manifest:
    """Return a study whose runs pause at each of the steps until they have been killed there."""
    pause = {"class_path": f"{PauseOnce.__module__}.{PauseOnce.__qualname__}"}
    pause["init_args"] = {"steps": STEPS, "folder": str(folder / "notes")}  # type: ignore[assignment]
    return make_study(folder / "studies", {"trainer.callbacks": [pause]}, seeds=len(SEEDS), test=WITH_CODES)


def test_killed_workers_and_drivers_leave_the_files_of_undisturbed_runs(tmp_path: Path, drivers: Drivers) -> None:
    manifest, notes = paused_study(tmp_path), tmp_path / "notes"
    [cell] = manifest.cells
    config = cell_folder(tmp_path / "studies", cell.identity) / CELL_CONFIG

    first = drivers.start(jobs=2)
    os.kill(noted(notes, "seed_0-step10")["pid"], signal.SIGKILL)  # its run starts again, and comes to the next pause
    held = [noted(notes, name)["pid"] for name in ("seed_0-step30", "seed_1-step10")]
    first.kill()
    wait_until_dead(*held)

    both = [drivers.start(jobs=1), drivers.start(jobs=1)]  # one run for each of them
    os.kill(noted(notes, "seed_1-step30")["pid"], signal.SIGKILL)
    assert [driver.communicate(timeout=600)[0].split() for driver in both] == [["2", "0"]] * 2
    assert {state.state for state in run_states(manifest, tmp_path / "studies").values()} == {"done"}

    logs = "".join(path.read_text() for path in (tmp_path / "studies" / "small" / "logs").iterdir())
    assert logs.count("(test)") == len(SEEDS)  # each run was evaluated once
    whole = tmp_path / "whole"
    cell_folder(whole, cell.identity).mkdir(parents=True)
    (cell_folder(whole, cell.identity) / CELL_CONFIG).write_text(config.read_text())
    for seed in SEEDS:
        job: Job = job_of(manifest, whole, seed=seed)
        assert [outcome.state for outcome in run_job(job)] == ["done"]
        undisturbed, found = (
            comparable(run_folder(root, cell.identity, seed)) for root in (whole, tmp_path / "studies")
        )
        assert undisturbed.keys() == found.keys() > {f"{manifest.evaluation.digest}.npz"}
        for name in undisturbed:
            assert undisturbed[name] == found[name], (seed, name)
