"""Weights of the three parts, and the source of the data set size."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from torch import Tensor
from torch.distributions import Normal
from torch.nn import functional as F
from torch.utils.data import DataLoader

from lr_lightning.data import FactorDataset
from lr_lightning.losses import Estimator
from lr_lightning.models import VAE, BetaTCVAE, LinearSchedule, Posterior
from lr_lightning.networks import MLP
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer, weights


def make(**options: Any) -> BetaTCVAE:
    """Return a small model with the same weights each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BetaTCVAE(MLP(3, (3, 8, 8), widths=(16,)), **options)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def weights_of(estimator: Estimator, batch: int, dataset_size: int) -> Tensor:
    """The weights (B, B), written down row by row."""
    if estimator == "weighted":
        return torch.full((batch, batch), 1 / batch / dataset_size)
    others = batch - 1
    row = [1 / dataset_size, (dataset_size - others) / dataset_size / others] + [1 / others] * (batch - 2)
    return torch.tensor([row[-i:] + row[:-i] if i else row for i in range(batch)])


@pytest.mark.parametrize("estimator", ["weighted", "stratified"])
def test_objective_weights_the_three_parts(images: Tensor, estimator: Estimator) -> None:
    model = make(alpha=0.5, beta=3.0, gamma=2.0, estimator=estimator, dataset_size=40)
    means, log_variances = model.network.encoder(images).chunk(2, dim=1)
    q = Normal(means, log_variances.exp().sqrt())
    samples = means + q.stddev * torch.randn(5, 3, generator=torch.Generator().manual_seed(7))
    reconstruction = F.binary_cross_entropy_with_logits(model.network.decoder(samples), images, reduction="sum") / 5
    densities = q.log_prob(samples[:, None]).exp()  # type: ignore[no-untyped-call]
    matrix = weights_of(estimator, 5, 40)
    own = q.log_prob(samples).sum(dim=1)  # type: ignore[no-untyped-call]
    joint = (matrix * densities.prod(dim=2)).sum(dim=1).log()
    marginals = (matrix[:, :, None] * densities).sum(dim=1).log().sum(dim=1)
    prior = Normal(0.0, 1.0).log_prob(samples).sum(dim=1)  # type: ignore[no-untyped-call]
    parts = {
        "mutual_information": (own - joint).mean(),
        "total_correlation": (joint - marginals).mean(),
        "dimension_wise_kl": (marginals - prior).mean(),
    }
    objective = model.objective(images, torch.Generator().manual_seed(7))
    expected = reconstruction + 0.5 * parts["mutual_information"]
    expected = expected + 3 * parts["total_correlation"] + 2 * parts["dimension_wise_kl"]
    # Relative, for sums of 960 float32 terms; the parts are means of numbers of order 10.
    torch.testing.assert_close(objective.loss, expected, rtol=1e-5, atol=0)
    for name, part in parts.items():
        torch.testing.assert_close(objective.terms[name], part.detach(), rtol=1e-5, atol=1e-5)
    assert objective.terms.keys() == {"reconstruction", "kl", *parts}
    assert not any(term.requires_grad for term in objective.terms.values())


@pytest.mark.parametrize("estimator", ["weighted", "stratified"])
def test_weights_of_one_are_the_vae_in_expectation(images: Tensor, estimator: Estimator) -> None:
    model = make(beta=1.0, estimator=estimator, dataset_size=40)
    posterior = model.sample_posterior(images, torch.Generator())
    std = (posterior.log_variances / 2).exp()
    # The noises 1 and -1 have the mean and the variance of the normal distribution, and the sum is a square of it.
    mirrored = [posterior._replace(samples=posterior.means + sign * std) for sign in (1, -1)]
    values = [model.penalty(part, torch.tensor(0.0), torch.Generator()).value for part in mirrored]
    kl = model.objective(images, torch.Generator()).terms["kl"]
    # Differences of numbers of order 10 in float32
    torch.testing.assert_close(sum(values, torch.tensor(0.0)) / 2, kl, rtol=0, atol=1e-5)


