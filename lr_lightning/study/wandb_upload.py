"""Uploads many offline W&B runs with several processes of ``wandb sync``."""

import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from threading import Event
from typing import NamedTuple

from lr_lightning.study.wandb_parts import OfflinePart

_BATCH = 20
"""How many runs one process uploads: starting it takes longer than uploading a small run."""
_POLL = 0.2
_ERROR = re.compile(r"error|fail|denied|not accepted", re.IGNORECASE)
_UNWANTED = ("WANDB_MODE", "WANDB_SILENT", "WANDB_QUIET")
"""Variables that would make ``wandb sync`` upload nothing, or say nothing."""


class Failed(NamedTuple):
    """A run that was not uploaded.

    Attributes:
        part: Its part.
        reason: Why, as far as W&B tells.
    """

    part: OfflinePart
    reason: str


def upload(
    parts: Sequence[OfflinePart],
    jobs: int,
    timeout: float,
    check_server: Callable[[], object],
    show: Callable[[int, int | None], object],
) -> list[Failed]:
    """Upload offline W&B runs side by side, and return those that failed.

    Each process uploads a batch of runs. W&B does not tell by its exit code which of them failed, only by the marks it
    leaves on the others. What is left of a batch is tried again one by one, so that each failure has its own reason.

    Args:
        parts: The runs.
        jobs: Number of processes.
        timeout: Seconds after which a process that makes no progress is ended; W&B itself would try for days.
        check_server: Called after a process made no progress; raises ``ConnectionError`` if the server is gone.
        show: Called with how many runs have been dealt with, and their total.

    Raises:
        ConnectionError: If the server is gone. What was uploaded until then is not uploaded again by the next call.
    """
    size = max(1, min(_BATCH, math.ceil(len(parts) / jobs)))
    failed: list[Failed] = []
    num_uploaded, stop = 0, Event()
    with ThreadPoolExecutor(jobs) as pool:

        def start(batch: list[OfflinePart]) -> tuple[Future[_Sync], list[OfflinePart]]:
            return pool.submit(_sync, batch, timeout, stop), batch

        running = dict(start(list(parts[i : i + size])) for i in range(0, len(parts), size))
        try:
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    batch, sync = running.pop(future), future.result()
                    if sync.timed_out:
                        check_server()
                    left = [part for part in batch if not part.is_uploaded]
                    num_uploaded += len(batch) - len(left)
                    if len(batch) > 1:
                        running |= dict(start([part]) for part in left)
                    else:
                        failed += [Failed(part, _reason(part, sync, timeout)) for part in left]
                    show(num_uploaded + len(failed), len(parts))
        finally:  # also after Ctrl-C: end the processes, do not wait for their uploads
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
    return failed


class _Sync(NamedTuple):
    """A process of ``wandb sync`` that has ended.

    Attributes:
        output: What it printed.
        timed_out: Whether it was ended because it made no progress.
    """

    output: str
    timed_out: bool


def _sync(batch: Sequence[OfflinePart], timeout: float, stop: Event) -> _Sync:
    """Upload a batch of runs, until ``stop`` is set or there is no progress for ``timeout`` seconds."""
    command = [sys.executable, "-P", "-m", "wandb", "sync", *(str(part.folder) for part in batch)]
    environment = {key: value for key, value in os.environ.items() if key not in _UNWANTED}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # with W&B's own process, so that both can be ended
        )
        before, since, timed_out = (-1, -1), time.monotonic(), False
        while process.poll() is None:
            now = sum(part.is_uploaded for part in batch), os.fstat(output.fileno()).st_size
            if now != before:
                before, since = now, time.monotonic()
            timed_out = time.monotonic() - since > timeout
            if timed_out or stop.wait(_POLL):
                break
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        output.seek(0)
        return _Sync(output.read().decode(errors="replace"), timed_out)


def _reason(part: OfflinePart, sync: _Sync, timeout: float) -> str:
    """Return why a run was not uploaded: what W&B printed about an error, about this run if possible."""
    if sync.timed_out:
        return f"no progress within {timeout:g} s"
    errors = [line for line in sync.output.splitlines() if _ERROR.search(line)]
    named = [line for line in errors if part.folder.name in line]
    line = (named or errors or ["W&B gave no reason"])[-1]
    return line.removeprefix("wandb:").strip().removeprefix("ERROR").strip()
