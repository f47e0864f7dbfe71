"""The choice of shared latents, and training on pairs with validation on single images."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from lr_lightning.data import FactorBatch, FactorDataset, FactorPairs, PairBatch
from lr_lightning.models import AdaGVAE, AdaMLVAE, BetaVAE
from lr_lightning.models.ada_vae import AdaVAE, shared_latents
from lr_lightning.networks import MLP
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer, weights
from tests.models.test_base import Losses, Recorder

MODELS = [AdaGVAE, AdaMLVAE]


def make(kind: type[AdaVAE | BetaVAE], **options: Any) -> Any:
    """Return a small model with the same weights each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MLP(4, (3, 8, 8), widths=(16,))
        for parameter in network.encoder.parameters():
            torch.nn.init.normal_(parameter, std=0.2)  # posteriors that differ from image to image
        return kind(network, **options)


@pytest.fixture
def batch() -> PairBatch:
    images = torch.rand(2, 5, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return PairBatch(*images, *torch.zeros(2, 5, 1, dtype=torch.int64))


def divergence(means: Tensor, log_variances: Tensor) -> Tensor:
    first, second = (Normal(m, (v / 2).exp()) for m, v in zip(means, log_variances, strict=True))
    return kl_divergence(first, second)


def test_latents_below_the_midpoint_are_shared() -> None:
    # Equal variances: divergences are half the squared distances, 0.005, 0.5, 1.125, 2; the midpoint is 1.0025.
    means = torch.tensor([[[0.1, 1.0, 1.5, 2.0]], [[0.0, 0.0, 0.0, 0.0]]])
    assert shared_latents(means, torch.zeros(2, 1, 4)).tolist() == [[True, True, False, False]]


def test_midpoint_is_that_of_each_pair() -> None:
    means = torch.tensor([[[0.1, 1.0, 2.0], [5.0, 1.0, 2.0]], [[0.0] * 3, [0.0] * 3]])
    assert shared_latents(means, torch.zeros(2, 2, 3)).tolist() == [[True, True, False], [False, True, True]]


def test_divergence_is_that_of_the_first_from_the_second() -> None:
    # 1.81 and 0.19 nats one way for the two latents, 0.19 and 1.81 the other.
    log_variances = torch.tensor([[[2.0, -2.0, 0.0]], [[0.0, 0.0, 0.0]]])
    means = torch.zeros(2, 1, 3)
    assert divergence(means, log_variances)[0, 0] > 2 * divergence(means, log_variances)[0, 1]
    assert shared_latents(means, log_variances).tolist() == [[False, True, True]]
    assert shared_latents(means, log_variances.flip(0)).tolist() == [[True, False, True]]


@given(seed=st.integers(0, 2**32), latents=st.integers(2, 6))
def test_shared_latents_are_those_of_torch_distributions(seed: int, latents: int) -> None:
    means, log_variances = torch.randn(2, 2, 7, latents, generator=torch.Generator().manual_seed(seed)).double()
    values = divergence(means, log_variances)
    midpoint = (values.min(dim=1).values + values.max(dim=1).values)[:, None] / 2
    assert torch.equal(shared_latents(means, log_variances), values < midpoint)


def test_nothing_is_shared_where_all_latents_diverge_alike() -> None:
    means = torch.ones(2, 3, 4)
    assert not shared_latents(means, torch.zeros(2, 3, 4)).any()


def averaged(kind: type[AdaVAE], first: Normal, second: Normal) -> Normal:
    """Return the average of two posteriors that belongs to a model."""
    if kind is AdaGVAE:
        return Normal((first.mean + second.mean) / 2, ((first.variance + second.variance) / 2).sqrt())
    variance = 1 / (1 / first.variance + 1 / second.variance)
    return Normal(variance * (first.mean / first.variance + second.mean / second.variance), variance.sqrt())


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("beta", [0.0, 4.0])
def test_objective_on_pairs_averages_both_images(kind: type[AdaVAE], beta: float, batch: PairBatch) -> None:
    model = make(kind, beta=beta)
    images = torch.cat(batch[:2])
    means, log_variances = model.network.encoder(images).chunk(2, dim=1)
    own = Normal(means, (log_variances / 2).exp())
    first, second = Normal(own.mean[:5], own.stddev[:5]), Normal(own.mean[5:], own.stddev[5:])
    values = kl_divergence(first, second)
    shared = values < (values.amin(1, keepdim=True) + values.amax(1, keepdim=True)) / 2
    assert 0 < shared.sum() < shared.numel()
    common = averaged(kind, first, second)
    q = [
        Normal(torch.where(shared, common.mean, x.mean), torch.where(shared, common.stddev, x.stddev))
        for x in (first, second)
    ]
    noise = torch.randn(10, 4, generator=torch.Generator().manual_seed(7)).view(2, 5, 4)
    reconstruction = torch.stack(
        [
            F.binary_cross_entropy_with_logits(model.network.decoder(x.mean + x.stddev * n), part, reduction="sum") / 5
            for x, n, part in zip(q, noise, batch[:2], strict=True)
        ]
    ).mean()
    kl = torch.stack([kl_divergence(x, Normal(0.0, 1.0)).sum() / 5 for x in q]).mean()
    objective = model.training_objective(batch, torch.Generator().manual_seed(7))
    # Relative, for sums of 960 float32 terms.
    torch.testing.assert_close(objective.loss, reconstruction + beta * kl, rtol=1e-5, atol=0)
    torch.testing.assert_close(objective.terms["reconstruction"], reconstruction.detach(), rtol=1e-5, atol=0)
    torch.testing.assert_close(objective.terms["kl"], kl.detach(), rtol=1e-5, atol=0)
    assert objective.terms["shared_latents"].item() == pytest.approx(shared.sum().item() / 5)
    assert not any(term.requires_grad for term in objective.terms.values())


@pytest.mark.parametrize("kind", MODELS)
def test_single_images_are_those_of_a_beta_vae(kind: type[AdaVAE], batch: PairBatch) -> None:
    ada, plain = make(kind, beta=3.0), make(BetaVAE, beta=3.0)
    found, expected = (m.objective(batch.images, torch.Generator().manual_seed(7)) for m in (ada, plain))
    assert found.loss == expected.loss
    assert found.terms == expected.terms
    assert torch.equal(found.codes, expected.codes)


@pytest.mark.parametrize("kind", MODELS)
def test_gradients_reach_the_posteriors_of_both_images(kind: type[AdaVAE], batch: PairBatch) -> None:
    model = make(kind)
    images = [part.clone().requires_grad_() for part in batch[:2]]
    pair = batch._replace(images=images[0], second_images=images[1])
    model.training_objective(pair, torch.Generator()).loss.backward()
    for part in images:
        assert part.grad is not None
        assert part.grad.abs().amax() > 0


@pytest.mark.parametrize("kind", MODELS)
def test_identical_images_cost_what_one_costs(kind: type[AdaVAE], batch: PairBatch) -> None:
    # All latents diverge alike, by 0, so nothing is shared and both posteriors stay.
    model = make(kind)
    objective = model.training_objective(batch._replace(second_images=batch.images), torch.Generator())
    kl = model.objective(batch.images, torch.Generator()).terms["kl"]
    torch.testing.assert_close(objective.terms["kl"], kl, rtol=1e-5, atol=0)
    assert objective.terms["shared_latents"] == 0


@pytest.mark.parametrize("kind", MODELS)
def test_rejects_batches_without_pairs(kind: type[AdaVAE], batch: PairBatch) -> None:
    message = rf"{kind.__name__}.*groups: FactorPairs"
    points = torch.zeros(5, 1)
    for single in (FactorBatch(batch.images, batch.factors), FactorBatch(points, points.long())):
        with pytest.raises(ValueError, match=message):
            make(kind).training_objective(single, torch.Generator())


def test_is_no_model_itself() -> None:
    with pytest.raises(TypeError, match=r"abstract class AdaVAE .*average"):
        AdaVAE(MLP(3, (3, 8, 8)))  # type: ignore[abstract]


@pytest.mark.parametrize("kind", MODELS)
def test_trains_on_pairs_and_validates_on_single_images(
    kind: type[AdaVAE], tmp_path: Path, bars: FactorDataset
) -> None:
    recorder, losses = Recorder(), Losses()
    trainer = tiny_trainer(tmp_path, losses, logger=recorder, max_epochs=2, log_every_n_steps=1)
    trainer.fit(make(kind), datamodule=tiny_data(bars, groups=FactorPairs(1)))
    assert len(recorder.training()) == len(losses.values) == 8
    for _, row in recorder.training():
        assert row.keys() == {"train/loss", "train/reconstruction", "train/kl", "train/shared_latents"}
        assert 1 <= row["train/shared_latents"] <= 3  # the least divergence is shared, the greatest is not
    assert trainer.callback_metrics.keys() == {"val/loss", "val/reconstruction", "val/kl"}


@pytest.mark.parametrize("kind", MODELS)
def test_training_on_pairs_goes_on_inside_an_epoch_as_without_a_break(
    kind: type[AdaVAE], tmp_path: Path, bars: FactorDataset
) -> None:
    def fit(model: AdaVAE, max_steps: int, checkpoint: Path | None = None) -> Any:
        trainer = tiny_trainer(tmp_path, max_epochs=-1, max_steps=max_steps, limit_val_batches=0)
        trainer.fit(model, datamodule=tiny_data(bars, groups=FactorPairs()), ckpt_path=checkpoint)
        return trainer

    whole, half, rest = (make(kind, optimizer=lambda p: torch.optim.Adam(p, lr=1e-2)) for _ in range(3))
    fit(whole, 11)
    fit(half, 6).save_checkpoint(tmp_path / "half.ckpt")  # two batches into the second epoch
    fit(rest, 11, tmp_path / "half.ckpt")
    assert torch.equal(weights(rest), weights(whole))
    assert not torch.equal(weights(half), weights(whole))


@pytest.mark.parametrize("kind", MODELS)
def test_loss_falls(kind: type[AdaVAE], tmp_path: Path, bars: FactorDataset) -> None:
    model = make(kind, beta=1.0, optimizer=lambda p: torch.optim.Adam(p, lr=1e-2))
    trainer = tiny_trainer(tmp_path, max_epochs=1, limit_val_batches=0)
    data = tiny_data(bars, val_size=1, batch_size=16, batches_per_epoch=400, groups=FactorPairs(1))
    trainer.fit(model, datamodule=data)
    images = bars.images(torch.arange(48)).float() / 255
    # An untrained decoder costs 192 log 2 = 133 nats, the best constant image about 17 (see test_base).
    assert model.objective(images, torch.Generator().manual_seed(0)).terms["reconstruction"] < 15
