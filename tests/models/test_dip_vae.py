"""Objective of the DIP-VAE compared with NumPy, for both types."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from lr_lightning.data import FactorDataset
from lr_lightning.models import DIPVAE, LinearSchedule, Posterior
from lr_lightning.networks import MLP
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer, weights


def make(**options: Any) -> DIPVAE:
    """Return a small model with the same weights each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MLP(3, (3, 8, 8), widths=(16,))
        return DIPVAE(network, optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-2), **options)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("dip_type", "options", "lambda_od", "lambda_d"),
    [
        ("i", {}, 10.0, 100.0),
        ("i", {"lambda_od": 3.0}, 3.0, 30.0),
        ("i", {"lambda_od": 3.0, "lambda_d": 0.5}, 3.0, 0.5),
        ("ii", {}, 10.0, 10.0),
        ("ii", {"lambda_od": 3.0}, 3.0, 3.0),
        ("ii", {"lambda_d": 0.0}, 10.0, 0.0),
    ],
)
def test_objective_adds_the_weighted_distances(
    images: Tensor, dip_type: Literal["i", "ii"], options: dict[str, float], lambda_od: float, lambda_d: float
) -> None:
    model = make(dip_type=dip_type, **options)
    means, log_variances = model.network.encoder(images).detach().chunk(2, dim=1)
    q = Normal(means, log_variances.exp().sqrt())
    logits = model.network.decoder(means + q.stddev * torch.randn(5, 3, generator=torch.Generator().manual_seed(7)))
    reconstruction = F.binary_cross_entropy_with_logits(logits, images, reduction="sum").item() / 5
    kl = kl_divergence(q, Normal(0.0, 1.0)).sum().item() / 5
    covariance = np.cov(means.double().numpy(), rowvar=False, ddof=0)
    if dip_type == "ii":
        covariance += np.diag(np.exp(log_variances.double().numpy()).mean(axis=0))
    diagonal = ((np.diag(covariance) - 1) ** 2).sum()
    off_diagonal = (covariance**2).sum() - (np.diag(covariance) ** 2).sum()
    objective = model.objective(images, torch.Generator().manual_seed(7))
    expected = reconstruction + kl + lambda_od * off_diagonal + lambda_d * diagonal
    # Relative, for sums of 960 float32 terms
    assert objective.loss.item() == pytest.approx(expected, rel=1e-5)
    assert objective.terms["covariance_off_diagonal"].item() == pytest.approx(off_diagonal, rel=1e-5)
    assert objective.terms["covariance_diagonal"].item() == pytest.approx(diagonal, rel=1e-5)
    assert objective.terms.keys() == {"reconstruction", "kl", "covariance_off_diagonal", "covariance_diagonal"}
    assert not any(term.requires_grad for term in objective.terms.values())


@pytest.mark.parametrize(("dip_type", "factor"), [("i", 10), ("ii", 1)])
def test_weights_can_follow_the_step_and_the_default_of_lambda_d_with_them(
    dip_type: Literal["i", "ii"], factor: float
) -> None:
    model = make(dip_type=dip_type, lambda_od=LinearSchedule(0.0, 8.0, num_steps=4))
    means, values = torch.tensor([[2.0, 0.0, 0.0], [-2.0, 0.0, 0.0]]), []
    very_narrow = torch.full_like(means, -100.0)
    for model.steps_trained in (0, 2, 4, 9):
        penalty = model.penalty(Posterior(means, very_narrow, means), torch.tensor(1.0), torch.Generator())
        values.append(penalty.value.item())
    # The covariance is diag(4, 0, 0), so the diagonal costs 9 + 1 + 1.
    assert values == [1 + factor * weight * 11 for weight in (0, 4, 8, 8)]
    model = make(dip_type=dip_type, lambda_d=LinearSchedule(0.0, 8.0, num_steps=4))
    model.steps_trained = 2
    assert model.penalty(Posterior(means, very_narrow, means), torch.tensor(1.0), torch.Generator()).value.item() == 45


def test_only_type_two_draws_the_variances() -> None:
    for dip_type, drawn in (("i", False), ("ii", True)):
        model = make(dip_type=dip_type)
        noise = torch.randn(3, 5, 3, generator=torch.Generator().manual_seed(0))
        means, log_variances, samples = (part.requires_grad_() for part in noise.unbind())
        penalty = model.penalty(Posterior(means, log_variances, samples), torch.tensor(0.0), torch.Generator())
        gradients = torch.autograd.grad(penalty.value, [means, log_variances], allow_unused=True)
        assert gradients[0].abs().max() > 0
        assert (gradients[1] is not None) is drawn


def test_training_draws_the_covariance_to_the_identity(tmp_path: Path, bars: FactorDataset) -> None:
    images = bars.images(torch.arange(48)).float() / 255
    for dip_type in ("i", "ii"):
        model = make(dip_type=dip_type, lambda_od=50.0)
        before = model.objective(images, torch.Generator()).terms
        trainer = tiny_trainer(tmp_path, max_epochs=1, limit_val_batches=0)
        trainer.fit(model, datamodule=tiny_data(bars, val_size=1, batch_size=16, batches_per_epoch=100))
        after = model.objective(images, torch.Generator()).terms
        distances = [terms["covariance_diagonal"] + terms["covariance_off_diagonal"] for terms in (before, after)]
        assert distances[1] < distances[0] / 5


def test_resumed_run_ends_as_one_that_was_not_interrupted(tmp_path: Path, bars: FactorDataset) -> None:
    def fit(model: DIPVAE, epochs: int, checkpoint: Path | None = None) -> Any:
        trainer = tiny_trainer(tmp_path, max_epochs=epochs, limit_val_batches=0)
        trainer.fit(model, datamodule=tiny_data(bars), ckpt_path=checkpoint, weights_only=True)
        return trainer

    options: Any = {"dip_type": "ii", "lambda_od": LinearSchedule(0.0, 20.0, num_steps=8)}
    whole, half, rest = make(**options), make(**options), make(**options)
    fit(whole, 3)
    fit(half, 2).save_checkpoint(tmp_path / "half.ckpt")
    fit(rest, 3, tmp_path / "half.ckpt")
    assert torch.equal(weights(rest), weights(whole))


def test_terms_are_float32_under_mixed_precision(images: Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        objective = make(dip_type="ii").objective(images, torch.Generator())
    assert {x.dtype for x in (objective.loss, *objective.terms.values())} == {torch.float32}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dip_type": "iii"}, r"dip_type.*'iii'"),
        ({"lambda_od": -1.0}, r"lambda_od.*-1\.0"),
        ({"lambda_d": float("inf")}, r"lambda_d.*inf"),
    ],
)
def test_rejects_wrong_arguments(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**wrong)


def test_rejects_a_deterministic_network() -> None:
    with pytest.raises(ValueError, match=r"DIPVAE.*variational=False"):
        DIPVAE(MLP(3, (3, 8, 8), variational=False))
