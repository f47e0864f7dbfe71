"""The seeds of one job are trained together, and leave the runs that jobs of one seed leave."""

import csv
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lr_lightning.commands.fit.members import Member, fit_members
from lr_lightning.commands.run.lease import acquire
from lr_lightning.runs import fit
from lr_lightning.study import members
from lr_lightning.study.job import Job, Run
from lr_lightning.study.layout import CELL_CONFIG, cell_folder, continued_step, evaluation_path, run_folder
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.packing import cells_trained_alone, jobs_of
from lr_lightning.study.run_job import run_job
from lr_lightning.study.training import run_values
from tests.run_folders import differences
from tests.study.small_study import job_of, make_study
from tests.wandb_history import history, parts

pytestmark = [
    pytest.mark.filterwarnings("ignore:score undefined"),
    pytest.mark.filterwarnings("ignore:.* seed 4 ended"),
]
SHORT = {"trainer.max_epochs": 2, "data.batches_per_epoch": 4, "trainer.log_every_n_steps": 2}
DIVERGING = {"model": "tests.commands.fit.diverging.DivergingVAE"}


class Recorder:
    """Records which seeds are trained together, and trains them or not."""

    def __init__(self, trains: bool) -> None:
        self.trains = trains
        self.runs: list[list[Run]] = []

    def __call__(self, members: Mapping[str, Member]) -> dict[str, str]:
        # runs/CELL/seed_S
        self.runs.append([Run(each.folder.path.parent.name, each.seed) for each in members.values()])
        return fit_members(members) if self.trains else {}

    @property
    def seeds(self) -> list[list[int]]:
        return [[run.seed for run in runs] for runs in self.runs]


def recorder(monkeypatch: pytest.MonkeyPatch, trains: bool) -> Recorder:
    found = Recorder(trains)
    monkeypatch.setattr("lr_lightning.study.members.fit_members", found)
    return found


def states(job: Job) -> dict[int, str]:
    return {outcome.run.seed: outcome.state for outcome in run_job(job)}


def study_of(root: str, **values: Any) -> tuple[Manifest, Path]:
    path = Path(root).absolute()
    return make_study(path, SHORT | values), path


def folder_of(job: Job, seed: int) -> Path:
    return run_folder(job.root, job.runs[0].cell, seed)


def test_a_job_of_several_seeds_leaves_the_runs_of_jobs_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, root = study_of("together")
    job = job_of(manifest, root, seeds=(3, 4))
    trained = recorder(monkeypatch, trains=True)
    begun = []
    monkeypatch.setattr("lr_lightning.study.training.fit", lambda *given, **_: begun.append(given))
    assert states(job) == {3: "done", 4: "done"}
    assert trained.seeds == [[3, 4]]
    assert evaluation_path(folder_of(job, 4), job.evaluation.digest).exists()
    manifest, other = study_of("alone")
    alone = job_of(manifest, other, seeds=(4,))
    with monkeypatch.context() as patch:
        patch.setattr("lr_lightning.study.training.fit", fit)
        assert states(alone) == {4: "done"}
    assert differences(folder_of(alone, 4), folder_of(job, 4)) == []
    # all is done, and nothing is trained again; nor are seeds whose evaluation is missing
    shutil.rmtree(folder_of(job, 3) / "evaluations")
    assert states(replace(job, wandb="offline")) == {3: "done", 4: "done"}
    assert trained.seeds == [[3, 4]]
    assert begun == []  # evaluated without another start of the training
    # W&B begins with the evaluation, and has what was logged when seeds were trained together
    rows = history(parts(folder_of(job, 3))[-1])
    losses = {row["trainer/global_step"]: row["train/loss"] for row in rows if "train/loss" in row}
    with (folder_of(job, 3) / "metrics.csv").open(newline="") as file:
        logged = {int(row["step"]): float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]}
    assert losses == logged
    assert [*losses] == [1, 3, 5, 7]


