"""Samples and the distances between their distributions, in validation."""

import math

import pytest
import torch

from lr_lightning.assays.latent_sampling import posterior_samples
from lr_lightning.assays.prior_gap import prior_gap
from lr_lightning.callbacks import SamplingAssay
from lr_lightning.testing import AssayTester
from tests.callbacks.assays.runs import assert_says


class TestSamplingAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = SamplingAssay
    arguments = {"num_samples": 4, "num_codes": 10, "num_permutations": 9}
    invalid_arguments = ({"num_samples": 0}, {"num_codes": 2}, {"num_permutations": -1})
    reports_progress = True

    @pytest.mark.parametrize("noise", [True, False])
    def test_codes_are_drawn_from_the_posteriors_or_are_their_means(self, noise: bool) -> None:
        """They are compared with the prior."""
        assay = SamplingAssay(num_codes=20, num_permutations=0, noise=noise, seed=5)
        result, (means, log_variances, _) = self.run(assay), self.context(assay).table
        generator = torch.Generator().manual_seed(5)
        draws = posterior_samples(means, 20, log_variances if noise else None, generator)
        expected = prior_gap(draws, num_permutations=0)
        assert result.scalars["wasserstein_mean"] == float(expected.wasserstein.mean())
        assert result.scalars["kolmogorov_smirnov_max"] == float(expected.kolmogorov_smirnov.max())

    def test_points_in_space_are_not_drawn_as_images(self) -> None:
        """They have the other figures."""
        context = self.context(self.make())
        context.observations = torch.zeros(1, 3)
        assert set(self.make().run(context).figures) == {"structure_score", "prior_gap"}


def test_interpretations() -> None:
    scalars = {"wasserstein_max": 0.25}
    for key, (value, error, p_value) in {
        "mmd_prior_posterior": (0.01, 0.002, 0.3),
        "mmd_prior_response": (0.05, 0.001, 0.005),
        "mmd_posterior_response": (math.nan, math.nan, math.nan),
    }.items():
        scalars |= {key: value, f"{key}_error": error, f"{key}_p_value": p_value}
    parts = [
        "do not differ significantly: squared MMD 0.01 ± 0.002, p-value 0.3",
        "differ: squared MMD 0.05 ± 0.001, p-value 0.005",
        "0.25",
    ]
    assert_says(SamplingAssay(), scalars, parts)
