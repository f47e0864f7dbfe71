"""The status of a synthetic study of known state."""

import os
from pathlib import Path

import pytest

from lr_lightning.study.failure import Failure, write_failure
from lr_lightning.study.layout import evaluation_path, run_folder
from lr_lightning.study.status import BlockStatus, FailureGroup, study_status
from lr_lightning.testing.synthetic_study import synthetic_manifest, write_synthetic_study
from tests.study.test_run_states import write_lease


def test_counts_and_blocks(tmp_path: Path) -> None:
    manifest = synthetic_manifest(2, 2, 2, 3)
    first, second = manifest.cells[0], manifest.cells[-1]
    write_synthetic_study(tmp_path, manifest, [(first, 0), (first, 2), (second, 1)], num_scores=1)
    write_lease(run_folder(tmp_path, second.identity, 2))
    write_failure(run_folder(tmp_path, second.identity, 0), Failure("diverged", "NaN"))
    status = study_status(manifest, tmp_path)
    assert status.total == 24
    assert status.counts == {"done": 3, "running": 1, "failed": 0, "diverged": 1, "waiting": 19}
    assert status.blocks == (
        BlockStatus(0, "BetaVAE", {"done": 2, "running": 0, "failed": 0, "diverged": 0, "waiting": 10}),
        BlockStatus(1, "AnnealedVAE", {"done": 1, "running": 1, "failed": 0, "diverged": 1, "waiting": 9}),
    )
    assert [(run.label, run.seed, run.host) for run in status.running] == [(second.label, 2, "node7")]


def test_rate_and_time_left(tmp_path: Path) -> None:
    manifest = synthetic_manifest(1, 2, 1, 50)
    first, second = manifest.cells
    write_synthetic_study(tmp_path, manifest, ((first, seed) for seed in range(50)), num_scores=1)
    assert study_status(manifest, tmp_path).seconds_left is None  # nothing runs
    write_lease(run_folder(tmp_path, second.identity, 0))
    status = study_status(manifest, tmp_path)
    # the longest of the last ten runs took 3600 + 49 + 60 s; one ended every 36 s
    assert status.runs_per_hour == pytest.approx(50 / (49 * 36 + 3709) * 3600)
    # one runs at a time, and the last five took 3600 + 47 + 60 s on average
    assert status.seconds_left == pytest.approx(50 * 3707, abs=60)
    times = [path.stat().st_mtime for path in tmp_path.glob("runs/*/seed_49/evaluations/*")]
    damaged = evaluation_path(run_folder(tmp_path, first.identity, 49), manifest.evaluation.digest)
    damaged.write_text("")
    os.utime(damaged, (times[0], times[0]))
    assert study_status(manifest, tmp_path).runs_per_hour == pytest.approx(50 / (49 * 36 + 3708) * 3600)
    for seed in range(50):
        path = evaluation_path(run_folder(tmp_path, first.identity, seed), manifest.evaluation.digest)
        path.unlink()
        path.parent.rmdir()
    status = study_status(manifest, tmp_path)
    assert (status.runs_per_hour, status.seconds_left) == (None, None)


def test_failures_are_grouped_by_sentence(tmp_path: Path) -> None:
    manifest = synthetic_manifest(1, 2, 1, 3)
    write_synthetic_study(tmp_path, manifest, [])
    folders = [run_folder(tmp_path, cell.identity, seed) for cell, seed in manifest.runs]
    for i, folder in enumerate(folders[:3]):
        write_failure(folder, Failure("failed", f"{folder}/checkpoints/last.ckpt is damaged at byte {100 + i}"))
    write_failure(folders[3], Failure("failed", "no space left"))
    write_failure(folders[4], Failure("diverged", "the loss is nan at step 7"))
    write_failure(folders[5], Failure("diverged", "the loss is nan at step 1234"))
    assert study_status(manifest, tmp_path).failures == (
        FailureGroup("failed", f"{folders[0]}/checkpoints/last.ckpt is damaged at byte 100", 3, folders[0]),
        FailureGroup("diverged", "the loss is nan at step 7", 2, folders[4]),
        FailureGroup("failed", "no space left", 1, folders[3]),
    )