def test_weights_can_follow_the_step() -> None:
    schedules = {name: LinearSchedule(0.0, end, num_steps=2) for name, end in (("alpha", 1), ("beta", 4), ("gamma", 2))}
    model = make(**schedules, dataset_size=40)
    noise = torch.randn(3, 5, 3, generator=torch.Generator().manual_seed(0))
    ends = []
    for model.steps_trained in (0, 1, 2):
        penalty = model.penalty(Posterior(*noise), torch.tensor(0.0), torch.Generator())
        ends.append(penalty.value.item())
    parts = penalty.terms
    end = parts["mutual_information"] + 4 * parts["total_correlation"] + 2 * parts["dimension_wise_kl"]
    assert ends == pytest.approx([0, end.item() / 2, end.item()], rel=1e-5)  # float32


def test_all_parts_pass_gradients_to_the_encoder(images: Tensor) -> None:
    for name in ("alpha", "beta", "gamma"):
        model = make(**{"alpha": 0.0, "beta": 0.0, "gamma": 0.0, name: 1.0}, dataset_size=40)
        posterior = model.sample_posterior(images, torch.Generator().manual_seed(7))
        model.penalty(posterior, torch.tensor(0.0), torch.Generator()).value.backward()  # type: ignore[no-untyped-call]
        gradients = [parameter.grad for parameter in model.network.encoder.parameters()]
        assert all(gradient is not None and gradient.abs().max() > 1e-4 for gradient in gradients)


def test_stratified_total_correlation_of_untrained_latents_can_be_read_and_weighted_cannot(images: Tensor) -> None:
    found = {}
    for estimator in ("stratified", "weighted"):
        model = make(estimator=estimator, dataset_size=700_000)
        found[estimator] = model.objective(images, torch.Generator()).terms["total_correlation"].item()
    assert found["stratified"] == pytest.approx(0, abs=0.5)  # posteriors near the prior and near each other
    assert found["weighted"] == pytest.approx(2 * math.log(700_000), abs=0.5)  # (D - 1) log N


def test_defaults() -> None:
    model = make(dataset_size=40)
    assert (model.alpha, model.beta, model.gamma) == (1.0, 6.0, 1.0)
    assert model.log_weights(5, 40, None)[0, 0] != model.log_weights(5, 40, None)[0, 1]  # stratified


# Size of the data set


def batches_alone(dataset: FactorDataset) -> DataLoader[Any]:
    """The batches of a test, without a data module."""
    data = tiny_data(dataset)
    data.setup("test")
    return DataLoader([data.on_after_batch_transfer(batch, 0) for batch in data.test_dataloader()], batch_size=None)  # type: ignore[arg-type]


def test_size_is_that_of_the_training_set(tmp_path: Path, bars: FactorDataset) -> None:
    model = make()
    tiny_trainer(tmp_path, max_epochs=1).fit(model, datamodule=tiny_data(bars))
    assert model.dataset_size == 36  # of 48 bars, 12 are for validation


def test_size_that_is_given_goes_before_that_of_data_and_checkpoint(tmp_path: Path, bars: FactorDataset) -> None:
    trainer = tiny_trainer(tmp_path, max_epochs=1, limit_val_batches=0)
    trainer.fit(make(), datamodule=tiny_data(bars))
    trainer.save_checkpoint(tmp_path / "tiny.ckpt")
    model = make(dataset_size=1000)
    trainer = tiny_trainer(tmp_path, max_epochs=2, limit_val_batches=0)
    trainer.fit(model, datamodule=tiny_data(bars), ckpt_path=tmp_path / "tiny.ckpt", weights_only=True)
    assert model.dataset_size == 1000


def test_checkpoint_keeps_the_size(tmp_path: Path, bars: FactorDataset) -> None:
    model = make()
    trainer = tiny_trainer(tmp_path, max_epochs=1, limit_val_batches=0)
    trainer.fit(model, datamodule=tiny_data(bars))
    trainer.save_checkpoint(tmp_path / "tiny.ckpt")
    loaded = BetaTCVAE.load_from_checkpoint(tmp_path / "tiny.ckpt", network=make().network, weights_only=True)
    assert loaded.dataset_size == 36
    # In a test, with another data module or with none, it is that of the training set.
    other = tiny_data(bars, val_size=40)
    fresh, with_others, without = make(), make(), make()
    options: Any = {"ckpt_path": tmp_path / "tiny.ckpt", "verbose": False, "weights_only": True}
    results = [
        tiny_trainer(tmp_path).test(fresh, datamodule=tiny_data(bars), **options),
        tiny_trainer(tmp_path).test(with_others, datamodule=other, **options),
        tiny_trainer(tmp_path).test(without, dataloaders=batches_alone(bars), **options),
    ]
    assert (fresh.dataset_size, with_others.dataset_size, without.dataset_size) == (36, 36, 36)
    assert results[0] == results[1] == results[2]


