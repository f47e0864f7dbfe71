"""One attempt at a job, in a worker process of any engine."""

import os
import socket
import sys
import traceback

from lr_lightning.commands.failure import sentence
from lr_lightning.study.engines.single_process import forget_launcher
from lr_lightning.study.job import BrokenWorkerError, Job, Outcome, Work


def attempt(work: Work, job: Job) -> tuple[Outcome, ...] | str:
    """Return the outcomes of a job, or a sentence if it was lost, which says nothing about the job.

    An unexpected error is a failure of all its seeds.
    """
    forget_launcher(os.environ)  # before Lightning is imported
    print(f"=== {job.label}, seed {', '.join(map(str, job.seeds))} ({job.cell})", flush=True)
    try:
        return work(job)
    except MemoryError as error:
        return f"process {os.getpid()} on {socket.gethostname()} ran out of memory ({error})"
    except BrokenWorkerError as error:
        return f"process {os.getpid()} on {socket.gethostname()} cannot go on ({error})"
    except Exception as error:
        traceback.print_exc()
        return tuple(Outcome(seed, "failed", sentence(error), host=socket.gethostname()) for seed in job.seeds)
    finally:
        sys.stdout.flush()  # to a file, which is buffered in blocks
        sys.stderr.flush()
