"""``lr-lightning study run`` and ``retry``, with an engine in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lr_lightning.commands.study import driving
from lr_lightning.commands.study.command import main
from lr_lightning.study.engines.choice import EngineChoice
from lr_lightning.study.failure import read_failure
from lr_lightning.study.job import Job, Outcome
from lr_lightning.study.layout import run_folder
from lr_lightning.study.manifest import read_manifest
from lr_lightning.study.run_job import run_job
from tests.study.inline_engine import InlineEngine, finish
from tests.study.small_study import write_study

GRID = [{"model.beta": [0.05, 1]}]
UseEngine = Callable[..., list[InlineEngine]]


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> UseEngine:
    """Makes the commands use engines in this process; returns the list that each is appended to."""

    def use(work: Callable[[Job], Any] = finish) -> list[InlineEngine]:
        made: list[InlineEngine] = []

        def make(choice: EngineChoice, given: Any, *args: Any) -> tuple[InlineEngine, int]:
            assert given is run_job
            made.append(InlineEngine(work))
            made[-1].choice = choice
            return made[-1], 5

        monkeypatch.setattr(driving, "make_engine", make)
        return made

    return use


def labels(engine: InlineEngine) -> list[str]:
    """Return the names of the runs that an engine got, in order."""
    return [job.label(run) for job in engine.jobs for run in job.runs]


def failing(job: Job) -> tuple[Outcome, ...]:
    """Fail with the first cell, each time with another number, and diverge with the other one."""
    [run] = job.runs
    if job.cells[run.cell].parameters["model.beta"] == 0.05:
        why = f"cannot read {run_folder(job.root, *run)} at step {100 + run.seed}"
        return (Outcome(run, "failed", why),)
    return (Outcome(run, "diverged", "the loss is nan"),) if run.seed else finish(job)


def test_a_second_start_does_nothing(engines: UseEngine, capsys: pytest.CaptureFixture[str]) -> None:
    made, study = engines(), str(write_study(Path("small.yaml"), grid=GRID, seeds=2))
    assert main(["run", study, "--jobs", "3"]) == 0
    printed = capsys.readouterr().out
    assert "4 of 4 runs are done" in printed
    assert "lr-lightning study table small" in printed.splitlines()[-1]
    [engine] = made
    assert engine.choice == EngineChoice("local", 3)
    assert engine.is_closed
    assert {job.threads for job in engine.jobs} == {5}
    assert {job.root for job in engine.jobs} == {Path("studies").absolute()}

    assert main(["run", study]) == 0
    assert "4 of 4 runs are done" in capsys.readouterr().out
    assert made == [engine]

    write_study(Path("small.yaml"), grid=[{"model.beta": [0.05, 1, 2]}], seeds=2)
    assert main(["run", study]) == 0
    assert "6 of 6 runs are done, 2 of them now" in capsys.readouterr().out
    assert labels(made[1]) == ["BetaVAE beta=2 seed 0", "BetaVAE beta=2 seed 1"]


def test_a_study_that_was_started_continues_by_its_name(engines: UseEngine, capsys: pytest.CaptureFixture[str]) -> None:
    engines(lambda job: (Outcome(job.runs[0], "failed", "why"),))
    study = write_study(Path("elsewhere.yaml"), grid=GRID)
    assert main(["run", str(study)]) == 1
    for record in Path("studies/runs").glob("*/*/failure.json"):
        record.unlink()
    study.unlink()
    made = engines()
    assert main(["run", "small"]) == 0
    assert len(made[0].jobs) == 2
    for words in (["small", "--dry_run"], ["smal"]):
        assert main(["run", *words]) == 2
        assert repr(words[0]) in capsys.readouterr().err
    next(Path("studies/runs").glob("*/config.yaml")).unlink()
    assert main(["run", "small"]) == 2
    assert "config.yaml is missing" in capsys.readouterr().err


def test_failures_are_printed_by_cause_with_the_command_to_retry(
    engines: UseEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    engines(failing)
    study = str(write_study(Path("small.yaml"), grid=GRID, seeds=3))
    assert main(["run", study, "--root", "here"]) == 1
    printed = capsys.readouterr().out
    assert "1 of 6 runs are done" in printed
    assert "study table" not in printed
    assert "3 failed: cannot read" in printed
    assert "at step 100" in printed
    assert "at step 101" not in printed
    assert "2 diverged: the loss is nan" in printed
    assert "lr-lightning study retry small --root here;" in printed
    assert str(Path("here/small/logs")) in printed


def test_retry_tries_what_failed_and_diverged_runs_only_on_request(
    engines: UseEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    engines(failing)
    study = str(write_study(Path("small.yaml"), grid=GRID, seeds=2))
    assert main(["run", study]) == 1
    made = engines()
    assert main(["retry", "small"]) == 0
    assert labels(made[0]) == ["BetaVAE beta=0.05 seed 0", "BetaVAE beta=0.05 seed 1"]
    assert "2 of 2 runs are done" in capsys.readouterr().out

    assert main(["retry", study]) == 0
    assert len(made) == 1
    assert "no run of small has failed" in capsys.readouterr().out
    assert main(["run", study]) == 1  # one run has diverged
    assert "retry small --all;" in capsys.readouterr().out

    assert main(["retry", study, "--all"]) == 0
    assert labels(made[1]) == ["BetaVAE beta=1 seed 1"]
    assert main(["run", study]) == 0


def test_a_retry_that_fails_again_is_recorded(engines: UseEngine) -> None:
    engines(failing)
    write_study(Path("small.yaml"), seeds=1)
    assert main(["run", "small.yaml"]) == 1
    engines(lambda job: (Outcome(job.runs[0], "failed", "something else"),))
    assert main(["retry", "small"]) == 1
    [cell] = read_manifest(Path("studies/small/manifest.json")).cells
    failure = read_failure(run_folder(Path("studies"), cell.identity, 0))
    assert failure is not None
    assert failure.sentence == "something else"


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["run", "small.yaml"], "lr-lightning study run small.yaml"),
        (["run", "small.yaml", "--root", "a b", "--jobs", "2"], "study run small.yaml --root 'a b' --jobs 2"),
        (["retry", "small", "--all", "--retries", "1"], "lr-lightning study retry small --all --retries 1"),
    ],
)
def test_ctrl_c_closes_the_engine_and_shows_how_to_go_on(
    engines: UseEngine, capsys: pytest.CaptureFixture[str], words: list[str], command: str
) -> None:
    write_study(Path("small.yaml"))
    if words[0] == "retry":
        engines(failing)
        main(["run", "small.yaml"])

    def interrupt(job: Job) -> None:
        raise KeyboardInterrupt

    made = engines(interrupt)
    capsys.readouterr()
    assert main(words) == 130
    assert made[0].is_closed
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.endswith(f"{command}\n")


def test_a_full_disk_is_one_sentence(engines: UseEngine, capsys: pytest.CaptureFixture[str]) -> None:
    engines(lambda job: (Outcome(job.runs[0], "full", "cannot write last.ckpt (No space left)"),))
    write_study(Path("small.yaml"))
    assert main(["run", "small.yaml"]) == 1
    captured = capsys.readouterr()
    assert "0 of 1 runs are done" in captured.out
    assert captured.err.count("\n") == 1
    assert "cannot write last.ckpt (No space left)" in captured.err
    assert "lr-lightning study run small.yaml" in captured.err


@pytest.mark.parametrize(
    ("words", "parts", "named"),
    [
        (["--jobs", "0"], {}, "--jobs"),
        (["--retries", "-1"], {}, "--retries"),
        (["--address", "auto"], {}, "--engine ray"),
        ([], {"resources": {"gpus": 0.25}}, "resources.gpus is 0.25"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_starts(
    capsys: pytest.CaptureFixture[str], words: list[str], parts: dict[str, Any], named: str
) -> None:
    write_study(Path("small.yaml"), **parts)
    assert main(["run", "small.yaml", *words]) == 2
    assert named in capsys.readouterr().err
    assert not list(Path("studies/runs").glob("*/seed_0"))


def test_a_study_that_changed_is_announced(engines: UseEngine, capsys: pytest.CaptureFixture[str]) -> None:
    engines()
    write_study(Path("small.yaml"), grid=GRID)
    assert main(["run", "small.yaml"]) == 0
    write_study(Path("small.yaml"), grid=[{"model.beta": [1]}])
    capsys.readouterr()
    assert main(["run", "small.yaml"]) == 0
    assert "1 cell no longer part" in capsys.readouterr().err
