"""How far the runs of a study are that train now."""

import csv
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lr_lightning.commands.run.folder import CONFIG
from lr_lightning.commands.run.lease import Holder, sight
from lr_lightning.study.layout import cell_folder, continued_step, run_folder

_METRICS = "metrics.csv"  # loggers.metrics_file.METRICS_FILE, whose package imports torch
_RESULTS = "results.json"  # callbacks.run.run_record.RESULTS, likewise
_TAIL = 2**16
"""Bytes at the end of a metrics file that are searched for the last step."""


@dataclass(frozen=True)
class RunningRun:
    """A run that a process has now.

    Attributes:
        cell: Identity of its cell.
        label: Readable name of the cell.
        seed: Its seed.
        folder: Its folder.
        host: Name of the machine; empty if it is not known.
        step: Number of training steps at the last log entry; ``None`` before the first.
        total_steps: Number of training steps at the end; ``None`` if the config does not limit them.
        silence: Seconds since the process's last heartbeat.
    """

    cell: str
    label: str
    seed: int
    folder: Path
    host: str
    step: int | None
    total_steps: int | None
    silence: float


class RunProgress(NamedTuple):
    """How far a run is, from the files that it has written so far.

    Attributes:
        step: Number of training steps at the last log entry; 0 before the first.
        first_step: Number of training steps from which the last attempt continued; 0 if it began the run.
        logged: Time of the last log entry, in seconds since 1970; 0 before the first.
        is_trained: Whether the training has ended, so that only the evaluation is left.
        since: When the process that has the run took it; ``None`` if no process has it.
    """

    step: int
    first_step: int
    logged: float
    is_trained: bool
    since: float | None = None


def running_run(root: Path, cell: str, label: str, seed: int) -> RunningRun | None:
    """Return how far a run is, ``None`` if it has ended meanwhile."""
    folder = run_folder(root, cell, seed)
    sighting = sight(folder)
    if sighting is None:
        return None
    host = "" if sighting.holder is None else sighting.holder.host
    step, total = last_logged_step(folder / _METRICS), total_steps(cell_folder(root, cell) / CONFIG)
    return RunningRun(cell, label, seed, folder, host, step, total, sighting.silence)


def run_progress(folder: Path) -> RunProgress:
    """Return how far the run in a folder is, and whether a process has it; the folder need not exist."""
    logged = 0.0
    with suppress(FileNotFoundError, NotADirectoryError):
        logged = (folder / _METRICS).stat().st_mtime
    step = (last_logged_step(folder / _METRICS) or 0) if logged else 0
    # only the end of a training writes results before the run is evaluated
    progress = RunProgress(step, continued_step(folder), logged, (folder / _RESULTS).is_file())
    sighting = sight(folder)
    if sighting is None or not sighting.seems_alive:
        return progress
    now = time.time()
    return progress._replace(since=now if sighting.holder is None else min(_start(sighting.holder), now))


def training_times(folder: Path) -> tuple[float, int] | None:
    """Return the wall time of the training in a folder and its number of steps, ``None`` before it has ended."""
    try:
        record = json.loads((folder / _RESULTS).read_bytes())["fit"]
        return float(record["seconds"]), int(record["step"])
    except (OSError, KeyError, TypeError, ValueError):
        return None


def _start(holder: Holder) -> float:
    """Return when a process took a folder, in seconds since 1970; infinity if it is not known."""
    try:
        return time.mktime(time.strptime(holder.since, "%Y-%m-%d %H:%M:%S"))
    except (ValueError, OverflowError):
        return float("inf")


def last_logged_step(path: Path) -> int | None:
    """Return the number of training steps in the last complete row of a ``metrics.csv``, ``None`` without rows.

    Only the end of the file is read, because it grows with the training.
    """
    try:
        with path.open("rb") as file:
            header = file.readline()
            file.seek(max(len(header), os.fstat(file.fileno()).st_size - _TAIL))
            rows = file.read().decode(errors="replace").splitlines(keepends=True)
    except FileNotFoundError:
        return None
    names = next(csv.reader([header.decode(errors="replace")]), [])
    for row in reversed(rows if "step" in names else []):
        fields = next(csv.reader([row]), [])
        # the first row may be cut off by the reading, the last one by the writing
        if row.endswith("\n") and len(fields) == len(names) and fields[names.index("step")].isdecimal():
            return int(fields[names.index("step")]) + 1  # steps are numbered from 0
    return None


def total_steps(config: Path) -> int | None:
    """Return the number of training steps in the config of a cell, ``None`` if it does not limit them."""
    import yaml

    try:
        with config.open("rb") as file:
            values: Any = yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        steps = values["trainer"]["max_steps"]
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        return None
    return steps if isinstance(steps, int) and steps > 0 else None
