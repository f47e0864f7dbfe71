"""What a job of a study does, in a worker process of any engine: train its runs and evaluate them."""

import errno
import socket
import time
import traceback
from collections.abc import Iterator, Mapping

from lr_lightning.commands.failure import sentence
from lr_lightning.commands.run.lease import FolderInUseError, LeaseLostError
from lr_lightning.study.job import BrokenWorkerError, Job, Outcome, Run, State

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def run_job(job: Job) -> tuple[Outcome, ...]:
    """Train and evaluate the runs of a job that are not done, and return how each ended.

    Raises:
        MemoryError: If memory ran out.
        BrokenWorkerError: If this process cannot do any job any more.
    """
    start = time.monotonic()
    diverged: Mapping[Run, str] = {}
    try:
        diverged = _train_together(job)
    except Exception as error:
        traceback.print_exc()
        state = state_after(error)
        # the config of one of several cells may be at fault: alone, each ends as its own does
        if state != "failed" or len(job.cells) == 1:
            ended = state, sentence(error), time.monotonic() - start, socket.gethostname()
            return tuple(Outcome(run, *ended) for run in job.runs)
    seconds = (time.monotonic() - start) / len(job.runs)
    return tuple(
        Outcome(run, "diverged", diverged[run], seconds, socket.gethostname())
        if run in diverged
        else _run_alone(job, run)
        for run in job.runs
    )


def _train_together(job: Job) -> Mapping[Run, str]:
    """Train several runs together; return why some diverged. What is left of the others is done for each alone."""
    if len(job.runs) == 1:
        return {}
    from lr_lightning.study.members import train_together  # imports torch, in worker processes only

    return train_together(job)


def _run_alone(job: Job, run: Run) -> Outcome:
    from lr_lightning.study.training import train_and_evaluate  # imports torch, in worker processes only

    start, reason = time.monotonic(), ""
    state: State = "done"
    try:
        train_and_evaluate(job, run)
    except Exception as error:
        traceback.print_exc()  # to the log of the worker
        state, reason = state_after(error), sentence(error)
    return Outcome(run, state, reason, time.monotonic() - start, socket.gethostname())


def state_after(error: Exception) -> State:
    """Return the state of a run that ended with an error.

    Raises:
        MemoryError: If memory ran out, in place of errors of PyTorch.
        BrokenWorkerError: If the GPU reported an error, after which it fails whatever the process does.
    """
    causes = list(_chain(error))  # what reads a checkpoint reports it as damaged, whatever the cause
    if memory := next(filter(_is_out_of_memory, causes), None):
        raise MemoryError(sentence(memory)) from error
    if broken := next(filter(_is_error_of_device, causes), None):
        raise BrokenWorkerError(sentence(broken)) from error
    if any(isinstance(each, OSError) and each.errno in _NO_SPACE for each in causes):
        return "full"
    match error:
        case FolderInUseError() | LeaseLostError():
            return "held"
        case FloatingPointError():
            return "diverged"
    return "failed"


def _is_out_of_memory(error: BaseException) -> bool:
    import torch

    # on a CPU, PyTorch raises a plain RuntimeError
    on_cpu = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    return on_cpu or isinstance(error, MemoryError | torch.OutOfMemoryError)


def _is_error_of_device(error: BaseException) -> bool:
    # older versions of PyTorch raise no special class
    return isinstance(error, RuntimeError) and str(error).startswith(("CUDA error", "HIP error"))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, what caused it, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
