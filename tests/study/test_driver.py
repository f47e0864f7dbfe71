"""The loop of a study, with an engine that does jobs in this process."""

import errno
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lr_lightning.commands.run import lease
from lr_lightning.commands.run.lease import Holder, acquire
from lr_lightning.study import driver
from lr_lightning.study.driver import Driver, Progress
from lr_lightning.study.evaluation_file import evaluation_text
from lr_lightning.study.failure import Failure, read_failure, write_failure
from lr_lightning.study.job import Job, Outcome, Run
from lr_lightning.study.layout import evaluation_path, run_folder
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.pace import Pace, PaceEstimate
from lr_lightning.testing.synthetic_study import synthetic_evaluation, synthetic_manifest, write_synthetic_study
from tests.study.inline_engine import InlineEngine, finish
from tests.study.test_run_states import write_lease

ROOT = Path("studies")


class NoDisplay:
    most_running = 0

    def show(self, progress: Progress) -> None:
        self.most_running = max(self.most_running, progress.running)
        assert 0 <= len(progress.done) + len(progress.failures) <= progress.total


def study(num_strengths: int = 2, num_seeds: int = 2, **changes: Any) -> Manifest:
    return synthetic_manifest(1, num_strengths, 1, num_seeds, **changes)


def drive(manifest: Manifest, work: Callable[[Job], Any] = finish, retries: int = 0) -> tuple[Progress, InlineEngine]:
    engine = InlineEngine(work)
    study_driver = Driver(ROOT, manifest)
    study_driver.drive(engine, 3, retries, NoDisplay())
    return study_driver.progress, engine


def folder(manifest: Manifest, cell: int, seed: int) -> Path:
    return run_folder(ROOT, manifest.cells[cell].identity, seed)


def test_each_run_is_one_job_first_the_first_seed_of_all_cells() -> None:
    manifest = study()
    progress, engine = drive(manifest)
    first, second = (cell.identity for cell in manifest.cells)
    assert engine.runs == [(Run(cell, seed),) for seed in (0, 1) for cell in (first, second)]
    assert engine.most_in_engine == 4  # twice its slots
    assert progress.done == {(cell, seed) for cell in (first, second) for seed in (0, 1)}
    job = engine.jobs[1]
    assert job.root == ROOT.absolute()
    assert job.cells == {second: manifest.cells[1]}
    assert job.label(job.runs[0]) == f"{manifest.cells[1].label} seed 0"
    assert (job.study, job.threads) == ("synthetic", 3)
    assert (job.evaluation, job.resources, job.wandb) == (manifest.evaluation, manifest.resources, manifest.wandb)


def test_seeds_of_a_cell_share_a_job() -> None:
    manifest = study(num_strengths=1, num_seeds=5, runs_per_job=2)
    evaluation_path(folder(manifest, 0, 2), manifest.evaluation.digest).parent.mkdir(parents=True)
    evaluation_path(folder(manifest, 0, 2), manifest.evaluation.digest).touch()
    _, engine = drive(manifest)
    assert engine.seeds == [(0, 1), (3,), (4,)]


def test_cells_of_a_group_share_a_job_too() -> None:
    manifest = study(num_strengths=3, num_seeds=1, runs_per_job=2)
    cells = [replace(cell, group="a" if number < 2 else "") for number, cell in enumerate(manifest.cells)]
    progress, engine = drive(replace(manifest, cells=tuple(cells)))
    one, two, three = (Run(cell.identity, 0) for cell in cells)
    assert engine.runs == [(one, two), (three,)]
    assert engine.jobs[0].cells == {cell.identity: cell for cell in cells[:2]}
    assert len(progress.done) == 3


def test_a_failure_in_a_job_of_several_cells_is_that_of_its_run() -> None:
    manifest = study(num_seeds=1, runs_per_job=2)
    manifest = replace(manifest, cells=tuple(replace(cell, group="a") for cell in manifest.cells))

    def work(job: Job) -> tuple[Outcome, ...]:
        finish(replace(job, runs=job.runs[:1]))
        return Outcome(job.runs[0], "done"), Outcome(job.runs[1], "diverged", "why")

    progress, engine = drive(manifest, work)
    assert len(engine.jobs) == 1
    assert progress.done == {Run(manifest.cells[0].identity, 0)}
    assert list(progress.failures) == [Run(manifest.cells[1].identity, 0)]
    assert read_failure(folder(manifest, 1, 0)) == progress.failures[Run(manifest.cells[1].identity, 0)]


