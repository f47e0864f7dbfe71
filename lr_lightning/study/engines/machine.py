"""Cores and GPUs of this machine, and how jobs share them."""

import os
from dataclasses import dataclass

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.manifest import Resources


def visible_gpus() -> tuple[str, ...]:
    """Return the names of the GPUs that this process may use, as in ``CUDA_VISIBLE_DEVICES``."""
    import torch

    count = torch.cuda.device_count()
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = map(str, range(count)) if given is None else (name.strip() for name in given.split(","))
    return tuple(names)[:count]


@dataclass(frozen=True)
class Share:
    """What each of the jobs that run side by side gets.

    Attributes:
        jobs: How many jobs run at once.
        threads: Threads of each.
        gpus: Names of the GPUs of each job, separated by commas.
    """

    jobs: int
    threads: int
    gpus: tuple[str, ...]


def share_machine(resources: Resources, jobs: int | None, cores: int, gpus: tuple[str, ...]) -> Share:
    """Share out this machine among jobs.

    Args:
        resources: What a job occupies.
        jobs: How many run at once; ``None`` for as many as there are cores and GPUs for.
        cores: Number of cores.
        gpus: Names of the GPUs.

    Raises:
        UsageError: If a job needs more GPUs than there are, or ``jobs`` need more than there are.
    """
    room = _room(resources.gpus, gpus)
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs must be at least 1, got {jobs}")
    if jobs is not None and room is not None and jobs > room:
        raise UsageError(
            f"--jobs {jobs} does not fit: with resources.gpus {resources.gpus:g}, {len(gpus)} GPUs have room for {room}"
        )
    threads = None if resources.cpus is None else max(1, int(resources.cpus))
    if jobs is None:
        jobs = max(1, cores // (threads or 1))
        jobs = jobs if room is None else min(jobs, room)
    return Share(
        jobs, threads or max(1, cores // jobs), tuple(_gpus_of_job(i, resources.gpus, gpus) for i in range(jobs))
    )


def _room(wanted: float, gpus: tuple[str, ...]) -> int | None:
    """Return how many jobs fit on the GPUs, ``None`` if they need none."""
    if wanted == 0:
        return None
    if wanted > len(gpus):
        raise UsageError(
            f"resources.gpus is {wanted:g}, but this machine has {len(gpus)} GPUs; lower it, or leave it out"
        )
    return len(gpus) * int(1 / wanted + 1e-9) if wanted < 1 else len(gpus) // int(wanted)


def _gpus_of_job(number: int, wanted: float, gpus: tuple[str, ...]) -> str:
    """Return the GPUs of job ``number``: consecutive jobs get different ones."""
    if wanted == 0:
        return ""
    if wanted < 1:
        return gpus[number % len(gpus)]
    each = int(wanted)
    return ",".join(gpus[number * each : (number + 1) * each])
