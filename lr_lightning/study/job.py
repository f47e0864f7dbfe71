"""A job: the runs that one process trains and evaluates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from lr_lightning.study.manifest import Cell, Evaluation, Resources


class Run(NamedTuple):
    """A run of a study.

    Attributes:
        cell: Identity of its cell.
        seed: Its seed.
    """

    cell: str
    seed: int


@dataclass(frozen=True)
class Job:
    """One process's work; it can be pickled, and its paths are absolute.

    Attributes:
        study: Name of the study; the group of its W&B runs.
        root: Folder of all studies.
        runs: The runs to train, together if there are several.
        cells: Their cells, by identity.
        evaluation: What is measured on each run.
        resources: What the job occupies.
        threads: Threads of PyTorch.
        wandb: Mode of W&B.
    """

    study: str
    root: Path
    runs: tuple[Run, ...]
    cells: Mapping[str, Cell]
    evaluation: Evaluation
    resources: Resources
    threads: int
    wandb: Literal["offline", "online", "disabled"]

    def label(self, run: Run) -> str:
        """Return the readable name of a run."""
        return f"{self.cells[run.cell].label} seed {run.seed}"


State: TypeAlias = Literal["done", "failed", "diverged", "held", "full"]
"""How an attempt at a run ended: evaluated, with an error, with a loss that is not finite; or why there was none:
another process has it, or the disk is full."""


@dataclass(frozen=True)
class Outcome:
    """How an attempt at a run ended.

    Attributes:
        run: The run.
        state: How it ended.
        sentence: Why it failed, who holds it, or what could not be written; empty if it is done.
        seconds: Wall time.
        host: Name of the machine.
    """

    run: Run
    state: State
    sentence: str = ""
    seconds: float = 0.0
    host: str = ""


Work: TypeAlias = Callable[[Job], tuple[Outcome, ...]]
"""A function of a module, which worker processes import; it returns one outcome for each run.

It raises ``MemoryError`` if memory ran out, and ``BrokenWorkerError`` if the process is unusable. Engines report both
as a lost worker, and replace the process.
"""


class BrokenWorkerError(Exception):
    """The process cannot do any job any more, such as after an error of its GPU."""
