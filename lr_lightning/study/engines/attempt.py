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

    An unexpected error is a failure of all its runs.
    """
    forget_launcher(os.environ)  # before Lightning is imported
    print(f"=== {'; '.join(f'{job.label(run)} ({run.cell})' for run in job.runs)}", flush=True)
    try:
        return work(job)
    except MemoryError as error:
        return f"process {os.getpid()} on {socket.gethostname()} ran out of memory ({error})"
    except BrokenWorkerError as error:
        return f"process {os.getpid()} on {socket.gethostname()} cannot go on ({error})"
    except Exception as error:
        traceback.print_exc()
        return tuple(Outcome(run, "failed", sentence(error), host=socket.gethostname()) for run in job.runs)
    finally:
        sys.stdout.flush()  # to a file, which is buffered in blocks
        sys.stderr.flush()
