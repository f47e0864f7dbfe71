"""A study whose runs were never trained: thousands of run folders with known scores, for tests and benchmarks."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lr_lightning.study.evaluation_file import EvaluationRecord, evaluation_text, score_columns
from lr_lightning.study.layout import StudyFolder, cell_folder, codes_path, evaluation_path, run_folder
from lr_lightning.study.manifest import Cell, Evaluation, Manifest, write_manifest

OBJECTIVES = ("BetaVAE", "AnnealedVAE", "FactorVAE", "DIPVAEI", "DIPVAEII", "BetaTCVAE")
DATA_SETS = ("DSprites", "ColorDSprites", "NoisyDSprites", "ScreamDSprites", "SmallNORB", "Cars3D", "Shapes3D")
_STRENGTH_KEYS = {"AnnealedVAE": "model.c_max", "FactorVAE": "model.gamma"}
FINISHED = 1_700_000_000
"""When the first run ended, in seconds since 1970; one run ends every 36 seconds, 100 an hour."""


class _Score(NamedTuple):
    """The fields of a ``ScoreRow``, whose module would import PyTorch."""

    name: str
    metric: str
    variant: str
    value: float
    standard_error: float | None
    ceiling: float | None
    chance: float | None
    higher_is_better: bool
    num_train: int = 10_000
    num_test: int = 5_000
    seconds: float = 1.5
    level_seconds: float = 0.5
    low: float | None = None
    high: float | None = None
    error_over: str | None = None


def synthetic_manifest(
    num_objectives: int = 6, num_strengths: int = 6, num_data_sets: int = 7, num_seeds: int = 50, **changes: Any
) -> Manifest:
    """Return the manifest of a study of the size of the 12,600-model study, or a smaller one.

    Args:
        num_objectives: Number of objectives, up to 6; each is a block.
        num_strengths: Number of strengths of each objective: 1, 2, 3, ...
        num_data_sets: Number of data sets, up to 7.
        num_seeds: Number of seeds, from 0.
        changes: Other fields of the manifest.
    """
    cells = [
        _cell(block, objective, strength, dataset)
        for block, objective in enumerate(OBJECTIVES[:num_objectives])
        for strength in range(1, num_strengths + 1)
        for dataset in DATA_SETS[:num_data_sets]
    ]
    defaults: dict[str, Any] = {"name": "synthetic", "definition": "0" * 12, "version": "0", "evaluation": Evaluation()}
    return Manifest(cells=tuple(cells), seeds=tuple(range(num_seeds)), **(defaults | changes))


def _cell(block: int, objective: str, strength: int, dataset: str) -> Cell:
    key = _STRENGTH_KEYS.get(objective, "model.beta")
    label = f"{objective} {key.removeprefix('model.')}={strength} {dataset}"
    parameters: dict[str, Any] = {key: strength, "data.dataset": dataset}
    return Cell(f"{block}{strength:03d}{dataset.lower():_<16}", block, label, objective, dataset, parameters)


def synthetic_value(cell: Cell, seed: int, score: int) -> float:
    """Return the known value of a score: a function of objective, strength, data set, seed and number of the score."""
    strength = next(value for key, value in cell.parameters.items() if key != "data.dataset")
    assert isinstance(strength, int)
    return cell.block / 10 + strength / 100 + DATA_SETS.index(cell.dataset) / 1000 + seed / 1e5 + score / 1e7


def synthetic_evaluation(cell: Cell, seed: int, num_scores: int = 60) -> EvaluationRecord:
    """Return the scores of a run.

    Each score has a row and a scalar, as in a real run; other scalars belong to losses and assays.
    """
    scores = score_columns(_score(cell, seed, number) for number in range(num_scores))
    keys = [f"metric/{metric}/{variant}" for metric, variant in zip(scores["metric"], scores["variant"], strict=True)]
    assays = {f"assay/response_matrix/scalar_{i}": 0.5 for i in range(19)}
    return EvaluationRecord(
        cell=cell.identity,
        seed=seed,
        step=300_000,
        training_seconds=3600.0 + seed,
        evaluation_seconds=60.0,
        threads=1,
        precision="32-true",
        versions={"lr-lightning": "0.1.0", "torch": "2.6.0"},
        scalars=dict(zip(keys, scores["value"], strict=True))
        | {"assay/conditioned_response/cds": synthetic_value(cell, seed, 1000), "test/loss": 1.0, "test/kl": None}
        | assays,
        validation={"val/loss": 2.0} | assays,
        scores=scores,
    )


def _score(cell: Cell, seed: int, number: int) -> _Score:
    metric, variant = f"metric_{number // 4}", f"variant_{number % 4}"
    chance = None if number % 4 else 0.125
    value = synthetic_value(cell, seed, number)
    return _Score(f"{metric}_{variant}", metric, variant, value, 0.01, 1.0, chance, number % 2 == 0)


def synthetic_codes(cell: Cell, seed: int, num_inputs: int) -> NDArray[np.float32]:
    """Return codes (num_inputs, 4) of a run, in which seeds agree the less, the higher the block of their cell is.

    In block 0, seeds differ only in the order and the sign of latents.
    """
    shared = np.random.default_rng(0).standard_normal((num_inputs, 4))
    own = np.random.default_rng(seed + 1).standard_normal((num_inputs, 4))
    agreed = np.roll(shared, seed, axis=1) * (-1) ** seed
    return np.asarray(agreed + cell.block * own, dtype=np.float32)


def write_synthetic_study(
    root: Path, manifest: Manifest, done: Iterable[tuple[Cell, int]] | None = None, num_scores: int = 60
) -> None:
    """Write the manifest of a study and the results of its runs, with codes if it asks for UDR.

    Args:
        root: Folder of all studies.
        manifest: The study.
        done: The runs with results; all of them by default.
        num_scores: Number of scores of each.
    """
    write_manifest(StudyFolder(root, manifest.name), manifest)
    for cell in manifest.cells:
        cell_folder(root, cell.identity).mkdir(parents=True, exist_ok=True)
    num_inputs, digest = manifest.evaluation.udr_inputs, manifest.evaluation.digest
    for number, (cell, seed) in enumerate(manifest.runs if done is None else done):
        folder = run_folder(root, cell.identity, seed)
        path = evaluation_path(folder, digest)
        path.parent.mkdir(parents=True)
        if num_inputs is not None:
            codes = synthetic_codes(cell, seed, num_inputs)
            np.savez(codes_path(folder, digest), codes=codes, indices=np.arange(num_inputs))
        # not atomically: flushing thousands of files to the disk takes minutes
        path.write_text(evaluation_text(synthetic_evaluation(cell, seed, num_scores)))
        os.utime(path, (FINISHED + 36 * number,) * 2)
