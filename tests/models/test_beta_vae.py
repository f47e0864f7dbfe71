"""Weight of the KL term."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from lr_lightning.models import VAE, BetaVAE, LinearSchedule, Posterior
from lr_lightning.networks import MLP


@pytest.fixture
def network() -> MLP:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MLP(3, (3, 8, 8), widths=(16,))


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("beta", [0.0, 0.5, 4.0])
def test_objective_weights_the_kl_by_beta(network: MLP, images: torch.Tensor, beta: float) -> None:
    means, log_variances = network.encoder(images).chunk(2, dim=1)
    q = Normal(means, log_variances.exp().sqrt())
    logits = network.decoder(means + q.stddev * torch.randn(5, 3, generator=torch.Generator().manual_seed(7)))
    reconstruction = F.binary_cross_entropy_with_logits(logits, images, reduction="sum") / 5
    kl = kl_divergence(q, Normal(0.0, 1.0)).sum() / 5
    objective = BetaVAE(network, beta).objective(images, torch.Generator().manual_seed(7))
    # Relative, for sums of 960 float32 terms. The loss is some 130 nats, the KL 0.1, so the terms are compared too.
    torch.testing.assert_close(objective.loss, reconstruction + beta * kl, rtol=1e-5, atol=0)
    torch.testing.assert_close(objective.terms["kl"], kl.detach(), rtol=1e-5, atol=0)


def test_penalty_is_exactly_beta_times_the_kl(network: MLP) -> None:
    posterior, kl = Posterior(*torch.zeros(3, 5, 3)), torch.tensor(2.0)
    penalties = [BetaVAE(network, beta).penalty(posterior, kl, torch.Generator()) for beta in (0, 1, 4, 0.5)]
    assert [penalty.value.item() for penalty in penalties] == [0, 2, 8, 1]


def test_beta_can_follow_the_step(network: MLP) -> None:
    model = BetaVAE(network, LinearSchedule(0.0, 8.0, num_steps=4))
    posterior, kl, values = Posterior(*torch.zeros(3, 5, 3)), torch.tensor(2.0), []
    for model.steps_trained in range(6):
        values.append(model.penalty(posterior, kl, torch.Generator()).value.item())
    assert values == [0, 4, 8, 12, 16, 16]


def test_beta_of_one_is_the_vae(network: MLP, images: torch.Tensor) -> None:
    losses = [m.objective(images, torch.Generator().manual_seed(7)).loss for m in (VAE(network), BetaVAE(network, 1))]
    assert losses[0] == losses[1]


def test_default_beta_is_four(network: MLP) -> None:
    assert BetaVAE(network).beta == 4.0


def test_takes_the_other_forms_of_the_kl(network: MLP, images: torch.Tensor) -> None:
    objectives = [BetaVAE(network, 2.0, kl=kl).objective(images, torch.Generator()) for kl in ("gaussian", "leeb2022")]
    assert objectives[0].terms["kl"] != objectives[1].terms["kl"]


def test_rejects_a_negative_beta(network: MLP) -> None:
    with pytest.raises(ValueError, match=r"beta.*-1\.0"):
        BetaVAE(network, -1.0)


def test_rejects_a_deterministic_network() -> None:
    with pytest.raises(ValueError, match=r"BetaVAE.*variational=False"):
        BetaVAE(MLP(3, (3, 8, 8), variational=False))
