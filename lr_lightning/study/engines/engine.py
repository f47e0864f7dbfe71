"""What the loop that drives a study expects of an engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lr_lightning.study.job import Job, Outcome


@dataclass(frozen=True)
class Finished:
    """The end of a job.

    Attributes:
        job: The job.
        outcomes: One for each seed; ``None`` if the worker, or the machine it ran on, was lost.
        lost: How it was lost, as a sentence; empty if it was not.
    """

    job: Job
    outcomes: tuple[Outcome, ...] | None
    lost: str = ""


class Engine(Protocol):
    """Runs jobs side by side. Jobs that it has no room for wait in it."""

    @property
    def slots(self) -> int:
        """How many jobs run at once; may change while a cluster grows or shrinks."""
        ...

    def submit(self, job: Job) -> None:
        """Start a job, or queue it.

        Raises:
            ValueError: If no machine has the resources that it needs.
        """
        ...

    def wait(self, timeout: float) -> Sequence[Finished]:
        """Return the jobs that have ended since the last call, waiting for one for up to ``timeout`` seconds."""
        ...

    def close(self) -> None:
        """Stop all workers at once; jobs that run lose what follows their last checkpoint."""
        ...
