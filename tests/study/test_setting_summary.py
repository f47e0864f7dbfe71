"""Summaries of synthetic studies with known scores."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.failure import Failure, write_failure
from lr_lightning.study.layout import run_folder
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.run_states import run_states
from lr_lightning.study.setting_summary import (
    SettingSummary,
    chosen_columns,
    missing_runs,
    setting_columns,
    summarize_settings,
    usual_columns,
)
from lr_lightning.study.table import read_table
from lr_lightning.testing.synthetic_study import synthetic_manifest, synthetic_value, write_synthetic_study
from tests.study.test_run_states import write_lease

CDS = "assay/conditioned_response/cds"


def summary_of(root: Path, manifest: Manifest, scores: list[str]) -> SettingSummary:
    return summarize_settings(manifest, run_states(manifest, root), read_table(manifest.name, root), scores)


def test_means_and_intervals_are_those_of_a_t_distribution(tmp_path: Path) -> None:
    manifest = synthetic_manifest(2, 2, 1, 4)
    done = [run for number, run in enumerate(manifest.runs) if number not in (3, 8, 9, 10, 12, 13, 14, 15)]
    write_synthetic_study(tmp_path, manifest, done, num_scores=2)
    found = summary_of(tmp_path, manifest, [CDS, "test/kl"])
    assert [row.num_done for row in found.rows] == [3, 4, 1, 0]
    assert [row.cell for row in found.rows] == [cell.identity for cell in manifest.cells]
    for row, cell in zip(found.rows[:2], manifest.cells, strict=False):
        values = [synthetic_value(cell, seed, 1000) for each, seed in done if each == cell]
        low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
        mean = found.scores[row.cell, CDS]
        assert mean.mean == pytest.approx(np.mean(values))
        assert mean.half_width == pytest.approx((high - low) / 2)
        assert mean.num_seeds == len(values)
    single = found.scores[found.rows[2].cell, CDS]
    assert single.mean == pytest.approx(synthetic_value(manifest.cells[2], 3, 1000))
    assert np.isnan(single.half_width)
    assert {name for _, name in found.scores} == {CDS}  # the other one is undefined everywhere
    assert not [cell for cell, _ in found.scores if cell == found.rows[3].cell]


def columns_of(*parameters: dict[str, Any], **changes: list[str]) -> pd.DataFrame:
    """Return the columns of a study of cells with these values, and other fields of each."""
    manifest = synthetic_manifest(1, len(parameters), 1, 1)
    fields: list[dict[str, Any]] = [
        {key: values[number] for key, values in changes.items()} for number in range(len(parameters))
    ]
    cells = [
        replace(cell, parameters=values, **each)
        for cell, values, each in zip(manifest.cells, parameters, fields, strict=True)
    ]
    return setting_columns(replace(manifest, cells=tuple(cells)))


def test_only_what_differs_has_a_column() -> None:
    found = columns_of({"model.beta": 1, "data.batch_size": 8}, {"model.beta": 4, "data.batch_size": 8})
    assert found.to_dict("list") == {"beta": [1, 4]}
    found = columns_of(
        {"model.beta": 1, "data.dataset": "A"}, {"model.gamma": 2.5, "data.dataset": "A"}, objective=["VAE", "FVAE"]
    )
    assert list(found.columns) == ["objective", "beta", "gamma"]
    found = columns_of({"data.dataset": "A"}, {"data.dataset": "B"}, dataset=["A", "B"])
    assert found.to_dict("list") == {"dataset": ["A", "B"]}


def test_equal_last_parts_of_keys_are_written_in_full() -> None:
    found = columns_of({"model.optimizer.lr": 1, "model.critic.lr": 1}, {"model.optimizer.lr": 2, "model.critic.lr": 3})
    assert list(found.columns) == ["model.optimizer.lr", "model.critic.lr"]


def test_lists_and_single_cells() -> None:
    key = "model.network.widths"
    assert columns_of({key: [8, 8]}, {key: [64]}).to_dict("list") == {"widths": ["[8, 8]", "[64]"]}
    assert columns_of({"model.beta": 1}, label=["BetaVAE"]).to_dict("list") == {"label": ["BetaVAE"]}
    # cells that differ only in their configs have labels that tell them apart
    assert list(columns_of({"model.beta": 1}, {"model.beta": 1}).columns) == ["label"]


def test_scores_are_chosen_by_their_names_metrics_and_assays() -> None:
    names = ["mig", "dci_gbt_disentanglement", "dci_gbt_informativeness_train", CDS, "val/loss"]
    metrics = ["mig", "dci", "dci", "conditioned_response", "loss"]
    kinds = ["metric", "metric", "metric", "assay", "val"]
    table = pd.DataFrame({"name": names, "metric": metrics, "kind": kinds, "value": [0.5, np.nan, 0.5, 0.5, 0.5]})
    assert chosen_columns(table, ["val/loss", "mig", "mig"]) == ["val/loss", "mig"]
    assert chosen_columns(table, ["dci", "conditioned_response"]) == ["dci_gbt_disentanglement", CDS]
    assert chosen_columns(table, ["all"]) == names
    with pytest.raises(UsageError, match="'mgi'; did you mean mig"):
        chosen_columns(table, ["mgi"])
    with pytest.raises(UsageError, match="'loss'"):  # of a validation, which is to be named in full
        chosen_columns(table, ["loss"])
    with pytest.raises(UsageError, match="--scores"):
        chosen_columns(table, [])
    assert usual_columns(table) == ["mig", CDS, "val/loss"]  # the one of DCI is undefined
    assert usual_columns(table.assign(value=np.nan))[:2] == ["mig", "dci_gbt_disentanglement"]


def test_runs_that_are_missing_are_named(tmp_path: Path) -> None:
    manifest = synthetic_manifest(1, 2, 1, 15)
    first, second = manifest.cells
    write_synthetic_study(tmp_path, manifest, [(first, seed) for seed in range(12)], num_scores=1)
    write_lease(run_folder(tmp_path, first.identity, 12))
    write_failure(run_folder(tmp_path, first.identity, 13), Failure("failed", "no room"))
    write_failure(run_folder(tmp_path, first.identity, 14), Failure("diverged", "the loss is nan"))
    write_failure(run_folder(tmp_path, second.identity, 3), Failure("failed", "no room"))
    assert list(missing_runs(manifest, run_states(manifest, tmp_path))) == [
        f"failed: {first.label}, seed 13: no room",
        f"diverged: {first.label}, seed 14: the loss is nan",
        f"running: {first.label}, seed 12",
        f"failed: {second.label}, seed 3: no room",
        f"waiting: {second.label}, seeds 0, 1, 2, 4, 5, 6, 7, 8, 9, 10 and 4 more",
    ]
