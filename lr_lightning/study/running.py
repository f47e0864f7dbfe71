"""How far the runs of a study are that train now."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lr_lightning.commands.run.folder import CONFIG
from lr_lightning.commands.run.lease import sight
from lr_lightning.study.layout import cell_folder, run_folder

_METRICS = "metrics.csv"  # loggers.metrics_file.METRICS_FILE, whose package imports torch
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


def running_run(root: Path, cell: str, label: str, seed: int) -> RunningRun | None:
    """Return how far a run is, ``None`` if it has ended meanwhile."""
    folder = run_folder(root, cell, seed)
    sighting = sight(folder)
    if sighting is None:
        return None
    host = "" if sighting.holder is None else sighting.holder.host
    step, total = last_logged_step(folder / _METRICS), _total_steps(cell_folder(root, cell) / CONFIG)
    return RunningRun(cell, label, seed, folder, host, step, total, sighting.silence)


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


def _total_steps(config: Path) -> int | None:
    import yaml

    try:
        with config.open("rb") as file:
            values: Any = yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        steps = values["trainer"]["max_steps"]
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        return None
    return steps if isinstance(steps, int) and steps > 0 else None
