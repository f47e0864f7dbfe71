"""Shows how far a study is: one line that changes on a terminal, otherwise a new line now and then."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.progress import TextColumn

from lr_lightning.commands.progress import terminal_progress
from lr_lightning.study.driver import Progress

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
        self._bar = terminal_progress(time=TextColumn("{task.fields[pace]}"))
        self._task = self._bar.add_task(name, total=None, pace="")
        self._last_line = time.monotonic()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar within this context."""
        with nullcontext() if self._bar.disable else self._bar:
            yield

    def show(self, progress: Progress) -> None:
        """Show progress, if it is time to."""
        counts, pace = described_counts(progress), described_pace(progress)
        ended = len(progress.done) + len(progress.failures)
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


def described_pace(progress: Progress) -> str:
    """Return the rate and the time left, e.g. ``"3.1 runs/min, 27 min left"``; empty while no run is done."""
    rate = progress.rate
    if rate == 0:
        return ""
    per, unit = (60, "min") if rate >= 1 / 60 else (3600, "h")
    return f"{rate * per:.1f} runs/{unit}, {duration(progress.seconds_left)} left"


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
