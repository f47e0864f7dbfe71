"""Makes the engine that the user chose."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from lr_lightning.study.engines.engine import Engine
from lr_lightning.study.engines.local_engine import LocalEngine
from lr_lightning.study.engines.machine import num_cores, share_machine, visible_gpus
from lr_lightning.study.job import Work
from lr_lightning.study.manifest import Resources

EngineName: TypeAlias = Literal["local"]
"""The engines."""
ENGINES: tuple[EngineName, ...] = get_args(EngineName)


@dataclass(frozen=True)
class EngineChoice:
    """What the user chose.

    Attributes:
        name: Name of the engine.
        jobs: How many jobs run at once; ``None`` for as many as there is room for.
    """

    name: EngineName = "local"
    jobs: int | None = None


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def make_engine(
    choice: EngineChoice, work: Work, resources: Resources, logs: Path, tell: Callable[[str], object] = _say
) -> tuple[Engine, int]:
    """Return an engine, and the number of threads of its jobs.

    Args:
        choice: What the user chose.
        work: What to do with a job.
        resources: What a job occupies.
        logs: Folder of what workers print.
        tell: Called with a sentence if this machine's cores are too few for the jobs, or its GPUs stay idle.

    Raises:
        UsageError: If a job needs more than there is.
    """
    cores, gpus = num_cores(), visible_gpus()
    share = share_machine(resources, choice.jobs, cores, gpus)
    if share.jobs * share.threads > cores:
        tell(f"{share.jobs} jobs of {share.threads} threads compete for {cores} cores; lower --jobs or resources.cpus")
    if gpus and not resources.gpus:
        tell(f"jobs run on the CPU, although there are {len(gpus)} GPUs; set resources.gpus to use them")
    return LocalEngine(work, share, logs), share.threads
