"""Runs share a job if they can be trained together: seeds of a cell first, then cells of a group."""

from dataclasses import replace

import pytest

from lr_lightning.study.job import Run
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.packing import jobs_of
from lr_lightning.testing.synthetic_study import synthetic_manifest


def study(groups: str, seeds: int, size: int) -> Manifest:
    """Return a study with a cell for each letter, named and grouped by it.

    Upper case has no known group, and the runs of ``x`` are trained alone.
    """
    manifest = synthetic_manifest(1, len(groups), 1, seeds, runs_per_job=size)
    cells = [
        replace(
            cell,
            identity=f"{letter}{number}",
            group=letter if letter.islower() else "",
            alone="callbacks" if letter == "x" else "",
        )
        for number, (cell, letter) in enumerate(zip(manifest.cells, groups, strict=True))
    ]
    return replace(manifest, cells=tuple(cells))


def jobs(groups: str, seeds: int, size: int) -> list[str]:
    """Return the jobs, with runs as cell and seed: ``"a0:0 a0:1"``."""
    return [" ".join(f"{run.cell}:{run.seed}" for run in runs) for runs in jobs_of(study(groups, seeds, size))]


@pytest.mark.parametrize(
    ("groups", "seeds", "size", "expected"),
    [
        ("aab", 2, 1, ["a0:0", "a1:0", "b2:0", "a0:1", "a1:1", "b2:1"]),
        ("aab", 1, 2, ["a0:0 a1:0", "b2:0"]),
        ("aba", 1, 2, ["a0:0 a2:0", "b1:0"]),
        ("aaa", 1, 2, ["a0:0 a1:0", "a2:0"]),
        ("aa", 3, 2, ["a0:0 a0:1", "a1:0 a1:1", "a0:2 a1:2"]),
        ("aa", 2, 4, ["a0:0 a0:1 a1:0 a1:1"]),
        ("axax", 2, 2, ["a0:0 a0:1", "x1:0", "x1:1", "a2:0 a2:1", "x3:0", "x3:1"]),
        ("AA", 3, 2, ["A0:0 A0:1", "A1:0 A1:1", "A0:2", "A1:2"]),
    ],
)
def test_jobs(groups: str, seeds: int, size: int, expected: list[str]) -> None:
    assert jobs(groups, seeds, size) == expected


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_each_run_has_one_job_of_one_group(size: int) -> None:
    manifest = study("aabbxAcaBx", 5, size)
    group_of = {cell.identity: cell.group or cell.identity for cell in manifest.cells}
    found = list(jobs_of(manifest))
    runs = [run for each in found for run in each]
    assert sorted(runs) == sorted(Run(cell.identity, seed) for cell, seed in manifest.runs)
    for each in found:
        assert 1 <= len(each) <= size
        assert len({group_of[run.cell] for run in each}) == 1
