"""Makes the engine that the user chose."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from lr_lightning.study.engines.engine import Engine
from lr_lightning.study.engines.local_engine import LocalEngine
from lr_lightning.study.engines.machine import num_cores, share_machine, visible_gpus
from lr_lightning.study.job import Work
from lr_lightning.study.manifest import Resources

EngineName: TypeAlias = Literal["local"]
"""The engines."""


@dataclass(frozen=True)
class EngineChoice:
    """What the user chose.

    Attributes:
        name: Name of the engine.
        jobs: How many jobs run at once; ``None`` for as many as there is room for.
    """

    name: EngineName = "local"
    jobs: int | None = None


def make_engine(choice: EngineChoice, work: Work, resources: Resources, logs: Path) -> tuple[Engine, int]:
    """Return an engine, and the number of threads of its jobs.

    Args:
        choice: What the user chose.
        work: What to do with a job.
        resources: What a job occupies.
        logs: Folder of what workers print.

    Raises:
        UsageError: If a job needs more than there is.
    """
    gpus = visible_gpus() if resources.gpus else ()
    share = share_machine(resources, choice.jobs, num_cores(), gpus)
    return LocalEngine(work, share, logs), share.threads
