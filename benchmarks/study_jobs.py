"""Jobs for measuring what an engine of studies costs besides the jobs themselves."""

import json
import time

from lr_lightning.common.files import write_atomically
from lr_lightning.study.job import Job, Outcome
from lr_lightning.study.layout import evaluation_path, run_folder


def no_op(job: Job) -> tuple[Outcome, ...]:
    """Do not train: write only the record of each run that makes it count as done."""
    start = time.perf_counter()
    for run in job.runs:
        record = {"format": 1, **run._asdict(), "step": 0, "scalars": {}, "validation": {}, "scores": []}
        text = json.dumps(record)
        path = evaluation_path(run_folder(job.root, *run), job.evaluation.digest)
        write_atomically(path, lambda file, text=text: file.write(text.encode()))  # type: ignore[misc]
    return tuple(Outcome(run, "done", seconds=time.perf_counter() - start) for run in job.runs)


def no_op_after_imports(job: Job) -> tuple[Outcome, ...]:
    """Do the same after the imports of a real job, which take seconds but only once in a reused worker."""
    import lr_lightning.commands.fit.training  # noqa: F401

    return no_op(job)