def test_only_what_is_missing_runs() -> None:
    small = study()
    drive(small)
    again, engine = drive(small)
    assert engine.jobs == []
    assert (len(again.done), again.done_before) == (4, 4)

    grown, engine = drive(study(num_strengths=3))
    assert engine.runs == [(Run(study(num_strengths=3).cells[2].identity, seed),) for seed in (0, 1)]
    assert (len(grown.done), grown.done_before) == (6, 4)

    deleted = evaluation_path(folder(small, 0, 1), small.evaluation.digest)
    deleted.unlink()
    _, engine = drive(small)
    assert engine.runs == [(Run(small.cells[0].identity, 1),)]


@pytest.mark.parametrize("state", ["failed", "diverged"])
def test_a_failure_is_recorded_and_stops_nothing(state: Any) -> None:
    manifest = study()
    bad = manifest.cells[0].identity

    def work(job: Job) -> tuple[Outcome, ...]:
        fails = job.runs == (Run(bad, 1),)
        return (Outcome(job.runs[0], state, "why", 7.0, "node"),) if fails else finish(job)

    progress, engine = drive(manifest, work, retries=2)
    assert len(engine.jobs) == 4  # it is not tried again
    assert len(progress.done) == 3
    failure = read_failure(folder(manifest, 0, 1))
    assert failure is not None
    assert (failure.state, failure.sentence, failure.attempts) == (state, "why", 1)
    assert (failure.seconds, failure.host) == (7.0, "node")
    assert progress.failures == {Run(bad, 1): failure}
    again, engine = drive(manifest)
    assert engine.jobs == []
    assert again.failures == progress.failures


def test_a_lost_job_runs_again_before_those_that_the_engine_has_not_got() -> None:
    manifest, lost = study(num_strengths=1, num_seeds=8), Counter[tuple[Run, ...]]()

    def work(job: Job) -> tuple[Outcome, ...] | None:
        lost[job.runs] += 1
        return None if lost[job.runs] <= 2 and job.runs[0].seed == 0 else finish(job)

    progress, engine = drive(manifest, work, retries=2)
    assert len(progress.done) == 8
    assert progress.failures == {}
    # the engine gets four jobs at first, and then one for each that has ended
    assert [seed for seeds in engine.seeds for seed in seeds] == [0, 1, 2, 3, 0, 4, 5, 6, 0, 7]


def test_attempts_that_were_lost_count_in_the_record_of_a_failure() -> None:
    manifest, tried = study(num_strengths=1, num_seeds=1), list[Job]()

    def work(job: Job) -> tuple[Outcome, ...] | None:
        tried.append(job)
        return None if len(tried) < 3 else (Outcome(job.runs[0], "failed", "why"),)

    progress, _ = drive(manifest, work, retries=5)
    assert [(failure.sentence, failure.attempts) for failure in progress.failures.values()] == [("why", 3)]


def test_runs_that_wait_in_the_engine_do_not_count_as_running() -> None:
    engine, display = InlineEngine(finish), NoDisplay()
    Driver(ROOT, study(num_seeds=4)).drive(engine, 1, 0, display)
    assert (engine.most_in_engine, display.most_running) == (4, engine.slots)


def test_a_job_that_is_lost_too_often_has_failed() -> None:
    manifest = study(num_strengths=1, num_seeds=1)
    progress, engine = drive(manifest, lambda _: None, retries=2)
    assert len(engine.jobs) == 3
    [failure] = progress.failures.values()
    assert (failure.state, failure.attempts) == ("failed", 3)
    assert "was lost" in failure.sentence


def test_a_run_that_was_finished_before_its_worker_was_lost_is_done() -> None:
    manifest = study(num_strengths=1, num_seeds=1)
    progress, engine = drive(manifest, lambda job: finish(job) and None)
    assert len(engine.jobs) == 1
    assert len(progress.done) == 1
    assert progress.failures == {}


