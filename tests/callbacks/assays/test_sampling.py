"""Samples and the distances between their distributions, in validation."""

import math

import pytest
import torch
from torch.distributions import Normal

from lr_lightning.assays.latent_sampling import posterior_samples
from lr_lightning.assays.prior_gap import prior_gap
from lr_lightning.callbacks import SamplingAssay
from lr_lightning.testing import AssayTester
from tests.callbacks.assays.runs import assert_says


class TestSamplingAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = SamplingAssay
    arguments = {"num_samples": 4, "num_codes": 10, "num_permutations": 9}
    invalid_arguments = ({"num_samples": 0}, {"num_codes": 2}, {"num_permutations": -1}, {"preset": "paper2021"})
    reports_progress = True

    @pytest.mark.parametrize("noise", [True, False])
    def test_codes_are_drawn_from_the_posteriors_or_are_their_means(self, noise: bool) -> None:
        """They are compared with the prior."""
        assay = SamplingAssay(num_codes=20, num_permutations=0, noise=noise, seed=5)
        result, (means, log_variances, _) = self.run(assay), self.context(assay).table
        generator = torch.Generator().manual_seed(5)
        draws = posterior_samples(means, log_variances if noise else None, 20, generator)
        expected = prior_gap(draws, num_permutations=0)
        assert result.scalars["wasserstein_mean"] == float(expected.wasserstein.mean())
        assert result.scalars["kolmogorov_smirnov_max"] == float(expected.kolmogorov_smirnov.max())

    def test_leeb2021(self) -> None:
        """Codes and responses are samples, and all pairs count."""
        assay = SamplingAssay(num_codes=20, num_permutations=0, preset="leeb2021", seed=5)
        result, context = self.run(assay), self.context(assay)
        means, log_variances, _ = context.table
        generator = torch.Generator().manual_seed(5)
        posterior = posterior_samples(means, log_variances, 20, generator)
        prior = torch.randn(posterior.shape, generator=generator)
        with torch.no_grad():
            answered = context.autoencoder.encode(context.autoencoder.decode(prior))
        assert isinstance(answered, Normal)
        responses = answered.mean + answered.stddev * torch.randn(prior.shape, generator=generator)
        for key, (x, y) in {
            "mmd_prior_response": (prior, responses),
            "mmd_prior_posterior": (prior, posterior),
            "mmd_posterior_response": (posterior, responses),
        }.items():
            both, dim = torch.cat([x, y]).double(), x.shape[1]
            kernel = dim / (dim + torch.cdist(both, both).square())
            signs = torch.tensor([1.0, -1.0]).repeat_interleave(20).double() / 20
            assert result.scalars[key] == pytest.approx(float(signs @ kernel @ signs), abs=1e-6)

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
