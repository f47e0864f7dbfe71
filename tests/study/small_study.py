"""A small study on the double helix: its files, and what is comparable in its run folders."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from lr_lightning.study.definition import read_definition
from lr_lightning.study.job import Job, Run
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.preparation import prepare_study

SMALL: dict[str, Any] = {
    "trainer.max_epochs": 3,
    "trainer.log_every_n_steps": 5,
    "trainer.accelerator": "cpu",
    "data.batches_per_epoch": 20,
    "data.dataset.num_samples": 1152,
    "assays": {},
}
"""The double helix in sixty steps with three validations, after each of which a checkpoint is saved."""
TEST = {"metrics": ["mig"], "assays": ["latent_statistics"]}
WITH_CODES = TEST | {"udr": {"num_inputs": 50}}
"""The same, and codes of the inputs that all seeds share."""


def write_study(path: Path, values: Mapping[str, Any] | None = None, **parts: Any) -> Path:
    """Write a study file.

    Args:
        path: The file.
        values: Values of all cells, added to those of :data:`SMALL`.
        parts: Other parts of the file.
    """
    study = {"name": "small", "config": "helix", "set": SMALL | (dict(values or {})), "seeds": 1}
    study |= {"grid": [{"model.beta": [0.05]}], "test": TEST, "resources": {"cpus": 1}, "wandb": "disabled"}
    path.write_text(yaml.safe_dump(study | parts))
    return path


def make_study(root: Path, values: Mapping[str, Any] | None = None, **parts: Any) -> Manifest:
    """Write the files of a study that has been started, and return its manifest."""
    manifest, _ = prepare_study(read_definition(write_study(root.with_suffix(".yaml"), values, **parts)), root)
    return manifest


def job_of(
    manifest: Manifest,
    root: Path,
    cell: int = 0,
    seed: int = 0,
    *,
    seeds: Sequence[int] = (),
    cells: Sequence[int] = (),
    **changes: Any,
) -> Job:
    """Return the job of one run, or of several seeds and cells."""
    chosen = {manifest.cells[each].identity: manifest.cells[each] for each in cells or [cell]}
    runs = tuple(Run(identity, each) for identity in chosen for each in seeds or [seed])
    values: dict[str, Any] = {"study": manifest.name, "root": root, "runs": runs, "cells": chosen, "threads": 1}
    values |= {"evaluation": manifest.evaluation, "resources": manifest.resources, "wandb": manifest.wandb}
    return Job(**values | changes)


def runs_of(manifest: Manifest) -> set[Run]:
    """Return all runs."""
    return {Run(cell.identity, seed) for cell, seed in manifest.runs}


def comparable(folder: Path) -> dict[str, Any]:
    """Return what a run has left in its folder, without times and what its command line has set."""
    checkpoints = {
        path.name: _timeless(torch.load(path, map_location="cpu", weights_only=True))
        for path in (folder / "checkpoints").glob("*.ckpt")
    }
    with (folder / "metrics.csv").open(newline="") as file:
        rows = [_timeless(row) for row in csv.DictReader(file)]
    results = json.loads((folder / "results.json").read_text())
    for record in results.values():
        del record["config"]
    codes = {path.name: _arrays(path) for path in (folder / "evaluations").glob("*.npz")}
    return checkpoints | codes | {"rows": rows, "results": _timeless(results)}


def _arrays(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as file:
        return {name: array.tolist() for name, array in file.items()}


def _timeless(value: Any) -> Any:
    """Return ``value`` with tensors as lists, without times and the commit, which may change meanwhile."""
    if isinstance(value, Mapping):
        kept = {str(key): inner for key, inner in value.items() if "seconds" not in str(key) and key != "git_commit"}
        return {key: _timeless(inner) for key, inner in kept.items()}
    if isinstance(value, list | tuple):
        return [_timeless(inner) for inner in value]
    return value.tolist() if isinstance(value, torch.Tensor) else value