def test_nothing_starts_on_a_full_disk() -> None:
    manifest = study(num_seeds=8)
    progress, engine = drive(manifest, lambda job: (Outcome(job.runs[0], "full", "no space in here"),))
    assert len(engine.jobs) == 4  # those that were in the engine already
    assert progress.stopped == "no space in here"
    assert not progress.done
    assert not progress.failures  # the runs wait for space


def test_a_record_of_a_failure_that_finds_no_space_stops_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path, failure: Failure) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(driver, "write_failure", refuse)
    progress, engine = drive(study(num_seeds=8), lambda job: (Outcome(job.runs[0], "failed", "why"),))
    assert "No space left" in progress.stopped
    assert len(engine.jobs) == 4


def test_runs_of_other_processes_are_left_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_LOOK", 0.05)
    manifest = study()
    evaluation = manifest.evaluation.digest
    leases = []
    for seed in (0, 1):
        folder(manifest, 0, seed).mkdir(parents=True)
        leases.append(acquire(folder(manifest, 0, seed)))
    started: list[Job] = []

    def work(job: Job) -> tuple[Outcome, ...]:
        started.append(job)
        if len(started) == 2:  # the other process has finished one run, and given up the other one
            path = evaluation_path(folder(manifest, 0, 0), evaluation)
            path.parent.mkdir()
            path.write_text("{}")
            for lease in leases:
                lease.release()
        return finish(job)

    progress, engine = drive(manifest, work)
    first, second = (cell.identity for cell in manifest.cells)
    assert engine.runs == [(Run(second, 0),), (Run(second, 1),), (Run(first, 1),)]
    assert len(progress.done) == 4
    assert not progress.held


def test_a_run_that_a_worker_finds_held_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_LOOK", 0.05)
    manifest, tried = study(num_strengths=1, num_seeds=1), list[Job]()

    def work(job: Job) -> tuple[Outcome, ...]:
        tried.append(job)
        return (Outcome(job.runs[0], "held", "by another"),) if len(tried) < 3 else finish(job)

    progress, engine = drive(manifest, work)
    assert len(engine.jobs) == 3
    assert len(progress.done) == 1


def test_the_run_of_a_dead_process_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once if it was on this machine; on another one, after a time without a heartbeat."""
    monkeypatch.setattr(driver, "_LOOK", 0.05)
    monkeypatch.setattr(lease, "STALE_AFTER", 0.5)
    manifest = study(num_strengths=1, num_seeds=2)
    here = Holder.this_process()
    holders = [here.__class__(**vars(here) | {"born": "1"}), here.__class__(**vars(here) | {"machine": "another"})]
    for seed, holder in enumerate(holders):
        folder(manifest, 0, seed).mkdir(parents=True)
        (folder(manifest, 0, seed) / lease.LEASE).write_text(f"{json.dumps(vars(holder))}\n000000000000\n")
    begin = time.monotonic()
    moments: list[float] = []

    def work(job: Job) -> tuple[Outcome, ...]:
        moments.append(time.monotonic() - begin)
        return finish(job)

    progress, _ = drive(manifest, work)
    assert len(progress.done) == 2
    assert moments[0] < 0.4 < moments[1]


def test_only_chosen_runs_are_driven() -> None:
    manifest = study()
    chosen = {Run(manifest.cells[1].identity, 0), Run(manifest.cells[0].identity, 1)}
    study_driver, engine = Driver(ROOT, manifest, chosen), InlineEngine(finish)
    assert study_driver.has_work
    study_driver.drive(engine, 1, 0, NoDisplay())
    assert study_driver.progress.total == 2
    assert study_driver.progress.done == chosen
    assert not Driver(ROOT, manifest, chosen).has_work
    assert Driver(ROOT, manifest).has_work


def test_chosen_runs_may_have_failed_and_count_as_failed_until_they_end() -> None:
    manifest = study(num_strengths=1, num_seeds=3)
    cell = manifest.cells[0].identity
    for seed in range(3):
        write_failure(folder(manifest, 0, seed), Failure("failed", "before"))
    seen: list[Failure | None] = []

    def work(job: Job) -> tuple[Outcome, ...]:
        seen.append(read_failure(folder(manifest, 0, job.runs[0].seed)))
        return finish(job) if job.runs[0].seed == 0 else (Outcome(job.runs[0], "failed", "now"),)

    study_driver = Driver(ROOT, manifest, [Run(cell, 0), Run(cell, 1)])
    study_driver.drive(InlineEngine(work), 1, 0, NoDisplay())
    assert [failure and failure.sentence for failure in seen] == ["before", "before"]
    assert study_driver.progress.done == {(cell, 0)}
    assert [failure.sentence for failure in study_driver.progress.failures.values()] == ["now"]
    last = read_failure(folder(manifest, 0, 2))
    assert last is not None
    assert last.sentence == "before"


def test_the_pace_is_estimated_while_it_drives(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the times of runs that are done, now and before."""
    monkeypatch.setattr(driver, "_ESTIMATE", 0.0)
    manifest = study(num_strengths=1, num_seeds=6)
    cell = manifest.cells[0]
    write_synthetic_study(ROOT, manifest, [(cell, 0)], num_scores=1)
    paces: list[Pace] = []

    class Watch(NoDisplay):
        def show(self, progress: Progress) -> None:
            super().show(progress)
            paces.append(progress.pace)

    def work(job: Job) -> tuple[Outcome, ...]:
        for run in job.runs:
            path = evaluation_path(run_folder(job.root, *run), job.evaluation.digest)
            path.parent.mkdir(parents=True)
            path.write_text(evaluation_text(synthetic_evaluation(cell, run.seed, 1)))
        return tuple(Outcome(run, "done") for run in job.runs)

    Driver(ROOT, manifest).drive(InlineEngine(work), 1, 0, Watch())
    # two runs at once, each of which takes 3600 + 60 seconds and a few more
    assert [round((pace.seconds_left or 0) / 3660) for pace in paces] == [2, 2, 1, 1, 0]
    assert all(pace.runs_per_hour for pace in paces)


