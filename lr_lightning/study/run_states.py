"""Which runs of a study are done, running, failed or waiting, read from the folders alone."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, get_args

from lr_lightning.commands.run.lease import sight
from lr_lightning.study.failure import Failure, read_failure
from lr_lightning.study.layout import cell_folder, codes_path, evaluation_path, run_folder
from lr_lightning.study.manifest import Evaluation, Manifest

RunKey: TypeAlias = tuple[str, int]
"""Identity of a cell, and a seed."""
StateName: TypeAlias = Literal["done", "running", "failed", "diverged", "waiting"]
STATES: tuple[StateName, ...] = get_args(StateName)


class RunState(NamedTuple):
    """The state of a run.

    Attributes:
        state: ``"done"`` if its scores are written, ``"running"`` if a process holds its folder, ``"failed"`` or
            ``"diverged"`` if the last attempt failed, otherwise ``"waiting"``, also after an interruption.
        finished: When its scores were written, in seconds since 1970; ``None`` unless it is done.
        failure: Why the last attempt failed; ``None`` unless it did.
    """

    state: StateName
    finished: float | None = None
    failure: Failure | None = None


_WAITING = RunState("waiting")


def evaluated_at(folder: Path, evaluation: Evaluation) -> float | None:
    """Return when the run in a folder was evaluated, in seconds since 1970; ``None`` if it was not.

    Args:
        folder: Folder of the run, which need not exist.
        evaluation: What is evaluated.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        written = evaluation_path(folder, evaluation.digest).stat().st_mtime
        # the codes are written before the scores, but may have been removed
        if evaluation.udr_inputs is None or codes_path(folder, evaluation.digest).exists():
            return written
    return None


def run_state(folder: Path, evaluation: Evaluation) -> RunState:
    """Return the state of the run in a folder.

    Args:
        folder: Folder of the run, which need not exist.
        evaluation: What is evaluated.
    """
    finished = evaluated_at(folder, evaluation)
    if finished is not None:
        return RunState("done", finished)
    sighting = sight(folder)
    if sighting is not None and sighting.seems_alive:
        return RunState("running")
    failure = read_failure(folder)
    return _WAITING if failure is None else RunState(failure.state, failure=failure)


def run_states(manifest: Manifest, root: Path) -> dict[RunKey, RunState]:
    """Return the state of each run of a study, in the order of the manifest.

    A run that is done costs one look at a file, which is not read; a run without a folder costs none.

    Args:
        manifest: The study.
        root: Folder of all studies.
    """
    evaluation = manifest.evaluation
    states: dict[RunKey, RunState] = {}
    for cell in manifest.cells:
        present = _names(cell_folder(root, cell.identity))
        for seed in manifest.seeds:
            folder = run_folder(root, cell.identity, seed)
            states[cell.identity, seed] = run_state(folder, evaluation) if folder.name in present else _WAITING
    return states


def _names(folder: Path) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries)
    except FileNotFoundError:
        return frozenset()
