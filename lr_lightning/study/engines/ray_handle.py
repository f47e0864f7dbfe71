"""A worker of :class:`~lr_lightning.study.engines.ray_engine.RayEngine` as the driver sees it, and why it was lost."""

import re
import time
from typing import Any

from lr_lightning.study.job import Job

_BEFORE = re.compile(r".* ip: \S+ |The actor is dead because its worker process has died\. .* exit detail: ")
"""What is in an error of Ray before the reason why an actor died."""


class WorkerHandle:
    """An actor.

    Attributes:
        actor: Its handle.
        name: Its process and machine, once they are known.
        pending: Reference to what it will return next; ``None`` while it is idle.
        job: The job that it has; ``None`` while it is idle or starts.
        num_jobs: Number of jobs that it has ended.
        is_starting: Whether it is not ready for jobs yet.
        is_refused: Whether its node is unsuitable.
        idle_since: When it became idle, by the monotonic clock.
    """

    def __init__(self, actor: Any, setup: Any) -> None:
        self.actor = actor
        self.name = "a worker that was starting"
        self.pending: Any = actor.prepare.remote(setup)
        self.job: Job | None = None
        self.num_jobs = 0
        self.is_starting = True
        self.is_refused = False
        self.idle_since = 0.0

    def start(self, job: Job) -> None:
        """Give it a job."""
        self.job = job
        self.pending = self.actor.attempt.remote(job)

    def end(self) -> None:
        """Note that it has ended its job, or is ready for the first one."""
        self.num_jobs += self.job is not None
        self.job = self.pending = None
        self.is_starting = False
        self.idle_since = time.monotonic()


def loss_reason(error: Exception) -> str:
    """Return the reason in an error of Ray on one line, without what surrounds it."""
    if type(error).__name__ == "ActorUnavailableError":
        return "Ray cannot reach it; its node may have died"
    text = _BEFORE.sub("", " ".join(str(error).split()))
    reason, advice, _ = text.partition(" Some common causes include")
    if advice:
        return f"{reason.rstrip('.')}; perhaps the system killed it because memory ran out"
    return reason.partition(" OOM kill reason")[0]  # and then pages about all processes of the node
