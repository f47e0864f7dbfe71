"""Scores of active latents only."""

import math

import pytest
import torch

from lr_lightning.metrics.active_units import active_units
from lr_lightning.metrics.core.binning import binned
from lr_lightning.metrics.core.result import MetricResult
from lr_lightning.metrics.core.sample import Sample, draw
from lr_lightning.metrics.core.truncated import on_active_latents
from lr_lightning.metrics.gaussian_wasserstein_correlation import gaussian_wasserstein_correlation
from lr_lightning.metrics.mutual_information_gap import mutual_information_gap
from lr_lightning.metrics.pairwise_mutual_information import pairwise_mutual_information
from tests.metrics.cases import FIRST_ROWS, ideal_case

ACTIVE_OF_DEAD = [True] * 4 + [False] * 4


def sample_of(name: str) -> Sample:
    return draw(*ideal_case(name), FIRST_ROWS)


def test_dead_latents_are_as_if_not_there() -> None:
    codes, factors = ideal_case("dead")
    alone = mutual_information_gap(codes[:, :4], factors, sampling=FIRST_ROWS)
    result = on_active_latents(mutual_information_gap, sample_of("dead"))
    assert result.metric == "mig"
    assert list(result.scores) == ["mig_active"]
    assert result.scores["mig_active"] == alone.scores["mig"]
    assert result.value > mutual_information_gap(codes, factors, sampling=FIRST_ROWS).value
    assert all(torch.equal(result.per_factor[name], alone.per_factor[name]) for name in alone.per_factor)


def test_matrix_and_parts_keep_their_rows() -> None:
    sample = sample_of("dead")
    result = on_active_latents(mutual_information_gap, sample)
    whole = mutual_information_gap(sample)
    assert result.active is not None
    assert result.active.tolist() == ACTIVE_OF_DEAD
    assert result.matrix is not None
    assert whole.matrix is not None
    assert torch.equal(result.matrix[:4], whole.matrix[:4])
    assert result.matrix.shape == (8, 4)
    assert result.matrix[4:].isnan().all()
    variances = on_active_latents(active_units, sample).per_latent["variance"]
    assert variances.isnan().tolist() == [not active for active in ACTIVE_OF_DEAD]


def test_latents_in_between_are_left_out_on_both_axes() -> None:
    codes, factors = ideal_case("ident")
    codes = codes * torch.tensor([1.0, 1e-3, 1.0, 1.0])
    result = on_active_latents(pairwise_mutual_information, draw(codes, factors, FIRST_ROWS))
    expected = pairwise_mutual_information(codes[:, [0, 2, 3]], sampling=FIRST_ROWS)
    assert result["active"] == expected.value
    assert result.matrix is not None
    assert expected.matrix is not None
    assert result.matrix.isnan().tolist() == [[i == 1 or j == 1 for j in range(4)] for i in range(4)]
    assert torch.equal(result.matrix[[0, 2, 3]][:, [0, 2, 3]], expected.matrix)


def test_names_of_several_scores() -> None:
    result = on_active_latents(gaussian_wasserstein_correlation, sample_of("dead"))
    assert list(result.scores) == [
        "gaussian_wasserstein_correlation_active",
        "gaussian_wasserstein_correlation_normalized_active",
    ]


def test_metrics_share_the_restricted_sample() -> None:
    sample = sample_of("dead")
    seen: list[Sample] = []

    def metric(sample: Sample) -> MetricResult:
        seen.append(sample)
        return mutual_information_gap(sample)

    on_active_latents(metric, sample)
    on_active_latents(metric, sample)
    assert seen[0] is seen[1]
    assert binned(seen[0], 20, "equal_width").shape == (2000, 4)
    assert binned(sample, 20, "equal_width").shape == (2000, 8)


def test_nothing_is_computed_anew_if_all_are_active() -> None:
    sample = sample_of("rotF")
    whole = mutual_information_gap(sample)

    def metric(on: Sample) -> MetricResult:
        assert on is sample
        return whole

    result = on_active_latents(metric, sample)
    assert result["active"] == whole.value
    assert result.matrix is not None
    assert torch.equal(result.matrix, whole.matrix)  # type: ignore[arg-type]


def test_no_active_latent_is_undefined() -> None:
    codes, factors = ideal_case("ident")
    sample = draw(1e-4 * codes, factors, FIRST_ROWS)
    with pytest.warns(UserWarning, match="no latent is active"):
        result = on_active_latents(mutual_information_gap, sample)
    assert list(result.scores) == ["mig_active"]
    assert math.isnan(result.value)
    assert result.matrix is not None
    assert result.matrix.shape == (4, 4)
    assert result.matrix.isnan().all()
    assert result.per_factor["gap"].isnan().all()


def test_no_active_latent_is_said_once() -> None:
    """The metric alone would complain of constant latents, too."""
    with pytest.warns(UserWarning, match="no latent is active") as caught:
        result = on_active_latents(gaussian_wasserstein_correlation, draw(torch.zeros(30, 2), None))
    assert len(caught) == 1
    assert all(math.isnan(score.value) for score in result.scores.values())
