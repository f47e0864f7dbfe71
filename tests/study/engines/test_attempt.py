"""What every engine does around a job, in this process."""

import os
from pathlib import Path

import pytest

from lr_lightning.commands.run.folder import RunFolder
from lr_lightning.study.engines.attempt import attempt
from lr_lightning.study.job import Job, Outcome, Run
from tests.study.jobs import make_job


def test_a_worker_on_another_node_of_a_batch_job_locks_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Launchers tell processes their ranks, and only the first process of a distributed run locks the folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    ranks = {"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "RANK": "3", "LOCAL_RANK": "1", "TORCHELASTIC_RUN_ID": "x"}
    for name, value in ranks.items():
        monkeypatch.setenv(name, value)

    def work(job: Job) -> tuple[Outcome, ...]:
        folder = RunFolder(job.root / "run")
        assert folder.lease is not None
        folder.leave()
        return tuple(Outcome(run, "done") for run in job.runs)

    assert attempt(work, make_job(tmp_path)) == (Outcome(Run("cell", 0), "done"),)
    assert not ranks.keys() & os.environ.keys()
    assert os.environ["HOME"] == str(tmp_path)
