"""One attempt at a job, in a worker process of any engine."""

import os
import socket
import traceback

from lr_lightning.commands.failure import sentence
from lr_lightning.study.engines.single_process import forget_launcher
from lr_lightning.study.job import Job, Outcome, Work


def attempt(work: Work, job: Job) -> tuple[Outcome, ...]:
    """Return the outcomes of a job; an unexpected error is a failure of all its seeds.

    Raises:
        MemoryError: If memory ran out, which says nothing about the job: the engine reports it as lost.
    """
    forget_launcher(os.environ)  # before Lightning is imported
    print(f"=== {job.label}, seed {', '.join(map(str, job.seeds))} ({job.cell})", flush=True)
    try:
        return work(job)
    except MemoryError:
        raise
    except Exception as error:
        traceback.print_exc()
        return tuple(Outcome(seed, "failed", sentence(error), host=socket.gethostname()) for seed in job.seeds)
