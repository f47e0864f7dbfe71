"""Models on a discretized logistic mixture or with the optimal variance: everything that holds for other models."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.datasets import load_sample_image
from torch import Tensor
from typing_extensions import override

from lr_lightning.data import FactorDataset
from lr_lightning.losses import DiscretizedLogisticMixture, Gaussian, Laplace, Likelihood
from lr_lightning.models import RAE, VAE, BetaVAE, SeedEnsemble
from lr_lightning.networks import MLP
from lr_lightning.testing import ModelTester
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer

SMALL = {"latent_dim": 3, "observation_shape": [3, 8, 8], "widths": [16]}
LIKELIHOODS: dict[str, Callable[[], Likelihood]] = {
    "optimal": lambda: Gaussian(optimal_std=True),
    "mixture": lambda: DiscretizedLogisticMixture(2),
}


class TestMixture(ModelTester):
    """A beta-VAE whose decoder outputs six parameters per value."""

    config = {
        "class_path": "lr_lightning.models.BetaVAE",
        "init_args": {
            "network": {"class_path": "lr_lightning.networks.MLP", "init_args": SMALL | {"parameters_per_value": 6}},
            "likelihood": {
                "class_path": "lr_lightning.losses.DiscretizedLogisticMixture",
                "init_args": {"num_components": 2},
            },
        },
    }


class TestOptimalVariance(ModelTester):
    """A beta-VAE whose likelihood has a state of its own."""

    config = {
        "class_path": "lr_lightning.models.BetaVAE",
        "init_args": {
            "network": {"class_path": "lr_lightning.networks.MLP", "init_args": SMALL},
            "likelihood": {"class_path": "lr_lightning.losses.Gaussian", "init_args": {"optimal_std": True}},
        },
    }

    @override
    def test_every_assay_runs(self, tmp_path: Path) -> None:
        pytest.skip("to assays, it looks like any VAE with a Gaussian likelihood")


def make(name: str, seed: int = 0, **options: Any) -> BetaVAE:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        likelihood = LIKELIHOODS[name]()
        network = MLP(3, (3, 8, 8), widths=(16,), parameters_per_value=likelihood.parameters_per_value)
        return BetaVAE(network, likelihood=likelihood, **options)


def fit(folder: Path, model: Any, dataset: FactorDataset) -> dict[str, Tensor]:
    """Train for eight steps in two epochs, with validation; return what it logged."""
    trainer = tiny_trainer(folder, max_epochs=2)
    trainer.fit(model, datamodule=tiny_data(dataset))
    return dict(trainer.callback_metrics)


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("updates", [1, 4])
@pytest.mark.filterwarnings("ignore:The number of training batches")  # Lightning counts lists
def test_seeds_end_as_each_seed_alone(tmp_path: Path, bars: FactorDataset, name: str, updates: int) -> None:
    together = SeedEnsemble([make(name, seed, updates_per_batch=updates) for seed in (0, 5)], (0, 5))
    metrics = fit(tmp_path, together, bars)
    for seed, member in zip((0, 5), together.members, strict=True):
        alone = make(name, seed)
        own = fit(tmp_path, alone, bars)
        states = alone.state_dict(), member.state_dict()
        assert states[0].keys() == states[1].keys()
        assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
        if name == "optimal":
            assert member.likelihood.num_batches == 8
        if updates == 1:
            assert own["val/bits_per_dimension"] == metrics[f"seed_{seed}/val/bits_per_dimension"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_recorded_updates_are_those_of_plain_training(tmp_path: Path, bars: FactorDataset, name: str) -> None:
    def train(updates: int) -> BetaVAE:
        model = make(name, updates_per_batch=updates)
        trainer = tiny_trainer(tmp_path, max_epochs=-1, max_steps=12, accelerator="gpu", limit_val_batches=0)
        trainer.fit(model, datamodule=tiny_data(bars, batches_per_epoch=12))
        return model

    plain, recorded = train(1).state_dict(), train(6).state_dict()
    for key, value in plain.items():
        torch.testing.assert_close(recorded[key], value, rtol=1e-3, atol=1e-4)


def test_validation_does_not_change_the_running_variance(tmp_path: Path, bars: FactorDataset) -> None:
    model = make("optimal")
    fit(tmp_path, model, bars)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    tiny_trainer(tmp_path).validate(model, datamodule=tiny_data(bars), verbose=False)
    model.term_names()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize(("std", "beta"), [(0.1, 1.0), (0.5, 4.0)])
def test_a_fixed_variance_is_another_beta(bars: FactorDataset, std: float, beta: float) -> None:
    """The loss times the variance is that of unit variance and beta times the variance, and so are its gradients."""
    images = bars.images(torch.arange(8)) / 255

    def gradients(std: float, beta: float) -> list[Tensor]:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = BetaVAE(MLP(3, (3, 8, 8), widths=(16,)), beta=beta, likelihood=Gaussian(std))
        model.objective(images, torch.Generator().manual_seed(0)).loss.backward()  # type: ignore[no-untyped-call]
        return [parameter.grad for parameter in model.network.parameters() if parameter.grad is not None]

    for first, second in zip(gradients(std, beta), gradients(1.0, beta * std**2), strict=True):
        torch.testing.assert_close(std**2 * first, second, rtol=1e-4, atol=1e-5)


PHOTOGRAPHIC: list[Callable[[], Likelihood]] = [
    lambda: Gaussian(0.1),
    lambda: Gaussian(0.1, learn_std=True),
    lambda: Gaussian(optimal_std=True),
    lambda: Laplace(0.1, learn_scale=True),
    lambda: DiscretizedLogisticMixture(3),
]


@pytest.mark.parametrize("likelihood", PHOTOGRAPHIC, ids=["fixed", "learned", "optimal", "laplace", "mixture"])
def test_bits_per_dimension_of_photographs_fall(likelihood: Callable[[], Likelihood]) -> None:
    photograph = torch.from_numpy(load_sample_image("china.jpg").copy()).movedim(2, 0)
    crops = photograph.unfold(1, 8, 8).unfold(2, 8, 8).permute(1, 2, 0, 3, 4).flatten(0, 1) / 255  # (4240, 3, 8, 8)
    order = torch.randperm(len(crops), generator=torch.Generator().manual_seed(0))
    validation, training = crops[order[:512]], crops[order[512:]]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        chosen = likelihood()
        network = MLP(6, (3, 8, 8), widths=(64,), parameters_per_value=chosen.parameters_per_value)
        model = VAE(network, likelihood=chosen)
    optimizer, generator = torch.optim.Adam(model.parameters(), lr=3e-3), torch.Generator().manual_seed(0)

    def bits() -> float:
        with torch.no_grad():
            terms = model.eval().objective(validation, torch.Generator().manual_seed(1)).terms
        model.train()
        return float(terms["bits_per_dimension"])

    untrained = bits()
    for step in range(150):
        loss = model.objective(training[64 * (step % 58) :][:64], generator).loss
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if step == 0:
            assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
        optimizer.step()
    assert bits() < min(7.4, untrained - 0.7)


@pytest.mark.parametrize("penalty", ["weight", "gradient"])
def test_decoder_penalties_work_on_mixtures(bars: FactorDataset, penalty: Any) -> None:
    network = MLP(3, (3, 8, 8), widths=(16,), variational=False, parameters_per_value=6)
    model = RAE(network, decoder_penalty=penalty, likelihood=DiscretizedLogisticMixture(2))
    loss = model.objective(bars.images(torch.arange(8)) / 255, torch.Generator().manual_seed(0)).loss
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
