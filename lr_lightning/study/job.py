"""A job: the runs of one cell that one process trains and evaluates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from lr_lightning.study.manifest import Evaluation, Resources, Value


@dataclass(frozen=True)
class Job:
    """One process's work; it can be pickled, and its paths are absolute.

    Attributes:
        study: Name of the study; the group of its W&B runs.
        root: Folder of all studies.
        cell: Identity of the cell.
        label: Readable name of the cell.
        seeds: The seeds to train, together if there are several.
        evaluation: What is measured on each run.
        resources: What the job occupies.
        threads: Threads of PyTorch.
        wandb: Mode of W&B.
        parameters: The values that the grid sets, by their keys; part of the config of the W&B runs.
    """

    study: str
    root: Path
    cell: str
    label: str
    seeds: tuple[int, ...]
    evaluation: Evaluation
    resources: Resources
    threads: int
    wandb: Literal["offline", "online", "disabled"]
    parameters: Mapping[str, Value] = field(default_factory=dict)


State: TypeAlias = Literal["done", "failed", "diverged", "held", "full"]
"""How an attempt at a run ended: evaluated, with an error, with a loss that is not finite; or why there was none:
another process has it, or the disk is full."""


@dataclass(frozen=True)
class Outcome:
    """How an attempt at a run ended.

    Attributes:
        seed: Seed of the run.
        state: How it ended.
        sentence: Why it failed, who holds it, or what could not be written; empty if it is done.
        seconds: Wall time.
        host: Name of the machine.
    """

    seed: int
    state: State
    sentence: str = ""
    seconds: float = 0.0
    host: str = ""


Work: TypeAlias = Callable[[Job], tuple[Outcome, ...]]
"""A function of a module, which worker processes import; it returns one outcome for each seed.

It raises ``MemoryError`` if memory ran out, and ``BrokenWorkerError`` if the process is unusable. Engines report both
as a lost worker, and replace the process.
"""


class BrokenWorkerError(Exception):
    """The process cannot do any job any more, such as after an error of its GPU."""
