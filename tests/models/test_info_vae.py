"""Weights of the InfoVAE."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from lr_lightning.models import VAE, InfoVAE, LinearSchedule, Posterior
from lr_lightning.networks import MLP
from tests.models.test_wae import discrepancy


@pytest.fixture
def network() -> MLP:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MLP(3, (3, 8, 8), widths=(16,))


@pytest.fixture
def images() -> Tensor:
    return torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("alpha", "weight"), [(0.0, 10.0), (1.0, 10.0), (-0.5, 2.0), (0.25, 0.0)])
def test_objective_weighs_kl_and_discrepancy(network: MLP, images: Tensor, alpha: float, weight: float) -> None:
    generator = torch.Generator().manual_seed(7)
    means, log_variances = network.encoder(images).chunk(2, dim=1)
    q = Normal(means, log_variances.exp().sqrt())
    samples = means + q.stddev * torch.randn(5, 3, generator=generator)
    reconstruction = F.binary_cross_entropy_with_logits(network.decoder(samples), images, reduction="sum") / 5
    kl = kl_divergence(q, Normal(0.0, 1.0)).sum() / 5
    gap = discrepancy(samples.double(), torch.randn(5, 3, generator=generator).double()).float()
    objective = InfoVAE(network, alpha, weight).objective(images, torch.Generator().manual_seed(7))
    # Relative, for sums of 960 float32 terms. The loss is some 130 nats, the others below 1, so terms are compared too.
    torch.testing.assert_close(objective.loss, reconstruction + (1 - alpha) * kl + weight * gap, rtol=1e-5, atol=0)
    torch.testing.assert_close(objective.terms["kl"], kl.detach(), rtol=1e-5, atol=0)
    # A difference of sums of some 5.
    torch.testing.assert_close(objective.terms["maximum_mean_discrepancy"], gap.detach(), rtol=0, atol=1e-6)
    assert objective.terms.keys() == {"reconstruction", "kl", "maximum_mean_discrepancy"}
    assert torch.equal(objective.codes, means)


def penalty(model: InfoVAE, kl: float) -> float:
    posterior = Posterior(torch.zeros(5, 3), torch.zeros(5, 3), torch.ones(5, 3))
    return model.penalty(posterior, torch.tensor(kl), torch.Generator().manual_seed(0)).value.item()


def test_weights_are_independent_where_the_paper_ties_them(network: MLP) -> None:
    gap = penalty(InfoVAE(network, 1.0, 1.0), kl=2.0)
    for alpha in (-1.0, 0.0, 0.5):
        # (1 - alpha) KL + 3 MMD; the paper's lambda would be 3 + 1 - alpha
        assert penalty(InfoVAE(network, alpha, 3.0), kl=2.0) == pytest.approx((1 - alpha) * 2 + 3 * gap, rel=1e-6)


def test_without_discrepancy_and_alpha_it_is_the_vae(network: MLP, images: Tensor) -> None:
    models = VAE(network), InfoVAE(network, 0.0, 0.0)
    losses = [model.objective(images, torch.Generator().manual_seed(7)).loss for model in models]
    assert losses[0] == losses[1]


def test_weights_can_follow_the_step(network: MLP) -> None:
    model = InfoVAE(network, LinearSchedule(0.0, 1.0, 4), LinearSchedule(0.0, 8.0, 4))
    gap, values = penalty(InfoVAE(network, 1.0, 1.0), kl=0.0), []
    for model.steps_trained in range(6):
        values.append(penalty(model, kl=2.0))
    expected = [(1 - s / 4) * 2 + 2 * s * gap for s in (0, 1, 2, 3, 4, 4)]
    assert values == pytest.approx(expected, rel=1e-6)


def test_defaults(network: MLP) -> None:
    assert (InfoVAE(network).alpha, InfoVAE(network).discrepancy_weight) == (0.0, 10.0)


@pytest.mark.parametrize("alpha", [1.5, float("nan"), float("-inf")])
def test_rejects_an_alpha_that_rewards_the_kl(network: MLP, alpha: float) -> None:
    with pytest.raises(ValueError, match=rf"alpha.*{alpha}"):
        InfoVAE(network, alpha)


def test_rejects_a_negative_weight_and_a_deterministic_network(network: MLP) -> None:
    with pytest.raises(ValueError, match=r"discrepancy_weight.*-1\.0"):
        InfoVAE(network, discrepancy_weight=-1.0)
    with pytest.raises(ValueError, match=r"InfoVAE.*variational"):
        InfoVAE(MLP(3, (3, 8, 8), variational=False))
