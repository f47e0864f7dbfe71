"""Loss of the Wasserstein autoencoder."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.models import WAE, Autoencoder, LinearSchedule
from lr_lightning.networks import MLP

SCALES = (0.1, 0.2, 0.5, 1, 2, 5, 10)


@pytest.fixture
def network() -> MLP:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MLP(3, (3, 8, 8), widths=(16,), variational=False)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def discrepancy(x: Tensor, y: Tensor) -> Tensor:
    """Return the unbiased estimate from all distances at once, for samples (5, 3)."""
    k = [sum(6 * s / (6 * s + torch.cdist(a, b).square()) for s in SCALES) for a, b in ((x, x), (y, y), (x, y))]
    off = ~torch.eye(5, dtype=torch.bool)
    return k[0][off].mean() + k[1][off].mean() - 2 * k[2].mean()  # type: ignore[index, union-attr]


@pytest.mark.parametrize("weight", [0.0, 10.0])
def test_objective_weighs_the_discrepancy_of_the_codes_from_the_prior(
    network: MLP, images: Tensor, weight: float
) -> None:
    codes = network.encoder(images)
    reconstruction = F.binary_cross_entropy_with_logits(network.decoder(codes), images, reduction="sum") / 5
    prior = torch.randn(5, 3, generator=torch.Generator().manual_seed(7))
    expected = discrepancy(codes.double(), prior.double()).float()
    objective = WAE(network, weight).objective(images, torch.Generator().manual_seed(7))
    # Relative, for sums of 960 float32 terms; the discrepancy is some 2, so the terms are compared too.
    torch.testing.assert_close(objective.loss, reconstruction + weight * expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(objective.terms["maximum_mean_discrepancy"], expected.detach(), rtol=1e-5, atol=0)
    assert objective.terms.keys() == {"reconstruction", "maximum_mean_discrepancy"}
    assert torch.equal(objective.codes, codes)
    assert objective.log_variances is None


def test_gradient_of_the_discrepancy_reaches_the_encoder_alone(network: MLP, images: Tensor) -> None:
    model = WAE(network)
    model.penalty(model.encode(images), torch.Generator()).value.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.encoder.parameters())
    assert all(p.grad is None for p in network.decoder.parameters())


def test_prior_comes_from_the_generator_of_the_step(network: MLP, images: Tensor) -> None:
    model = WAE(network)
    losses = [model.objective(images, torch.Generator().manual_seed(seed)).loss for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_a_batch_of_one_has_no_discrepancy(network: MLP, images: Tensor) -> None:
    losses = [m.objective(images[:1], torch.Generator()).loss for m in (WAE(network), Autoencoder(network))]
    assert losses[0] == losses[1]


def test_weight_is_ten_and_can_follow_the_step(network: MLP) -> None:
    assert WAE(network).discrepancy_weight == 10.0
    model, values = WAE(network, LinearSchedule(0.0, 4.0, num_steps=2)), []
    for model.steps_trained in range(3):
        penalty = model.penalty(torch.ones(4, 3), torch.Generator().manual_seed(0))
        values.append((penalty.value / penalty.terms["maximum_mean_discrepancy"]).item())
    assert values == [0, 2, 4]


def test_rejects_a_negative_weight_and_a_variational_network(network: MLP) -> None:
    with pytest.raises(ValueError, match=r"discrepancy_weight.*-1\.0"):
        WAE(network, -1.0)
    with pytest.raises(ValueError, match=r"WAE.*variational=False"):
        WAE(MLP(3, (3, 8, 8)))
