"""The time left of synthetic studies whose runs take known times.

A run trains for an hour and as many seconds as its seed, and its evaluation takes a minute. Times are compared to
within two seconds, which pass while a test runs.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lr_lightning.study.evaluation_file import evaluation_text
from lr_lightning.study.job import Run
from lr_lightning.study.layout import cell_folder, evaluation_path, note_step, run_folder
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.pace import Pace, PaceEstimate
from lr_lightning.study.packing import jobs_of
from lr_lightning.study.status import study_status
from lr_lightning.testing.synthetic_study import (
    FINISHED,
    synthetic_evaluation,
    synthetic_manifest,
    write_synthetic_study,
)
from tests.study.test_run_states import write_lease

STEPS = 300_000
HOUR, MINUTE = 3600.0, 60.0


def study(root: Path, done: int, num_cells: int = 1, num_seeds: int = 5, **changes: Any) -> Manifest:
    """Return a study whose first runs are done, with the config of each cell."""
    manifest = replace(synthetic_manifest(1, num_cells, 1, num_seeds), **changes)
    write_synthetic_study(root, manifest, list(manifest.runs)[:done], num_scores=1)
    for cell in manifest.cells:
        config = {"trainer": {"max_steps": cell.parameters.get("trainer.max_steps", STEPS)}}
        (cell_folder(root, cell.identity) / "config.yaml").write_text(yaml.safe_dump(config))
    return manifest


def take(root: Path, run: Run, since: float, step: int = 0, logged: float = 0.0) -> None:
    """Let this process have a run since so many seconds ago, which has logged a step so many seconds ago."""
    folder = run_folder(root, *run)
    start = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - since))
    write_lease(folder, pid=os.getpid(), since=start)
    if step:
        path = folder / "metrics.csv"
        path.write_text(f"step,train/loss\n{step - 1},0.5\n")
        os.utime(path, (time.time() - logged,) * 2)


def pace(root: Path, manifest: Manifest, held: Sequence[Run] = (), slots: int = 0) -> Pace:
    """Return the pace of a study of which nothing has failed, whose runs are all in one engine."""
    digest = manifest.evaluation.digest
    paths = {run: evaluation_path(run_folder(root, *run), digest) for runs in jobs_of(manifest) for run in runs}
    finished = {run: path.stat().st_mtime for run, path in paths.items() if path.exists()}
    jobs = [[run for run in runs if run not in finished] for runs in jobs_of(manifest)]
    return PaceEstimate(manifest, root).pace(finished, jobs, held, held, slots)


def runs_of(manifest: Manifest) -> list[Run]:
    return [Run(cell.identity, seed) for cell, seed in manifest.runs]


def test_runs_take_as_long_as_those_that_are_done(tmp_path: Path) -> None:
    manifest = study(tmp_path, done=1)
    _, second, *_ = runs_of(manifest)
    take(tmp_path, second, since=2000, step=STEPS // 4)
    found = pace(tmp_path, manifest, [second])
    # three quarters and an evaluation of the one that runs, and three whole runs after it
    assert found.seconds_left == pytest.approx(0.75 * HOUR + MINUTE + 3 * (HOUR + MINUTE), abs=2)
    assert found.under_way == pytest.approx(0.25)
    assert found.runs_per_hour == pytest.approx(HOUR / (HOUR + MINUTE))
    assert pace(tmp_path, manifest, [second], slots=2).seconds_left == pytest.approx(2 * (HOUR + MINUTE), abs=2)
    assert pace(tmp_path, manifest, [second], slots=4).seconds_left == pytest.approx(HOUR + MINUTE, abs=2)


def test_other_drivers_do_their_part(tmp_path: Path) -> None:
    manifest = study(tmp_path, done=1)
    _, second, third, *_ = runs = runs_of(manifest)
    take(tmp_path, third, since=0)
    jobs = [[run] for run in runs[1:]]
    # the engine has room for one more, and two are left for the two
    found = PaceEstimate(manifest, tmp_path).pace({runs[0]: FINISHED}, jobs, runs[1:], [second], slots=1)
    assert found.seconds_left == pytest.approx(2 * (HOUR + MINUTE), abs=2)
    found = PaceEstimate(manifest, tmp_path).pace({runs[0]: FINISHED}, jobs, runs[1:], [third], slots=1)
    assert found.seconds_left == pytest.approx(4 * (HOUR + MINUTE), abs=2)


@pytest.mark.parametrize(("silence", "left"), [(0, 0.5 * HOUR), (600, 0.5 * HOUR - 600), (10 * HOUR, 0)])
def test_the_time_left_falls_while_nothing_is_logged(tmp_path: Path, silence: float, left: float) -> None:
    """Also where a run takes longer than those before: it never grows."""
    manifest = study(tmp_path, done=1, num_seeds=2)
    _, second = runs_of(manifest)
    take(tmp_path, second, since=20 * HOUR, step=STEPS // 2, logged=silence)
    assert pace(tmp_path, manifest, [second]).seconds_left == pytest.approx(left + MINUTE, abs=2)


def test_runs_that_are_done_show_how_many_steps_there_are(tmp_path: Path) -> None:
    manifest = study(tmp_path, done=1, num_seeds=2)
    (cell_folder(tmp_path, manifest.cells[0].identity) / "config.yaml").write_text("trainer: {max_epochs: 3}\n")
    _, second = runs_of(manifest)
    take(tmp_path, second, since=2000, step=STEPS // 2)
    assert pace(tmp_path, manifest, [second]).seconds_left == pytest.approx(0.5 * HOUR + MINUTE, abs=2)


def test_before_its_first_entry_time_passes_since_a_run_was_taken(tmp_path: Path) -> None:
    manifest = study(tmp_path, done=1, num_seeds=2)
    _, second = runs_of(manifest)
    take(tmp_path, second, since=500)
    assert pace(tmp_path, manifest, [second]).seconds_left == pytest.approx(HOUR - 500 + MINUTE, abs=2)


def test_without_runs_that_are_done_those_under_way_show_the_time_of_a_step(tmp_path: Path) -> None:
    manifest = study(tmp_path, done=0, num_seeds=3)
    first, second, _ = runs_of(manifest)
    assert pace(tmp_path, manifest, slots=2) == Pace(None, None, 0.0)
    take(tmp_path, first, since=100)
    assert pace(tmp_path, manifest, [first]).seconds_left is None  # it has not logged anything
    take(tmp_path, first, since=100, step=3000)  # 30 steps a second
    take(tmp_path, second, since=200, step=2000, logged=100)  # 20 a second
    seconds = STEPS * (1 / 30 + 1 / 20) / 2
    left = min(seconds * (1 - 3000 / STEPS), seconds * (1 - 2000 / STEPS) - 100)
    assert pace(tmp_path, manifest, [first, second]).seconds_left == pytest.approx(left + seconds, rel=0.02)


def test_a_run_that_is_evaluated_shows_how_long_its_training_took(tmp_path: Path) -> None:
    manifest = study(tmp_path, done=0, num_seeds=3)
    first, *_ = runs_of(manifest)
    take(tmp_path, first, since=7, step=STEPS)
    results = run_folder(tmp_path, *first) / "results.json"
    results.write_text(json.dumps({"fit": {"seconds": 2000.0, "step": STEPS}}))
    assert pace(tmp_path, manifest, [first]).seconds_left == pytest.approx(4000)
    results.write_text("damaged")
    assert pace(tmp_path, manifest, [first]).seconds_left is None


def test_evaluations_of_which_none_has_ended_take_an_unknown_time(tmp_path: Path) -> None:
    manifest = study(tmp_path, done=0, num_seeds=2)
    runs = runs_of(manifest)
    for run in runs:
        take(tmp_path, run, since=7, step=STEPS)
        results = {"fit": {"seconds": 2000.0, "step": STEPS}}
        (run_folder(tmp_path, *run) / "results.json").write_text(json.dumps(results))
    assert pace(tmp_path, manifest, runs).seconds_left is None


def test_steps_before_an_interruption_do_not_count_as_speed(tmp_path: Path) -> None:
    manifest = study(tmp_path, done=0, num_seeds=1)
    [run] = runs_of(manifest)
    take(tmp_path, run, since=100, step=STEPS // 2)
    note_step(run_folder(tmp_path, *run), STEPS // 2 - 1000)  # 10 steps a second
    assert pace(tmp_path, manifest, [run]).seconds_left == pytest.approx(STEPS // 2 / 10, rel=0.02)
    note_step(run_folder(tmp_path, *run), STEPS // 2)  # nothing is new
    assert pace(tmp_path, manifest, [run]).seconds_left is None
    note_step(run_folder(tmp_path, *run), 0)
    assert pace(tmp_path, manifest, [run]).seconds_left == pytest.approx(100, rel=0.02)


def test_an_entry_before_the_interruption_is_no_news(tmp_path: Path) -> None:
    manifest = study(tmp_path, done=1, num_seeds=2)
    _, second = runs_of(manifest)
    take(tmp_path, second, since=50, step=STEPS // 2, logged=5000)
    assert pace(tmp_path, manifest, [second]).seconds_left == pytest.approx(0.5 * HOUR - 50 + MINUTE, abs=2)


def test_what_an_interrupted_run_has_done_need_not_be_done_again(tmp_path: Path) -> None:
    manifest = study(tmp_path, done=1, num_seeds=4)
    _, second, third, fourth = runs_of(manifest)
    for run, step in ((second, STEPS // 2), (third, STEPS)):
        take(tmp_path, run, since=0, step=step)
        (run_folder(tmp_path, *run) / ".lease").unlink()
    (run_folder(tmp_path, *third) / "results.json").write_text("{}")
    left = 0.5 * HOUR + MINUTE + MINUTE + HOUR + MINUTE
    assert pace(tmp_path, manifest, slots=1).seconds_left == pytest.approx(left, abs=2)
    take(tmp_path, third, since=20)  # being evaluated
    found = pace(tmp_path, manifest, [second, third, fourth], slots=1)
    assert found.seconds_left == pytest.approx(left - 20, abs=2)
    assert found.under_way == 1


def test_runs_of_other_lengths_take_time_in_proportion(tmp_path: Path) -> None:
    manifest = synthetic_manifest(1, 3, 1, 1)
    lengths = (STEPS, 2 * STEPS, 2 * STEPS)
    cells = [
        replace(cell, parameters={**cell.parameters, "trainer.max_steps": steps})
        for cell, steps in zip(manifest.cells, lengths, strict=True)
    ]
    manifest = study(tmp_path, done=1, num_seeds=1, cells=tuple(cells))
    assert pace(tmp_path, manifest, slots=1).seconds_left == pytest.approx(2 * (2 * HOUR + MINUTE))
    for cell in cells:  # without a number of steps, they count as equally long
        (cell_folder(tmp_path, cell.identity) / "config.yaml").write_text("trainer: {max_steps: -1}\n")
    assert pace(tmp_path, manifest, slots=1).seconds_left == pytest.approx(2 * (HOUR + MINUTE))


def test_cells_that_differ_in_their_objectives_numbers_take_the_same_time(tmp_path: Path) -> None:
    """Each of two objectives has a cell that is done; runs of the second one take ten times as long."""
    manifest = synthetic_manifest(2, 2, 1, 1)
    done = [manifest.cells[0], manifest.cells[2]]
    write_synthetic_study(tmp_path, manifest, [(cell, 0) for cell in done], num_scores=1)
    slow = replace(synthetic_evaluation(done[1], 0, 1), training_seconds=10 * HOUR)
    path = evaluation_path(run_folder(tmp_path, done[1].identity, 0), manifest.evaluation.digest)
    path.write_text(evaluation_text(slow))
    assert pace(tmp_path, manifest, slots=2).seconds_left == pytest.approx(10 * HOUR + MINUTE)


def test_runs_that_are_trained_together_take_turns(tmp_path: Path) -> None:
    manifest = study(tmp_path, done=2, num_seeds=4, runs_per_job=2)
    _, _, third, fourth = runs_of(manifest)
    for run in (third, fourth):
        take(tmp_path, run, since=1000, step=STEPS // 2, logged=30)
    found = pace(tmp_path, manifest, [third, fourth])
    # times are shares of those of a job: the means of seeds 0 and 1
    assert found.seconds_left == pytest.approx(2 * (0.5 * (HOUR + 0.5) + MINUTE) - 30, abs=2)
    assert found.runs_per_hour == pytest.approx(2 / (36 + 2 * (HOUR + 1 + MINUTE)) * HOUR)


def test_a_share_of_a_job_is_known_from_its_steps_too(tmp_path: Path) -> None:
    manifest = study(tmp_path, done=0, num_seeds=2, runs_per_job=2)
    runs = runs_of(manifest)
    for run in runs:
        take(tmp_path, run, since=100, step=STEPS // 100)
    assert pace(tmp_path, manifest, runs).seconds_left == pytest.approx(99 * 100, rel=0.02)


def test_only_the_last_runs_of_a_kind_are_read(tmp_path: Path) -> None:
    manifest = study(tmp_path, done=20, num_seeds=21)
    for seed in range(10):
        path = evaluation_path(run_folder(tmp_path, manifest.cells[0].identity, seed), manifest.evaluation.digest)
        path.write_text("damaged")
        os.utime(path, (FINISHED,) * 2)
    assert pace(tmp_path, manifest, slots=1).seconds_left == pytest.approx(HOUR + MINUTE + 17)  # of seeds 15 to 19


def test_the_status_shows_the_same(tmp_path: Path) -> None:
    manifest = study(tmp_path, done=2, num_seeds=5)
    _, _, third, *_ = runs_of(manifest)
    take(tmp_path, third, since=2000, step=STEPS // 4)
    status, found = study_status(manifest, tmp_path), pace(tmp_path, manifest, [third])
    assert status.runs_per_hour == found.runs_per_hour
    assert status.seconds_left == pytest.approx(found.seconds_left, abs=2)
