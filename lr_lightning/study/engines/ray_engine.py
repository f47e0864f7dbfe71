"""Runs jobs on a Ray cluster."""

import os
import pickle
import secrets
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lr_lightning import __version__
from lr_lightning.commands.messages import UsageError
from lr_lightning.study.engines import ray_worker
from lr_lightning.study.engines.engine import Finished
from lr_lightning.study.engines.ray_cluster import RayCluster, check_room
from lr_lightning.study.engines.ray_handle import WorkerHandle, loss_reason
from lr_lightning.study.engines.ray_worker import RayWorker, Setup
from lr_lightning.study.job import Job, Work
from lr_lightning.study.manifest import Resources

_LOOK = 2.0
"""Seconds between two looks at the nodes of the cluster."""
_PATIENCE = 300.0
"""Seconds to wait for a node to come back if no node that is left has room for a job."""
_IDLE = 30.0
"""Seconds after which a worker that nothing is left to do for gives its resources back to the cluster."""
_STARTS = 3
"""How many workers in a row may die before they are ready."""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # read when torch and numpy are imported
_SHARED = ("LR_LIGHTNING_", "WANDB_")
"""Beginnings of the environment variables that workers get from the driver; the others belong to their machine."""


def _say(text: str) -> None:
    print(text, file=sys.stderr)