def test_seeds_at_the_same_step_continue_together(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, root = study_of("studies")
    job = job_of(manifest, root, seeds=(3, 4, 5, 6))
    config = cell_folder(root, job.runs[0].cell) / CELL_CONFIG
    for seed in (4, 6):  # as if a worker had been killed
        fit(
            config,
            run_values(job, job.runs[0]._replace(seed=seed)) | {"trainer.max_epochs": 1},
            folder=folder_of(job, seed),
            quiet=True,
        )
        (folder_of(job, seed) / "results.json").unlink()
        written = folder_of(job, seed) / "config.yaml"
        written.write_text(written.read_text().replace("max_epochs: 1", "max_epochs: 2"))
    trained = recorder(monkeypatch, trains=False)
    folder_of(job, 3).mkdir(parents=True)
    lease = acquire(folder_of(job, 3), wait=False)
    assert members.train_together(job) == {}
    assert trained.seeds == [[4, 6]]  # 3 is in use, so that 5 is left to be trained alone
    lease.release()
    assert members.train_together(job) == {}
    assert trained.seeds[1:] == [[3, 5], [4, 6]]
    assert [continued_step(folder_of(job, seed)) for seed in (3, 4, 5, 6)] == [0, 4, 0, 4]


def test_a_seed_that_diverges_does_not_stop_the_others() -> None:
    manifest, root = study_of("studies", **DIVERGING)
    job = job_of(manifest, root, seeds=(3, 4, 5))
    outcomes = run_job(job)
    assert [outcome.state for outcome in outcomes] == ["done", "diverged", "done"]
    assert "nan at step 8" in outcomes[1].sentence
    [alone] = run_job(job_of(manifest, root, seeds=(4,)))
    assert (alone.state, alone.sentence) == ("diverged", outcomes[1].sentence)


def test_a_job_of_several_cells_leaves_the_runs_of_jobs_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = [{"model.beta": [0.05, 4.0]}, {"model.optimizer.lr": [0.003], "model.beta": [0.5]}]
    root = Path("packed").absolute()
    manifest = make_study(root, SHORT, grid=grid, seeds=2, runs_per_job=6)
    [runs] = jobs_of(manifest)
    assert len(runs) == 6
    assert len({cell.group for cell in manifest.cells}) == 1
    trained = recorder(monkeypatch, trains=True)
    job = job_of(manifest, root, cells=(0, 1, 2), seeds=(0, 1), wandb="offline")
    assert set(job.runs) == set(runs)
    assert {outcome.state for outcome in run_job(job)} == {"done"}
    assert trained.seeds == [[0, 1, 0, 1, 0, 1]]
    alone = Path("alone").absolute()
    make_study(alone, SHORT, grid=grid, seeds=2)
    for number, cell in enumerate(manifest.cells):
        single = job_of(manifest, alone, number, seed=1, wandb="offline")
        assert states(single) == {1: "done"}
        packed = run_folder(root, cell.identity, 1)
        found = differences(run_folder(alone, cell.identity, 1), packed)
        assert [each for each in found if not each.startswith("wandb_media.jsonl")] == [], found
        written = yaml.safe_load((packed / "config.yaml").read_text())
        assert written["wandb"]["name"] == f"{cell.label} seed 1"
        assert written["wandb"]["config"] == {**cell.parameters, "seed": 1}
        assert len(list((packed / "wandb").glob("offline-run-*"))) == 1


def test_cells_at_the_same_step_continue_together(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path("studies").absolute()
    manifest = make_study(root, SHORT, grid=[{"model.beta": [0.05, 1.0, 4.0]}])
    job = job_of(manifest, root, cells=(0, 1, 2))
    values = run_values(job, job.runs[1]) | {"trainer.max_steps": 3}
    fit(cell_folder(root, job.runs[1].cell) / CELL_CONFIG, values, folder=run_folder(root, *job.runs[1]), quiet=True)
    trained = recorder(monkeypatch, trains=False)
    members.train_together(job)
    assert trained.runs == [[job.runs[0], job.runs[2]]]


def test_an_error_of_one_cell_does_not_fail_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path("studies").absolute()
    manifest = make_study(root, SHORT | {"model": "tests.study.failing.FailingVAE"}, grid=[{"model.beta": [0.05, 7.0]}])
    assert len({cell.group for cell in manifest.cells}) == 1
    trained = recorder(monkeypatch, trains=True)
    outcomes = run_job(job_of(manifest, root, cells=(0, 1)))
    assert trained.seeds == [[0, 0]]
    assert [outcome.state for outcome in outcomes] == ["done", "failed"]
    assert "7.0 is unlucky" in outcomes[1].sentence


def test_cells_with_a_setting_for_one_run_have_jobs_of_one_run() -> None:
    grid = [{"model.beta": [1.0, 4.0]}, {"trainer.gradient_clip_val": [1.0], "model.beta": [2.0]}]
    manifest = make_study(Path("studies"), SHORT, grid=grid, seeds=2, runs_per_job=2)
    assert [cell.alone for cell in manifest.cells] == ["", "", "gradient_clip_val"]
    assert sorted(map(len, jobs_of(manifest))) == [1, 1, 2, 2]
    assert cells_trained_alone(manifest).startswith("1 of 3 cells")
    assert "trainer.gradient_clip_val" in cells_trained_alone(manifest)
    assert cells_trained_alone(make_study(Path("studies"), SHORT, grid=grid, seeds=2)) == ""


def test_what_works_on_one_run_at_a_time_is_not_trained_together() -> None:
    manifest, root = study_of("studies", **{"trainer.gradient_clip_val": 1.0})
    outcomes = run_job(job_of(manifest, root, seeds=(3, 4)))
    assert [outcome.state for outcome in outcomes] == ["failed", "failed"]
    assert "trainer.gradient_clip_val is 1.0" in outcomes[0].sentence
