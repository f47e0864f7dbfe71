"""Progress bars on standard error, shown on terminals only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_silent = ContextVar("silent", default=False)


@contextmanager
def silent_progress() -> Iterator[None]:
    """Show and print nothing of the progress of what is started in this context."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)


def terminal_progress(counts: ProgressColumn | None = None, time: ProgressColumn | None = None) -> Progress:
    """Return a display of tasks that disappears when it ends; it is disabled unless standard error is a terminal.

    In :func:`silent_progress`, it is disabled, and its console prints nothing.

    Args:
        counts: Column with the amount done; ``done/total`` by default.
        time: Column with the time; the time elapsed by default.
    """
    console = Console(stderr=True, highlight=False, quiet=_silent.get())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        counts or MofNCompleteColumn(),
        time or TimeElapsedColumn(),
    )
    # standard output is left alone: a report may be piped elsewhere while the bar is shown
    disable = console.quiet or not console.is_terminal
    return Progress(*columns, console=console, transient=True, disable=disable, redirect_stdout=False)


@contextmanager
def progress_bar(title: str, *, is_bytes: bool = False) -> Iterator[Callable[[int, int | None], None]]:
    """Show one bar with the time remaining; yields a function that takes the amount done and the total.

    Args:
        title: Text before the bar.
        is_bytes: Whether the amounts are bytes.
    """
    display = terminal_progress(DownloadColumn() if is_bytes else None, TimeRemainingColumn())
    with nullcontext() if display.disable else display:  # a disabled display would still end with an empty line
        task = display.add_task(title, total=None)
        yield lambda done, total: display.update(task, completed=done, total=total)
