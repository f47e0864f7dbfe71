"""Runs jobs in processes on this machine."""

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import cast

from lr_lightning.study.engines.engine import Finished
from lr_lightning.study.engines.local_worker import Answer
from lr_lightning.study.engines.machine import Share
from lr_lightning.study.job import Job, Work

_CHECK = 1.0
"""Seconds between two looks for workers that have died without closing their socket, which their children may hold."""


class LocalEngine:
    """Runs jobs in worker processes, which are reused, so that torch is imported once per process.

    A worker that dies loses only its job, and is replaced. Workers form process groups of their own: Ctrl-C in the
    terminal does not reach them. They die with this process, however it ends.

    Args:
        work: What to do with a job.
        share: How many jobs run at once, with how many threads and on which GPUs.
        logs: Folder of what workers print.
        jobs_per_worker: After how many jobs a worker is replaced; never by default.

    Raises:
        OSError: If the folder of the logs cannot be created.
    """

    def __init__(self, work: Work, share: Share, logs: Path, jobs_per_worker: int | None = None) -> None:
        self._work = pickle.dumps(work)
        self._share = share
        self._logs = logs
        self._jobs_per_worker = jobs_per_worker
        self._queue: deque[Job] = deque()
        self._workers: list[_Worker | None] = [None] * share.jobs
        logs.mkdir(parents=True, exist_ok=True)

    @property
    def slots(self) -> int:
        """How many jobs run at once."""
        return self._share.jobs

    def submit(self, job: Job) -> None:
        """Start a job, or queue it."""
        self._queue.append(job)
        self._start_jobs()

    def wait(self, timeout: float) -> Sequence[Finished]:
        """Return the jobs that have ended since the last call, waiting for one for up to ``timeout`` seconds.

        Raises:
            RuntimeError: If a worker cannot start.
        """
        deadline = time.monotonic() + timeout
        while True:
            finished = self._finished(min(_CHECK, max(0.0, deadline - time.monotonic())))
            self._start_jobs()
            if finished or time.monotonic() >= deadline:
                return finished

    def close(self) -> None:
        """Stop all workers at once; jobs that run lose what follows their last checkpoint."""
        self._queue.clear()
        for worker in self._workers:
            if worker is not None:
                worker.kill()
        self._workers = [None] * self._share.jobs

    def _start_jobs(self) -> None:
        for number, worker in enumerate(self._workers):
            if not self._queue:
                return
            if worker is None:
                log = self._logs / f"{socket.gethostname()}-{os.getpid()}-{number}.log"
                worker = _Worker(self._work, self._share.threads, self._share.gpus[number], log)
                self._workers[number] = worker
            if worker.job is None:
                worker.start(self._queue.popleft())

    def _finished(self, timeout: float) -> list[Finished]:
        """Return the jobs that have ended, waiting for news of a worker for up to ``timeout`` seconds."""
        busy = {worker.connection: i for i, worker in enumerate(self._workers) if worker is not None and worker.job}
        if not busy:
            time.sleep(timeout)
            return []
        ready = [cast(Connection, connection) for connection in wait(list(busy), timeout)]
        finished = []
        for connection, number in busy.items():
            worker = cast(_Worker, self._workers[number])
            if connection not in ready and worker.is_alive:
                continue
            end = worker.next_end()
            if end is not None:
                finished.append(end)
            if end is not None and (end.lost or worker.num_jobs == self._jobs_per_worker):
                worker.kill()
                self._workers[number] = None
        return finished


class _Worker:
    """A worker process.

    Attributes:
        connection: Socket to it.
        job: The job that it has; ``None`` while it is idle.
        num_jobs: Number of jobs that it has ended.
        log: File with its output.
    """

    def __init__(self, work: bytes, threads: int, gpus: str, log: Path) -> None:
        self.connection, theirs = Pipe()
        self.log = log
        self.job: Job | None = None
        self.num_jobs = 0
        self._has_started = False
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # read when torch and numpy are imported
        environment = dict(os.environ) | dict.fromkeys(names, str(threads)) | {"CUDA_VISIBLE_DEVICES": gpus}
        with theirs, log.open("ab") as output:
            # -P: files in the working folder must not shadow modules
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "lr_lightning.study.engines.local_worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        with suppress(OSError):  # it has died already, which next_end reports
            self.connection.send(sys.path)
            self.connection.send_bytes(work)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def start(self, job: Job) -> None:
        """Give it a job."""
        self.job = job
        with suppress(OSError):  # it has died, which next_end reports
            self.connection.send(job)

    def next_end(self) -> Finished | None:
        """Return how its job has ended, ``None`` if it has only started to work; waits until it has news or has died.

        Raises:
            RuntimeError: If it has ended without having been able to start.
        """
        job = cast(Job, self.job)
        try:
            answer: Answer = self._receive()
        except (EOFError, OSError):
            return Finished(job, None, self._loss())
        if answer is None:
            self._has_started = True
            return None
        self.job = None
        self.num_jobs += 1
        return Finished(job, None, answer) if isinstance(answer, str) else Finished(job, answer)

    def _receive(self) -> Answer:
        """Return its next message; raise ``EOFError`` if there is none and it has died."""
        if not self.is_alive and not self.connection.poll():
            raise EOFError
        answer: Answer = self.connection.recv()
        return answer

    def _loss(self) -> str:
        """Return how the process ended."""
        code = self._process.wait()
        name = f"worker process {self._process.pid} on {socket.gethostname()}"
        if code < 0:
            cause = " (by the system if memory ran out)" if -code == signal.SIGKILL else ""
            return f"{name} was killed by {signal.Signals(-code).name}{cause}"
        if not self._has_started:
            raise RuntimeError(f"{name} could not start (exit code {code}); {self.log} has its messages")
        return f"{name} ended with exit code {code}; {self.log} has its messages"

    def kill(self) -> None:
        """End it and all processes that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.connection.close()
