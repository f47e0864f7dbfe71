"""Capacity of the annealed VAE: its formula and step, after a resume and in an evaluation."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from lr_lightning.data import FactorDataset
from lr_lightning.models import AnnealedVAE, LinearSchedule, Posterior
from lr_lightning.networks import MLP
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer, weights
from tests.models.test_base import Recorder


def make(**options: Any) -> AnnealedVAE:
    """Return a small model with the same weights each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MLP(3, (3, 8, 8), widths=(16,))
        return AnnealedVAE(network, optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-2), **options)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def kl_of(model: AnnealedVAE, images: Tensor) -> Tensor:
    """Divergence (B,) of each image's posterior from the prior, by torch.distributions."""
    means, log_variances = model.network.encoder(images).chunk(2, dim=1)
    return kl_divergence(Normal(means, log_variances.exp().sqrt()), Normal(0.0, 1.0)).sum(dim=1).detach()


@pytest.mark.parametrize("step", [0, 3, 10, 99])
def test_objective_weights_the_distance_from_the_capacity(images: Tensor, step: int) -> None:
    model = make(c_max=8.0, threshold=10, gamma=30.0)
    model.steps_trained = step
    means, log_variances = model.network.encoder(images).chunk(2, dim=1)
    noise = torch.randn(5, 3, generator=torch.Generator().manual_seed(7))
    logits = model.network.decoder(means + noise * log_variances.exp().sqrt())
    reconstruction = F.binary_cross_entropy_with_logits(logits, images, reduction="sum") / 5
    gap = abs(kl_of(model, images).mean() - min(8.0, 8.0 * step / 10))
    objective = model.objective(images, torch.Generator().manual_seed(7))
    # Relative, for sums of 960 float32 terms.
    torch.testing.assert_close(objective.loss, reconstruction + 30 * gap, rtol=1e-5, atol=0)
    torch.testing.assert_close(objective.terms["capacity_gap"], gap, rtol=1e-5, atol=0)
    assert objective.terms.keys() == {"reconstruction", "kl", "capacity_gap"}


def test_absolute_value_is_that_of_the_mean_not_the_mean_of_absolute_values(images: Tensor) -> None:
    kl = kl_of(make(), images)
    model = make(c_max=kl.mean().item(), threshold=1)
    model.steps_trained = 1
    gap = model.objective(images, torch.Generator()).terms["capacity_gap"]
    assert gap < 1e-6  # round-off of a KL of order 0.1
    assert (kl - kl.mean()).abs().mean() > 0.01  # what |KL - C| of each image would be


@pytest.mark.parametrize(("kl", "slope"), [(1.0, -30.0), (3.0, 30.0)])
def test_gradient_draws_the_kl_to_the_capacity_from_both_sides(kl: float, slope: float) -> None:
    model = make(c_max=2.0, threshold=1, gamma=30.0)
    model.steps_trained = 5
    term = torch.tensor(kl, requires_grad=True)
    penalty = model.penalty(Posterior(*torch.zeros(3, 5, 3)), term, torch.Generator())
    assert penalty.value.item() == 30
    assert torch.autograd.grad(penalty.value, term)[0].item() == slope


def test_capacity_grows_linearly_and_stays() -> None:
    capacity = make(c_max=25.0, threshold=100).capacity
    assert [capacity(step) for step in (0, 1, 50, 100, 10**6)] == [0, 0.25, 12.5, 25, 25]


def test_gamma_can_follow_the_step() -> None:
    model = make(c_max=0.0, gamma=LinearSchedule(0.0, 8.0, num_steps=4))
    posterior, values = Posterior(*torch.zeros(3, 5, 3)), []
    for model.steps_trained in range(6):
        values.append(model.penalty(posterior, torch.tensor(2.0), torch.Generator()).value.item())
    assert values == [0, 4, 8, 12, 16, 16]


def test_defaults_are_those_of_the_study() -> None:
    model = make()
    assert (model.capacity, model.gamma) == (LinearSchedule(0.0, 25.0, 100_000), 1000.0)


# Training, resuming, evaluating


def options() -> dict[str, Any]:
    return {"c_max": 4.0, "threshold": 16, "gamma": 30.0}


def fit(folder: Path, dataset: FactorDataset, model: AnnealedVAE, epochs: int, checkpoint: Path | None = None) -> Any:
    """Train for ``epochs`` of four steps; return the Trainer and the capacity that was logged at each step."""
    recorder = Recorder()
    trainer = tiny_trainer(folder, max_epochs=epochs, limit_val_batches=0, logger=recorder, log_every_n_steps=1)
    trainer.fit(model, datamodule=tiny_data(dataset), ckpt_path=checkpoint, weights_only=True)
    return trainer, {step: row["train/capacity"] for step, row in recorder.training()}


def test_resumed_run_goes_on_at_its_capacity(tmp_path: Path, bars: FactorDataset) -> None:
    whole, half, rest = make(**options()), make(**options()), make(**options())
    _, expected = fit(tmp_path, bars, whole, epochs=3)
    trainer, first = fit(tmp_path, bars, half, epochs=2)
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    _, second = fit(tmp_path, bars, rest, epochs=3, checkpoint=tmp_path / "half.ckpt")
    assert expected == {step: 4 * step / 16 for step in range(12)}
    assert list(second) == [8, 9, 10, 11]
    assert first | second == expected
    assert torch.equal(weights(rest), weights(whole))


def test_accumulated_batches_are_one_step(tmp_path: Path, bars: FactorDataset) -> None:
    model = make(**options())
    trainer = tiny_trainer(tmp_path, max_epochs=2, limit_val_batches=0, accumulate_grad_batches=2)
    trainer.fit(model, datamodule=tiny_data(bars))
    assert model.steps_trained == 4


def test_evaluation_of_a_checkpoint_uses_its_step(tmp_path: Path, bars: FactorDataset) -> None:
    model = make(**options())
    trainer, _ = fit(tmp_path, bars, model, epochs=2)
    trainer.save_checkpoint(tmp_path / "eight.ckpt")
    data = tiny_data(bars, test_size=10, eval_batch_size=10)  # one batch, whose mean is the mean of all
    fresh = make(**options())
    [logged] = tiny_trainer(tmp_path).test(fresh, datamodule=data, ckpt_path=tmp_path / "eight.ckpt", verbose=False)
    kl = kl_of(model, bars.images(data.test_indices).float() / 255).mean().item()
    # Sums of ten float32 KL terms of order 1
    assert logged["test/kl"] == pytest.approx(kl, rel=1e-5)
    assert logged["test/capacity_gap"] == pytest.approx(abs(kl - 2.0), rel=1e-4)
    loaded = AnnealedVAE.load_from_checkpoint(tmp_path / "eight.ckpt", network=fresh.network, weights_only=True)
    assert loaded.capacity(loaded.steps_trained) == 2.0
    assert loaded.hparams.items() >= options().items()


# Errors


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"c_max": -1.0}, r"c_max.*-1\.0"),
        ({"gamma": float("inf")}, r"gamma.*inf"),
        ({"threshold": 0}, r"threshold.*\b0"),
    ],
)
def test_rejects_wrong_arguments(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**wrong)


def test_rejects_a_deterministic_network() -> None:
    with pytest.raises(ValueError, match=r"AnnealedVAE.*variational=False"):
        AnnealedVAE(MLP(3, (3, 8, 8), variational=False))