class RayEngine:
    """Runs jobs in actors of Ray, which are reused, so that torch is imported once per worker.

    Ray decides where workers run. It restarts nothing: a job whose worker, or its node, dies is reported as lost. If
    this process dies, Ray ends its workers. Resources count as missing only if no node has them at the start; a node
    that has left the cluster is waited for. An autoscaling cluster must have one node of the kind that jobs need.

    Args:
        work: What to do with a job; a function of a module that all nodes have.
        resources: What a job occupies; 1 CPU by default.
        threads: Threads of each job.
        logs: Folder of what workers print, on storage that all nodes share.
        address: Cluster to join; see :class:`~lr_lightning.study.engines.ray_cluster.RayCluster`.
        jobs: How many jobs run at once at most; ``None`` for as many as there is room for.
        jobs_per_worker: After how many jobs a worker is replaced; never by default.
        tell: Called with the reason why a node is not used, such as another version of this package.

    Raises:
        UsageError: If no node has the resources of a job, or ``jobs`` is below 1.
        ModuleNotFoundError: If Ray is not installed.
        ConnectionError: If there is no cluster at ``address``.
        OSError: If the folder of the logs cannot be written to.
    """

    def __init__(
        self,
        work: Work,
        resources: Resources,
        threads: int,
        logs: Path,
        address: str | None = None,
        jobs: int | None = None,
        jobs_per_worker: int | None = None,
        tell: Callable[[str], object] = _say,
    ) -> None:
        if jobs is not None and jobs < 1:
            raise UsageError(f"--jobs must be at least 1, got {jobs}")
        logs = logs.absolute()
        logs.mkdir(parents=True, exist_ok=True)
        self._token = logs / f".shared_{secrets.token_hex(8)}"
        self._resources = resources
        self._jobs = jobs
        self._jobs_per_worker = jobs_per_worker
        self._tell = tell
        self._queue: deque[Job] = deque()
        self._workers: list[WorkerHandle] = []
        self._refusals: list[str] = []
        self._failed_starts = 0
        self._last_look = self._last_room = time.monotonic()
        self._cluster = RayCluster(address)
        try:
            nodes = self._cluster.nodes
            check_room(resources, nodes)
            self._room = sum(node.room(resources) for node in nodes)
            self._token.touch()
            self._actor = self._make_actor()
            environment = _environment(threads, resources)
            setup = Setup(__version__, pickle.dumps(work), environment, sys.path, Path.cwd(), self._token, logs)
            self._setup = self._cluster.ray.put(setup)
        except BaseException:
            self.close()
            raise

    @property
    def slots(self) -> int:
        """How many jobs run at once: as many as the nodes that are alive now have room for, used by others or not."""
        if time.monotonic() - self._last_look > _LOOK:
            self._room = sum(node.room(self._resources) for node in self._cluster.nodes)
            self._last_look = time.monotonic()
        room = max(0, self._room - sum(worker.is_refused for worker in self._workers))
        return room if self._jobs is None else min(room, self._jobs)

    def submit(self, job: Job) -> None:
        """Start a job, or queue it.

        Raises:
            UsageError: If no node has the resources that it needs.
        """
        if job.resources != self._resources:
            check_room(job.resources, self._cluster.nodes)
            raise ValueError(f"the engine was made for jobs with {self._resources}, got {job.resources}")
        self._queue.append(job)
        self._start_jobs()

    def wait(self, timeout: float) -> Sequence[Finished]:
        """Return the jobs that have ended since the last call, waiting for one for up to ``timeout`` seconds.

        Raises:
            RuntimeError: If workers cannot start, or no node has had room for a job for five minutes.
        """
        deadline = time.monotonic() + timeout
        while True:
            finished = self._finished(max(0.0, deadline - time.monotonic()))
            self._start_jobs()
            self._check_hope()
            if finished or time.monotonic() >= deadline:
                return finished

    def close(self) -> None:
        """Stop all workers at once; jobs that run lose what follows their last checkpoint."""
        self._queue.clear()
        for worker in list(self._workers):
            self._end(worker)
        self._cluster.close()
        self._token.unlink(missing_ok=True)

    def _make_actor(self) -> Any:
        """Return the class of the actors, which Ray restarts in no case: the driver decides about retries."""
        ray, resources = self._cluster.ray, self._resources
        ray.cloudpickle.register_pickle_by_value(ray_worker)
        cpus = 1.0 if resources.cpus is None else resources.cpus
        options = {"num_cpus": cpus, "num_gpus": resources.gpus, "max_restarts": 0, "max_task_retries": 0}
        return ray.remote(**options)(RayWorker)

    def _start_jobs(self) -> None:
        """Give queued jobs to idle workers, and start as many workers as there are jobs and room."""
        now = time.monotonic()
        for worker in list(self._workers):
            if worker.pending is not None or worker.is_refused:
                continue
            if self._queue:
                worker.start(self._queue.popleft())
            elif now - worker.idle_since > _IDLE:
                self._end(worker)
        starting = sum(worker.is_starting for worker in self._workers)
        useful = sum(not worker.is_refused for worker in self._workers)
        limit = self._jobs or self.slots  # with a given number, an autoscaling cluster sees what is missing
        for _ in range(min(len(self._queue) - starting, limit - useful)):
            self._workers.append(WorkerHandle(self._actor.remote(), self._setup))

    def _finished(self, timeout: float) -> list[Finished]:
        """Return the jobs that have ended, waiting for news of a worker for up to ``timeout`` seconds."""
        pending = {worker.pending: worker for worker in self._workers if worker.pending is not None}
        if not pending:
            time.sleep(timeout)
            return []
        ready, _ = self._cluster.ray.wait(list(pending), num_returns=len(pending), timeout=0)
        if not ready:
            ready, _ = self._cluster.ray.wait(list(pending), timeout=timeout)
        ended = (self._take(pending[reference]) for reference in ready)
        return [finished for finished in ended if finished is not None]

    def _take(self, worker: WorkerHandle) -> Finished | None:
        """Return how the job of a worker with news has ended; ``None`` if it had none yet."""
        job, errors = worker.job, self._cluster.ray.exceptions
        try:
            answer = self._cluster.ray.get(worker.pending)
        except errors.RayTaskError:
            raise  # an error of this package
        except errors.RayError as error:
            self._end(worker)
            lost = f"{worker.name} was lost: {loss_reason(error)}"
            if job is None:
                self._count_failed_start(lost)
                return None
            return Finished(job, None, lost)
        worker.end()
        if job is None:
            self._failed_starts = 0
            worker.name, obstacle = answer
            if obstacle:
                self._refuse(worker, obstacle)
            return None
        lost = answer if isinstance(answer, str) else ""
        if lost or worker.num_jobs == self._jobs_per_worker:
            self._end(worker)
        return Finished(job, None if lost else answer, lost)

    def _end(self, worker: WorkerHandle) -> None:
        self._cluster.ray.kill(worker.actor)
        self._workers.remove(worker)

    def _refuse(self, worker: WorkerHandle, reason: str) -> None:
        """Keep a worker on an unsuitable node idle, so that Ray starts the next ones elsewhere."""
        worker.is_refused = True
        if reason not in self._refusals:
            self._refusals.append(reason)
            self._tell(f"a node is not used: {reason}")

    def _count_failed_start(self, reason: str) -> None:
        self._failed_starts += 1
        if self._failed_starts == _STARTS:
            raise RuntimeError(f"{_STARTS} workers in a row ended before they were ready; the last: {reason}")

    def _check_hope(self) -> None:
        """Raise ``RuntimeError`` if jobs wait for workers that no node can run."""
        now = time.monotonic()
        if not self._queue or self.slots or not all(worker.is_refused for worker in self._workers):
            self._last_room = now
        elif self._workers:
            raise RuntimeError(self._refusals[0])
        elif now - self._last_room > _PATIENCE:
            raise RuntimeError(f"no node of the Ray cluster has had {self._resources} for {_PATIENCE / 60:.0f} minutes")


def _environment(threads: int, resources: Resources) -> dict[str, str]:
    """Return the environment variables of a worker."""
    shared = {name: value for name, value in os.environ.items() if name.startswith(_SHARED) and "KEY" not in name}
    hidden = {} if resources.gpus else {"CUDA_VISIBLE_DEVICES": ""}
    return shared | dict.fromkeys(_THREADS, str(threads)) | hidden
