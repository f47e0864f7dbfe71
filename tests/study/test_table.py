"""The table of a synthetic study has its known values."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lr_lightning.study.cell_columns import cell_columns
from lr_lightning.study.evaluation_file import EvaluationRecord, read_evaluation, write_evaluation
from lr_lightning.study.failure import Failure, write_failure
from lr_lightning.study.layout import evaluation_path, run_folder
from lr_lightning.study.manifest import Cell, Manifest
from lr_lightning.study.table import read_coverage, read_table
from lr_lightning.testing.synthetic_study import synthetic_manifest, synthetic_value, write_synthetic_study

RUN = ["study", "cell", "label", "objective", "dataset", "strength", "seed"]


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """A study of which one cell has no runs, and one run of another is missing."""
    manifest = synthetic_manifest(3, 2, 2, 3)
    done = [
        (cell, seed)
        for cell, seed in manifest.runs
        if cell != manifest.cells[1] and (cell, seed) != (manifest.cells[2], 1)
    ]
    write_synthetic_study(tmp_path, manifest, done, num_scores=5)
    write_failure(run_folder(tmp_path, manifest.cells[2].identity, 1), Failure("failed", "why"))
    return manifest


def change(root: Path, manifest: Manifest, cell: Cell, seed: int, **changes: Any) -> EvaluationRecord:
    """Change the scores of a run."""
    path = evaluation_path(run_folder(root, cell.identity, seed), manifest.evaluation.digest)
    record = replace(read_evaluation(path), **changes)
    write_evaluation(path, record)
    return record


def test_scores_have_their_values(tmp_path: Path, manifest: Manifest) -> None:
    table = read_table("synthetic", tmp_path)
    scores = table[table["kind"] == "metric"]
    expected = [
        (cell.identity, seed, f"metric_{i // 4}_variant_{i % 4}", synthetic_value(cell, seed, i))
        for cell, seed in manifest.runs
        if cell != manifest.cells[1] and (cell, seed) != (manifest.cells[2], 1)
        for i in range(5)
    ]
    assert list(scores[["cell", "seed", "name", "value"]].itertuples(index=False, name=None)) == expected
    first = scores.iloc[1]
    assert (first["metric"], first["variant"], first["standard_error"], first["ceiling"]) == (
        "metric_0",
        "variant_1",
        0.01,
        1,
    )
    assert np.isnan(first["chance"])
    assert scores.iloc[0]["chance"] == 0.125
    assert scores["higher_is_better"].tolist()[:5] == [True, False, True, False, True]


def test_other_scalars_are_rows_of_their_kind(tmp_path: Path, manifest: Manifest) -> None:
    cell = manifest.cells[0]
    leakage = "assay/response_matrix/leakage"
    scalars = {"metric/metric_0/variant_0": 9.0, "metric/new/score": 7.0, "test/kl": None, leakage: 0.5, "seconds": 3.0}
    validation = {"val/loss": 2.0, leakage: 0.25}
    record = change(tmp_path, manifest, cell, 0, scalars=scalars, validation=validation)
    table = read_table("synthetic", tmp_path)
    rows = table[(table["cell"] == cell.identity) & (table["seed"] == 0)].iloc[len(record.scores["name"]) :]
    columns = ["kind", "metric", "variant", "name", "value"]
    assert rows[columns].astype(object).where(rows[columns].notna(), None).values.tolist() == [
        ["metric", "new", "score", "metric/new/score", 7.0],
        ["test", "kl", "score", "test/kl", None],
        ["assay", "response_matrix", "leakage", "assay/response_matrix/leakage", 0.5],
        ["seconds", "seconds", "score", "seconds", 3.0],
        ["val", "loss", "score", "val/loss", 2.0],
        ["val", "assay", "response_matrix/leakage", "val/assay/response_matrix/leakage", 0.25],
    ]
    assert rows[["higher_is_better", "standard_error", "ceiling", "chance"]].isna().all(axis=None)
    assert not table.duplicated(["cell", "seed", "name"]).any()


def test_rows_have_the_columns_of_their_cell_and_run(tmp_path: Path, manifest: Manifest) -> None:
    cell = manifest.cells[-1]  # a FactorVAE
    seconds = {"training_seconds": 1.5, "evaluation_seconds": 0.5}
    change(tmp_path, manifest, cell, 2, step=7, threads=3, precision="bf16-mixed", versions={"a": "1"}, **seconds)
    table = read_table("synthetic", tmp_path)
    row = table.iloc[-1]
    assert row[RUN].tolist() == ["synthetic", cell.identity, cell.label, "FactorVAE", cell.dataset, 2.0, 2]
    assert row[["model.gamma", "data.dataset"]].tolist() == [2.0, cell.dataset]
    assert row[["model.beta", "model.c_max"]].isna().all()
    assert row[["step", "threads", "precision", "versions"]].tolist() == [7, 3, "bf16-mixed", "a 1"]
    assert row[list(seconds)].tolist() == [1.5, 0.5]
    other = table.iloc[0]
    assert (other["step"], other["threads"], other["precision"]) == (300_000, 1, "32-true")
    assert other["versions"] == "lr-lightning 0.1.0, torch 2.6.0"


def test_a_run_that_is_done_again_is_read_again(tmp_path: Path, manifest: Manifest) -> None:
    read_table("synthetic", tmp_path)
    record = change(tmp_path, manifest, manifest.cells[0], 0)
    change(tmp_path, manifest, manifest.cells[0], 0, scores=dict(record.scores) | {"value": [-1.0] * 5})
    table = read_table("synthetic", tmp_path)
    assert (table["value"] == -1).sum() == 5


def test_runs_may_have_different_scores(tmp_path: Path, manifest: Manifest) -> None:
    cell = manifest.cells[0]
    change(tmp_path, manifest, cell, 1, scores={}, scalars={}, validation={})
    table = read_table("synthetic", tmp_path)
    of_cell = table[table["cell"] == cell.identity]
    assert (of_cell["seed"] == 1).sum() == 0
    scores = of_cell[(of_cell["seed"] == 2) & (of_cell["kind"] == "metric")]
    assert scores["value"].tolist() == [synthetic_value(cell, 2, number) for number in range(5)]


def test_a_study_without_results_has_the_same_columns(tmp_path: Path, manifest: Manifest) -> None:
    full = read_table("synthetic", tmp_path)
    write_synthetic_study(tmp_path / "other", manifest, [])
    empty = read_table("synthetic", tmp_path / "other")
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)
    assert [dtype.kind for dtype in empty.dtypes] == [dtype.kind for dtype in full.dtypes]


TEXT_AS_VALUE = {"metric": ["a"], "variant": ["b"], "name": ["a"], "higher_is_better": [True], "value": ["high"]}


@pytest.mark.parametrize(
    "scores",
    [{"name": ["a"]}, {"name": 3}, TEXT_AS_VALUE | {key: [None] for key in ("standard_error", "ceiling", "chance")}],
)
def test_a_damaged_file_is_named(tmp_path: Path, manifest: Manifest, scores: dict[str, Any]) -> None:
    change(tmp_path, manifest, manifest.cells[3], 1, scores=scores)
    with pytest.raises(ValueError, match=rf"{manifest.cells[3].identity}/seed_1/evaluations"):
        read_table("synthetic", tmp_path)


def test_what_is_missing_stays_visible(tmp_path: Path, manifest: Manifest) -> None:
    coverage = read_coverage("synthetic", tmp_path)
    assert coverage["cell"].tolist() == [cell.identity for cell in manifest.cells]
    assert coverage["num_seeds"].tolist() == [3] * 12
    assert coverage["done"].tolist() == [3, 0, 2] + [3] * 9
    assert coverage["failed"].tolist() == [0, 0, 1] + [0] * 9
    assert coverage["waiting"].tolist() == [0, 3] + [0] * 10
    assert coverage["strength"].tolist() == [1, 1, 2, 2] * 3
    assert pd.isna(coverage["model.gamma"][0])


def test_text_takes_little_memory(tmp_path: Path, manifest: Manifest) -> None:
    table = read_table("synthetic", tmp_path)
    text = [name for name in table.columns if isinstance(table[name].iloc[0], str)]
    assert len(text) == 12
    assert {str(table[name].dtype) for name in text} == {"category"}


def test_columns_of_the_grid_have_the_type_of_their_values() -> None:
    grid: dict[str, list[Any]] = {
        "model.width": [8, 16],
        "model.beta": [1, 0.5],
        "model.steps": [100, None],
        "model.flag": [True, None],
        "model.kind": ["i", None],
        "model.sizes": [[1, 2], {"a": None}],
        "model.mixed": [True, 2],
    }
    cells = [
        Cell(str(number), 1, str(number), "VAE", "XY", {key: values[number] for key, values in grid.items()})
        for number in range(2)
    ]
    found = cell_columns(Manifest("s", "d", "0", tuple(cells), (0,)))[[*grid]]
    types = ["int64", "float64", "float64", "boolean", "category", "category", "category"]
    assert [str(dtype) for dtype in found.dtypes] == types
    assert found["model.sizes"].tolist() == ["[1, 2]", '{"a": null}']
    assert found["model.mixed"].tolist() == ["true", "2"]
    assert found[["model.steps", "model.flag", "model.kind"]].isna().sum().tolist() == [1, 1, 1]
