"""Work for the engines of studies, done by worker processes that import this module."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from lr_lightning.study.job import BrokenWorkerError, Job, Outcome, Run
from lr_lightning.study.layout import evaluation_path, run_folder
from lr_lightning.study.manifest import Cell, Evaluation, Resources


def make_job(root: Path, label: str = "", seed: int = 0, **changes: Any) -> Job:
    """Return a job of one run; ``label`` tells the work what to do."""
    cells = {"cell": Cell("cell", 1, label, "", "", {})}
    values: dict[str, Any] = {"study": "s", "root": root, "runs": (Run("cell", seed),), "cells": cells}
    values |= {"evaluation": Evaluation(), "resources": Resources(), "threads": 1, "wandb": "disabled"}
    return Job(**values | changes)


def noted(folder: Path, name: str) -> dict[str, Any]:
    """Wait for a note of a worker, and return it."""
    deadline = time.monotonic() + 900  # a process that has to import torch may be slow on a busy machine
    while not (folder / name).exists():
        assert time.monotonic() < deadline, f"no {name} in {folder}"
        time.sleep(0.01)
    values: dict[str, Any] = json.loads((folder / name).read_text())
    return values


def note(folder: Path, name: str, values: dict[str, Any]) -> None:
    """Leave a note for the test, complete or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{name}"
    unfinished.write_text(json.dumps(values))
    unfinished.rename(folder / name)


def is_alive(pid: int) -> bool:
    """Return whether a process runs; ended ones that nobody has waited for do not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until_dead(*pids: int) -> None:
    """Wait until all of the processes have ended."""
    deadline = time.monotonic() + 20
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, f"one of {pids} is alive"
        time.sleep(0.01)


def work(job: Job) -> tuple[Outcome, ...]:
    """Do what the label of a job says; without a label, write the record that makes its runs count as done."""
    print(f"working on seed {job.runs[0].seed}")
    action, _, argument = next(iter(job.cells.values())).label.partition(" ")
    match action:
        case "note":  # who and where this worker is
            names = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
            environment = {name: os.environ.get(name) for name in names}
            note(
                job.root,
                f"note_{job.runs[0].seed}",
                {"pid": os.getpid(), "torch": "torch" in sys.modules} | environment,
            )
        case "hang":  # with a child that inherits all open files, as a loader of data is one
            child = os.fork()
            if child:
                note(job.root, f"hang_{job.runs[0].seed}", {"pid": os.getpid(), "child": child})
            time.sleep(600)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(int(argument))
        case "memory":
            raise MemoryError("could not allocate")
        case "break":
            raise BrokenWorkerError(argument)
        case "eat":  # gigabytes, for as long as it lives
            eaten = [bytearray(b"x") * 100_000_000 for _ in range(10 * int(argument))]
            time.sleep(600 if eaten else 0)
        case "raise":
            raise ValueError(argument)
        case "diverge":
            return tuple(Outcome(run, "diverged", argument) for run in job.runs)
        case "full":
            return tuple(Outcome(run, "full", argument) for run in job.runs)
    for run in job.runs:
        path = evaluation_path(run_folder(job.root, *run), job.evaluation.digest)
        note(path.parent, path.name, {"pid": os.getpid()})
    return tuple(Outcome(run, "done") for run in job.runs)
