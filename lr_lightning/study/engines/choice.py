"""Makes the engine that the user chose."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from lr_lightning.commands.messages import UsageError
from lr_lightning.common.cores import num_cores
from lr_lightning.study.engines.engine import Engine
from lr_lightning.study.engines.local_engine import LocalEngine
from lr_lightning.study.engines.machine import share_machine, visible_gpus
from lr_lightning.study.job import Work
from lr_lightning.study.manifest import Resources

EngineName: TypeAlias = Literal["local", "ray"]
"""The engines."""
ENGINES: tuple[EngineName, ...] = get_args(EngineName)


@dataclass(frozen=True)
class EngineChoice:
    """What the user chose.

    Attributes:
        name: Name of the engine.
        jobs: How many jobs run at once; ``None`` for as many as there is room for.
        address: Ray cluster to join: ``"auto"``, or the host and port of its head; ``None`` to start one here.
    """

    name: EngineName = "local"
    jobs: int | None = None
    address: str | None = None


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
        tell: Called with a sentence if this machine's cores are too few for the jobs, GPUs stay idle, or a node of a
            cluster cannot be used.

    Raises:
        UsageError: If a job needs more than there is, or an option does not fit the engine.
        ModuleNotFoundError: If the engine is Ray, which is not installed.
        ConnectionError: If there is no cluster at the address.
    """
    if choice.name == "ray":
        from lr_lightning.study.engines.ray_engine import RayEngine

        threads = max(1, int(resources.cpus or 1))
        return RayEngine(work, resources, threads, logs, choice.address, choice.jobs, tell=tell), threads
    if choice.address is not None:
        raise UsageError(f"--address {choice.address} needs --engine ray")
    cores, gpus = num_cores(), visible_gpus()
    share = share_machine(resources, choice.jobs, cores, gpus)
    if share.jobs * share.threads > cores:
        tell(f"{share.jobs} jobs of {share.threads} threads compete for {cores} cores; lower --jobs or resources.cpus")
    if gpus and not resources.gpus:
        tell(f"jobs run on the CPU, although there are {len(gpus)} GPUs; set resources.gpus to use them")
    return LocalEngine(work, share, logs), share.threads