def test_resumed_run_ends_as_one_that_was_not_interrupted(tmp_path: Path, bars: FactorDataset) -> None:
    def fit(model: BetaTCVAE, epochs: int, checkpoint: Path | None = None) -> Trainer:
        trainer = tiny_trainer(tmp_path, max_epochs=epochs, limit_val_batches=0)
        trainer.fit(model, datamodule=tiny_data(bars), ckpt_path=checkpoint, weights_only=True)
        return trainer

    whole, half, rest = (make(beta=LinearSchedule(0.0, 8.0, num_steps=8)) for _ in range(3))
    fit(whole, 3)
    fit(half, 2).save_checkpoint(tmp_path / "half.ckpt")
    rest.noise_seed = 123  # comes from the checkpoint
    fit(rest, 3, tmp_path / "half.ckpt")
    assert torch.equal(weights(rest), weights(whole))
    assert not torch.equal(weights(half), weights(whole))


def test_checkpoint_of_another_model_leaves_the_size_to_the_data(tmp_path: Path, bars: FactorDataset) -> None:
    vae = VAE(make().network)
    trainer = tiny_trainer(tmp_path, max_epochs=1, limit_val_batches=0)
    trainer.fit(vae, datamodule=tiny_data(bars))
    trainer.save_checkpoint(tmp_path / "vae.ckpt")
    model = make()
    options: Any = {"ckpt_path": tmp_path / "vae.ckpt", "verbose": False, "weights_only": True}
    tiny_trainer(tmp_path).test(model, datamodule=tiny_data(bars), **options)
    assert model.dataset_size == 36


def test_larger_batch_in_evaluation_stands_for_itself(images: Tensor) -> None:
    few, equal = make(dataset_size=2), make(dataset_size=5)
    losses = [model.objective(images, torch.Generator().manual_seed(7)).loss for model in (few, equal)]
    assert losses[0] == losses[1]


def test_last_batch_of_one_can_be_evaluated(images: Tensor) -> None:
    terms = make(dataset_size=40).objective(images[:1], torch.Generator().manual_seed(7)).terms
    assert terms["mutual_information"].item() == pytest.approx(0, abs=1e-6)  # float32 round-off
    assert terms["total_correlation"].item() == pytest.approx(0, abs=1e-6)


def test_says_what_to_do_where_the_size_is_not_known(tmp_path: Path, bars: FactorDataset, images: Tensor) -> None:
    message = r"BetaTCVAE.*dataset_size"
    with pytest.raises(ValueError, match=message):
        make().objective(images, torch.Generator())
    with pytest.raises(ValueError, match=message):
        tiny_trainer(tmp_path).validate(make(), dataloaders=batches_alone(bars), verbose=False)


# Precision and errors


def test_parts_are_float32_under_mixed_precision(images: Tensor) -> None:
    model = make(dataset_size=40)
    with torch.autocast("cpu", torch.bfloat16):
        objective = model.objective(images, torch.Generator())
    assert {x.dtype for x in (objective.loss, *objective.terms.values())} == {torch.float32}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"alpha": -1.0}, r"alpha.*-1\.0"),
        ({"beta": -1.0}, r"beta.*-1\.0"),
        ({"gamma": float("nan")}, r"gamma.*nan"),
        ({"estimator": "mss"}, r"estimator.*'mss'"),
        ({"dataset_size": 0}, r"dataset_size.*\b0"),
    ],
)
def test_rejects_wrong_arguments(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**wrong)


def test_rejects_a_deterministic_network() -> None:
    with pytest.raises(ValueError, match=r"BetaTCVAE.*variational=False"):
        BetaTCVAE(MLP(3, (3, 8, 8), variational=False))
