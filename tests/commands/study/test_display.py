"""Progress of a study, as text."""

import time

import pytest

from lr_lightning.commands.study.display import StudyDisplay, described_counts, described_pace, duration
from lr_lightning.study.driver import Progress
from lr_lightning.study.failure import Failure
from lr_lightning.study.job import Run
from lr_lightning.study.pace import Pace


def progress(**changes: float) -> Progress:
    """Return the progress of 100 runs, of which 20 are done, two failed and one diverged."""
    found = Progress(100, pace=Pace(720.0, 385.0, 1.5))
    found.done.update(Run("a", seed) for seed in range(20))
    for seed, state in enumerate(("failed", "failed", "diverged")):
        found.failures[Run("b", seed)] = Failure(state, "why")  # type: ignore[arg-type]
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def test_only_states_that_occur_are_counted() -> None:
    assert described_counts(Progress(1200)) == "0 of 1,200 runs done"
    assert described_counts(progress(running=4)) == "20 of 100 runs done, 4 running, 2 failed, 1 diverged"
    held = progress()
    held.held.add(Run("c", 0))
    assert "1 held by other processes" in described_counts(held)


@pytest.mark.parametrize(
    ("pace", "text"),
    [
        (Pace(), ""),
        (Pace(720.0, 385.0), "12.0 runs/min, about 6 min left"),
        (Pace(36.0, 7700.0), "36.0 runs/h, about 2 h 8 min left"),
        (Pace(None, 7700.0), "about 2 h 8 min left"),  # before the first run has ended
        (Pace(36.0, None), "36.0 runs/h"),
        (Pace(36.0, 0.0), "36.0 runs/h, about 0 s left"),
    ],
)
def test_the_pace_has_what_is_known(pace: Pace, text: str) -> None:
    assert described_pace(pace) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (3540, "59 min"),
        (3590, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (47.4 * 3600, "47 h 24 min"),
        (49 * 3600, "2 d 1 h"),
        (95.7 * 3600, "4 d 0 h"),
    ],
)
def test_times_have_at_most_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_without_a_terminal_a_line_is_printed_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    display = StudyDisplay("small", every=0.2)
    with display.shown():
        display.show(progress())
        assert capsys.readouterr().err == ""
        time.sleep(0.25)
        display.show(progress())
        display.show(progress())
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        "small: 20 of 100 runs done, 2 failed, 1 diverged, 12.0 runs/min, about 6 min left"
    ]
    assert captured.out == ""


def test_on_a_terminal_one_line_changes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    display = StudyDisplay("small", every=0.0)
    with display.shown():
        display.show(progress())
    captured = capsys.readouterr()
    assert "small: 20 of 100 runs done, 2 failed, 1 diverged" in captured.err
    assert "12.0 runs/min, about 6 min left" in captured.err
    assert "24%" in captured.err  # 23 runs have ended, and the equivalent of 1.5 is under way
    assert captured.out == ""
