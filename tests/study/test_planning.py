"""What a study would take: counts, measured steps and the estimate."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from rich.console import Console

from lr_lightning.commands.study.dry_run import plan_lines, plan_table
from lr_lightning.study.definition import read_definition
from lr_lightning.study.evaluation_file import EvaluationRecord, write_evaluation
from lr_lightning.study.layout import evaluation_path, run_folder
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.planning import Plan, PlanRow, plan_study
from lr_lightning.study.resolution import ResolvedStudy, resolve_study
from lr_lightning.study.step_time import StepTime, step_time

ROOT = Path("studies")
STUDY: dict[str, Any] = {
    "config": "helix",
    "set": {"assays": None, "trainer.max_epochs": 2, "data.batches_per_epoch": 7},
    "seeds": 3,
    "grid": [{"model.beta": [1, 4]}],
}


def resolved(**changed: Any) -> ResolvedStudy:
    path = Path("mine.yaml")
    path.write_text(yaml.safe_dump(STUDY | changed))
    return resolve_study(read_definition(path))


def finish(manifest: Manifest, cell: int, seed: int, seconds: float) -> None:
    identity = manifest.cells[cell].identity
    record = EvaluationRecord(identity, seed, 14, 1.0, seconds, 1, "32-true", {}, {})
    write_evaluation(evaluation_path(run_folder(ROOT, identity, seed), manifest.evaluation.digest), record)


def plan(study: ResolvedStudy) -> Plan:
    return plan_study(study, ROOT, jobs=1, seconds=0.0)


def test_steps_are_measured_without_a_trace(capsys: pytest.CaptureFixture[str]) -> None:
    config = next(iter(resolved().configs.values()))
    torch.manual_seed(3)
    before = torch.get_rng_state(), torch.get_num_threads(), sorted(Path().iterdir())
    found = step_time(config, threads=1, seconds=0.0)
    assert (found.measured, found.steps_per_epoch) == (5, 7)
    assert 0 < found.seconds < 5
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (torch.get_num_threads(), sorted(Path().iterdir())) == before[1:]
    assert capsys.readouterr() == ("", "")


def test_missing_data_are_replaced_by_random_images() -> None:
    dataset = {"class_path": "DSprites", "init_args": {"path": "missing.h5"}}
    study = resolved(config="dsprites_betavae", grid=[{"data.dataset": dataset, "data.batch_size": 2}])
    [row] = plan(study).rows
    assert row.is_stand_in
    assert row.step is not None
    assert row.step.measured >= 5


def test_cells_of_one_block_are_measured_once() -> None:
    [row] = plan(resolved()).rows
    assert (row.cells, row.runs, row.done, row.steps) == (2, 6, 0, 14)
    assert row.step is not None
    assert row.run_seconds == pytest.approx(14 * row.step.seconds)


def test_the_earlier_of_two_ends_counts() -> None:
    grid = [{"trainer.max_steps": 10}, {"trainer.max_steps": 20}, {"trainer.max_epochs": [None]}]
    assert [row.steps for row in plan(resolved(grid=grid)).rows] == [10, 14, 7000]


def test_what_is_done_is_not_counted_again() -> None:
    study = resolved(runs_per_job=2)
    for cell, seed, seconds in ((0, 0, 10.0), (0, 1, 20.0), (1, 2, 30.0)):
        finish(study.manifest, cell, seed, seconds)
    found = plan(study)
    assert [row.done for row in found.rows] == [3]
    assert found.jobs_left == 2  # seed 2 of the first cell, seeds 0 and 1 of the second
    assert found.evaluation_seconds == pytest.approx(20)
    assert found.seconds_left == pytest.approx(3 * (found.rows[0].run_seconds + 20))


def test_a_study_that_is_done_is_not_measured() -> None:
    study = resolved(seeds=1)
    finish(study.manifest, 0, 0, 1.0)
    finish(study.manifest, 1, 0, 1.0)
    found = plan(study)
    assert found.rows[0].step is None
    assert (found.jobs_left, found.seconds_left) == (0, 0)
    assert len(list(plan_lines(found))) == 1


def row(**changed: Any) -> PlanRow:
    given = PlanRow(1, "StructuralAutoencoder", "RenderedShapes3D", 6, 300, 12, 300_000, StepTime(1.5, 9, 1), True)
    return replace(given, **changed)


def test_the_longest_run_bounds_the_time() -> None:
    manifest = resolved().manifest
    rows = (row(runs=2, done=0, steps=100), row(runs=1, done=0, steps=10))
    one = Plan(manifest, rows, 3, 1, 1, False, None, ())
    assert one.seconds_left == pytest.approx(315)
    assert replace(one, jobs=2).seconds_left == pytest.approx(157.5)
    assert replace(one, jobs=8).seconds_left == pytest.approx(150)


def test_the_table_fits_into_80_columns() -> None:
    found = Plan(resolved().manifest, (row(block=12, cells=1234, runs=61_700),), 5, 2, 1, True, 30.0, ("x: no file",))
    console = Console(width=80, file=io.StringIO())
    with console.capture() as captured:
        console.print(plan_table(found))
    text = captured.get()
    assert max(map(len, text.splitlines())) <= 80
    for word in ("12", "1,234", "61,700", "300,000", "1,500*", "5 d 5 h"):
        assert word in text
    lines = "\n".join(plan_lines(found))
    assert "0.5 GPU" not in lines
    assert "x: no file" in lines
