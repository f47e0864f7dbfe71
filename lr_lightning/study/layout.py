"""Where the files of studies lie."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lr_lightning.common.files import write_atomically

STUDIES = Path("studies")
"""Default folder of all studies, in the working folder."""
RUNS = "runs"
"""Folder of the runs of all studies, in the folder of all studies."""
CELL_CONFIG = "config.yaml"
"""The complete training config of a cell, in the folder of the cell."""
_CONTINUED = "continued_from_step"
"""File with the step from which the last attempt at a run continued, in the folder of the run."""


@dataclass(frozen=True)
class StudyFolder:
    """The folder of a study, which holds everything but its runs.

    Attributes:
        root: The folder of all studies, which share their runs.
        name: Name of the study.
    """

    root: Path
    name: str

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.root / self.name

    @property
    def manifest(self) -> Path:
        """The list of the study's cells and seeds."""
        return self.path / "manifest.json"

    @property
    def definition(self) -> Path:
        """A copy of the study file that the manifest was made from."""
        return self.path / "study.yaml"

    @property
    def logs(self) -> Path:
        """What worker processes print."""
        return self.path / "logs"


def cell_folder(root: Path, cell: str) -> Path:
    """Return the folder of a cell, given its identity."""
    return root / RUNS / cell


def run_folder(root: Path, cell: str, seed: int) -> Path:
    """Return the folder of a run: one seed of a cell."""
    return cell_folder(root, cell) / f"seed_{seed}"


def evaluation_path(folder: Path, evaluation: str) -> Path:
    """Return the path of the scores of a run, given the digest of what was evaluated.

    The file is the last one that a run writes, so its presence means that the run is done.
    """
    return folder / "evaluations" / f"{evaluation}.json"


def codes_path(folder: Path, evaluation: str) -> Path:
    """Return the path of the codes of the inputs on which a run is compared with other seeds of its cell.

    The file is written before the scores, whose presence means that the run is done.
    """
    return folder / "evaluations" / f"{evaluation}.npz"


def udr_path(root: Path, cell: str, evaluation: str, seeds: Sequence[int]) -> Path:
    """Return the path of the comparison of the runs of a cell.

    Args:
        root: Folder of all studies.
        cell: Identity of the cell.
        evaluation: Digest of what was evaluated.
        seeds: Seeds of the study; studies with other seeds have files of their own.
    """
    of_seeds = hashlib.sha256(json.dumps(sorted(seeds)).encode()).hexdigest()[:12]
    return cell_folder(root, cell) / "udr" / f"{evaluation}_{of_seeds}.json"


def failure_path(folder: Path) -> Path:
    """Return the path of the record of a failure; present only if the last attempt at a run failed."""
    return folder / "failure.json"


def note_step(folder: Path, step: int) -> None:
    """Note in the folder of a run from which step its training continues now; without it, nobody knows its speed."""
    if step == 0:  # the folder of a new run is created by its training
        (folder / _CONTINUED).unlink(missing_ok=True)
        return
    with suppress(FileNotFoundError):  # a process that has just taken the run may remove unfinished files
        write_atomically(folder / _CONTINUED, lambda file: file.write(f"{step}\n".encode()))


def continued_step(folder: Path) -> int:
    """Return the step from which the last attempt at a run continued; 0 if that began the run."""
    try:
        return int((folder / _CONTINUED).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return 0
