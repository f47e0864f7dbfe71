"""The three discrepancies between prior, posterior and responses."""

import pytest
import torch
from torch import Tensor

from lr_lightning.assays import wrap
from lr_lightning.assays.maximum_mean_discrepancy import maximum_mean_discrepancy
from lr_lightning.assays.structure_score import structure_score
from tests.assays.models import responding_by


def normal(count: int, dim: int, seed: int) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def test_identity() -> None:
    score = structure_score(responding_by(lambda z: z, 2), 2 * normal(200, 2, 0) + 1)
    assert score.prior_response.squared.item() == 0
    assert score.prior_posterior.squared.item() == pytest.approx(score.posterior_response.squared.item(), abs=1e-12)
    assert score.prior_posterior.squared.item() > 5 * score.prior_posterior.standard_error.item()


def test_map_of_the_prior_to_the_data() -> None:
    posterior = normal(400, 2, 5)
    posterior = posterior / posterior.norm(dim=1, keepdim=True)
    score = structure_score(responding_by(lambda z: z / z.norm(dim=1, keepdim=True), 2), posterior)
    assert abs(score.posterior_response.squared.item()) < 5 * score.posterior_response.standard_error.item()
    assert score.posterior_response.p_value.item() > 0.01
    assert score.prior_response.p_value.item() < 0.01
    assert score.prior_posterior.p_value.item() < 0.01


def test_pairs_are_the_discrepancies_of_their_samples() -> None:
    prior, posterior = normal(60, 2, 1), 0.5 * normal(60, 2, 2)
    score = structure_score(responding_by(lambda z: z.clamp(-1, 1), 2), posterior, prior)
    for name, (first, second) in {
        "prior and h(prior)": (prior, prior.clamp(-1, 1)),
        "prior and q": (prior, posterior),
        "q and h(prior)": (posterior, prior.clamp(-1, 1)),
    }.items():
        expected = maximum_mean_discrepancy(first, second, num_permutations=0)
        assert score.pairs[name].squared.item() == pytest.approx(expected.squared.item(), abs=1e-14)


def test_nan_responses() -> None:
    with pytest.warns(UserWarning, match="responses are not finite") as caught:
        score = structure_score(responding_by(lambda z: z * torch.nan, 2), normal(20, 2, 0))
    assert len(caught) == 1
    assert score.prior_response.squared.isnan()
    assert score.posterior_response.p_value.isnan()
    assert score.prior_posterior.squared.isfinite()


def test_rejects() -> None:
    model = responding_by(lambda z: z, 2)
    with pytest.raises(ValueError, match=r"posterior .*shape"):
        structure_score(model, torch.zeros(5, 3))
    with pytest.raises(ValueError, match=r"prior .*got 4 and 5"):
        structure_score(model, torch.zeros(5, 2), torch.zeros(4, 2))
    with pytest.raises(ValueError, match=r"posterior .*rows"):
        structure_score(model, torch.zeros(2, 2))


def test_rejects_objects_without_the_interface() -> None:
    with pytest.raises(TypeError, match="latent_dim, encode and decode"):
        structure_score(object(), normal(9, 2, 0))  # type: ignore[arg-type]


def test_biased_discrepancies_of_sampled_responses() -> None:
    posterior = normal(50, 2, 0)
    model = wrap(encode=lambda x: (x, torch.full_like(x, -2.0)), decode=lambda z: z.clamp(-1, 1), latent_dim=2)
    generator = torch.Generator().manual_seed(3)
    options = {"biased": True, "stochastic": True, "num_permutations": 0}
    score = structure_score(model, posterior, generator=generator, **options)  # type: ignore[arg-type]
    generator.manual_seed(3)
    prior = torch.randn(50, 2, generator=generator)
    responses = prior.clamp(-1, 1) + torch.randn(50, 2, generator=generator) * torch.tensor(-1.0).exp()
    for found, (first, second) in zip(
        score.pairs.values(), ((prior, responses), (prior, posterior), (posterior, responses)), strict=True
    ):
        kernels = [
            (2 / (2 + torch.cdist(a, b).double().square())).mean() for a in (first, second) for b in (first, second)
        ]
        assert found.squared.item() == pytest.approx(float(kernels[0] + kernels[3] - kernels[1] - kernels[2]), abs=1e-6)
