"""Shows how far a study is: one line that changes on a terminal, otherwise a new line now and then."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.progress import TaskProgressColumn, TextColumn

from lr_lightning.commands.progress import terminal_progress
from lr_lightning.study.driver import Progress
from lr_lightning.study.pace import Pace

_EVERY = 30.0
"""Seconds between two lines where there is no terminal."""


class StudyDisplay:
    """Shows totals, the rate and the time left on standard error.

    Args:
        name: Name of the study.
        every: Seconds between two lines where standard error is no terminal.
    """

    def __init__(self, name: str, every: float = _EVERY) -> None:
        self._name = name
        self._every = every
        self._bar = terminal_progress(TaskProgressColumn(), TextColumn("{task.fields[pace]}"))
        self._task = self._bar.add_task(name, total=None, pace="")
        self._last_line = time.monotonic()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar within this context."""
        with nullcontext() if self._bar.disable else self._bar:
            yield

    def show(self, progress: Progress) -> None:
        """Show progress, if it is time to."""
        counts, pace = described_counts(progress), described_pace(progress.pace)
        # with the parts of runs under way, without which nothing would move for hours
        ended = min(len(progress.done) + len(progress.failures) + progress.pace.under_way, progress.total)
        text = f"{self._name}: {counts}"
        if not self._bar.disable:
            self._bar.update(self._task, description=text, completed=ended, total=progress.total, pace=pace)
        elif time.monotonic() - self._last_line >= self._every:
            self._last_line = time.monotonic()
            print(f"{text}, {pace}" if pace else text, file=sys.stderr, flush=True)


def described_counts(progress: Progress) -> str:
    """Return how many runs are in each state, e.g. ``"12 of 96 runs done, 2 running, 1 failed"``."""
    diverged = sum(failure.state == "diverged" for failure in progress.failures.values())
    counts = {
        "running": progress.running,
        "failed": len(progress.failures) - diverged,
        "diverged": diverged,
        "held by other processes": len(progress.held),
    }
    parts = [f"{len(progress.done):,} of {progress.total:,} runs done"]
    return ", ".join(parts + [f"{count:,} {name}" for name, count in counts.items() if count])


def described_pace(pace: Pace) -> str:
    """Return the rate and the time left as far as they are known, e.g. ``"3.1 runs/min, about 27 min left"``."""
    parts = []
    if pace.runs_per_hour is not None:
        per, unit = (60, "min") if pace.runs_per_hour >= 60 else (1, "h")
        parts.append(f"{pace.runs_per_hour / per:.1f} runs/{unit}")
    if pace.seconds_left is not None:
        parts.append(f"about {duration(pace.seconds_left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Return a time in two units, e.g. ``"2 h 5 min"``; seconds alone below a minute."""
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"
