"""Figures of the matrices behind scores."""

import pickle

import pytest
import torch

from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.mutual_information_gap import mutual_information_gap
from lr_lightning.metrics.score_table import ScoreTable
from lr_lightning.plots.scores import distinct_matrices, score_matrix_figure
from tests.metrics.cases import FIRST_ROWS, reference_case


def test_latents_in_rows_and_factors_in_columns() -> None:
    codes, factors, _ = reference_case("noise_and_leak")
    result = mutual_information_gap(codes, factors, sampling=FIRST_ROWS)
    axes = score_matrix_figure(result, ["shape", "scale", "x", "y"]).axes[0]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("latent", "factor")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["shape", "scale", "x", "y"]
    assert len(axes.get_yticklabels()) == 6
    assert axes.get_title() == "mig 0.675"


def test_square_matrix_of_latents() -> None:
    result = MetricResult(
        "pairs", {"pairs": Score(0.5)}, 10, matrix=torch.eye(3), matrix_axes=("latent", "latent"), matrix_label="nats"
    )
    axes = score_matrix_figure(result, ["a", "b"]).axes[0]
    assert axes.get_xlabel() == "latent"
    with pytest.raises(ValueError, match=r"matrix .*pairs"):
        score_matrix_figure(MetricResult("pairs", {"pairs": Score(0.5)}, 10))


def test_factors_in_rows_are_named_too() -> None:
    matrix, axes_names = torch.eye(2), ("target factor", "sensitive factor")
    scores = {f"pairs_{number}": Score(number / 10) for number in range(6)}
    result = MetricResult("pairs", scores, 10, matrix=matrix, matrix_axes=axes_names)
    axes = score_matrix_figure(result, ["a", "b"]).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert axes.get_title() == "pairs_0 0.000\npairs_1 0.100\npairs_2 0.200\npairs_3 0.300"
    assert score_matrix_figure(result, title="Pairs").axes[0].get_title() == "Pairs"


def test_a_matrix_that_scores_share_is_drawn_once() -> None:
    shared, own = torch.tensor([[1.0, torch.nan], [0.5, 0.25]]), torch.eye(2)
    results = {
        name: MetricResult(name, {name: Score(1.0)}, 10, matrix=matrix)
        for name, matrix in (("a", shared), ("b", shared), ("c", own), ("d", None))
    }
    assert list(distinct_matrices(ScoreTable((), results))) == ["a", "c"]
    copies = pickle.loads(pickle.dumps(results["b"]))  # as from another process
    assert list(distinct_matrices(ScoreTable((), {"a": results["a"], "b": copies}))) == ["a"]


def test_equal_entries_with_another_meaning_are_distinct() -> None:
    results = {
        label: MetricResult(label, {label: Score(1.0)}, 10, matrix=torch.zeros(2, 2), matrix_label=label)
        for label in ("accuracy", "importance")
    }
    assert list(distinct_matrices(ScoreTable((), results))) == ["accuracy", "importance"]
