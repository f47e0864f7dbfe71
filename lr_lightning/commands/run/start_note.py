"""The sentence with which training starts: the run that it continues, or the one that has its folder already."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from lr_lightning.callbacks.run.run_record import RESULTS
from lr_lightning.commands.config.reading import read_config_file
from lr_lightning.commands.run.checkpoints import read_checkpoint
from lr_lightning.commands.run.folder import CONFIG, LAST, earlier_runs, folder_of_checkpoint, runs_of
from lr_lightning.commands.run.lease import sight
from lr_lightning.commands.run.limits import Progress, reached_limits
from lr_lightning.common.files import quoted_path, shown_path


def note_of_new_run(root: Path, folder: Path) -> str | None:
    """Return that the configured folder has a run already, and how to continue it; ``None`` if it had none.

    Args:
        root: The folder in the config.
        folder: The folder of the new run.
    """
    taken = earlier_runs(root, folder)
    if not taken:
        return None
    newest = ([run for run in runs_of(root) if run in taken] or taken)[-1]
    state, how = _state_and_command(newest)
    if len(taken) == 1:
        whose = f"{shown_path(root)} has a run already, which {state}"
    else:
        whose = (
            f"{shown_path(root)} and {len(taken) - 1} more have runs already; the newest, {shown_path(newest)}, {state}"
        )
    return f"{whose}; this one goes to {shown_path(folder)}{how}"


def note_of_resumed_run(root: Path, given: str, folder: Path, checkpoint: Path, step: int) -> str:
    """Return which run is continued from which step, and how to continue another one of this name.

    Args:
        root: The folder in the config or on the command line.
        given: ``"last"``, ``"best"``, or the path of a checkpoint.
        folder: The run folder.
        checkpoint: The checkpoint.
        step: Its step.
    """
    place = folder.resolve()
    if folder_of_checkpoint(checkpoint) != place:
        return f"{shown_path(folder)} is a new run that continues {shown_path(checkpoint)}, step {step:,}"
    source = "" if checkpoint.name == LAST.name else f", from {checkpoint.name}"
    note = f"continuing {shown_path(folder)} at step {step:,}{source}"
    runs = runs_of(root)
    others = [run for run in runs if run.resolve() != place]
    if given not in ("last", "best") or not others:
        return note
    how = f"to continue {shown_path(others[-1])} instead: {_command(others[-1])}"
    if runs[-1] == others[-1]:
        return f"{note}, in the folder that was named; {shown_path(runs[-1])} is newer; {how}"
    return f"{note}, the newest of {len(runs)} runs; {how}"


def _command(folder: Path) -> str:
    return f"lr-lightning fit {quoted_path(shown_path(folder))}"


def _state_and_command(folder: Path) -> tuple[str, str]:
    """Return how far the run in a folder is, and the end of a sentence with the command that continues it."""
    lease, last = sight(folder), folder / LAST
    if lease is not None and lease.seems_alive:
        return f"is in use by {lease.holder or 'another process'}", ""
    if not last.is_file():
        return "has no checkpoint to continue from", ""
    try:
        progress = Progress.of_checkpoint(read_checkpoint(last))
        config = read_config_file(folder / CONFIG)
    except (OSError, ValueError, LookupError, TypeError):
        return f"cannot be continued, because {LAST} has no readable state of training", ""
    if _recorded_step(folder) != progress.steps:
        state = f"was interrupted, with its last checkpoint at step {progress.steps:,}"
        return state, f"; to continue {shown_path(folder)} instead: {_command(folder)}"
    limits = (config.get("trainer") or {}) if isinstance(config, dict) else {}
    more = "".join(f" --trainer.{name} N" for name in reached_limits(progress, limits))
    return (
        f"ended at step {progress.steps:,}",
        f"; to train {shown_path(folder)} further instead: {_command(folder)}{more}",
    )


def _recorded_step(folder: Path) -> Any:
    """Return the step at which training ended; ``None`` if it has not ended, or its record is damaged."""
    with suppress(OSError, ValueError, AttributeError):
        return json.loads((folder / RESULTS).read_text()).get("fit", {}).get("step")
    return None
