"""Classes of scores without supervision: they hold the table and hand on their parameters."""

from collections.abc import Callable

import pytest
import torch

from lr_lightning.metrics.active_units import ActiveUnits, active_units
from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.core.result import MetricResult
from lr_lightning.metrics.core.sample import Sample, Sampling, draw
from lr_lightning.metrics.elbo_decomposition import ELBODecomposition, elbo_decomposition
from lr_lightning.metrics.gaussian_total_correlation import GaussianTotalCorrelation, gaussian_total_correlation
from lr_lightning.metrics.gaussian_wasserstein_correlation import (
    GaussianWassersteinCorrelation,
    gaussian_wasserstein_correlation,
)
from lr_lightning.metrics.kl_per_latent import KLPerLatent, kl_per_latent
from lr_lightning.metrics.pairwise_mutual_information import PairwiseMutualInformation, pairwise_mutual_information
from tests.metrics.cases import ideal_case

SAMPLING = Sampling(num_train=500, num_test=100, seed=3)


@pytest.mark.parametrize(
    ("metric", "function"),
    [
        (GaussianTotalCorrelation(sampling=SAMPLING), gaussian_total_correlation),
        (GaussianWassersteinCorrelation(sampling=SAMPLING), gaussian_wasserstein_correlation),
        (
            PairwiseMutualInformation(num_bins=7, binning="quantile", sampling=SAMPLING),
            lambda sample: pairwise_mutual_information(sample, num_bins=7, binning="quantile"),
        ),
        (ActiveUnits(threshold=1.02, sampling=SAMPLING), lambda sample: active_units(sample, threshold=1.02)),
        (KLPerLatent(sampling=SAMPLING), kl_per_latent),
        (
            ELBODecomposition(num_samples=50, sampling=SAMPLING),
            lambda sample: elbo_decomposition(sample, num_samples=50),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_batches_without_factors_give_what_the_function_gives(
    metric: DisentanglementMetric, function: Callable[[Sample], MetricResult]
) -> None:
    codes, _ = ideal_case("rotF")
    log_variances = codes.sin() - 2
    for rows in (slice(0, 1000), slice(1000, 1300), slice(1300, None)):
        metric.update(codes[rows], log_variances=log_variances[rows])
    expected = function(draw(codes, None, SAMPLING, log_variances))
    result = metric.result()
    assert result.metric == metric.metric == expected.metric
    assert result.scores == expected.scores
    assert result.parameters == expected.parameters
    assert not metric.needs_factors
    first, *_ = expected.scores.values()
    assert metric.higher_is_better in (None, first.higher_is_better)
    assert all(torch.equal(result.per_latent[name], part) for name, part in expected.per_latent.items())


def test_only_scores_of_posteriors_need_log_variances() -> None:
    assert KLPerLatent.needs_log_variances
    assert ELBODecomposition.needs_log_variances
    assert not GaussianTotalCorrelation.needs_log_variances
