"""An engine that does jobs in this process, one after the other."""

import time
from collections import deque
from collections.abc import Callable, Sequence

from lr_lightning.study.engines.choice import EngineChoice
from lr_lightning.study.engines.engine import Finished
from lr_lightning.study.job import Job, Outcome, Run
from lr_lightning.study.layout import evaluation_path, run_folder


class InlineEngine:
    """Does one job per call of ``wait``; a job whose outcomes are ``None`` is lost."""

    slots = 2

    def __init__(self, work: Callable[[Job], tuple[Outcome, ...] | None]) -> None:
        self.work = work
        self.choice: EngineChoice | None = None
        self.is_closed = False
        self.jobs: list[Job] = []
        self.most_in_engine = 0
        self._queue: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        self._queue.append(job)
        self.most_in_engine = max(self.most_in_engine, len(self._queue))

    def wait(self, timeout: float) -> Sequence[Finished]:
        if not self._queue:
            time.sleep(min(timeout, 0.01))
            return []
        job = self._queue.popleft()
        outcomes = self.work(job)
        return [Finished(job, outcomes, "" if outcomes is not None else f"worker {len(self.jobs)} was lost")]

    def close(self) -> None:
        self.is_closed = True

    @property
    def runs(self) -> list[tuple[Run, ...]]:
        """The runs of each job."""
        return [job.runs for job in self.jobs]

    @property
    def seeds(self) -> list[tuple[int, ...]]:
        """The seeds of each job."""
        return [tuple(run.seed for run in job.runs) for job in self.jobs]


def finish(job: Job) -> tuple[Outcome, ...]:
    """Write what makes the runs of a job count as done."""
    for run in job.runs:
        path = evaluation_path(run_folder(job.root, *run), job.evaluation.digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    return tuple(Outcome(run, "done") for run in job.runs)
