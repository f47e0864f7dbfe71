"""The states of runs are read from their folders."""

import json
import os
import time
from pathlib import Path
from typing import Any

from lr_lightning.commands.run.lease import LEASE, STALE_AFTER, Holder
from lr_lightning.study.failure import Failure, write_failure
from lr_lightning.study.layout import evaluation_path, run_folder
from lr_lightning.study.manifest import Evaluation
from lr_lightning.study.run_states import RunState, run_states
from lr_lightning.testing.synthetic_study import FINISHED, synthetic_manifest, write_synthetic_study


def write_lease(folder: Path, silence: float = 0.0, **changes: Any) -> None:
    """Write the lease of another machine's process, or of this one's with ``changes``."""
    folder.mkdir(parents=True, exist_ok=True)
    elsewhere = {"machine": "another", "host": "node7", "pid": 1}
    record = vars(Holder.this_process()) | (changes or elsewhere)
    (folder / LEASE).write_text(f"{json.dumps(record)}\n{0:012d}\n")
    os.utime(folder / LEASE, (time.time() - silence,) * 2)


def test_each_state(tmp_path: Path) -> None:
    manifest = synthetic_manifest(2, 1, 1, 5)
    first, second = manifest.cells
    write_synthetic_study(tmp_path, manifest, [(first, 0), (first, 1)], num_scores=1)
    folders = {seed: run_folder(tmp_path, first.identity, seed) for seed in manifest.seeds}
    write_lease(folders[2])
    write_failure(folders[2], Failure("failed", "an earlier attempt"))
    failures = Failure("failed", "no room"), Failure("diverged", "NaN")
    write_failure(folders[3], failures[0])
    write_lease(folders[3], silence=STALE_AFTER + 1)  # of a machine that was lost
    write_failure(folders[4], failures[1])
    write_lease(run_folder(tmp_path, second.identity, 0), silence=STALE_AFTER + 1)
    write_lease(run_folder(tmp_path, second.identity, 1), pid=os.getpid(), born="0")
    write_lease(run_folder(tmp_path, second.identity, 2), silence=10 * STALE_AFTER, pid=os.getpid())
    run_folder(tmp_path, second.identity, 3).mkdir()
    assert list(run_states(manifest, tmp_path).items()) == [
        ((first.identity, 0), RunState("done", FINISHED)),
        ((first.identity, 1), RunState("done", FINISHED + 36)),
        ((first.identity, 2), RunState("running")),
        ((first.identity, 3), RunState("failed", failure=failures[0])),
        ((first.identity, 4), RunState("diverged", failure=failures[1])),
        ((second.identity, 0), RunState("waiting")),
        ((second.identity, 1), RunState("waiting")),
        ((second.identity, 2), RunState("running")),
        ((second.identity, 3), RunState("waiting")),
        ((second.identity, 4), RunState("waiting")),
    ]


def test_scores_of_another_evaluation_do_not_count(tmp_path: Path) -> None:
    manifest = synthetic_manifest(1, 1, 1, 1)
    write_synthetic_study(tmp_path, manifest, num_scores=1)
    other = synthetic_manifest(1, 1, 1, 1, evaluation=Evaluation(metrics=("study",)))
    assert [state.state for state in run_states(manifest, tmp_path).values()] == ["done"]
    assert [state.state for state in run_states(other, tmp_path).values()] == ["waiting"]
    folder = run_folder(tmp_path, manifest.cells[0].identity, 0)
    write_failure(folder, Failure("failed", "of the other evaluation"))
    evaluated = evaluation_path(folder, manifest.evaluation.digest)
    assert [state.finished for state in run_states(manifest, tmp_path).values()] == [evaluated.stat().st_mtime]
    assert [state.state for state in run_states(other, tmp_path).values()] == ["failed"]