def test_the_runs_of_other_processes_add_to_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_ESTIMATE", 0.0)
    monkeypatch.setattr(driver, "_LOOK", 0.0)
    manifest = study(num_strengths=1, num_seeds=3)
    cell = manifest.cells[0]
    write_synthetic_study(ROOT, manifest, [(cell, 0)], num_scores=1)
    write_lease(folder(manifest, 0, 1))
    (folder(manifest, 0, 1) / "metrics.csv").write_text("step,train/loss\n149999,0.5\n")
    (folder(manifest, 0, 1).parent / "config.yaml").write_text("trainer: {max_steps: 300000}\n")
    paces: list[Pace] = []

    class Watch(NoDisplay):
        def show(self, progress: Progress) -> None:
            super().show(progress)
            paces.append(progress.pace)
            (folder(manifest, 0, 1) / lease.LEASE).unlink(missing_ok=True)

    Driver(ROOT, manifest).drive(InlineEngine(finish), 1, 0, Watch())
    assert paces[0].seconds_left == pytest.approx(1860, abs=5)  # half of its training, and the evaluation
    assert paces[0].under_way == 0.5
    assert paces[-1].seconds_left == 0


def test_runs_of_other_drivers_count_before_this_one_gets_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_ESTIMATE", 0.0)
    monkeypatch.setattr(driver, "_LOOK", 0.0)
    manifest = study(num_strengths=1, num_seeds=8)
    write_lease(folder(manifest, 0, 6))
    (folder(manifest, 0, 6) / "metrics.csv").write_text("step,train/loss\n74999,0.5\n")
    (folder(manifest, 0, 6).parent / "config.yaml").write_text("trainer: {max_steps: 300000}\n")
    shares: list[float] = []

    class Watch(NoDisplay):
        def show(self, progress: Progress) -> None:
            super().show(progress)
            shares.append(progress.pace.under_way)
            if len(progress.done) == 7:
                (folder(manifest, 0, 6) / lease.LEASE).unlink(missing_ok=True)

    Driver(ROOT, manifest).drive(InlineEngine(finish), 1, 0, Watch())
    assert shares[:7] == [0.25] * 7
    assert shares[-1] == 0


def test_files_that_cannot_be_read_for_an_estimate_end_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Pace:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(PaceEstimate, "pace", fails)
    progress, _ = drive(study())
    assert len(progress.done) == 4
    assert progress.pace == Pace()
